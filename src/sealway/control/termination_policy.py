"""Which instances of an Auto Scaling group go when it scales in.

Never those that are protected. Those without tasks go first (AWS's groups do not know of tasks), then those
of the zone that has the most; among them the group's termination policies decide, one after the other.
``Default``: those of another launch template or version than the group's, then the oldest.
Source: Amazon EC2 Auto Scaling User Guide, "Configure termination policies".
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..model.auto_scaling import AutoScalingGroup
from .auto_scaling_snapshot import Member

Rank = Callable[[AutoScalingGroup, Member], Any]


def _age(_: AutoScalingGroup, member: Member) -> float:
    return member.membership.joined_at.timestamp()


def _youth(group: AutoScalingGroup, member: Member) -> float:
    return -_age(group, member)


def _template(group: AutoScalingGroup, member: Member) -> tuple[bool, int]:
    """Other templates first, then older versions."""
    made_from = member.membership.template
    number = int(made_from.version) if made_from.version.isdigit() else 0
    return made_from.id == group.template.id, number


RANKS: dict[str, tuple[Rank, ...]] = {
    "Default": (_template, _age),
    "OldestLaunchTemplate": (_template,),
    "OldestInstance": (_age,),
    "NewestInstance": (_youth,),
}


def choose(group: AutoScalingGroup, alive: Sequence[Member], count: int) -> list[Member]:
    """At most ``count`` of the instances, in the order in which they go."""
    left = [member for member in alive if not member.membership.protected]
    zones = Counter(member.membership.availability_zone for member in alive)
    ranks = [rank for policy in group.termination_policies for rank in RANKS[policy]]

    def order(member: Member) -> tuple[Any, ...]:
        membership = member.membership
        policy = tuple(rank(group, member) for rank in ranks)
        return (member.busy, -zones[membership.availability_zone], *policy, membership.instance_id)

    chosen: list[Member] = []
    while left and len(chosen) < count:
        goes = min(left, key=order)
        left.remove(goes)
        zones[goes.membership.availability_zone] -= 1
        chosen.append(goes)
    return chosen
