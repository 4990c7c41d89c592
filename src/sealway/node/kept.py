"""What the last pass made, taken over where nothing that it was made of has changed since.

A pass still looks at everything that there is, but makes only what differs anew: one event of one task costs
the target groups that the task is in. What a part is made of is told by its ``inputs``: stored resources,
which nobody changes, and stamps (see ``views.py``), which stand for many.
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """One loop's. A new one knows nothing, so that everything is made."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, ...], tuple[Any, Any]] = {}
        self._now: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def take(self, name: tuple[str, ...], inputs: tuple[Any, ...], make: Callable[[], T]) -> T:
        """The part of that name, as it was if its inputs are equal to the last pass's."""
        before = self._before.get(name)
        made = before if before is not None and before[0] == inputs else (inputs, make())
        self._now[name] = made
        part: T = made[1]
        return part

    def last(self, name: tuple[str, ...], default: T) -> T:
        """What the last pass made."""
        before = self._before.get(name)
        return default if before is None else before[1]

    def turn(self) -> None:
        """The pass has ended: what it did not ask for is forgotten."""
        self._before, self._now = self._now, {}
