"""What has outlived its use. Stopped tasks, deleted services and terminated instances stay describable
for an hour, as on AWS; network interfaces are given back at once, so that their addresses can rest.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ..model.network import NetworkInterface
from ..model.resource import Resource
from .plan import Plan, earliest
from .snapshot import Leftovers

KEPT = timedelta(hours=1)
TOGETHER = timedelta(minutes=1)
"""What is to go within this time of a look at all goes together: not each takes a look of its own."""


def plan(leftovers: Leftovers, now: datetime) -> Plan:
    """Everything older than its hour."""
    aged: list[tuple[Resource, datetime]] = []
    aged += [(t, t.stopped_at or t.created_at) for t in leftovers.tasks if t.desired_status == "STOPPED"]
    aged += [(s, s.stopped_at or s.created_at) for s in leftovers.services]
    aged += [(h, h.terminated_at or h.launched_at) for h in leftovers.hosts]
    dead = [resource for resource, since in aged if since + KEPT <= now]
    hosts = {resource.key for resource in dead}
    dead += [c for c in leftovers.instances if c.ec2_instance_id in hosts]
    dead += list(leftovers.interfaces.values())
    next_death = earliest(*(since + KEPT for _, since in aged if since + KEPT > now))
    if next_death is not None:
        next_death = max(next_death, now + TOGETHER)
    return Plan(deletes=tuple(dead), wake_at=next_death)


def released(interfaces: Iterable[NetworkInterface]) -> tuple[NetworkInterface, ...]:
    """The interfaces of STOPPED tasks, each once."""
    return tuple({interface.id: interface for interface in interfaces}.values())
