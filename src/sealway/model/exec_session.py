"""A session that ExecuteCommand has opened and nobody has taken up yet.

The token is not kept, only its digest; whoever shows the token within ``LIFETIME`` gets the session, once.
"""

import hashlib
from datetime import datetime, timedelta
from typing import ClassVar

from .resource import Resource

LIFETIME = timedelta(minutes=1)


class ExecSession(Resource, frozen=True, kw_only=True):
    """Key: the session's id, ``ecs-execute-command-...``."""

    INDEXES: ClassVar[tuple[str, ...]] = ()

    id: str
    account_id: str
    region: str
    task_arn: str
    container: str
    command: tuple[str, ...]
    token_digest: str
    expires_at: datetime

    @property
    def key(self) -> str:
        return self.id


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
