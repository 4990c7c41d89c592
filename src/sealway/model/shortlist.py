"""Places equal tasks one after another, each exactly where ``placement.place`` would put it.

What ``place`` works out anew for every task is kept between them: who has room, and how much each instance
is liked. Both change only where a task has just gone, and for those that share a spread value with it. The
liking is one number an instance, the strategies' scores side by side, so the best are found by ``min``.
Mutable, and for one batch only.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .placement import Room, field_value, fits, needed_queries, remaining
from .task_size import Needs

_WIDTH = 40
"""Bits of one strategy's score: counts of tasks, units or MiB stay far below."""
_NEVER = 1 << 400


class Shortlist:
    """See the module. ``candidates`` as for ``place``; ``group``: that of the tasks."""

    def __init__(
        self,
        needs: Needs,
        candidates: Sequence[Room],
        strategies: Sequence[Mapping[str, Any]],
        constraints: Sequence[Mapping[str, Any]],
        group: str = "",
    ) -> None:
        self._needs, self._group = needs, group
        self._rooms = sorted(candidates, key=lambda room: room.arn)
        self._queries = needed_queries(constraints)
        self._distinct = any(c.get("type") == "distinctInstance" for c in constraints)
        scoring = [s for s in strategies if s.get("type") in ("spread", "binpack")]
        self._weighed = [(s, 1 << (_WIDTH * place)) for place, s in enumerate(reversed(scoring))]
        self._sharing: list[dict[str, list[int]]] = []
        self._scores = [0] * len(self._rooms)
        for strategy, weight in self._weighed:
            self._sharing.append(self._score(strategy, weight))
        for at, room in enumerate(self._rooms):
            if not self._fits(room):
                self._scores[at] = _NEVER

    @property
    def rooms(self) -> tuple[Room, ...]:
        """The candidates with the tasks taken so far on them, in order of their ARNs."""
        return tuple(self._rooms)

    def take(self, draw: int) -> Room | None:
        """Where the next task goes (the room before it came); None: nobody takes it."""
        best = min(self._scores, default=_NEVER)
        if best >= _NEVER:
            return None
        equals = [at for at, score in enumerate(self._scores) if score == best]
        at = equals[draw % len(equals)]
        room = self._rooms[at]
        after = self._rooms[at] = room.after(
            self._needs, self._group, room.range_starts(self._needs, draw) or ()
        )
        for (strategy, weight), sharing in zip(self._weighed, self._sharing, strict=True):
            if strategy["type"] == "binpack":
                self._scores[at] += weight * (remaining(after, strategy) - remaining(room, strategy))
            else:
                for other in sharing[field_value(room, strategy)]:
                    self._scores[other] += weight
        if not self._fits(after):
            self._scores[at] = _NEVER
        return room

    def _fits(self, room: Room) -> bool:
        return fits(room, self._needs, self._queries, self._distinct)

    def _score(self, strategy: Mapping[str, Any], weight: int) -> dict[str, list[int]]:
        """Adds the strategy's scores; answers the positions of the rooms that share a spread value."""
        if strategy["type"] == "binpack":
            for at, room in enumerate(self._rooms):
                self._scores[at] += weight * max(0, remaining(room, strategy))
            return {}
        tasks: Counter[str] = Counter()
        sharing: dict[str, list[int]] = defaultdict(list)
        for at, room in enumerate(self._rooms):
            tasks[field_value(room, strategy)] += room.group_tasks
            sharing[field_value(room, strategy)].append(at)
        for value, positions in sharing.items():
            for at in positions:
                self._scores[at] += weight * tasks[value]
        return sharing
