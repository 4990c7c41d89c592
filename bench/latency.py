"""How long a 1-byte TLS request takes on an open connection, above direct.

A burst of requests through one way, a burst through the next: so near each other that the machine's speed
is the same, and long enough that a way's own memory is in the caches, as it is where there is traffic. The
first requests of a burst, which find it cold, do not count. A connection decides which of the server's
processes answers, and where; so they are opened anew every round. Direct is taken twice a turn: what these
two differ by is noise.
"""

import socket
import ssl
import statistics
import time
from typing import NamedTuple

from tests.support.netns_topology import inside

from .figures import Sheet
from .paths import prefixed
from .stage import TLS, Stage, Way

RATE = 1000
"""Requests a second."""
BURST, COLD = 20, 5
"""Requests, and how many of them do not count."""
TURNS = 10
"""A round."""
AGAIN = "direct again"
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
HOW = (
    f"1-byte TLS requests on an open connection, {RATE}/s, in bursts of {BURST} of which {COLD} do not count"
)

Turn = dict[str, list[float]]
"""Microseconds, by way; the direct one twice."""


class _Line(NamedTuple):
    name: str
    open: ssl.SSLSocket


def figures(sheet: Sheet, stage: Stage, rounds: int) -> None:
    """The median of all turns' differences for p50, and of all requests together for p99."""
    taken = [_round(stage) for _ in range(rounds)]
    every = {
        name: sorted(us for turns in taken for turn in turns for us in turn[name]) for name in taken[0][0]
    }
    for percent in (50, 99):
        how = f"{HOW}; {len(every['direct'])} a way"
        sheet.add(f"direct_p{percent}_us", _percentile(every["direct"], percent), "us", how)
    for way in stage.ways:
        if way.name != "direct":
            _add_median(sheet, prefixed("p50_extra_us", way.name), taken, way.name)
            extra = _percentile(every[way.name], 99) - _percentile(every["direct"], 99)
            sheet.add(prefixed("p99_extra_us", way.name), extra, "us", f"{HOW}, above direct")
    _add_median(sheet, "p50_noise_us", taken, AGAIN)


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100]


def _add_median(sheet: Sheet, name: str, taken: list[list[Turn]], way: str) -> None:
    above = [
        [statistics.median(turn[way]) - statistics.median(turn["direct"]) for turn in turns]
        for turns in taken
    ]
    every = [difference for turns in above for difference in turns]
    how = f"{HOW}, above direct: median of {len(every)} bursts' differences"
    sheet.add(name, statistics.median(every), "us", how, [statistics.median(turns) for turns in above])


def _round(stage: Stage) -> list[Turn]:
    """Some turns over the same connections, in an order that turns."""
    (direct,) = (way for way in stage.ways if way.name == "direct")
    with inside(stage.path("client")):
        lines = [_Line(way.name, _connect(way)) for way in stage.ways] + [_Line(AGAIN, _connect(direct))]
    turns = []
    for number in range(TURNS):
        first = number % len(lines)
        turns.append({line.name: _burst(line.open) for line in lines[first:] + lines[:first]})
    for line in lines:
        line.open.close()
    return turns


def _connect(way: Way) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((way.address, TLS), 5)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain)


def _burst(line: ssl.SSLSocket) -> list[float]:
    """Microseconds, of those that count."""
    taken, due = [], time.perf_counter_ns()
    for _ in range(BURST):
        due += 1_000_000_000 // RATE
        _wait_until(due)
        began = time.perf_counter_ns()
        line.sendall(REQUEST)
        line.recv(4096)
        taken.append((time.perf_counter_ns() - began) / 1000)
    return taken[COLD:]


def _wait_until(due: int) -> None:
    """Sleeps, then spins the last 200 µs, so that the CPU is awake when the request goes."""
    rest = due - time.perf_counter_ns()
    if rest > 300_000:
        time.sleep((rest - 200_000) / 1e9)
    while time.perf_counter_ns() < due:
        pass
