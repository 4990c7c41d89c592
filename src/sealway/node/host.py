"""All that the parts of the agent work with: the store, the drivers, the clock, the ids."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ..drivers.contracts.container_runtime import ContainerRuntime
from ..drivers.contracts.dataplane import DataPlane
from ..drivers.contracts.dns import Dns
from ..drivers.contracts.host_network import HostNetwork
from ..drivers.contracts.prober import Prober
from ..model.ids import IdSource
from ..store import Store
from .endpoints import Endpoints
from .settings import NodeSettings
from .views import Views


@dataclass(frozen=True)
class Host:
    """One machine, as its agent meets it. ``clock`` gives the time in UTC."""

    store: Store
    runtime: ContainerRuntime
    network: HostNetwork
    dataplane: DataPlane
    dns: Dns
    prober: Prober
    clock: Callable[[], datetime]
    ids: IdSource
    settings: NodeSettings

    @cached_property
    def views(self) -> Views:
        """What its loops look at."""
        return Views(self.store)

    @cached_property
    def endpoints(self) -> Endpoints:
        """The tasks' interfaces."""
        return Endpoints(self.network)
