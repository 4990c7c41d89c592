"""When to look again: after a failure (a doubling pause, up to a limit), now and then without one, and not
before others have had their share of the time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..store import Watch
from .settings import NodeSettings


class Pace:
    """Counts failures in a row."""

    def __init__(self, settings: NodeSettings) -> None:
        self._first = settings.retry_first
        self._limit = settings.retry_limit
        self._failures = 0

    def failed(self) -> float:
        """Counts one; answers the seconds to wait."""
        delay: float = min(self._limit, self._first * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        return delay

    def succeeded(self) -> None:
        """Starts over."""
        self._failures = 0


SHORT, LONGEST_REST = 0.002, 0.5
"""Seconds: a pass that needs no rest, and the most that there is of it."""


@asynccontextmanager
async def measured(settings: NodeSettings, rest: float, urgent: Watch | None = None) -> AsyncIterator[None]:
    """A pass over everything, and a rest of so many times the processor's time that it took.

    One change is answered at once. While thousands of tasks start, passes that each look at all of them would
    come without end: the rest gathers changes for the next one, so that starting all takes a time that grows
    with their number, not with its square. All loops together are to leave half of the time to others.
    ``urgent``: a change of these ends the rest.
    """
    if urgent is not None:
        urgent.pending()  # what has changed before is what the pass is about
    began = time.process_time()
    yield
    took = time.process_time() - began
    if settings.rest and took > SHORT:
        seconds = min(settings.rest * rest * took, LONGEST_REST)
        await (asyncio.sleep(seconds) if urgent is None else urgent.changes(seconds))


class Resync:
    """Comes due every ``settings.resync`` seconds, however busy the time in between."""

    def __init__(self, settings: NodeSettings) -> None:
        self._period = settings.resync
        self._at = self._now() + self._period

    @property
    def remaining(self) -> float:
        """Seconds until it is due."""
        return max(0.0, self._at - self._now())

    def due(self) -> bool:
        """Whether it is; if so, the next period begins."""
        if self._now() < self._at:
            return False
        self._at = self._now() + self._period
        return True

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
