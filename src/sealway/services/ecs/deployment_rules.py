"""``deploymentConfiguration`` and new deployments.

A service has one PRIMARY deployment, the one being rolled out or rolled out last. A new one makes the old
PRIMARY an ACTIVE one, which ``control`` shrinks and removes: in a rolling deployment task by task, with
another strategy after the new one has taken over its traffic. That one's tasks are in the other target group.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ...model.ids import IdSource, decimal
from ...model.request import Params
from ...model.service import Deployment, Service
from ...model.traffic_shift import Shift
from .errors import invalid, unsupported
from .honoured import refuse_others
from .shift_rules import new_shift_strategy

_HONOURED = (
    "deploymentCircuitBreaker",
    "maximumPercent",
    "minimumHealthyPercent",
    "alarms",
    "strategy",
    "bakeTimeInMinutes",
    "linearConfiguration",
    "canaryConfiguration",
    "lifecycleHooks",
)


class Percents(NamedTuple):
    """How many tasks a rolling deployment keeps at least, and has at most, of the desired count."""

    minimum: int = 100
    maximum: int = 200


DEFAULT_PERCENTS = Percents()


def default_percents(scheduling_strategy: str) -> Percents:
    """AWS's: a daemon's instance has no room for two, so the old task goes before the new one comes."""
    return Percents(0, 100) if scheduling_strategy == "DAEMON" else DEFAULT_PERCENTS


def percents(given: Params, current: Percents = DEFAULT_PERCENTS, scheduling: str = "REPLICA") -> Percents:
    """The percentages, ``current`` where not given. Raises for what is wrong or not built."""
    refuse_others(given, _HONOURED, "deploymentConfiguration")
    _check_breaker(given.get("deploymentCircuitBreaker") or {})
    minimum = _or(given.get("minimumHealthyPercent"), current.minimum)
    maximum = _or(given.get("maximumPercent"), current.maximum)
    if not 0 <= minimum <= 100:
        raise invalid("minimumHealthyPercent must be between 0 and 100.")
    if scheduling == "DAEMON" and maximum != 100:
        raise invalid("maximumPercent must be 100 for the DAEMON scheduling strategy.")
    if maximum < 100:
        raise invalid("maximumPercent must be greater than or equal to 100.")
    if minimum == maximum == 100:
        raise invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        )
    return Percents(minimum, maximum)


def _check_breaker(breaker: Params) -> None:
    """A task that becomes healthy resets the failures counted: AWS's default, and all that is built."""
    refuse_others(breaker, ("enable", "rollback", "resetOnHealthyTask"), "deploymentCircuitBreaker")
    if breaker.get("enable") and breaker.get("resetOnHealthyTask") is False:
        raise unsupported("The value false of the parameter 'resetOnHealthyTask' of deploymentCircuitBreaker")


def _or(given: int | None, current: int) -> int:
    return current if given is None else given


def with_new_deployment(service: Service, ids: IdSource, now: datetime) -> Service:
    """The service with a new PRIMARY deployment of what it now specifies, and its crash loop forgotten."""
    deployment_id = f"ecs-svc/{decimal(ids, 19)}"
    shift, alternate = _taking_over(service, now)
    primary = Deployment(
        id=deployment_id,
        status="PRIMARY",
        task_definition_arn=service.task_definition_arn,
        desired_count=service.desired_count,
        created_at=now,
        updated_at=now,
        launch_type=service.launch_type,
        platform_version=service.platform_version,
        network_configuration=service.network_configuration,
        rollout_reason=f"ECS deployment {deployment_id} in progress.",
        load_balancers=service.load_balancers,
        alternate=alternate,
        capacity=service.strategy,
        shift=shift,
    )
    older = (
        msgspec.structs.replace(d, status="ACTIVE", updated_at=now) if d.status == "PRIMARY" else d
        for d in service.deployments
    )
    return service.replace(deployments=(primary, *older), backoff=None, steady=False)


def _taking_over(service: Service, now: datetime) -> tuple[Shift | None, bool]:
    """How a new deployment takes over traffic, and whether its tasks are in the alternate target groups."""
    strategy = new_shift_strategy(service.deployment_configuration)
    current = service.primary if service.deployments else None
    source = _source(service)
    if current is None or not source or not strategy:
        return None, bool(current and current.alternate and _same_groups(current, service))
    shift = Shift(
        strategy=strategy,
        source_id=source.id,
        configuration=service.deployment_configuration,
        stage="PRE_SCALE_UP" if source.id == current.id else "RECONCILE_SERVICE",
        stage_since=now,
    )
    return shift, not source.alternate


def _source(service: Service) -> Deployment | None:
    """The deployment that serves: the newest one that was completed; else the first, unless it fails."""
    completed = [d for d in service.deployments if d.rollout_state == "COMPLETED"]
    if completed:
        return max(completed, key=lambda d: d.created_at)
    first = [d for d in service.deployments if d.rollout_state == "IN_PROGRESS" and not d.shift]
    return next((d for d in first if not d.failed_tasks), None)


def _same_groups(deployment: Deployment, service: Service) -> bool:
    before = service.load_balancers if deployment.load_balancers is None else deployment.load_balancers
    return targets_of(before) == targets_of(service.load_balancers)


def targets_of(balancers: Sequence[Params]) -> list[tuple[object, ...]]:
    """What ``loadBalancers`` lead to, without how traffic is shifted between their target groups."""
    return [tuple(b.get(m) for m in ("targetGroupArn", "containerName", "containerPort")) for b in balancers]


def with_desired_count(service: Service, count: int, now: datetime) -> Service:
    """The service scaled: the PRIMARY deployment follows, no new one is made."""
    if count == service.desired_count:
        return service
    deployments = tuple(
        msgspec.structs.replace(d, desired_count=count, updated_at=now) if d.status == "PRIMARY" else d
        for d in service.deployments
    )
    return service.replace(desired_count=count, deployments=deployments, steady=False)
