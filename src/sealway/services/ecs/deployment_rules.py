"""``deploymentConfiguration`` and new deployments.

A service has one PRIMARY deployment, the one being rolled out or rolled out last. A new one makes the old
PRIMARY an ACTIVE one, which ``control`` shrinks and removes.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

from ...model.ids import IdSource, decimal
from ...model.request import Params
from ...model.service import Deployment, Service
from .errors import invalid, unsupported
from .honoured import refuse_others

_HONOURED = (
    "deploymentCircuitBreaker",
    "maximumPercent",
    "minimumHealthyPercent",
    "alarms",
    "strategy",
    "bakeTimeInMinutes",
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
    if given.get("strategy") not in (None, "ROLLING"):
        raise unsupported(f"The deployment strategy {given['strategy']} (use ROLLING)")
    _check_breaker(given.get("deploymentCircuitBreaker") or {})
    if (given.get("alarms") or {}).get("enable"):
        raise unsupported("The parameter 'alarms.enable' of deploymentConfiguration")
    if given.get("bakeTimeInMinutes"):
        raise unsupported("The parameter 'bakeTimeInMinutes' of deploymentConfiguration")
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
    )
    older = (
        msgspec.structs.replace(d, status="ACTIVE", updated_at=now) if d.status == "PRIMARY" else d
        for d in service.deployments
    )
    return service.replace(deployments=(primary, *older), backoff=None, steady=False)


def with_desired_count(service: Service, count: int, now: datetime) -> Service:
    """The service scaled: the PRIMARY deployment follows, no new one is made."""
    if count == service.desired_count:
        return service
    deployments = tuple(
        msgspec.structs.replace(d, desired_count=count, updated_at=now) if d.status == "PRIMARY" else d
        for d in service.deployments
    )
    return service.replace(desired_count=count, deployments=deployments, steady=False)
