"""The agent of one host: its loops, run together.

Nothing here is remembered that the store, the engine or the kernel does not know: started again, the
loops look at all three and go on. When it ends, tasks keep running and traffic keeps flowing.
"""

import asyncio

from ..model.network import Vpc
from .bridge_sources_sync import BridgeSourcesSync
from .dataplane_sync import DataPlaneSync
from .guards_sync import GuardsSync
from .health_prober import HealthProber
from .host import Host
from .instances import InstanceLoop
from .task_supervisor import TaskSupervisor
from .unused_targets import UnusedTargets


class Agent(Host):
    """``Agent(store, runtime, network, dataplane, dns, prober, clock, ids, settings)``."""

    async def run(self, ready: asyncio.Event) -> None:
        """Until cancelled. Sets ``ready`` once the host's network and data plane are as the store says.

        Raises ``DriverError`` when that cannot be brought about at start: the message says what is missing.
        """
        instances, sync, sources = InstanceLoop(self), DataPlaneSync(self), BridgeSourcesSync(self)
        filters = GuardsSync(self)
        blocks = {block for vpc in self.store.list(Vpc) for block in vpc.blocks}
        await self.network.ensure(tuple(sorted(blocks)), self.settings.peers)
        await self.dataplane.start()
        await instances.once()
        await filters.once()
        await sync.once()
        await sources.once()
        ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                watchers = TaskSupervisor(self), HealthProber(self), UnusedTargets(self)
                for loop in (instances, sync, sources, filters, *watchers):
                    group.create_task(loop.run())
        finally:
            await self.dataplane.stop()
