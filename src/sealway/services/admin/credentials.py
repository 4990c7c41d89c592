"""Access keys: the one made at first start, and those the administrator adds for other accounts."""

import re
from datetime import datetime

from ...model.credential import Credential
from ...model.errors import SealwayError
from ...model.ids import IdSource
from ...store import Store, Transaction

DEFAULT_ACCOUNT = "000000000000"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class BadCredential(SealwayError):
    """What was asked for cannot be an account or a key; says what would be right."""


def new_access_key_id(ids: IdSource) -> str:
    """``AKIA`` and 16 characters of base 32, the form of IAM's access key ids."""
    number = int(ids.hex(20), 16)
    return "AKIA" + "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in range(16))


def first_credential(store: Store, ids: IdSource, now: datetime) -> Credential:
    """The default account's oldest key; makes it when there is none."""
    existing = store.list(Credential, account_id=DEFAULT_ACCOUNT)
    if existing:
        return min(existing, key=lambda c: c.created_at)
    with store.transaction() as tx:
        return _put(tx, new_access_key_id(ids), ids.hex(40), DEFAULT_ACCOUNT, now)


def add_credential(store: Store, ids: IdSource, now: datetime, wanted: dict[str, str | None]) -> Credential:
    """Gives ``wanted["account_id"]`` a key: the given one, or a new one.

    Raises ``BadCredential`` for a malformed account or key, or a key that another account has.
    """
    account_id = wanted.get("account_id") or DEFAULT_ACCOUNT
    key_id = wanted.get("access_key_id") or new_access_key_id(ids)
    secret = wanted.get("secret_access_key") or ids.hex(40)
    if not re.fullmatch(r"[0-9]{12}", account_id):
        raise BadCredential(f"an account id has 12 digits, not {account_id!r}")
    if not re.fullmatch(r"[A-Za-z0-9_]{4,128}", key_id):
        raise BadCredential(f"an access key id has 4 to 128 letters and digits, not {key_id!r}")
    if not re.fullmatch(r"[ -~]{8,}", secret):
        raise BadCredential("a secret access key has at least 8 characters, printable ones of ASCII")
    known = store.get(Credential, key_id)
    if known is not None:
        if (known.account_id, known.secret_access_key) == (account_id, secret):
            return known
        raise BadCredential(f"{key_id} exists already, for account {known.account_id}; remove it first")
    with store.transaction() as tx:
        return _put(tx, key_id, secret, account_id, now)


def remove_credential(store: Store, access_key_id: str) -> Credential:
    """Takes the key back; requests signed with it are refused from now on."""
    with store.transaction() as tx:
        credential = tx.get(Credential, access_key_id)
        if credential is None:
            raise BadCredential(f"no key {access_key_id}; `sealway credentials list` shows those there are")
        tx.delete(credential)
        return credential


def _put(tx: Transaction, key_id: str, secret: str, account_id: str, now: datetime) -> Credential:
    return tx.put(
        Credential(access_key_id=key_id, secret_access_key=secret, account_id=account_id, created_at=now)
    )
