"""Which targets are in use: a listener forwards to their group, and their zone is one the load balancer is
enabled in. The others get no traffic and no probes (ELBv2's ``unused``), so nobody waits for them.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from ..model.load_balancer import Listener, LoadBalancer
from ..model.target_group import Target
from ..store import Reader

ANY_ZONE = "all"


class Usage(msgspec.Struct, frozen=True):
    """Target group ARN -> the zones of the load balancers that forward to it."""

    zones: Mapping[str, frozenset[str]] = {}

    def covers(self, group_arn: str, zone: str) -> bool:
        """Whether targets of that group in that zone are in use."""
        zones = self.zones.get(group_arn, frozenset())
        return zone in zones or (zone == ANY_ZONE and bool(zones))

    def of(self, target: Target) -> bool:
        """Whether the target is in use, or would be if it did not drain."""
        return self.covers(target.target_group_arn, target.availability_zone)


def read_usage(reader: Reader) -> Usage:
    """The usage of all target groups."""
    zones: dict[str, set[str]] = defaultdict(set)
    for listener in reader.list(Listener):
        balancer = reader.get(LoadBalancer, listener.load_balancer_arn)
        if balancer is not None:
            for group in listener.target_group_weights:
                zones[group] |= {zone.availability_zone for zone in balancer.zones}
    return Usage({group: frozenset(enabled) for group, enabled in zones.items()})
