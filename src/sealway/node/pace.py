"""When to look again: after a failure (a doubling pause, up to a limit), and now and then without one."""

import asyncio

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
