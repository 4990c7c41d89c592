"""Which addresses a load balancer's name has. Pure.

``NAME`` has the VIPs of those zones in which every target group has enough healthy targets to send to
(``group_health``: one, unless the group says more); groups without any target are not asked. If no zone would
be left, all stay. ``ZONE.NAME`` always has that zone's VIP.
Sources: Network Load Balancers, "DNS name" and "Load balancer zonal health".
"""

from collections.abc import Collection, Sequence

from ..model.load_balancer import LoadBalancer
from ..model.shared import Shared
from ..model.target_group import Target, TargetGroup
from .group_health import is_enough
from .snapshot import Snapshot, crosses_zones, in_zones
from .touched import Touched, everything

Records = dict[str, tuple[str, ...]]


class NameMaker:
    """Keeps the records of all load balancers, and makes those anew that are touched."""

    def __init__(self) -> None:
        self._served: dict[str, dict[str, frozenset[str]]] = {}
        """Load balancer -> target group -> the zones that it would leave in the name."""
        self._records: Shared[str, tuple[str, ...]] = Shared()
        self._made: Records = {}

    def make(self, view: Snapshot, touched: Touched) -> Records:
        """All records; the same object as before if none has changed."""
        balancers = {balancer.arn for group in touched.groups for balancer in view.balancers_of(group)}
        changed = [self._renew(view, touched, arn) for arn in balancers | touched.balancers]
        if any(changed):
            self._made = dict(self._records.values)
        return self._made

    def _renew(self, view: Snapshot, touched: Touched, arn: str) -> bool:
        """Whether any record of the load balancer has changed."""
        balancer = view.balancer(arn)
        before = {} if arn in touched.balancers else self._served.get(arn, {})
        self._served.pop(arn, None)
        if balancer is None:
            return bool(self._records.give(arn, {}))
        served = {
            group.arn: before[group.arn]
            if group.arn in before and group.arn not in touched.groups
            else _zones_served(view, balancer, group)
            for group in view.groups_of(balancer)
        }
        self._served[arn] = served
        return bool(self._records.give(arn, _names(balancer, served.values())))


def dns_records(view: Snapshot) -> Records:
    """Names without a trailing dot -> addresses, of both IP versions."""
    return NameMaker().make(view, everything(view.store))


def _names(balancer: LoadBalancer, served: Collection[frozenset[str]]) -> Records:
    well = [
        address
        for zone in balancer.zones
        for address in zone.addresses
        if all(zone.availability_zone in zones for zones in served)
    ]
    name = balancer.dns_name
    return {
        name: tuple(well or [address for zone in balancer.zones for address in zone.addresses]),
        **{f"{zone.availability_zone}.{name}": zone.addresses for zone in balancer.zones},
    }


def _zones_served(view: Snapshot, balancer: LoadBalancer, group: TargetGroup) -> frozenset[str]:
    """The zones that the group would leave in the name."""
    zones = [zone.availability_zone for zone in balancer.zones]
    registered = [(target, view.is_healthy(target)) for target in view.registered(balancer, group)]
    return frozenset(zone for zone in zones if not registered or _serves(balancer, group, registered, zone))


def _serves(
    balancer: LoadBalancer, group: TargetGroup, registered: Sequence[tuple[Target, bool]], zone: str
) -> bool:
    """Whether the zone's VIP has enough healthy targets of the group to send to."""
    anywhere = crosses_zones(balancer, group)
    there = [healthy for target, healthy in registered if anywhere or in_zones(target, (zone,))]
    return is_enough(group, "dns_failover", sum(there), len(there))
