"""A store that forgets what a transaction wrote, so that any number of calls start from the same state."""

from collections.abc import Iterator
from contextlib import contextmanager

from sealway.store.sqlite import SqliteStore, SqliteTransaction


class Discarding:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.get, self.list = store.get, store.list

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        yield SqliteTransaction(self._store._memory)
