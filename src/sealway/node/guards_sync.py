"""Keeps the packet filter's security groups in step. The data plane has its own from ``DataPlaneSync``.

A loop of its own, since a change takes tens of milliseconds, and the kernel's tables must not wait for it. An
address is known, and guarded, from the moment its interface is in the store: long before a task starts.
"""

from ..model.guard import Guards
from ..model.network import NetworkInterface, SecurityGroup
from .guards import GuardMaker
from .host import Host
from .sync_loop import SyncLoop


class GuardsSync(SyncLoop):
    """See the module."""

    what = "write the security groups"
    urgent = (NetworkInterface, SecurityGroup)  # a new address does not wait for its rules

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._follower = host.views.follow()
        self._maker = GuardMaker()
        self._guards: Guards | None = None

    async def once(self) -> None:
        wanted = self._maker.make(*self._follower.look())
        if wanted is not self._guards:
            await self._host.network.set_guards(wanted, self._host.settings.relayed)
            self._guards = wanted

    def forget(self) -> None:
        self._guards = None
