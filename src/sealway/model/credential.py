"""An access key and the account it belongs to."""

from datetime import datetime
from typing import Any

from .resource import Resource


class Credential(Resource, frozen=True, kw_only=True):
    """What SigV4 is verified with. Key: the access key id."""

    access_key_id: str
    secret_access_key: str
    account_id: str
    created_at: datetime

    @property
    def key(self) -> str:
        return self.access_key_id

    def __repr__(self) -> str:
        """Without the secret, so that no log or traceback ever shows it."""
        return f"Credential(access_key_id={self.access_key_id!r}, account_id={self.account_id!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As above: rich's tracebacks do not ask for ``__repr__``."""
        return [("access_key_id", self.access_key_id), ("account_id", self.account_id)]
