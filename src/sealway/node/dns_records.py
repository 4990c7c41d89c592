"""Which addresses a load balancer's name has. Pure.

``NAME`` has the VIPs of those zones in which every target group has enough healthy targets to send to
(``group_health``: one, unless the group says more); groups without any target are not asked. If no zone would
be left, all stay. ``ZONE.NAME`` always has that zone's VIP.
Sources: Network Load Balancers, "DNS name" and "Load balancer zonal health".
"""

from functools import partial

from ..model.load_balancer import LoadBalancer
from ..model.target_group import TargetGroup
from .group_health import is_enough
from .kept import Kept
from .snapshot import Snapshot, crosses_zones, in_zones

Records = dict[str, tuple[str, ...]]


def dns_records(view: Snapshot, kept: Kept | None = None) -> Records:
    """Names without a trailing dot -> addresses, of both IP versions. ``kept``: what the last pass made."""
    kept = kept or Kept()
    records: Records = {}
    for balancer in view.balancers:
        listeners = tuple(view.listeners_of[balancer.arn])
        stamps = tuple(view.stamp(arn) for each in listeners for arn in each.target_group_weights)
        make = partial(_names, view, balancer)
        records |= kept.take(("names", balancer.arn), (balancer, listeners, stamps), make)
    return records


def _names(view: Snapshot, balancer: LoadBalancer) -> Records:
    groups = [g for g in view.groups_of(balancer) if view.registered(balancer, g)]
    well = [
        address
        for zone in balancer.zones
        for address in zone.addresses
        if all(_serves(view, balancer, group, zone.availability_zone) for group in groups)
    ]
    name = balancer.dns_name
    return {
        name: tuple(well or [address for zone in balancer.zones for address in zone.addresses]),
        **{f"{zone.availability_zone}.{name}": zone.addresses for zone in balancer.zones},
    }


def _serves(view: Snapshot, balancer: LoadBalancer, group: TargetGroup, zone: str) -> bool:
    """Whether the zone's VIP has enough healthy targets of the group to send to."""
    anywhere = crosses_zones(balancer, group)
    there = [t for t in view.registered(balancer, group) if anywhere or in_zones(t, (zone,))]
    healthy = sum(view.is_healthy(target) for target in there)
    return is_enough(group, "dns_failover", healthy, len(there))
