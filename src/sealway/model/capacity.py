"""Which capacity provider the next task of a strategy runs on.

The provider with a ``base`` has that many first; the rest is divided as the weights say, each task going
where its provider lags most behind. Ties follow the strategy's order. A provider without weight gets nothing
beyond its base, unless it is the only one.
Source: ECS API Reference, ``CapacityProviderStrategyItem``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .task import Task

NAME = "capacityProviderName"
"""The member of ``Task.extra`` that says where a task runs."""


def next_provider(strategy: Sequence[Mapping[str, Any]], has: Mapping[str, int]) -> str:
    """The provider of one more task. ``has``: how many each has; ``strategy`` is not empty."""
    for item in strategy:
        if has.get(_name(item), 0) < (item.get("base") or 0):
            return _name(item)
    weighted = [item for item in strategy if item.get("weight")] or strategy[:1]
    return _name(min(weighted, key=lambda item: _beyond_base(item, has) / (item.get("weight") or 1)))


def counts(tasks: Iterable[Task]) -> Counter[str]:
    """How many of the tasks each provider has."""
    return Counter(task.extra[NAME] for task in tasks if NAME in task.extra)


def parts(count: int, strategy: Sequence[Mapping[str, Any]], has: Mapping[str, int]) -> list[tuple[str, int]]:
    """How many of ``count`` new tasks each provider gets, in the strategy's order; ``has`` as above."""
    known, given = Counter(has), Counter[str]()
    for _ in range(count):
        name = next_provider(strategy, known)
        known[name] += 1
        given[name] += 1
    return [(_name(item), given[_name(item)]) for item in strategy if given[_name(item)]]


def divided(
    tasks: Iterable[Task], strategy: Sequence[Mapping[str, Any]], has: Mapping[str, int]
) -> list[Task]:
    """New tasks, each on its provider; as they are when there is no strategy."""
    if not strategy:
        return list(tasks)
    known, placed = Counter(has), []
    for task in tasks:
        name = next_provider(strategy, known)
        known[name] += 1
        placed.append(task.replace(extra={**task.extra, NAME: name}))
    return placed


def _name(item: Mapping[str, Any]) -> str:
    name: str = item["capacityProvider"]
    return name


def _beyond_base(item: Mapping[str, Any], has: Mapping[str, int]) -> int:
    """The tasks that count against its weight, with one more on it."""
    return has.get(_name(item), 0) - (item.get("base") or 0) + 1
