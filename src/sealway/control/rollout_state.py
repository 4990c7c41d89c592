"""Where a service's deployments stand: counts, completion, the circuit breaker, the steady state.

An old deployment leaves the list when the last of its tasks is STOPPED; with rollback asked for, the last
completed one stays until the new one is completed. A rollout is complete, and a service steady, when
exactly the desired number of tasks is healthy, and every other task is STOPPED.
"""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ..model.ids import IdSource
from ..model.service import STRATEGY, Deployment, Service
from ..model.task import Task
from . import backoff, events, shift_plan

_BROKEN = "ECS deployment circuit breaker: tasks failed to start."


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


class Advance(NamedTuple):
    """The service with its deployments up to date, what its history says of it, when time moves it on."""

    service: Service
    messages: list[str]
    wake_at: datetime | None = None


def advance(service: Service, progress: Progress, now: datetime, ids: IdSource) -> Advance:
    """See ``Advance``."""
    if service.status == "DRAINING":
        return Advance(_delete(_count(service, progress), progress, now), [])
    service, messages = _break(service, now)
    service, failure, wake_at = _shift(service, progress, now, ids)
    if failure is not None:
        service, said = _give_up(service, failure, now, back=True)
        messages += said
    service = _count(_forgive(service, progress), progress)
    full = progress.settled and _is_full(service, progress)
    primary = service.primary
    if full and not primary.shifting and primary.rollout_state == "IN_PROGRESS":
        reason = f"ECS deployment {primary.id} completed."
        changes = {"rollout_state": "COMPLETED", "rollout_reason": reason, "failed_tasks": 0}
        service = with_deployment(service, primary.id, updated_at=now, **changes)
        service = _count(service, progress)
        messages.append(events.completed(primary.id))
    steady = full and service.primary.rollout_state == "COMPLETED" and len(service.deployments) == 1
    if steady and not service.steady:
        messages.append(events.STEADY)
    return Advance(service if steady == service.steady else service.replace(steady=steady), messages, wake_at)


def _shift(
    service: Service, progress: Progress, now: datetime, ids: IdSource
) -> tuple[Service, str | None, datetime | None]:
    """The PRIMARY deployment's taking over of another's traffic, a step on; why it is to be rolled back."""
    primary = service.primary
    if primary.shift is None or not primary.shifting or primary.rollout_state != "IN_PROGRESS":
        return service, None, None
    pair = {primary.id, primary.shift.source_id}
    healthy = sum(task.arn in progress.healthy for task in progress.kept)
    facts = shift_plan.Facts(
        ready=healthy == len(progress.kept) == service.desired_count,
        alone=all(t.last_status == "STOPPED" or t.deployment_id in pair for t in progress.tasks),
    )
    step = shift_plan.advance(primary.shift, facts, now, ids)
    if step.shift != primary.shift:
        service = with_deployment(service, primary.id, shift=step.shift, updated_at=now)
    return service, step.failure, step.wake_at


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
    may_return = backoff.rolls_back(service) or primary.shifting
    keep_good = may_return and primary.rollout_state == "IN_PROGRESS"
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
    return _give_up(service, _BROKEN, now, back=backoff.rolls_back(service))


def _give_up(service: Service, reason: str, now: datetime, *, back: bool) -> tuple[Service, list[str]]:
    """The PRIMARY deployment has failed; ``back``: the last good one is to be it again."""
    primary = service.primary
    failed: dict[str, Any] = {"rollout_state": "FAILED", "rollout_reason": reason, "updated_at": now}
    messages = [events.failed(primary.id)]
    service = with_deployment(service, primary.id, **failed)
    good = _last_good(service) if back else None
    if good is None:
        return service, messages
    service = with_deployment(service, primary.id, status="ACTIVE")
    service = with_deployment(
        service,
        good.id,
        status="PRIMARY",
        rollout_state="IN_PROGRESS",
        rollout_reason=f"{reason.partition(':')[0]}: rolling back to deploymentId {good.id}.",
        failed_tasks=0,
        shift=None,
        updated_at=now,
    )
    strategy = service.strategy if good.capacity is None else good.capacity
    service = service.replace(
        extra=service.extra if strategy == service.strategy else {**service.extra, STRATEGY: list(strategy)},
        launch_type=good.launch_type,
        task_definition_arn=good.task_definition_arn,
        network_configuration=good.network_configuration,
        platform_version=good.platform_version,
        load_balancers=service.load_balancers if good.load_balancers is None else good.load_balancers,
    )
    return service, [*messages, events.rolling_back(good.id)]


def _last_good(service: Service) -> Deployment | None:
    others = [d for d in service.deployments if d.status != "PRIMARY"]
    good = [d for d in others if d.rollout_state == "COMPLETED"]
    shift = service.primary.shift
    serving = next((d for d in others if shift is not None and d.id == shift.source_id), None)
    return max(good, key=lambda d: d.created_at, default=serving)


def _delete(service: Service, progress: Progress, now: datetime) -> Service:
    """A deleted service becomes INACTIVE when its last task is STOPPED."""
    if any(task.last_status != "STOPPED" for task in progress.tasks):
        return service
    return service.replace(status="INACTIVE", stopped_at=now, steady=False)
