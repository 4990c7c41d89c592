"""Availability Zone rebalancing: tasks of a steady service move from the fullest zone to the emptiest.

A move starts a task in the emptier zone first; the service then has more tasks than it wants (``rebalancing``
says how many more). When all are healthy, that surplus is given up where most tasks are. A move begins only
where a task finds room; as many at once as maximumPercent leaves room for. It is called off when a task
fails or ends, a deployment begins or the service is scaled: the ordinary rules then take the surplus back.
While tasks are protected nothing is moved, since what is full might not be given up.
Source: ECS Developer Guide, "Balancing an Amazon ECS service across Availability Zones".
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from ..model.service import Service
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .deployment_plan import Rollout
from .task_plan import FAILURES

REST = timedelta(minutes=10)
"""How long nothing is moved after a task has failed."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """``surplus``: tasks above the desired count to have now. ``zones``: where to start them, at first.
    ``over``: the surplus is healthy, and is to go."""

    surplus: int = 0
    zones: tuple[str, ...] = ()
    over: bool = False


def plan(service: Service, rollout: Rollout, zones: Collection[str]) -> Balance:
    """What to do now. ``zones``: where the service's tasks can run."""
    kept = [t for t in rollout.active if t.deployment_id == rollout.primary_id]
    calm = (
        service.status == "ACTIVE"
        and service.extra.get("availabilityZoneRebalancing") == "ENABLED"
        and service.primary.rollout_state == "COMPLETED"
        and len(service.deployments) == 1
        and rollout.may_start
        and service.backoff is None
        and not (rollout.unfit or rollout.displaced or rollout.protected)
    )
    wanted = rollout.bounds.desired + service.rebalancing
    if not calm or len(kept) != wanted or len(rollout.active) != wanted:
        return Balance()
    if service.rebalancing:
        healthy = all(task.arn in rollout.healthy for task in kept)
        return Balance(over=True) if healthy else Balance(surplus=service.rebalancing)
    if not service.steady:
        return Balance()
    found = moves(by_zone(kept, zones), zones, rollout.bounds.upper - wanted)
    return Balance(surplus=len(found), zones=found)


def rest_until(tasks: Iterable[Task], now: datetime) -> datetime | None:
    """When the failures of these tasks are long enough ago; None: they are."""
    failed = (
        t for t in tasks if t.stop_code in FAILURES or (t.stopped_reason or "").startswith("Task failed")
    )
    ends = [(t.stopped_at or t.execution_stopped_at or now) + REST for t in failed]
    return max((end for end in ends if end > now), default=None)


def moves(tasks: Mapping[str, int], zones: Collection[str], most: int) -> tuple[str, ...]:
    """The zones that one more task each goes to, at most ``most``; none: they are in balance.

    ``tasks``: how many are in each zone; only ``zones`` can take more.
    """
    counts = dict(tasks)
    found: list[str] = []
    while zones and len(found) < most:
        to = min(sorted(zones), key=lambda zone: counts.get(zone, 0))
        full = max(sorted(counts), key=lambda zone: counts[zone], default=to)
        if counts.get(full, 0) - counts.get(to, 0) <= 1:
            break
        counts[to] = counts.get(to, 0) + 1
        counts[full] -= 1
        found.append(to)
    return tuple(found)


def by_zone(tasks: Iterable[Task], zones: Collection[str]) -> dict[str, int]:
    """How many of the tasks are in each zone, the empty ones of ``zones`` with 0."""
    counts = Counter(task.availability_zone for task in tasks)
    return {zone: counts[zone] for zone in sorted({*counts, *zones})}


def zones_of(
    service: Service,
    definition: TaskDefinition,
    instance_zones: frozenset[str],
    subnet_zones: frozenset[str],
) -> frozenset[str]:
    """The zones that tasks of the service can run in: of its subnets, and of instances that suit it."""
    if service.launch_type == "FARGATE":
        return subnet_zones
    return instance_zones & subnet_zones if definition.network_mode == "awsvpc" else instance_zones
