"""The store's contract: what every implementation of ``sealway.store.Store`` must do."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealway.model.cluster import Cluster
from sealway.model.errors import Conflict, StoreError
from sealway.model.target_group import Target
from sealway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def cluster(name: str, status: str = "ACTIVE") -> Cluster:
    return Cluster(arn=name, account_id="0", region="r", name=name, status=status, created_at=NOW)


def target(group: str, identity: str) -> Target:
    return Target(target_group_arn=group, id=identity, port=1, availability_zone="a", registered_at=NOW)


@pytest.fixture
def store(tmp_path: Path):
    opened = SqliteStore(tmp_path)
    yield opened
    opened.close()


def test_what_was_committed_is_read_back_after_reopening(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    with first.transaction() as tx:
        tx.put(cluster("blue"))
    first.close()

    second = SqliteStore(tmp_path)
    found = second.get(Cluster, "blue")
    second.close()

    assert found is not None
    assert (found.name, found.version, found.created_at) == ("blue", 1, NOW)


def test_an_exception_leaves_everything_as_it_was(store: SqliteStore) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:  # noqa: PT012
        tx.put(cluster("blue"))
        raise ZeroDivisionError

    assert store.list(Cluster) == []
    with store.transaction() as tx:
        assert tx.get(Cluster, "blue") is None


def test_a_transaction_sees_its_own_writes(store: SqliteStore) -> None:
    with store.transaction() as tx:
        blue = tx.put(cluster("blue"))
        tx.put(cluster("green"))
        tx.put(blue.replace(status="INACTIVE"))

        assert [c.name for c in tx.list(Cluster, status="ACTIVE")] == ["green"]
        assert store.list(Cluster) == []

    assert [c.name for c in store.list(Cluster)] == ["blue", "green"]


def test_a_stale_write_is_a_conflict_and_changes_nothing(store: SqliteStore) -> None:
    with store.transaction() as tx:
        old = tx.put(cluster("blue"))
    with store.transaction() as tx:
        tx.put(old.replace(status="INACTIVE"))

    with pytest.raises(Conflict, match="version 2, not 1"), store.transaction() as tx:
        tx.put(old.replace(tags={"a": "b"}))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.delete(old)

    found = store.get(Cluster, "blue")
    assert found is not None
    assert found.status == "INACTIVE"


def test_creating_what_exists_is_a_conflict(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.put(cluster("blue"))
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.put(cluster("blue"))


def test_indexes_follow_changes_and_deletions(store: SqliteStore) -> None:
    with store.transaction() as tx:
        for number in range(4):
            tx.put(target(f"group{number % 2}", f"t{number}"))
    with store.transaction() as tx:
        moved = tx.list(Target, target_group_arn="group0")[0]
        tx.delete(moved)

    assert [t.id for t in store.list(Target, target_group_arn="group0")] == ["t2"]
    assert [t.id for t in store.list(Target, target_group_arn="group1", id="t3")] == ["t3"]
    assert store.list(Target, target_group_arn="nowhere") == []


def test_a_transaction_inside_a_transaction_is_a_mistake(store: SqliteStore) -> None:
    with store.transaction(), pytest.raises(RuntimeError), store.transaction():
        pass


async def test_a_watch_hears_of_its_kinds_only(store: SqliteStore) -> None:
    watch = store.watch(Cluster)
    with store.transaction() as tx:
        tx.put(target("group", "t"))
        tx.put(cluster("blue"))
    with store.transaction() as tx:
        tx.put(cluster("green"))

    assert await watch.changes() == {(Cluster, "blue"), (Cluster, "green")}
    assert await watch.changes(timeout=0.01) == frozenset()

    watch.close()
    with store.transaction() as tx:
        tx.put(cluster("red"))
    assert await watch.changes(timeout=0.01) == frozenset()


async def test_a_waiting_watch_wakes(store: SqliteStore) -> None:
    watch = store.watch()

    async def write() -> None:
        with store.transaction() as tx:
            tx.put(cluster("blue"))

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(watch.changes())
        group.create_task(write())
    assert waiting.result() == {(Cluster, "blue")}


def test_a_second_process_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="in use by another sealway process"):
        SqliteStore(tmp_path)


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("PRAGMA user_version=99")
    database.close()

    with pytest.raises(StoreError, match="newer sealway"):
        SqliteStore(tmp_path)


def test_the_files_are_the_owners_alone(store: SqliteStore, tmp_path: Path) -> None:
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0


def test_a_full_disk_changes_nothing_and_says_so(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.put(cluster("blue"))
    store._database.execute("PRAGMA max_page_count=1")

    with pytest.raises(StoreError, match="full"), store.transaction() as tx:
        tx.put(cluster("green").replace(tags={"x": "y" * 100_000}))

    assert [c.name for c in store.list(Cluster)] == ["blue"]


_WRITER = """
import sys
from pathlib import Path
from tests.contract.test_store import cluster
from sealway.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
for number in range(10_000):
    with store.transaction() as tx:
        tx.put(cluster(f"first{number:05}"))
        tx.put(cluster(f"second{number:05}"))
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)][-1]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in writer.stdout.read().split())])
    writer.wait()
    writer.stdout.close()

    store = SqliteStore(tmp_path)
    names = {c.name for c in store.list(Cluster)}
    store.close()

    assert {f"first{n:05}" for n in range(acknowledged + 1)} <= names
    assert len([n for n in names if n.startswith("first")]) == len(
        [n for n in names if n.startswith("second")]
    )
