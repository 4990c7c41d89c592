"""Which addresses a load balancer's name has. Pure.

``NAME`` has the VIPs of those zones in which every target group has a healthy target to send to; groups
without any target are not asked. If no zone would be left, all stay. ``ZONE.NAME`` always has that zone's
VIP. Sources: Network Load Balancers, "DNS name" and "Load balancer zonal health".
"""

from ..model.load_balancer import LoadBalancer
from ..model.target_group import TargetGroup
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
    """Whether the zone's VIP has a healthy target of the group to send to."""
    anywhere = crosses_zones(balancer, group)
    return any(
        view.is_healthy(target) and (anywhere or in_zones(target, (zone,)))
        for target in view.registered(balancer, group)
    )
