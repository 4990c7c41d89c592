"""How long the kernel's tables take to program: a thousand listeners and ten thousand targets.

In a network namespace of its own, with the real driver; one interface stands for all targets, because it
is the tables that are measured.
"""

import statistics
import time
from pathlib import Path

import msgspec

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane import tables
from sealway.drivers.dataplane.driver import EbpfDataPlane
from tests.support.netns import fresh_network, output

from .figures import Sheet

LISTENERS, TARGETS = 1000, 10
NAMES = ("change_ms", "change_apply_ms", "cold_program_s")
INTERFACE = "swt1"


def state(without: int | None = None) -> DataPlaneState:
    """Everything; ``without``: the first listener's target of that number drains."""
    frontends = []
    draining = frozenset[Backend]()
    for number in range(LISTENERS):
        backends = [
            Backend(address=f"10.{16 + number // 250}.{number % 250}.{n + 1}", port=8443, interface=INTERFACE)
            for n in range(TARGETS)
        ]
        if number == 0 and without is not None:
            draining = frozenset({backends.pop(without)})
        weighted = tuple(WeightedBackend(backend=backend) for backend in backends)
        frontends.append(Frontend(vip=f"10.9.{number // 250}.1", port=1000 + number % 250, backends=weighted))
    return DataPlaneState(
        vips=frozenset(frontend.vip for frontend in frontends),
        frontends=tuple(frontends),
        draining=draining,
        interfaces=frozenset({Interface(name=INTERFACE, role="task")}),
    )


def _changed(whole: DataPlaneState, into: DataPlaneState) -> DataPlaneState:
    return msgspec.structs.replace(into, frontends=(into.frontends[0], *whole.frontends[1:]))


class Writes:
    """Times the driver's map writes apart, while it stands."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._write = tables.write

    def __enter__(self) -> "Writes":
        tables.write = self._timed  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        tables.write = self._write

    def _timed(self, *arguments: object) -> None:
        began = time.perf_counter()
        self._write(*arguments)
        self.seconds.append(time.perf_counter() - began)


async def measure(sheet: Sheet, rounds: int, pins: Path) -> None:
    """From nothing, ``rounds`` times, and then single changes, in which the agent gives the other frontends
    as it gave them before."""
    with fresh_network():
        output("ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "far0")
        whole = state()
        less = [_changed(whole, state(without=n)) for n in range(TARGETS)]
        cold: list[float] = []
        for _ in range(rounds):
            plane = EbpfDataPlane(pins=pins)
            try:
                began = time.perf_counter()
                await plane.start()
                await plane.apply(whole)
                cold.append(time.perf_counter() - began)
                if len(cold) == rounds:
                    changes, writes = await _changes(plane, whole, less, rounds)
            finally:
                await plane.teardown()
    what = f"{LISTENERS} listeners, {LISTENERS * TARGETS} targets"
    sheet.add("cold_program_s", statistics.median(cold), "s", f"start and first apply: {what}", cold)
    how = f"EbpfDataPlane.apply, planning included, when one target of {what} drains or returns"
    sheet.add("change_apply_ms", statistics.median(changes), "ms", how, changes)
    sheet.add("change_ms", statistics.median(writes), "ms", f"the map writes alone of: {how}", writes)


async def _changes(
    plane: EbpfDataPlane, whole: DataPlaneState, less: list[DataPlaneState], rounds: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of each apply, and of its map writes."""
    changes = []
    with Writes() as writes:
        for number in range(rounds * 2):
            for wanted in (less[number % TARGETS], whole):
                began = time.perf_counter()
                await plane.apply(wanted)
                changes.append((time.perf_counter() - began) * 1000)
    return changes, [each * 1000 for each in writes.seconds]
