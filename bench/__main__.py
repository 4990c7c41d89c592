"""``make bench``: every figure, beside its peers, into ``bench/results/``.

    python -m bench [--quick] [--only PART ...]

Needs root, an otherwise idle machine, and (once) packages, which it installs. Everything happens in network
namespaces of its own, which it removes. About fifteen minutes; ``--quick`` takes fewer and shorter rounds,
for a look rather than a record.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from . import control, cpu, deregister, ecs, flood, latency, packages, paths, plots, programs, start, tables
from .figures import RESULTS, Sheet
from .stage import WAYS, Stage

PEER_OF = {"nft": "nftables", "haproxy": "haproxy", "nginx": "nginx"}


class Part(NamedTuple):
    """``names``: the figures that are absent when it fails."""

    run: Callable[[Sheet, bool], Coroutine[Any, Any, None]]
    names: tuple[str, ...]


async def _programs(sheet: Sheet, quick: bool) -> None:
    programs.measure(sheet, 3 if quick else 9)


async def _ways(sheet: Sheet, quick: bool) -> None:
    missing = packages.install()
    absent = {PEER_OF[command]: why for command, why in missing.items() if command in PEER_OF}
    for peer, why in absent.items():
        sheet.miss(why, *(paths.prefixed(name, peer) for name in paths.NAMES))
    async with Stage(name for name in WAYS if name not in absent) as stage:
        rounds = 2 if quick else 7
        paths.connections(sheet, stage, rounds)
        paths.tls_requests(sheet, stage, 1 if quick else 9)
        paths.bulk(sheet, stage, 1 if quick else rounds)
        latency.figures(sheet, stage, 3 if quick else 25)
        cpu.cpu_time(sheet, stage, 1 if quick else rounds)
        drops = {name: count for name, count in (await stage.plane.drops()).items() if count}
        print(f"    our own drops on the way: {drops or 'none'}")


async def _tables(sheet: Sheet, quick: bool) -> None:
    await tables.measure(sheet, 1 if quick else 2, Path(f"/sys/fs/bpf/sealway-bench-tables-{os.getpid()}"))


async def _deregister(sheet: Sheet, quick: bool) -> None:
    await deregister.measure(sheet, 20 if quick else 300)


async def _flood(sheet: Sheet, quick: bool) -> None:
    await flood.measure(sheet, 2 if quick else 7)


async def _control(sheet: Sheet, quick: bool) -> None:
    control.figures(sheet, quick)


async def _start(sheet: Sheet, quick: bool) -> None:
    await asyncio.to_thread(start.figures, sheet, quick)


async def _ecs(sheet: Sheet, quick: bool) -> None:
    await asyncio.to_thread(ecs.figures, sheet, quick)


PARTS = {
    "programs": Part(_programs, programs.NAMES),
    "ways": Part(_ways, tuple(paths.all_names())),
    "tables": Part(_tables, tables.NAMES),
    "deregister": Part(_deregister, deregister.NAMES),
    "flood": Part(_flood, flood.NAMES),
    "control": Part(_control, control.NAMES),
    "start": Part(_start, start.NAMES),
    "ecs": Part(_ecs, ecs.NAMES),
}


def run_part(name: str, sheet: Sheet, quick: bool) -> None:
    """A part that fails costs its own figures alone."""
    part, began = PARTS[name], time.monotonic()
    print(f"  {name}", flush=True)
    try:
        asyncio.run(part.run(sheet, quick))
    except Exception as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        sheet.miss(f"{type(error).__name__}: {str(error).strip()[-300:]}", *part.names)
    print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    """1 when a figure that was to be taken is absent; a bar that is missed is told, not punished."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("  bench: needs root, for network namespaces and eBPF: sudo make bench", file=sys.stderr)
        return 1
    sheet, began, load = Sheet(), time.monotonic(), os.getloadavg()[0]
    for name in options.only:
        run_part(name, sheet, options.quick)
    failed = dict(sheet.absent)
    took = time.monotonic() - began
    kind = "quick" if options.quick else "full"
    sheet.write(f"{kind}, {took:.0f} s, parts {' '.join(options.only)}; load average before: {load:.1f}")
    plots.draw(sheet.values, RESULTS)
    for bar, reached, met in sheet.verdicts():
        told = "absent" if reached is None else f"{reached:.3g}"
        mark = {True: "met", False: "NOT MET", None: ""}[met]
        print(f"  {bar.what:56} {'<=' if bar.at_most else '>='} {bar.limit:<6g} {told:>8} {mark}")
    print(f"  {RESULTS / 'latest.json'}: {len(sheet.figures)} figures, {took:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
