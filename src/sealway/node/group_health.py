"""Whether enough of a target group's targets are healthy, for routing and for names. Pure.

Source: Network Load Balancers, "Target group health": below the threshold for routing a zone's node sends to
all its targets, and below the one for DNS the zone leaves the load balancer's name. With a count and a
percentage, either breached is enough.
"""

from typing import Literal

from ..model.target_group import TargetGroup

Action = Literal["dns_failover", "unhealthy_state_routing"]
_OFF = "off"


def is_enough(group: TargetGroup, action: Action, healthy: int, registered: int) -> bool:
    """Of the targets that a zone's node may send to."""
    count = _threshold(group, action, "count", "1")
    percentage = _threshold(group, action, "percentage", _OFF)
    return healthy >= count and healthy * 100 >= percentage * registered


def _threshold(group: TargetGroup, action: Action, kind: str, default: str) -> int:
    value = group.attributes.get(f"target_group_health.{action}.minimum_healthy_targets.{kind}", default)
    return 0 if value == _OFF else int(value)
