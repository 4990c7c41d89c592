"""Which targets are in use: a listener forwards to their group, and their zone is one the load balancer is
enabled in. The others get no traffic and no probes (ELBv2's ``unused``), so nobody waits for them.
"""

from collections.abc import Mapping

import msgspec

from ..model.load_balancer import Listener, LoadBalancer
from ..model.shared import Givers
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


class UsageBook:
    """The usage of all target groups, kept up listener by listener."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._forwards: Givers[str] = Givers()
        """Target groups, and the listeners that forward to them."""
        self._zones: dict[str, frozenset[str]] = {}
        self.usage = Usage(self._zones)
        """Follows."""
        for listener in reader.list(Listener):
            self.put_listener(listener.arn)

    def put_listener(self, arn: str) -> None:
        """Takes in what the listener is now; it may be gone."""
        listener = self._reader.get(Listener, arn)
        before = set(self._forwards.given(arn))
        after = set(listener.target_group_weights) if listener else set[str]()
        self._forwards.give(arn, after)
        for group in before | after:
            self._settle(group)

    def put_balancer(self, arn: str) -> None:
        """Takes in what the load balancer is now."""
        for listener in self._reader.list(Listener, load_balancer_arn=arn):
            self.put_listener(listener.arn)

    def _settle(self, group: str) -> None:
        balancers = [
            balancer
            for arn in self._forwards.of(group)
            if (listener := self._reader.get(Listener, arn)) is not None
            if (balancer := self._reader.get(LoadBalancer, listener.load_balancer_arn)) is not None
        ]
        if balancers:
            zones = frozenset(zone.availability_zone for balancer in balancers for zone in balancer.zones)
            self._zones[group] = zones
        else:
            self._zones.pop(group, None)


def read_usage(reader: Reader) -> Usage:
    """The usage of all target groups."""
    return UsageBook(reader).usage
