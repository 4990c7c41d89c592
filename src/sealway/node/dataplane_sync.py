"""Keeps kernel and names in step with the store: recomputed on every change, applied at once."""

from collections.abc import Mapping

import msgspec
import structlog

from ..drivers.contracts.dataplane import DataPlaneState, Frontend
from ..drivers.contracts.host_network import Port
from ..model.load_balancer import LoadBalancer
from .dns_records import NameMaker, Records
from .exposure import Exposure, Refusal, dropping_early, exposure
from .host import Host
from .snapshot import Snapshot
from .state_maker import StateMaker
from .sync_loop import SyncLoop

log = structlog.get_logger(__name__)


class DataPlaneSync(SyncLoop):
    """See the module."""

    what = "program the data plane"
    rest = 3

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._follower = host.views.follow()
        self._maker = StateMaker(host.settings.uplinks, host.settings.peers)
        self._names = NameMaker()
        self._exposed = _Exposed()
        self._state: DataPlaneState | None = None
        """As last applied; None: it is not certain what there is."""
        self._records: Records | None = None
        self._refused: frozenset[Refusal] = frozenset()
        self._provisioning: set[str] = set()

    async def once(self) -> None:
        host, settings = self._host, self._host.settings
        own = await host.network.own_addresses(settings.exposed)
        attached = await (host.endpoints.known() if self._state else host.endpoints.read())
        view, touched = self._follower.look()
        state = self._maker.make(view, touched, attached, host.endpoints.moved())
        records = self._names.make(view, touched)
        exposed = self._exposed.of(view, state, own, anew=bool(touched.balancers))
        self._provisioning |= touched.balancers
        self._say_what_is_refused(exposed.refused)
        await self._apply(dropping_early(exposed.added_to(state), settings.exposed, settings.xdp))
        await self._set_records(records)
        self._activate(state.vips)

    async def _apply(self, state: DataPlaneState) -> None:
        network = self._host.network
        if self._state is None or state.vips != self._state.vips:
            await network.set_vips(state.vips)
        if self._state is None or _differ(state, self._state):
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
        if not self._provisioning:
            return
        with self._host.store.transaction() as tx:
            for arn in tuple(self._provisioning):
                balancer = tx.get(LoadBalancer, arn)
                if balancer is not None and _may_be_active(balancer, vips):
                    tx.put(balancer.replace(state="active"))
        self._provisioning.clear()

    def forget(self) -> None:
        self._state, self._records = None, None


def _may_be_active(balancer: LoadBalancer, vips: frozenset[str]) -> bool:
    waits = balancer.type == "network" and balancer.state == "provisioning"
    return waits and {address for zone in balancer.zones for address in zone.addresses} <= vips


class _Exposed:
    """What the host's own addresses answer, made anew when something of it has changed."""

    def __init__(self) -> None:
        self._made: Exposure = Exposure()
        self._of: tuple[tuple[Frontend, ...], Mapping[str, frozenset[Port]]] = ((), {})

    def of(
        self, view: Snapshot, state: DataPlaneState, own: Mapping[str, frozenset[Port]], *, anew: bool
    ) -> Exposure:
        """``anew``: load balancers have changed."""
        if anew or state.frontends is not self._of[0] or own != self._of[1]:
            self._of = state.frontends, own
            self._made = exposure(view.balancers, state.frontends, own) if own else Exposure()
        return self._made


def _differ(state: DataPlaneState, other: DataPlaneState) -> bool:
    """As ``!=``; parts that are the same object are not looked through."""
    pairs = ((getattr(state, name), getattr(other, name)) for name in state.__struct_fields__)
    return any(one is not two and one != two for one, two in pairs)
