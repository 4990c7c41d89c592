"""When which scope is to be looked at again: the earliest is at hand, however many there are."""

from collections.abc import Hashable
from datetime import datetime
from heapq import heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """One a scope. What was set anew stays in the heap until its turn, and is then passed over."""

    def __init__(self) -> None:
        self._at: dict[K, datetime] = {}
        self._heap: list[tuple[datetime, int, K]] = []
        self._count = 0

    def set(self, scope: K, at: datetime | None) -> None:
        """Instead of the scope's timer, if it has one. None: no more."""
        if at is None:
            self._at.pop(scope, None)
        elif self._at.get(scope) != at:
            self._at[scope] = at
            self._count += 1
            heappush(self._heap, (at, self._count, scope))

    @property
    def first(self) -> datetime | None:
        """When the next one is due."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> list[K]:
        """Those whose time has come; they are over with that."""
        found: list[K] = []
        while (first := self.first) is not None and first <= now:
            found.append(heappop(self._heap)[2])
            del self._at[found[-1]]
        return found
