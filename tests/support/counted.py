"""A store that counts the rows that are looked at: what a question costs, whoever asks it."""

from pathlib import Path
from typing import Any

from sealway.model.kinds import KINDS
from sealway.model.resource import Resource
from sealway.store.memory import Index, Memory
from sealway.store.sqlite import SqliteStore


class CountedStore(SqliteStore):
    """``rows``: looked at since it was last set to 0, by kind."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._database.execute("PRAGMA synchronous=OFF")
        self.rows: dict[str, int] = {}
        counted = _CountedMemory(self.rows)
        for kind, index in self._memory.indexes.items():
            for resource in index.by_key.values():
                counted.indexes[kind].put(resource)
        self._memory = counted

    @property
    def total(self) -> int:
        """Of all kinds."""
        return sum(self.rows.values())


class _CountedMemory(Memory):
    def __init__(self, rows: dict[str, int]) -> None:
        super().__init__(KINDS.values())
        self._rows = rows

    def get(self, kind: type[Any], key: str) -> Any:
        self._count(kind, 1)
        return super().get(kind, key)

    def list(self, kind: type[Any], equals: dict[str, Any]) -> Any:
        self._count(kind, _looked_at(self.indexes[kind], equals))
        return super().list(kind, equals)

    def _count(self, kind: type[Resource], rows: int) -> None:
        self._rows[kind.__name__] = self._rows.get(kind.__name__, 0) + rows


def _looked_at(index: Index, equals: dict[str, Any]) -> int:
    """The rows that an index leaves; all, without one."""
    listed = [
        len(index._by_field[field].get(equals[field], ())) for field in index._fields if field in equals
    ]
    return min(listed, default=len(index.by_key))
