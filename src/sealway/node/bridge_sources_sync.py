"""Keeps the packet filter's rules in step: which instance a bridge container's connections leave from.

A loop of its own, since rules take tens of milliseconds, and the kernel's tables must not wait for them.
"""

from .dataplane_state import bridge_sources
from .host import Host
from .sync_loop import SyncLoop


class BridgeSourcesSync(SyncLoop):
    """See the module."""

    what = "write the rules of bridge containers"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._sources: dict[str, str] | None = None

    async def once(self) -> None:
        sources = bridge_sources(self._host.views.current())
        if sources != self._sources:
            await self._host.network.set_bridge_sources(sources)
            self._sources = sources

    def forget(self) -> None:
        self._sources = None
