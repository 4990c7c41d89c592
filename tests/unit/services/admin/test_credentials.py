from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealway.model.credential import Credential
from sealway.model.ids import CountingIds
from sealway.services.admin.credentials import (
    BadCredential,
    add_credential,
    first_credential,
    new_access_key_id,
    remove_credential,
)
from sealway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path)
    yield opened
    opened.close()


def test_the_first_key_is_made_once(store: SqliteStore) -> None:
    ids = CountingIds()
    first = first_credential(store, ids, NOW)

    assert first.account_id == "000000000000"
    assert len(first.access_key_id) == 20
    assert len(first.secret_access_key) == 40
    assert first_credential(store, ids, NOW) == first


def test_access_key_ids_look_like_aws_ones() -> None:
    assert new_access_key_id(CountingIds()).startswith("AKIA")
    assert new_access_key_id(CountingIds("a")) != new_access_key_id(CountingIds("b"))


def test_an_account_gets_the_key_it_asks_for(store: SqliteStore) -> None:
    wanted = {"account_id": "111122223333", "access_key_id": "AKIDOTHER", "secret_access_key": "long enough"}

    added = add_credential(store, CountingIds(), NOW, wanted)

    assert store.get(Credential, "AKIDOTHER") == added
    assert add_credential(store, CountingIds(), NOW, wanted) == added


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"account_id": "12"}, "12 digits"),
        ({"access_key_id": "a b"}, "letters and digits"),
        ({"account_id": "\u0661" * 12}, "12 digits"),
        ({"access_key_id": "clé-é"}, "letters and digits"),
        ({"secret_access_key": "short"}, "at least 8"),
        ({"secret_access_key": "two lines\nof it"}, "printable"),
    ],
)
def test_what_cannot_be_a_key_is_refused(store: SqliteStore, wanted: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadCredential, match=complaint):
        add_credential(store, CountingIds(), NOW, {**wanted})
    assert store.list(Credential) == []


def test_a_key_cannot_move_to_another_account(store: SqliteStore) -> None:
    add_credential(store, CountingIds(), NOW, {"account_id": "111122223333", "access_key_id": "AKID"})
    with pytest.raises(BadCredential, match="exists already"):
        add_credential(store, CountingIds("x"), NOW, {"account_id": "444455556666", "access_key_id": "AKID"})


def test_a_removed_key_is_gone(store: SqliteStore) -> None:
    added = add_credential(store, CountingIds(), NOW, {})
    remove_credential(store, added.access_key_id)

    assert store.list(Credential) == []
    with pytest.raises(BadCredential, match="no key"):
        remove_credential(store, added.access_key_id)
