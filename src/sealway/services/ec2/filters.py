"""Filters of the Describe operations: all named filters must match, by any of their values.

Values may hold ``*`` and ``?``; a backslash takes their meaning away. Comparison is case-sensitive.
Source: Amazon EC2 User Guide, "Filter resources", and each operation's page in the API Reference.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from ...model.errors import AwsError
from ...model.request import Params
from ...model.resource import Resource

R = TypeVar("R", bound=Resource)
Getter = Callable[[R], Any]
"""The filtered fact of a resource: a string, a boolean, a number, a collection of strings, or None."""


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|\*|\?|[^\\*?]+|\\", text, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(p) or re.escape(re.sub(r"\\(.)", r"\1", p)) for p in parts), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` is what a filter's value asks for."""
    return _pattern(pattern).fullmatch(text) is not None


def _facts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [fact for item in value for fact in _facts(item)]
    return [str(value)]


def _tag_getter(name: str) -> Getter[Any] | None:
    if name.startswith("tag:"):
        return lambda resource: resource.tags.get(name[4:])
    if name == "tag-key":
        return lambda resource: list(resource.tags)
    if name == "tag-value":
        return lambda resource: list(resource.tags.values())
    return None


def select(items: Iterable[R], filters: Iterable[Params] | None, getters: Mapping[str, Getter[R]]) -> list[R]:
    """The items every filter matches. Raises InvalidParameterValue for a filter nobody knows."""
    chosen = list(items)
    for wanted in filters or ():
        name, values = wanted.get("Name") or "", wanted.get("Values") or []
        getter = getters.get(name) or _tag_getter(name)
        if getter is None:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        chosen = [
            item for item in chosen if any(matches(v, fact) for fact in _facts(getter(item)) for v in values)
        ]
    return chosen
