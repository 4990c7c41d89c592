"""Keeps the packet filter's rules in step: which instance a bridge container's connections leave from.

A loop of its own, since rules take tens of milliseconds, and the kernel's tables must not wait for them.
"""

from ..model.shared import Shared
from .host import Host
from .snapshot import Snapshot
from .sync_loop import SyncLoop
from .touched import Touched, everything


class SourceMaker:
    """Keeps the sources of all tasks, and makes those anew that are touched."""

    def __init__(self) -> None:
        self._sources: Shared[str, str] = Shared()
        self._made: dict[str, str] = {}

    def make(self, view: Snapshot, touched: Touched) -> dict[str, str]:
        """Running bridge containers' own addresses -> the address of the instance they run on."""
        changed = False
        for arn in touched.tasks:
            there = view.bridge_containers(arn)
            changed |= bool(self._sources.give(arn, {c.bridge_ip or "": i.private_ip for c, i in there}))
        if changed:
            self._made = dict(self._sources.values)
        return self._made


def bridge_sources(view: Snapshot) -> dict[str, str]:
    """The sources, made in one go."""
    return SourceMaker().make(view, everything(view.store))


class BridgeSourcesSync(SyncLoop):
    """See the module."""

    what = "write the rules of bridge containers"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._follower = host.views.follow()
        self._maker = SourceMaker()
        self._sources: dict[str, str] | None = None

    async def once(self) -> None:
        sources = self._maker.make(*self._follower.look())
        if sources is not self._sources:
            await self._host.network.set_bridge_sources(sources)
            self._sources = sources

    def forget(self) -> None:
        self._sources = None
