"""End-to-end figures: the same load through each way of ``bench.stage``, in turns.

A round is one slice through every way: direct first and last, the others between in an order that turns from
round to round. Each slice is compared with its own round's direct ones, and the figure is the median of those
ratios: a machine that changes its speed between rounds changes both.
"""

import json
import statistics
from collections.abc import Callable

from .figures import Sheet
from .packages import generator
from .stage import ECHO, IPERF, SOURCES, TLS, Stage, Way

PEERS = ("nftables", "haproxy", "nginx")
AT_ONCE = 64
NAMES = (
    *("tcp_conn_ratio", "tls_keepalive_ratio", "iperf_ratio", "tls_1mb_ratio"),
    *("p50_extra_us", "p99_extra_us", "cpu_extra_us_per_conn"),
)


def prefixed(name: str, way: str) -> str:
    """``haproxy_tcp_conn_ratio``; ours stands alone."""
    return name if way == "sealway" else f"{way}_{name}"


def all_names(ways: tuple[str, ...] = ("sealway", *PEERS)) -> list[str]:
    return [prefixed(name, way) for name in NAMES for way in ways]


class Opened:
    """What ``bench/load/connect.c`` printed."""

    def __init__(self, line: str) -> None:
        done, failed, seconds, following, p50, p99 = line.split()
        self.done, self.failed, self.seconds = int(done), int(failed), float(seconds)
        self.following, self.p50, self.p99 = int(following), int(p50), int(p99)


def open_connections(stage: Stage, way: Way, seconds: float, rate: int = 0, port: int = ECHO) -> Opened:
    """``rate`` 0: as many as can be, 64 under way."""
    # Ports go round: none is taken again before the others were.
    start = stage.next_port
    command = [generator("connect"), way.address, port, way.source, SOURCES, start, seconds, AT_ONCE, rate]
    opened = Opened(stage.client(*map(str, command)))
    stage.next_port = opened.following
    return opened


def in_turns(stage: Stage, rounds: int, slice_of: Callable[[Way], float]) -> dict[str, list[float]]:
    """Each way's values, one a round; direct's is the mean of its two."""
    direct, *others = sorted(stage.ways, key=lambda way: way.name != "direct")
    values: dict[str, list[float]] = {way.name: [] for way in stage.ways}
    for number in range(rounds):
        turn = number % max(len(others), 1)
        before = slice_of(direct)
        for way in others[turn:] + others[:turn]:
            values[way.name].append(slice_of(way))
        values[direct.name].append((before + slice_of(direct)) / 2)
    return values


def _warm(stage: Stage, rounds: int, slice_of: Callable[[Way], float]) -> None:
    """A round that does not count, where there is time for it."""
    if rounds > 2:
        in_turns(stage, 1, slice_of)


def add_ratios(sheet: Sheet, name: str, values: dict[str, list[float]], unit: str, how: str) -> None:
    """The direct way's own value, and everybody's ratio to it."""
    direct = values["direct"]
    stem = name.removesuffix("_ratio")
    sheet.add(f"direct_{stem}", statistics.median(direct), unit, how, direct)
    for way, own in values.items():
        if way == "direct":
            continue
        ratios = [mine / theirs for mine, theirs in zip(own, direct, strict=True)]
        sheet.add(prefixed(name, way), statistics.median(ratios), "ratio", f"{how}, against direct", ratios)


def connections(sheet: Sheet, stage: Stage, rounds: int) -> None:
    """New TCP connections a second."""
    failures: dict[str, int] = {}

    def slice_of(way: Way) -> float:
        opened = open_connections(stage, way, 1.0)
        failures[way.name] = failures.get(way.name, 0) + opened.failed
        return opened.done / opened.seconds

    _warm(stage, rounds, slice_of)
    failures.clear()
    values = in_turns(stage, rounds, slice_of)
    how = f"connect, a byte each way, close (client first), {AT_ONCE} under way, 1-s slices"
    add_ratios(sheet, "tcp_conn_ratio", values, "connections/s", how)
    for way, count in failures.items():
        sheet.add(f"{way}_failed_connections", count, "connections", f"of all in: {how}")


def _wrk(stage: Stage, way: Way, path: str, at_once: int) -> float:
    url = f"https://{way.address}:{TLS}{path}"
    printed = stage.client("wrk", "-t2", f"-c{at_once}", "-d1s", url)
    return float(next(line.split()[1] for line in printed.splitlines() if line.startswith("Requests/sec")))


def tls_requests(sheet: Sheet, stage: Stage, rounds: int) -> None:
    """Keep-alive TLS requests a second, and megabytes."""
    for name, path, at_once, unit in (
        ("tls_keepalive_ratio", "/", 32, "requests/s"),
        ("tls_1mb_ratio", "/1m", 32, "MB/s"),
    ):
        _warm(stage, rounds, lambda way: _wrk(stage, way, path, at_once))  # noqa: B023
        values = in_turns(stage, rounds, lambda way: _wrk(stage, way, path, at_once))  # noqa: B023
        how = f"wrk -t2 -c{at_once}, 1-s slices, nginx behind, TLS 1.3, P-256, GET {path}"
        add_ratios(sheet, name, values, unit, how)


def bulk(sheet: Sheet, stage: Stage, rounds: int) -> None:
    """iperf3, one stream, from client to server."""

    def slice_of(way: Way) -> float:
        command = ["iperf3", "-c", way.address, "-p", str(IPERF), "-B", way.source, "-t", "1", "-J"]
        return float(json.loads(stage.client(*command))["end"]["sum_received"]["bits_per_second"]) / 1e9

    _warm(stage, rounds, slice_of)
    add_ratios(
        sheet, "iperf_ratio", in_turns(stage, rounds, slice_of), "Gb/s", "iperf3, one stream, 1-s slices"
    )
