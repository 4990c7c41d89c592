"""Crash loops: how long to wait before the next start, and when to give a deployment up.

The first failure is answered at once; each further round waits twice as long, one second up to five
minutes. Failures during a wait belong to the round that caused it. A task that stays up for a minute
ends the series. The circuit breaker counts the failed tasks of a deployment that is being rolled out.
Source: ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ..model.service import Backoff, Deployment, Service
from ..model.task import Task
from .plan import earliest, over

STAYS_UP = timedelta(minutes=1)
LONGEST_WAIT = 300
LOOP_AFTER = 3
"""Rounds of failures after which the service's history speaks of a crash loop."""


def current(service: Service, primary: Deployment) -> Backoff | None:
    """The series of failures of the PRIMARY deployment."""
    series = service.backoff
    return series if series is not None and series.deployment_id == primary.id else None


def after_failures(
    series: Backoff | None, primary: Deployment, failed: Sequence[Task], now: datetime
) -> Backoff | None:
    """The series after these tasks of the PRIMARY deployment failed."""
    if not failed:
        return series
    if series is not None and waits(series, now):
        return series
    lasted = all(task.started_at is not None and over(task.started_at, STAYS_UP, now) for task in failed)
    failures = 1 if series is None or lasted else series.failures + 1
    return Backoff(failures=failures, not_before=now + wait(failures), deployment_id=primary.id)


def wait(failures: int) -> timedelta:
    """Before the next start, after so many rounds of failures."""
    if failures <= 1:
        return timedelta(0)
    return timedelta(seconds=min(2 ** min(failures - 2, 16), LONGEST_WAIT))


def waits(series: Backoff, now: datetime) -> bool:
    """Whether the next start is still to come. A wait longer than it began with means a clock set back."""
    return timedelta(0) < series.not_before - now <= wait(series.failures)


def after_success(
    series: Backoff | None, serving: Iterable[Task], now: datetime
) -> tuple[Backoff | None, datetime | None]:
    """The series given the healthy tasks of the PRIMARY deployment, and when one will have stayed up."""
    if series is None:
        return None, None
    starts = [task.started_at for task in serving if task.started_at is not None]
    if any(over(start, STAYS_UP, now) for start in starts):
        return None, None
    return series, earliest(*(start + STAYS_UP for start in starts))


def breaker_trips(service: Service, primary: Deployment) -> bool:
    """Whether the circuit breaker gives up the rollout."""
    breaker = service.deployment_configuration.get("deploymentCircuitBreaker") or {}
    rolling = primary.rollout_state == "IN_PROGRESS"
    return bool(breaker.get("enable")) and rolling and primary.failed_tasks >= service.breaker_threshold


def rolls_back(service: Service) -> bool:
    """Whether the user asked for the last good deployment to come back."""
    breaker = service.deployment_configuration.get("deploymentCircuitBreaker") or {}
    return bool(breaker.get("enable") and breaker.get("rollback"))
