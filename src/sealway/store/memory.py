"""Resources in memory with their indexes: the read side of a store.

Values are immutable, so answers are shared, never copied.
"""

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
        self._by_field: dict[str, dict[Any, set[str]]] = {f: defaultdict(set) for f in self._fields}

    def put(self, resource: Resource) -> None:
        """Adds or replaces."""
        self.remove(resource.key)
        self.by_key[resource.key] = resource
        for field in self._fields:
            self._by_field[field][getattr(resource, field)].add(resource.key)

    def remove(self, key: str) -> None:
        """Forgets the key, if it is known."""
        old = self.by_key.pop(key, None)
        if old is None:
            return
        for field in self._fields:
            value = getattr(old, field)
            keys = self._by_field[field][value]
            keys.discard(key)
            if not keys:
                del self._by_field[field][value]

    def candidates(self, equals: dict[str, Any]) -> Iterable[Resource]:
        """A superset of the matches, as small as the indexes can make it."""
        for field in self._fields:
            if field in equals:
                keys = self._by_field[field].get(equals[field], ())
                return [self.by_key[key] for key in keys]
        return self.by_key.values()


class Memory:
    """All kinds."""

    def __init__(self, kinds: Iterable[type[Resource]]) -> None:
        self.indexes: dict[type[Resource], Index] = {kind: Index(kind) for kind in kinds}

    def get(self, kind: type[R], key: str) -> R | None:
        """See ``Reader.get``."""
        found = self.indexes[kind].by_key.get(key)
        return cast(R | None, found)

    def list(self, kind: type[R], equals: dict[str, Any]) -> list[R]:
        """See ``Reader.list``."""
        return cast("list[R]", select(self.indexes[kind].candidates(equals), equals))


def select(resources: Iterable[Resource], equals: dict[str, Any]) -> list[Resource]:
    """Those whose fields equal the given values, in order of their keys."""
    chosen = [r for r in resources if all(getattr(r, f) == v for f, v in equals.items())]
    return sorted(chosen, key=lambda r: r.key)
