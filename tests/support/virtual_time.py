"""An event loop whose clock jumps to the next timer when nothing else is to be done.

Hours pass in milliseconds and every run is the same. Nothing may wait for a thread or a real socket.
"""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2024, 1, 1, tzinfo=UTC)
"""When the fake engine says its containers started."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at 0."""

    _now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now = max(self._now, self._scheduled[0]._when)
        # asyncio fires a timer up to its clock's resolution early. A real clock goes on meanwhile; this one
        # must, too, or who then looks whether it is time would wait again, for ever.
        soon = self._now + self._clock_resolution
        self._now = max(self._now, *(h._when for h in self._scheduled if h._when < soon), 0.0)
        super()._run_once()


def clock() -> datetime:
    """The loop's time as a date."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def play(scenario: Coroutine[Any, Any, None], limit: float = 100_000) -> None:
    """Runs a test's scenario; fails when it needs more than ``limit`` virtual seconds."""

    async def bounded() -> None:
        async with asyncio.timeout(limit):
            await scenario

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(bounded())
