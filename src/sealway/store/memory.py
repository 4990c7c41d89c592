"""Resources in memory with their indexes: the read side of a store.

Values are immutable, so answers are shared, never copied.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from ..model.resource import Resource
from .base import R


class Index:
    """One kind's resources by key, and by each indexed field."""

    def __init__(self, kind: type[Resource]) -> None:
        self._fields = kind.INDEXES
        self.by_key: dict[str, Resource] = {}
        self._keys: list[str] = []
        """In order: lists are asked for far more often than keys come and go."""
        self._by_field: dict[str, dict[Any, set[str]]] = {f: defaultdict(set) for f in self._fields}

    def put(self, resource: Resource) -> None:
        """Adds or replaces."""
        key = resource.key
        old = self.by_key.get(key)
        if old is None:
            insort(self._keys, key)
        else:
            self._unlist(key, old)
        self.by_key[key] = resource
        for field in self._fields:
            self._by_field[field][getattr(resource, field)].add(key)

    def remove(self, key: str) -> None:
        """Forgets the key, if it is known."""
        old = self.by_key.pop(key, None)
        if old is not None:
            del self._keys[bisect_left(self._keys, key)]
            self._unlist(key, old)

    def _unlist(self, key: str, old: Resource) -> None:
        for field in self._fields:
            value = getattr(old, field)
            keys = self._by_field[field][value]
            keys.discard(key)
            if not keys:
                del self._by_field[field][value]

    def matches(self, equals: dict[str, Any]) -> list[Resource]:
        """Those whose fields equal the given values, in order of their keys. An index, if there is one for
        a field, is believed, of several the one that leaves fewest; only the other fields are compared."""
        keys: Iterable[str] = self._keys
        listed = [
            (field, self._by_field[field].get(equals[field], ())) for field in self._fields if field in equals
        ]
        indexed = None
        if listed:
            indexed, found = min(listed, key=lambda one: len(one[1]))
            keys = sorted(found)
        rest = [(field, value) for field, value in equals.items() if field != indexed]
        if rest:
            keys = [key for key in keys if _equal(self.by_key[key], rest)]
        return [self.by_key[key] for key in keys]


class Memory:
    """All kinds."""

    def __init__(self, kinds: Iterable[type[Resource]]) -> None:
        self.indexes: dict[type[Resource], Index] = {kind: Index(kind) for kind in kinds}

    def get(self, kind: type[R], key: str) -> R | None:
        """See ``Reader.get``."""
        found = self.indexes[kind].by_key.get(key)
        return cast("R | None", found)

    def list(self, kind: type[R], equals: dict[str, Any]) -> list[R]:
        """See ``Reader.list``."""
        return cast("list[R]", self.indexes[kind].matches(equals))


def select(resources: Iterable[Resource], equals: dict[str, Any]) -> list[Resource]:
    """Those whose fields equal the given values, in order of their keys."""
    chosen = [r for r in resources if _equal(r, equals.items())]
    return sorted(chosen, key=lambda r: r.key)


def _equal(resource: Resource, fields: Iterable[tuple[str, Any]]) -> bool:
    return all(getattr(resource, field) == value for field, value in fields)
