"""The embedded store: one SQLite file, one process.

Every commit is one SQLite transaction with ``synchronous=FULL``: what a caller was told is on disk.
Memory is changed only after SQLite has committed, so a full disk or a crash leaves both as they were.
A lock on the data directory keeps a second process from writing the same state.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from ..model.errors import Conflict, StoreError
from ..model.kinds import KINDS
from ..model.resource import Resource
from .base import Change, R
from .changes import ChangeHub, Subscription
from .memory import Memory, select

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""


class SqliteStore:
    """See ``Store``."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(data_dir / "lock")
        self._memory = Memory(KINDS.values())
        self._hub = ChangeHub()
        self._busy = False
        self._database = _open(data_dir / "state.db")
        for kind, body in self._database.execute("SELECT kind, body FROM resources"):
            self._memory.indexes[KINDS[kind]].put(msgspec.json.decode(body, type=KINDS[kind]))

    def get(self, kind: type[R], key: str) -> R | None:
        """See ``Reader.get``."""
        return self._memory.get(kind, key)

    def list(self, kind: type[R], **equals: Any) -> list[R]:
        """See ``Reader.list``."""
        return self._memory.list(kind, equals)

    def counts(self) -> Mapping[str, int]:
        """See ``Store.counts``."""
        return {kind.__name__: len(index.by_key) for kind, index in self._memory.indexes.items()}

    def watch(self, *kinds: type[Resource]) -> Subscription:
        """See ``Store.watch``."""
        return self._hub.subscribe(kinds)

    @contextmanager
    def transaction(self) -> Iterator["SqliteTransaction"]:
        """See ``Store.transaction``."""
        if self._busy:
            raise RuntimeError("a transaction holds no await and no other transaction")
        self._busy = True
        try:
            transaction = SqliteTransaction(self._memory)
            yield transaction
            self._commit(transaction.writes)
        finally:
            self._busy = False

    def close(self) -> None:
        """See ``Store.close``."""
        self._database.close()
        os.close(self._lock)

    def _commit(self, writes: dict[Change, Resource | None]) -> None:
        if not writes:
            return
        try:
            self._write(writes)
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the state: {error}") from error
        for (kind, key), resource in writes.items():
            index = self._memory.indexes[kind]
            if resource is None:
                index.remove(key)
            else:
                index.put(resource)
        self._hub.publish(set(writes))

    def _write(self, writes: dict[Change, Resource | None]) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for (kind, key), resource in writes.items():
                if resource is None:
                    self._database.execute(
                        "DELETE FROM resources WHERE kind = ? AND key = ?", (kind.__name__, key)
                    )
                else:
                    self._database.execute(
                        "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?)",
                        (kind.__name__, key, resource.version, msgspec.json.encode(resource)),
                    )


class SqliteTransaction:
    """See ``Transaction``."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.writes: dict[Change, Resource | None] = {}

    def get(self, kind: type[R], key: str) -> R | None:
        """See ``Reader.get``."""
        if (kind, key) in self.writes:
            return cast("R | None", self.writes[kind, key])
        return self._memory.get(kind, key)

    def list(self, kind: type[R], **equals: Any) -> list[R]:
        """See ``Reader.list``."""
        stored = self._memory.list(kind, equals)
        own = {key: r for (k, key), r in self.writes.items() if k is kind}
        if not own:
            return stored
        merged: Any = [r for r in stored if r.key not in own]
        merged += [r for r in own.values() if r is not None]
        return cast("list[R]", select(merged, equals))

    def put(self, resource: R) -> R:
        """See ``Transaction.put``."""
        self._check(resource)
        written = resource.replace(version=resource.version + 1)
        self.writes[type(resource), resource.key] = written
        return written

    def delete(self, resource: Resource) -> None:
        """See ``Transaction.delete``."""
        self._check(resource)
        self.writes[type(resource), resource.key] = None

    def _check(self, resource: Resource) -> None:
        stored = self.get(type(resource), resource.key)
        version = stored.version if stored else 0
        if resource.version != version:
            raise Conflict(
                f"{type(resource).__name__} {resource.key} is at version {version}, not {resource.version}"
            )


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StoreError(
            f"{path.parent} is in use by another sealway process; stop that one or choose another --data-dir"
        ) from error
    return handle


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600, exist_ok=True)
    try:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        found = database.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise StoreError(f"{path} was written by a newer sealway (schema {found})")
        database.execute(_SCHEMA)
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {path}: {error}") from error
    return database
