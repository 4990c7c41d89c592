"""Where a service's deployments stand: counts, completion, the circuit breaker, the steady state.

An old deployment leaves the list when the last of its tasks is STOPPED; with rollback asked for, the last
completed one stays until the new one is completed. A rollout is complete, and a service steady, when
exactly the desired number of tasks is healthy, and every other task is STOPPED.
"""

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from ..model.service import Deployment, Service
from ..model.task import Task
from . import backoff, events


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What one planning step left: all tasks, the PRIMARY deployment's good ones, the healthy ones.

    ``settled``: the step started and stopped nothing, and nothing waits for room.
    """

    tasks: tuple[Task, ...]
    kept: tuple[Task, ...]
    healthy: frozenset[str]
    settled: bool


def with_deployment(service: Service, deployment_id: str, **changes: Any) -> Service:
    """The service with one of its deployments changed."""
    return service.replace(
        deployments=tuple(
            msgspec.structs.replace(d, **changes) if d.id == deployment_id else d for d in service.deployments
        )
    )


def advance(service: Service, progress: Progress, now: datetime) -> tuple[Service, list[str]]:
    """The service with its deployments up to date, and what its history says of it."""
    if service.status == "DRAINING":
        return _delete(_count(service, progress), progress, now), []
    service, messages = _break(service, now)
    service = _count(_forgive(service, progress), progress)
    full = progress.settled and _is_full(service, progress)
    primary = service.primary
    if full and primary.rollout_state == "IN_PROGRESS":
        reason = f"ECS deployment {primary.id} completed."
        changes = {"rollout_state": "COMPLETED", "rollout_reason": reason, "failed_tasks": 0}
        service = with_deployment(service, primary.id, updated_at=now, **changes)
        service = _count(service, progress)
        messages.append(events.completed(primary.id))
    steady = full and service.primary.rollout_state == "COMPLETED" and len(service.deployments) == 1
    if steady and not service.steady:
        messages.append(events.STEADY)
    return (service if steady == service.steady else service.replace(steady=steady)), messages


def _is_full(service: Service, progress: Progress) -> bool:
    desired = 0 if service.status != "ACTIVE" else service.desired_count
    alive = sum(task.last_status != "STOPPED" for task in progress.tasks)
    healthy = sum(task.arn in progress.healthy for task in progress.kept)
    return alive == healthy == len(progress.kept) == desired


def _count(service: Service, progress: Progress) -> Service:
    """Desired counts and states of the deployments; those that are over are dropped."""
    wanted = Counter(t.deployment_id for t in progress.tasks if t.desired_status == "RUNNING")
    alive = {t.deployment_id for t in progress.tasks if t.last_status != "STOPPED"}
    primary = service.primary
    keep_good = backoff.rolls_back(service) and primary.rollout_state == "IN_PROGRESS"
    deployments = []
    for deployment in service.deployments:
        desired = service.desired_count if service.status == "ACTIVE" else 0
        changes: dict[str, Any] = {"desired_count": desired}
        if deployment.id != primary.id:
            fallback = keep_good and deployment.rollout_state == "COMPLETED"
            if deployment.id not in alive and not fallback:
                continue
            changes = {"desired_count": wanted[deployment.id], "status": "ACTIVE"}
        elif not deployment.rollout_reason:
            changes["rollout_reason"] = f"ECS deployment {deployment.id} in progress."
        deployments.append(msgspec.structs.replace(deployment, **changes))
    return service.replace(deployments=tuple(deployments))


def _forgive(service: Service, progress: Progress) -> Service:
    """A task that became healthy after the last failure ends the circuit breaker's count."""
    primary = service.primary
    started = (t.started_at for t in progress.kept if t.arn in progress.healthy)
    if primary.failed_tasks and any(at is not None and at > primary.updated_at for at in started):
        return with_deployment(service, primary.id, failed_tasks=0)
    return service


def _break(service: Service, now: datetime) -> tuple[Service, list[str]]:
    """Gives up a deployment whose tasks keep failing; returns to the last good one if asked to."""
    primary = service.primary
    if not backoff.breaker_trips(service, primary):
        return service, []
    failed: dict[str, Any] = {
        "rollout_state": "FAILED",
        "rollout_reason": "ECS deployment circuit breaker: tasks failed to start.",
        "updated_at": now,
    }
    messages = [events.failed(primary.id)]
    service = with_deployment(service, primary.id, **failed)
    good = _last_good(service) if backoff.rolls_back(service) else None
    if good is None:
        return service, messages
    service = with_deployment(service, primary.id, status="ACTIVE")
    service = with_deployment(
        service,
        good.id,
        status="PRIMARY",
        rollout_state="IN_PROGRESS",
        rollout_reason=f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}.",
        failed_tasks=0,
        updated_at=now,
    )
    service = service.replace(
        task_definition_arn=good.task_definition_arn,
        network_configuration=good.network_configuration,
        platform_version=good.platform_version,
    )
    return service, [*messages, events.rolling_back(good.id)]


def _last_good(service: Service) -> Deployment | None:
    good = [d for d in service.deployments if d.status != "PRIMARY" and d.rollout_state == "COMPLETED"]
    return max(good, key=lambda d: d.created_at, default=None)


def _delete(service: Service, progress: Progress, now: datetime) -> Service:
    """A deleted service becomes INACTIVE when its last task is STOPPED."""
    if any(task.last_status != "STOPPED" for task in progress.tasks):
        return service
    return service.replace(status="INACTIVE", stopped_at=now, steady=False)
