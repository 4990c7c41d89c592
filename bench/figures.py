"""Figures, the bars they are held to, and the files they are written to.

``latest.json``: ``{"machine": ..., "figures": [{"name", "value", "unit", "how"}], "absent": {name: why}}``.
A figure that could not be taken is absent with its reason. ``latest.md`` is the same for people.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"
WANTED = (
    *(f"{kind}_ns_{count}" for kind in ("hit", "floor") for count in ("1", "64k", "1m")),
    *("new_flow_ns", "new_flow_full_ns", "insert_ns", "insert_full_ns"),
    *("tcp_conn_ratio", "tls_keepalive_ratio", "iperf_ratio", "tls_1mb_ratio"),
    *("p50_extra_us", "p99_extra_us", "cpu_extra_us_per_conn"),
    *("bytes_per_flow", "change_ms", "cold_program_s", "deregister_p99_ms", "flood_victim_latency_ratio"),
)


class Figure(NamedTuple):
    """``how`` it was taken, in a sentence; ``spread``: lowest and highest of its rounds."""

    name: str
    value: float
    unit: str
    how: str
    spread: tuple[float, float] | None = None


class Bar(NamedTuple):
    """``compute`` from all figures' values; ``limit`` at most (or at least)."""

    what: str
    compute: Callable[[Mapping[str, float]], float]
    limit: float
    at_most: bool = True


def _over(top: str, bottom: str) -> Callable[[Mapping[str, float]], float]:
    return lambda values: values[top] / values[bottom]


def _plain(name: str) -> Callable[[Mapping[str, float]], float]:
    return lambda values: values[name]


BARS = (
    Bar("established flow / floor, 1 flow", _over("hit_ns_1", "floor_ns_1"), 2.3),
    Bar("established flow / floor, 64k flows", _over("hit_ns_64k", "floor_ns_64k"), 1.5),
    Bar("established flow / floor, 1M flows", _over("hit_ns_1m", "floor_ns_1m"), 0.8),
    Bar("new flow / bare hash insert", _over("new_flow_ns", "insert_ns"), 1.5),
    Bar("new flow / bare insert, both full", _over("new_flow_full_ns", "insert_full_ns"), 1.0),
    Bar("new TCP connections/s against direct", _plain("tcp_conn_ratio"), 0.95, at_most=False),
    Bar("keep-alive TLS requests/s against direct", _plain("tls_keepalive_ratio"), 0.97, at_most=False),
    Bar("iperf3 against direct", _plain("iperf_ratio"), 0.97, at_most=False),
    Bar("1-MB TLS against direct", _plain("tls_1mb_ratio"), 0.97, at_most=False),
    Bar("1-byte TLS request, p50 above direct, µs", _plain("p50_extra_us"), 2.0),
    Bar("CPU a connection above direct, µs", _plain("cpu_extra_us_per_conn"), 3.0),
    Bar("memory a flow, bytes", _plain("bytes_per_flow"), 128),
    Bar("one change, ms", _plain("change_ms"), 1.0),
    Bar("1,000 listeners and 10,000 targets from nothing, s", _plain("cold_program_s"), 2.0),
    Bar("deregistering, p99, ms", _plain("deregister_p99_ms"), 50.0),
    Bar("a victim's latency under a flood", _plain("flood_victim_latency_ratio"), 1.1),
)


class Sheet:
    """Collects figures."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.absent: dict[str, str] = {}

    def add(self, name: str, value: float, unit: str, how: str, rounds: list[float] | None = None) -> None:
        spread = (min(rounds), max(rounds)) if rounds else None
        self.figures.append(Figure(name, value, unit, how, spread))
        told = f"   ({spread[0]:.4g} to {spread[1]:.4g})" if spread else ""
        print(f"    {name:36}{value:12.4g} {unit}{told}", flush=True)

    def miss(self, reason: str, *names: str) -> None:
        taken = {figure.name for figure in self.figures}
        for name in names:
            if name not in taken:
                self.absent[name] = reason
                print(f"    {name:36}      absent: {reason}", flush=True)

    @property
    def values(self) -> dict[str, float]:
        return {figure.name: figure.value for figure in self.figures}

    def write(self, how: str) -> None:
        """Both files. ``how`` the run was made: its options, its length."""
        RESULTS.mkdir(exist_ok=True)
        taken = {figure.name for figure in self.figures}
        self.absent |= {name: "not taken" for name in WANTED if name not in taken | self.absent.keys()}
        machine = {**_machine(), "run": how}
        document = {"machine": machine, "figures": [_entry(f) for f in self.figures], "absent": self.absent}
        (RESULTS / "latest.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        (RESULTS / "latest.md").write_text(_page(self, machine))

    def verdicts(self) -> list[tuple[Bar, float | None, bool | None]]:
        """Each bar with what was reached, None where a figure is absent."""
        found: list[tuple[Bar, float | None, bool | None]] = []
        for bar in BARS:
            try:
                reached = bar.compute(self.values)
            except KeyError:
                found.append((bar, None, None))
                continue
            found.append((bar, reached, reached <= bar.limit if bar.at_most else reached >= bar.limit))
        return found


def _entry(figure: Figure) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": figure.name,
        "value": float(f"{figure.value:.4g}"),
        "unit": figure.unit,
        "how": figure.how,
    }
    if figure.spread:
        entry["spread"] = [float(f"{each:.4g}") for each in figure.spread]
    return entry


def _machine() -> dict[str, Any]:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _page(sheet: Sheet, machine: Mapping[str, Any]) -> str:
    lines = [
        "# The latest run",
        "",
        "Written by `make bench`; how each figure is taken: `docs/performance.md`.",
        "",
    ]
    lines += [
        ", ".join(f"{key}: {value}" for key, value in machine.items()),
        "",
        "| bar | limit | reached | |",
        "|---|---|---|---|",
    ]
    for bar, reached, met in sheet.verdicts():
        limit = f"{'≤' if bar.at_most else '≥'} {bar.limit:g}"
        told = "absent" if reached is None else f"{reached:.3g}"
        lines.append(
            f"| {bar.what} | {limit} | {told} | {'' if met is None else 'met' if met else '**not met**'} |"
        )
    lines += ["", "| figure | value | unit | lowest to highest round |", "|---|---|---|---|"]
    for figure in sheet.figures:
        spread = f"{figure.spread[0]:.4g} to {figure.spread[1]:.4g}" if figure.spread else ""
        lines.append(f"| {figure.name} | {figure.value:.4g} | {figure.unit} | {spread} |")
    lines += [f"| {name} | absent: {reason} | | |" for name, reason in sheet.absent.items()]
    return "\n".join(lines) + "\n"
