"""Keeps kernel and names in step with the store: recomputed on every change, applied at once."""

import msgspec
import structlog

from ..drivers.contracts.dataplane import DataPlaneState
from ..model.load_balancer import LoadBalancer
from .dataplane_state import dataplane_state
from .dns_records import Records, dns_records
from .exposure import Refusal, dropping_early, exposure
from .host import Host
from .kept import Kept
from .sync_loop import SyncLoop

log = structlog.get_logger(__name__)


class DataPlaneSync(SyncLoop):
    """See the module."""

    what = "program the data plane"
    rest = 3

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._state: DataPlaneState | None = None
        self._records: Records | None = None
        self._refused: frozenset[Refusal] = frozenset()
        self._kept = Kept()

    async def once(self) -> None:
        attached = await self._host.network.list_tasks()
        view = self._host.views.current()
        settings = self._host.settings
        state = dataplane_state(view, attached, settings.uplinks, self._kept, settings.peers)
        records = dns_records(view, self._kept)
        self._kept.turn()
        own = await self._host.network.own_addresses(settings.exposed)
        exposed = exposure(view.balancers, state.frontends, own)
        self._say_what_is_refused(exposed.refused)
        state = dropping_early(exposed.added_to(state), self._host.settings.exposed, self._host.settings.xdp)
        await self._apply(state)
        await self._set_records(records)
        self._activate(state.vips)

    async def _apply(self, state: DataPlaneState) -> None:
        network = self._host.network
        if self._state is None or state.vips != self._state.vips:
            await network.set_vips(state.vips)
        if state != self._state:
            await self._host.dataplane.apply(state)
            self._state = state

    def _say_what_is_refused(self, refused: frozenset[Refusal]) -> None:
        """Once, until it changes."""
        for each in sorted(refused - self._refused):
            log.warning("a listener is not answered at the host's address", **msgspec.structs.asdict(each))
        self._refused = refused

    async def _set_records(self, records: Records) -> None:
        if records != self._records:
            await self._host.dns.set_records(records)
            self._records = records

    def _activate(self, vips: frozenset[str]) -> None:
        """A load balancer is active from the moment all its nodes answer."""
        waiting = [
            balancer
            for balancer in self._host.store.list(LoadBalancer, type="network", state="provisioning")
            if {address for zone in balancer.zones for address in zone.addresses} <= vips
        ]
        if waiting:
            with self._host.store.transaction() as tx:
                for balancer in waiting:
                    tx.put(balancer.replace(state="active"))

    def forget(self) -> None:
        self._state, self._records, self._kept = None, None, Kept()
