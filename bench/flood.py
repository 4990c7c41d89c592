"""What a flood of forged SYNs to one listener does to its own clients, another's, and flows that stand.

The same flood also goes at the server directly, without a load balancer: on a small machine sender, server
and victim share the CPUs, and what that costs is not the load balancer's doing.
"""

import select
import socket
import statistics
import subprocess
import time
from contextlib import suppress

from tests.support.netns_topology import inside

from .figures import Sheet
from .packages import generator
from .paths import Opened, open_connections
from .stage import ECHO, FLOODED, Stage, Way

NAMES = ("flood_victim_latency_ratio", "flood_own_latency_ratio", "flood_own_failed", "flood_lost_flows")
RATE = 20_000
VICTIM_RATE = 500
HEAVY_RATE, HEAVY_SECONDS = 50_000, 5
STANDING = 200
NETS = {"direct": "198.18.0.0", "sealway": "198.19.0.0"}


async def measure(sheet: Sheet, rounds: int) -> None:
    """Slices without and with the flood, in turns."""
    async with Stage(NETS) as stage:
        for way in stage.ways:
            _route(stage, way)
        open_connections(stage, stage.ways[1], 0.5, VICTIM_RATE)
        for listener, name in ((ECHO, "victim"), (FLOODED, "own")):
            _add_latencies(sheet, stage, rounds, listener, name)
        _standing_flows(sheet, stage)


def _add_latencies(sheet: Sheet, stage: Stage, rounds: int, listener: int, name: str) -> None:
    """Of that listener's clients: ``victim``, another than the flooded one; ``own``, that one."""
    quiet, loud = _latencies(stage, rounds, listener)
    for way, prefix in zip(stage.ways, ("direct_", ""), strict=True):
        pairs = zip(quiet[way.name], loud[way.name], strict=True)
        ratios = [flooded.p50 / still.p50 for still, flooded in pairs]
        how = f"p50 of connect and echo at {VICTIM_RATE}/s, under {RATE} forged SYNs/s over without"
        sheet.add(f"{prefix}flood_{name}_latency_ratio", statistics.median(ratios), "ratio", how, ratios)
        if name == "own":
            failed, done = (sum(getattr(one, what) for one in loud[way.name]) for what in ("failed", "done"))
            how = f"of {failed + done} connections to the flooded listener"
            sheet.add(f"{prefix}flood_own_failed", failed, "connections", how)


def _route(stage: Stage, way: Way) -> None:
    """The answers to nobody go back where the SYNs came from, and end there."""
    net, number = f"{NETS[way.name]}/16", way.source.split(".")[2]
    stage.ip("client", f"route add blackhole {net}")
    stage.ip("server", f"route add {net} via 10.201.{number}.1")
    stage.ip(f"host-{way.name}", f"route add {net} via {way.source}")


def _flood(stage: Stage, way: Way, rate: int, seconds: float) -> subprocess.Popen[str]:
    command = [generator("flood"), way.address, FLOODED, NETS[way.name], rate, seconds]
    return stage.start("", "client", *map(str, command))


def _latencies(stage: Stage, rounds: int, listener: int) -> tuple[dict[str, list[Opened]], ...]:
    """By way: without, with."""
    quiet: dict[str, list[Opened]] = {way.name: [] for way in stage.ways}
    loud: dict[str, list[Opened]] = {way.name: [] for way in stage.ways}
    for _ in range(rounds):
        for way in stage.ways:
            quiet[way.name].append(open_connections(stage, way, 1.0, VICTIM_RATE, listener))
            flood = _flood(stage, way, RATE, 1.4)
            time.sleep(0.2)
            loud[way.name].append(open_connections(stage, way, 1.0, VICTIM_RATE, listener))
            flood.wait()
    return quiet, loud


def _standing_flows(sheet: Sheet, stage: Stage) -> None:
    """How many of these connections no longer answer after more SYNs than the flow table has room for."""
    way = stage.ways[1]
    with inside(stage.path("client")):
        lines = [socket.create_connection((way.address, ECHO), 5) for _ in range(STANDING)]
    assert _echoing(lines) == STANDING, "the connections did not stand before the flood"
    flood = _flood(stage, way, HEAVY_RATE, HEAVY_SECONDS)
    flood.wait()
    assert flood.stdout is not None
    sent = int(flood.stdout.read())
    lost = STANDING - _echoing(lines)
    for line in lines:
        line.close()
    how = f"of {STANDING} idle connections, after {sent} forged SYNs to another listener; default table"
    sheet.add("flood_lost_flows", lost, "connections", how)


def _echoing(lines: list[socket.socket]) -> int:
    """How many answer within two seconds."""
    for line in lines:
        line.setblocking(False)
        with suppress(OSError):  # one that was reset is found below
            line.send(b"x")
    end, waiting, answered = time.monotonic() + 2, set(lines), 0
    while waiting and (rest := end - time.monotonic()) > 0:
        for line in select.select(list(waiting), [], [], rest)[0]:
            waiting.discard(line)
            with suppress(OSError):
                answered += line.recv(1) == b"x"
    return answered
