"""What an operation works with: the caller, the store, and where ids come from.

A handler is ``def operation(ctx: Context, request: Params) -> Params``. It validates everything first,
writes desired state in one transaction, does no I/O, and raises ``AwsError`` for the client's faults.
``wire`` has already checked required members, types, enums and lengths against botocore's model.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from ..model.architecture import DEFAULT
from ..model.ids import IdSource
from ..model.peer import Peers
from ..model.request import Params, RequestContext
from ..store import Store


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Given to every operation."""

    caller: RequestContext
    store: Store
    ids: IdSource
    host_networks: tuple[str, ...] = ()
    """Networks (CIDR) this host routes elsewhere, Sealway's own routes left out: no VPC may overlap them."""

    architecture: str = DEFAULT
    """The processor that tasks run on, as ``runtimePlatform`` names it."""
    peers: Peers = {}
    """Other hosts' networks: where targets may be that are in no VPC of this one."""

    streams: str = ""
    """Where ExecuteCommand's sessions are served: a WebSocket URL, without the session's id."""

    @property
    def account_id(self) -> str:
        """The caller's account: nothing of another account may be seen or named."""
        return self.caller.account_id

    @property
    def region(self) -> str:
        """The region the request was signed for."""
        return self.caller.region

    @property
    def now(self) -> datetime:
        """When the request came in (UTC)."""
        return self.caller.now


Operation = Callable[[Context, Params], Params]
