"""Whether a service's task serves, and whether it must be replaced.

A task is *healthy* when it is RUNNING, its container health check (where an essential container has one)
says HEALTHY, and every one of its targets passes its probes. It is *unfit* when one of these has failed
and the service's grace period is over. In between it is warming up.
A target that is not in use is not probed, so it cannot fail anybody. A task that nothing checks
counts as healthy once it has run for ``UNCHECKED`` (on AWS 40 seconds), so that a definition which
crashes at its start never takes the place of one that works.
Source: ECS API Reference, ``minimumHealthyPercent`` and ``healthCheckGracePeriodSeconds``.
"""

from datetime import datetime, timedelta

import msgspec

from ..model.service import Service
from ..model.target_group import UNHEALTHY, Target, TargetHealth
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from . import events
from .plan import earliest, over
from .snapshot import ServiceSnapshot

UNCHECKED = timedelta(seconds=5)


class Unfit(msgspec.Struct, frozen=True):
    """Why a task is replaced: the task's ``stoppedReason`` and the service's event."""

    reason: str
    event: str


def is_healthy(snapshot: ServiceSnapshot, task: Task, now: datetime) -> bool:
    """See the module."""
    if task.last_status != "RUNNING":
        return False
    checked = has_health_check(snapshot.definitions[task.task_definition_arn])
    if task.health_status != "HEALTHY" and (checked or task.health_status == "UNHEALTHY"):
        return False
    if not checked and not _is_probed(snapshot, task) and not over(_start(task), UNCHECKED, now):
        return False
    targets = {t.target_group_arn: t for t in snapshot.targets.get(task.arn, ()) if t.unused_since is None}
    return all(
        _passes(snapshot, targets.get(balancer["targetGroupArn"]), balancer["targetGroupArn"])
        for balancer in snapshot.service.balancers_of(task.deployment_id)
        if balancer.get("targetGroupArn")
    )


def unfit(snapshot: ServiceSnapshot, task: Task, now: datetime) -> Unfit | None:
    """Why the task must be replaced; None while it need not be."""
    if task.last_status != "RUNNING" or not over(_start(task), _grace(snapshot.service), now):
        return None
    if task.health_status == "UNHEALTHY":
        return Unfit("Task failed container health checks", events.failed_container_health(task))
    for target in snapshot.targets.get(task.arn, ()):
        health = snapshot.health.get(target.key)
        probed = snapshot.usage.of(target) and target.draining_since is None
        if probed and health is not None and _is_of(health, target) and health.state in UNHEALTHY:
            group = target.target_group_arn
            event = events.failed_elb(
                target.id, target.port, group, health.description or "Health checks failed"
            )
            return Unfit(f"Task failed ELB health checks in (target-group {group})", event)
    return None


def next_verdict(snapshot: ServiceSnapshot, now: datetime) -> datetime | None:
    """When time alone changes a verdict next."""
    running = [t for t in snapshot.tasks if t.last_status == "RUNNING" and t.desired_status == "RUNNING"]
    lasting = (UNCHECKED, _grace(snapshot.service))
    return earliest(
        *(_start(t) + each for t in running for each in lasting if not over(_start(t), each, now))
    )


def has_health_check(definition: TaskDefinition) -> bool:
    """Whether an essential container has a health check of its own."""
    return any(c.get("healthCheck") and c.get("essential", True) for c in definition.containers)


def _is_probed(snapshot: ServiceSnapshot, task: Task) -> bool:
    return any(
        group.health_check.enabled and snapshot.usage.covers(group.arn, task.availability_zone)
        for balancer in snapshot.service.balancers_of(task.deployment_id)
        if (group := snapshot.target_groups.get(balancer.get("targetGroupArn") or ""))
    )


def _start(task: Task) -> datetime:
    return task.started_at or task.created_at


def _grace(service: Service) -> timedelta:
    """How long failed health checks are overlooked."""
    return timedelta(seconds=service.health_check_grace_period_seconds or 0)


def _passes(snapshot: ServiceSnapshot, target: Target | None, group_arn: str) -> bool:
    group = snapshot.target_groups.get(group_arn)
    if group is None:
        return True  # deleted under the service: nothing to wait for
    if target is None or target.draining_since is not None:
        return False
    if not snapshot.usage.of(target) or not group.health_check.enabled:
        return True
    health = snapshot.health.get(target.key)
    return health is not None and health.state == "healthy" and _is_of(health, target)


def _is_of(health: TargetHealth, target: Target) -> bool:
    """Whether this was concluded of this registration, not of an earlier one of the same address."""
    return health.changed_at >= target.registered_at
