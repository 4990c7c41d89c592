"""Moves the records of a service's deployments on, as its deployments go; forgets them after 90 days.

The deployments themselves decide (``rollout_state``); nothing here does. The newest record that tells of a
steady state is kept, whatever its age: a rollback returns to its revision.
Source: ECS API Reference, ``ServiceDeployment``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..model.resource import Resource
from ..model.service import Deployment, Service
from ..model.service_deployment import Rollback, ServiceDeployment, ServiceRevision
from ..store import Reader
from .plan import Plan

KEPT = timedelta(days=90)
_REPLACED = "The service deployment was replaced by a newer one."
_DELETED = "The service was deleted."


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """A service with all its records."""

    service: Service
    deployments: tuple[ServiceDeployment, ...] = ()
    revisions: tuple[ServiceRevision, ...] = ()


def read(reader: Reader, service_arn: str) -> Records | None:
    """The snapshot; None when the service does not exist."""
    service = reader.get(Service, service_arn)
    if service is None:
        return None
    return Records(
        service=service,
        deployments=tuple(reader.list(ServiceDeployment, service_arn=service_arn)),
        revisions=tuple(reader.list(ServiceRevision, service_arn=service_arn)),
    )


def of_gone(reader: Reader, gone: Iterable[Resource]) -> tuple[Resource, ...]:
    """The records of the services among these resources, to be deleted with them."""
    services = [resource.key for resource in gone if isinstance(resource, Service)]
    kinds: tuple[type[ServiceDeployment] | type[ServiceRevision], ...] = (ServiceDeployment, ServiceRevision)
    return tuple(r for arn in services for kind in kinds for r in reader.list(kind, service_arn=arn))


def plan(records: Records, now: datetime) -> Plan:
    """The records as they are to be now."""
    revisions = {revision.deployment_id: revision.arn for revision in records.revisions}
    moved = [_moved(record, records.service, revisions, now) for record in records.deployments]
    puts = [new for old, new in zip(records.deployments, moved, strict=True) if new != old]
    return Plan(puts=tuple(puts), deletes=_forgotten(records, now))


def _moved(
    record: ServiceDeployment, service: Service, revisions: Mapping[str, str], now: datetime
) -> ServiceDeployment:
    if record.ended:
        return record
    changes = _changes(record, service, revisions)
    own = next((d for d in service.deployments if d.id == record.deployment_id), None)
    if own is not None and own.rollout_state != "COMPLETED":
        changes["failed_tasks"] = own.failed_tasks
    if own is not None:
        changes["shift"] = own.shift
    if record.started_at is None:
        changes["started_at"] = now
    moved = record.replace(**changes)
    if moved == record:
        return record
    if moved.status == "STOPPED":
        moved = moved.replace(stopped_at=now)
    return moved.replace(updated_at=now, finished_at=now if moved.ended else None)


def _changes(record: ServiceDeployment, service: Service, revisions: Mapping[str, str]) -> dict[str, Any]:
    if service.status != "ACTIVE" or not service.deployments:  # or made anew, of task sets
        return {"status": "STOPPED", "status_reason": _DELETED}
    primary = service.primary
    if record.rollback is not None:
        return _of_rollback(record.rollback, primary)
    if primary.id == record.deployment_id:
        status = {"COMPLETED": "SUCCESSFUL", "FAILED": "STOPPED"}.get(primary.rollout_state, "IN_PROGRESS")
        reason = primary.rollout_reason if status == "STOPPED" else None
        return {"status": status, "status_reason": reason}
    own = next((d for d in service.deployments if d.id == record.deployment_id), None)
    if own is None or own.rollout_state != "FAILED" or primary.created_at >= own.created_at:
        return {"status": "STOPPED", "status_reason": _REPLACED}
    rollback = Rollback(
        reason=own.rollout_reason,
        started_at=own.updated_at,
        revision_arn=revisions.get(primary.id, ""),
        deployment_id=primary.id,
    )
    return {"status_reason": own.rollout_reason, "rollback": rollback, **_of_rollback(rollback, primary)}


def _of_rollback(rollback: Rollback, primary: Deployment) -> dict[str, Any]:
    if primary.id != rollback.deployment_id:
        return {"status": "ROLLBACK_FAILED", "status_reason": _REPLACED}
    ends = {"COMPLETED": "ROLLBACK_SUCCESSFUL", "FAILED": "ROLLBACK_FAILED"}
    return {"status": ends.get(primary.rollout_state, "ROLLBACK_IN_PROGRESS")}


def _forgotten(records: Records, now: datetime) -> tuple[Resource, ...]:
    old = [r for r in records.deployments if r.ended and r.updated_at + KEPT <= now]
    if not old:
        return ()
    good = [r for r in records.deployments if r.good_revision_arn]
    newest_good = max(good, key=lambda r: r.created_at, default=None)
    live = {deployment.id for deployment in records.service.deployments}
    dead = [r for r in old if r != newest_good and r.deployment_id not in live]
    left = [r for r in records.deployments if r not in dead]
    named = {
        arn for r in left for arn in (r.target_revision_arn, *r.source_revision_arns, r.good_revision_arn)
    }
    unnamed = [r for r in records.revisions if r.arn not in named and r.deployment_id not in live]
    return (*dead, *unnamed)
