"""CPU time a connection: client, server, proxy and the kernel's threads for packets together.

At full load, as the processors are when it counts. And at a fixed rate that leaves them idle half of the
time, for ours alone: there a connection costs twice as much, most of it waking processors, and one slice
differs from the next by more than what is looked for.

A few microseconds are looked for among a hundred or two: who preempts whom, what is in the caches, what a
virtual machine's neighbours do, all cost more. So client and server have a processor each, the same in every
slice; the slices are short, and each is compared with the direct ones of its own turn, of which one comes
first and one last. What those two differ by is given beside: a difference between ways that is no larger says
nothing.

The kernel also counts what our programs themselves run (``bpf_stats_enabled``). That is all of it, without
what is saved of routing. Counting takes time too, so it is done in slices of its own.
"""

import os
import resource
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealway.drivers.dataplane import libbpf, loader

from .figures import Sheet
from .paths import open_connections, prefixed
from .stage import Stage, Way

FULL, PACED = 0, 4000
"""Connections a second: as many as can be; well below what the slowest way can carry."""
SLICE = 0.25
TURNS = 6
"""Of whose differences a round's value is the median."""
AGAIN = "direct again"
_STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
_THREADS = ("ksoftirqd/", "rcu")
_KTHREADD = 2
"""Parent of the kernel's threads."""
HOW = f"run time (schedstat) of client, server, proxy, ksoftirqd, RCU; {SLICE}-s slices"
_OURS = ("direct", "sealway")

Turn = dict[str, float]
"""Microseconds a connection, by way; the direct one twice."""


def cpu_time(sheet: Sheet, stage: Stage, rounds: int) -> None:
    """The figures. A round is some turns, a turn one slice through every way."""
    with _one_processor_each(stage):
        _add_load(sheet, "cpu", f"full load: {HOW}", _rounds(stage, stage.ways, FULL, rounds))
        ours = [way for way in stage.ways if way.name in _OURS]
        _add_load(sheet, "paced_cpu", f"{PACED} connections/s: {HOW}", _rounds(stage, ours, PACED, rounds))
        counted = [_programs(stage) for _ in range(rounds)]
    how = "full load: what our programs run by the kernel's count, which itself adds to it"
    sheet.add("programs_us_per_conn", statistics.median(counted), "us", how, counted)


def _rounds(stage: Stage, ways: list[Way], rate: int, rounds: int) -> list[list[Turn]]:
    _turn(stage, ways, rate, 0)
    return [[_turn(stage, ways, rate, number) for number in range(TURNS)] for _ in range(rounds)]


def _add_load(sheet: Sheet, stem: str, how: str, turns: list[list[Turn]]) -> None:
    direct = [statistics.median(map(_direct, some)) for some in turns]
    sheet.add(f"direct_{stem}_us_per_conn", statistics.median(direct), "us", how, direct)
    for way in turns[0][0]:
        if way not in ("direct", AGAIN):
            above = [[turn[way] - _direct(turn) for turn in some] for some in turns]
            _add(sheet, prefixed(f"{stem}_extra_us_per_conn", way), above, f"{how}, above direct")
    noise = [[turn[AGAIN] - turn["direct"] for turn in some] for some in turns]
    _add(sheet, f"{stem}_noise_us_per_conn", noise, f"{how}, direct above direct")


def _add(sheet: Sheet, name: str, rounds: list[list[float]], how: str) -> None:
    every = [difference for some in rounds for difference in some]
    how = f"{how}: median of {len(every)} differences, and those of each {TURNS}"
    sheet.add(name, statistics.median(every), "us", how, [statistics.median(some) for some in rounds])


def _direct(turn: Turn) -> float:
    return (turn["direct"] + turn[AGAIN]) / 2


def _turn(stage: Stage, ways: list[Way], rate: int, number: int) -> Turn:
    """Direct first and last, the others between in an order that changes."""
    direct, *others = sorted(ways, key=lambda way: way.name != "direct")
    first = number % len(others)
    used = {way.name: _slice(stage, way, rate) for way in (direct, *others[first:], *others[:first])}
    return {**used, AGAIN: _slice(stage, direct, rate)}


def _slice(stage: Stage, way: Way, rate: int) -> float:
    before = _run_times(stage)
    opened = open_connections(stage, way, SLICE, rate)
    return (_run_times(stage) - before) / 1000 / max(opened.done, 1)


@contextmanager
def _one_processor_each(stage: Stage) -> Iterator[None]:
    """The server's processes on the last one, what is started meanwhile on the first."""
    everywhere = sorted(os.sched_getaffinity(0))
    servers = [pid for process in stage.processes[""] for pid in (process.pid, *_children(process.pid))]
    for pid in servers:
        os.sched_setaffinity(pid, everywhere[-1:])
    os.sched_setaffinity(0, everywhere[:1])
    try:
        yield
    finally:
        for pid in (0, *servers):
            os.sched_setaffinity(pid, everywhere)


def _run_times(stage: Stage) -> float:
    """Nanoseconds, of all that counts and of the clients so far."""
    clients = resource.getrusage(resource.RUSAGE_CHILDREN)
    roots = [process.pid for some in stage.processes.values() for process in some]
    counted = [pid for root in roots for pid in (root, *_children(root))] + _kernel_threads()
    return (clients.ru_utime + clients.ru_stime) * 1e9 + sum(map(_run_time, counted))


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in told.split()]


def _run_time(pid: int) -> int:
    return sum(
        int((each / "schedstat").read_text().split()[0]) for each in Path(f"/proc/{pid}/task").iterdir()
    )


def _kernel_threads() -> list[int]:
    return [pid for pid in _children(_KTHREADD) if Path(f"/proc/{pid}/comm").read_text().startswith(_THREADS)]


def _programs(stage: Stage) -> float:
    """Microseconds a connection of our own way."""
    (way,) = (each for each in stage.ways if each.name == "sealway")
    before, counted = _STATS.read_text(), 0
    _STATS.write_text("1")
    try:
        counted -= _programs_run(stage.pins)
        opened = open_connections(stage, way, SLICE, FULL)
        counted += _programs_run(stage.pins)
    finally:
        _STATS.write_text(before)
    return counted / 1000 / max(opened.done, 1)


def _programs_run(pins: Path) -> int:
    """Nanoseconds so far."""
    total = 0
    for pinned in loader.place_of(pins).glob("sealway_*"):
        fd = libbpf.open_pinned(pinned)
        assert fd is not None
        told = Path(f"/proc/self/fdinfo/{fd}").read_text()
        os.close(fd)
        total += sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("run_time_ns"))
    return total
