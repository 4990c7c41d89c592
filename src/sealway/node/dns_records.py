"""Which addresses a load balancer's name has. Pure.

``NAME`` has the VIPs of those zones in which every target group has enough healthy targets to send to
(``group_health``: one, unless the group says more); groups without any target are not asked. If no zone would
be left, all stay. ``ZONE.NAME`` always has that zone's VIP.
Sources: Network Load Balancers, "DNS name" and "Load balancer zonal health".
"""

from ..model.load_balancer import LoadBalancer
from ..model.target_group import TargetGroup
from .group_health import is_enough
from .snapshot import Snapshot, crosses_zones, in_zones


def dns_records(view: Snapshot) -> dict[str, tuple[str, ...]]:
    """Names without a trailing dot -> addresses, of both IP versions."""
    records: dict[str, tuple[str, ...]] = {}
    for balancer in view.balancers:
        name = balancer.dns_name
        groups = [g for g in view.groups_of(balancer) if view.registered(balancer, g)]
        well = [
            address
            for zone in balancer.zones
            for address in zone.addresses
            if all(_serves(view, balancer, group, zone.availability_zone) for group in groups)
        ]
        records[name] = tuple(well or [address for zone in balancer.zones for address in zone.addresses])
        for zone in balancer.zones:
            records[f"{zone.availability_zone}.{name}"] = zone.addresses
    return records


def _serves(view: Snapshot, balancer: LoadBalancer, group: TargetGroup, zone: str) -> bool:
    """Whether the zone's VIP has enough healthy targets of the group to send to."""
    anywhere = crosses_zones(balancer, group)
    there = [t for t in view.registered(balancer, group) if anywhere or in_zones(t, (zone,))]
    healthy = sum(view.is_healthy(target) for target in there)
    return is_enough(group, "dns_failover", healthy, len(there))
