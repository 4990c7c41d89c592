"""Every point of a life at which Sealway's process could be killed, and what would be left of it there.

A life is lived unharmed. At each chosen point (just before or just after a write) a copy is taken of what
outlives the process: the store's files, the world outside, and how far the client has come. Another process
then goes on from such a copy, as ``sealway up`` does after a kill -9. Between two writes nothing is lost but
memory, so these points are all there are.
"""

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from sealway.model.resource import Resource
from sealway.store.base import Change
from tests.support.life import Progress, Step, live
from tests.support.process import Outside, Process
from tests.support.promises import Promises
from tests.support.virtual_time import play

ALL = bool(os.environ.get("SEALWAY_ALL_CRASHES"))
"""Whether to try everything, not what the suite has the time for."""
DEAD_FOR = timedelta(seconds=3)
FILES = ("state.db", "state.db-wal")
Chosen = Callable[["Point"], bool]


class Point(msgspec.Struct, frozen=True):
    """``number``: how many points of this process came before. ``answered``: whether the client has the
    answer to the step's call."""

    number: int
    step: str
    name: str
    answered: bool


class Remains(msgspec.Struct):
    """What is left of a process. ``resources``: what was committed."""

    process: int
    point: Point
    at: datetime
    files: dict[str, bytes]
    outside: Outside
    progress: Progress
    resources: dict[Change, Resource]


class Run:
    """One process, from the beginning or from what another one left (``after``). ``further``: how many steps
    it lives beyond the one that it began with; None: to the end."""

    def __init__(
        self,
        steps: list[Step],
        directory: Path,
        chosen: Chosen = lambda _: False,
        after: Remains | None = None,
        further: int | None = None,
    ) -> None:
        self.remains: list[Remains] = []
        self.progress = after.progress.copied() if after else Progress()
        self._steps = steps if further is None else steps[: self.progress.at + 1 + further]
        self._directory, self._chosen, self._after, self._points = directory, chosen, after, 0
        self._process: Process | None = None
        play(self._live())

    async def _live(self) -> None:
        after = self._after
        if after is None:
            self._process = Process(self._directory, Outside(), reach=self._reach)
        else:
            write_files(self._directory, after.files)
            born, outside = after.at + DEAD_FOR, after.outside.copied()
            self._process = Process(self._directory, outside, born, after.process + 1, self._reach)
            assert self._process.store.committed == after.resources, "the disk holds what was committed"
        Promises().watch(self._process)
        async with self._process.running():
            await live(self._process, self._steps, self.progress)

    def _reach(self, name: str) -> None:
        process, progress = self._process, self.progress
        if process is None or progress.at == len(self._steps):
            return  # about to begin, or to end
        step = self._steps[progress.at].name
        point = Point(self._points, step, name, step in progress.answers)
        self._points += 1
        if self._chosen(point):
            self.remains.append(
                Remains(
                    process=self._after.process + 1 if self._after else 0,
                    point=point,
                    at=process.clock(),
                    files=read_files(self._directory),
                    outside=process.outside.copied(),
                    progress=progress.copied(),
                    resources=process.store.committed,
                )
            )


def read_files(directory: Path) -> dict[str, bytes]:
    """The store's files as another process would find them now."""
    return {name: (directory / name).read_bytes() for name in FILES}


def write_files(directory: Path, files: dict[str, bytes]) -> None:
    """A data directory with these files alone."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)


def torn(before: bytes, after: bytes) -> list[bytes]:
    """A file whose last write was cut: after its first byte, in its middle, before its last."""
    length = max(len(before), len(after))
    old, new = before.ljust(length, b"\0"), after.ljust(length, b"\0")
    changed = [at for at in range(length) if old[at] != new[at]]
    cuts = (changed[0] + 1, changed[len(changed) // 2], changed[-1])
    return [after[:cut] + before[cut:] for cut in cuts]
