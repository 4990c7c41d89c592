"""Which addresses a load balancer's name has. Pure.

``NAME`` has the VIPs of those zones in which every target group has enough healthy targets to send to
(``group_health``: one, unless the group says more); groups without any target are not asked. If no zone would
be left, all stay. ``ZONE.NAME`` always has that zone's VIP.
Sources: Network Load Balancers, "DNS name" and "Load balancer zonal health".
"""

from collections.abc import Sequence
from functools import partial

from ..model.load_balancer import LoadBalancer
from ..model.target_group import Target, TargetGroup
from .group_health import is_enough
from .kept import Kept
from .snapshot import Snapshot, crosses_zones, in_zones

Records = dict[str, tuple[str, ...]]


def dns_records(view: Snapshot, kept: Kept | None = None) -> Records:
    """Names without a trailing dot -> addresses, of both IP versions. ``kept``: what the last pass made."""
    kept = kept or Kept()
    records: Records = {}
    for balancer in view.balancers:
        served = [_served(view, balancer, group, kept) for group in view.groups_of(balancer)]
        records |= _names(balancer, served)
    return records


def _names(balancer: LoadBalancer, served: Sequence[frozenset[str]]) -> Records:
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


def _served(view: Snapshot, balancer: LoadBalancer, group: TargetGroup, kept: Kept) -> frozenset[str]:
    """The zones that the group would leave in the name."""
    make = partial(_zones_served, view, balancer, group)
    return kept.take(("served", balancer.arn, group.arn), (balancer, view.stamp(group.arn)), make)


def _zones_served(view: Snapshot, balancer: LoadBalancer, group: TargetGroup) -> frozenset[str]:
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
