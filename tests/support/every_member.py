"""Every member of an operation's input, from botocore's models: hostile values for it, and whether a handler
looked at it.
"""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

Path = tuple[str | int, ...]
"""Members' names; 0 for the item of a list."""
KEY = "k"
_DEEPEST = 5
_WORDS = ("x", "1", "-1", "enabled", "10.10.0.77", "::1/64", "arn:aws:iam::000000000000:role/x", "MTphYmM=")
_HOSTILE = ("", "\u00fc\u2028\U0001f600", "\0", "a" * 5000, "arn:", ":/:/:", "{")
_NUMBERS = (0, 1, 7, 100, 1000, -1, 2**31 - 1)


def paths(shape: Shape | None, depth: int = 0, above: tuple[str, ...] = ()) -> Iterator[tuple[Path, Shape]]:
    """Every member at and beneath a shape; a structure within itself once."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield (name,), member
            if member.name not in above and depth < _DEEPEST:
                for path, found in paths(member, depth + 1, (*above, member.name)):
                    yield (name, *path), found
    elif isinstance(shape, ListShape):
        for path, found in paths(shape.member, depth, above):
            yield (0, *path), found
    elif isinstance(shape, MapShape):
        for path, found in paths(shape.value, depth, above):
            yield (KEY, *path), found


def values(shape: Shape) -> list[Any]:
    """Of the right type, which is all that a handler is ever given."""
    if isinstance(shape, StringShape):
        return [*shape.enum, *_WORDS, *_HOSTILE]
    if isinstance(shape, ListShape):
        item = values(shape.member)
        return [[], *([one] for one in item[:4]), [item[0]] * 2, [item[0]] * 101]
    if isinstance(shape, MapShape):
        return [{}, *({KEY: one} for one in values(shape.value)[:2])]
    if isinstance(shape, StructureShape):
        return [{}, {name: values(shape.members[name])[0] for name in shape.required_members}]
    scalars: dict[str, list[Any]] = {
        "boolean": [True, False],
        "timestamp": [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)],
        "blob": [b"", b"\xff"],
    }
    return scalars.get(shape.type_name) or list(_NUMBERS)


def put(request: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The request with that value there, and what is needed above it."""
    changed = copy.deepcopy(request)
    at: Any = changed
    for step, following in pairwise(path):
        empty: Any = [] if following == 0 else {}
        if step == 0:
            at[:] = at or [empty]
            at = at[0]
        else:
            at = at.setdefault(step, empty)
    if path[-1] == 0:
        at[:1] = [value]
    else:
        at[path[-1]] = value
    return changed


def asks(value: Any) -> bool:
    """Whether a value asks for anything."""
    if isinstance(value, dict):
        return any(asks(item) for item in value.values())
    if isinstance(value, list):
        return any(asks(item) for item in value)
    return value is not None and value is not False and value != ""


class Read(dict[str, Any]):
    """Parameters that note which members were asked for by name. To copy or walk over them is not to look."""

    def __init__(self, given: dict[str, Any], noted: set[Path], path: Path = ()) -> None:
        super().__init__({name: _read(item, noted, (*path, name)) for name, item in given.items()})
        self._noted, self._path = noted, path

    def get(self, name: Any, default: Any = None) -> Any:
        self._noted.add((*self._path, name))
        return super().get(name, default)

    def pop(self, name: Any, *default: Any) -> Any:
        self._noted.add((*self._path, name))
        return super().pop(name, *default)

    def __getitem__(self, name: str) -> Any:
        self._noted.add((*self._path, name))
        return super().__getitem__(name)


def _read(value: Any, noted: set[Path], path: Path) -> Any:
    if isinstance(value, dict):
        return Read(value, noted, path)
    if isinstance(value, list):
        return [_read(item, noted, (*path, 0)) for item in value]
    return value
