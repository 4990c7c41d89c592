"""ListServiceDeployments, DescribeServiceDeployments, DescribeServiceRevisions, StopServiceDeployment.

A deployment that is stopped rolls back: the deployment of the last revision that reached a steady state
becomes the PRIMARY one again, in the same transaction; ``control`` makes it true.
"""

from datetime import datetime

import msgspec

from ...model.cluster import Cluster
from ...model.errors import AwsError
from ...model.request import Params
from ...model.service import STRATEGY, Deployment, Service
from ...model.service_deployment import Rollback, ServiceDeployment, ServiceRevision
from ...model.task_definition import TaskDefinition
from ...store import Reader
from ..context import Context, Operation
from . import errors, service_deployment_view
from .lookup import find_service, own_resource, require_cluster
from .pages import cut

_MOST_DESCRIBED = 20
_PAGE = 20
_STOPPABLE = ("PENDING", "IN_PROGRESS")
_REASON = "Service deployment rolled back because of StopServiceDeployment."


def list_service_deployments(ctx: Context, request: Params) -> Params:
    """ListServiceDeployments: newest first."""
    cluster = _cluster(ctx, request)
    service = find_service(ctx, ctx.store, cluster, request["service"])
    if service is None:
        raise errors.service_not_found()
    statuses, created = request.get("status") or (), request.get("createdAt") or {}
    found = {
        f"{record.created_at.isoformat()} {record.arn}": record
        for record in ctx.store.list(ServiceDeployment, service_arn=service.arn)
        if (not statuses or record.status in statuses) and _within(created, record.created_at)
    }
    chosen, token = cut(found, request, default=_PAGE, descending=True)
    return {"serviceDeployments": [service_deployment_view.brief(found[key]) for key in chosen], **token}


def _cluster(ctx: Context, request: Params) -> Cluster:
    """The cluster named; else the one in the service's ARN."""
    given = request.get("cluster")
    resource = own_resource(ctx, request["service"]) or ""
    if not given and request["service"].startswith("arn:") and resource.count("/") == 2:
        given = resource.split("/")[1]
    return require_cluster(ctx, ctx.store, given)


def _within(bounds: Params, created: datetime) -> bool:
    # Clients know the milliseconds alone, and ask by what they were shown.
    at = created.replace(microsecond=created.microsecond // 1000 * 1000)
    after, before = bounds.get("after"), bounds.get("before")
    return (after is None or at > after) and (before is None or at < before)


def describe_service_deployments(ctx: Context, request: Params) -> Params:
    """DescribeServiceDeployments, by ARN; unknown ones under ``failures``."""
    found, failures = [], []
    for text in _checked(request["serviceDeploymentArns"]):
        record = _record(ctx, ctx.store, text)
        if record is None:
            failures.append(errors.missing(text))
        else:
            found.append(service_deployment_view.show(ctx.store, record))
    return {"serviceDeployments": found, "failures": failures}


def describe_service_revisions(ctx: Context, request: Params) -> Params:
    """DescribeServiceRevisions, by ARN; unknown ones under ``failures``."""
    found, failures = [], []
    for text in _checked(request["serviceRevisionArns"]):
        revision = ctx.store.get(ServiceRevision, text) if own_resource(ctx, text) else None
        if revision is None:
            failures.append(errors.missing(text))
        else:
            found.append(service_deployment_view.show_revision(ctx.store, revision))
    return {"serviceRevisions": found, "failures": failures}


def _checked(names: list[str]) -> list[str]:
    if not 1 <= len(names) <= _MOST_DESCRIBED:
        raise errors.invalid(f"Specify between 1 and {_MOST_DESCRIBED} ARNs.")
    return list(dict.fromkeys(names))


def _record(ctx: Context, reader: Reader, text: str) -> ServiceDeployment | None:
    return reader.get(ServiceDeployment, text) if own_resource(ctx, text) else None


def stop_service_deployment(ctx: Context, request: Params) -> Params:
    """StopServiceDeployment: back to the last revision that reached a steady state."""
    if request.get("stopType") not in (None, "ROLLBACK"):
        raise errors.unsupported(f"The stop type {request['stopType']} (use ROLLBACK)")
    with ctx.store.transaction() as tx:
        record = _record(ctx, tx, request["serviceDeploymentArn"])
        if record is None:
            raise AwsError("ServiceDeploymentNotFoundException", "The service deployment was not found.")
        service = tx.get(Service, record.service_arn)
        current = service is not None and service.status == "ACTIVE" and record.status in _STOPPABLE
        if (
            service is None
            or not current
            or not service.deployments
            or service.primary.id != record.deployment_id
        ):
            raise AwsError(
                "ConflictException", "The service deployment cannot be stopped: it is not in progress."
            )
        good = _last_good(tx, record)
        tx.put(_rolled_back(service, good, ctx.now))
        rollback = Rollback(
            reason=_REASON, started_at=ctx.now, revision_arn=good.arn, deployment_id=good.deployment_id
        )
        changes: Params = {"status": "ROLLBACK_REQUESTED", "status_reason": _REASON, "rollback": rollback}
        tx.put(record.replace(**changes, updated_at=ctx.now))
    return {"serviceDeploymentArn": record.arn}


def _last_good(reader: Reader, record: ServiceDeployment) -> ServiceRevision:
    """The newest revision that reached a steady state and can come back. Raises when there is none."""
    records = sorted(
        reader.list(ServiceDeployment, service_arn=record.service_arn),
        key=lambda r: r.created_at,
        reverse=True,
    )
    arns = (r.good_revision_arn for r in records)
    revisions = (reader.get(ServiceRevision, arn) for arn in arns if arn)
    good = next((revision for revision in revisions if revision is not None), None)
    definition = reader.get(TaskDefinition, good.task_definition_arn) if good else None
    if good is None or definition is None or definition.status == "DELETED":
        raise errors.client("The service has no earlier service revision to roll back to.")
    return good


def _rolled_back(service: Service, good: ServiceRevision, now: datetime) -> Service:
    """The service specified as in the revision, whose deployment is the PRIMARY one again."""
    reason = f"{_REASON} Rolling back to deploymentId {good.deployment_id}."
    known = next((d for d in service.deployments if d.id == good.deployment_id), None)
    back = Deployment(
        id=good.deployment_id,
        status="PRIMARY",
        task_definition_arn=good.task_definition_arn,
        desired_count=service.desired_count,
        created_at=good.created_at,
        updated_at=now,
        launch_type=good.launch_type,
        platform_version=good.platform_version,
        network_configuration=good.network_configuration,
        rollout_reason=reason,
        load_balancers=good.load_balancers,
        alternate=known.alternate if known is not None else good.alternate,
        capacity=good.capacity_provider_strategy,
    )
    older = (
        msgspec.structs.replace(
            d, status="ACTIVE", rollout_state="FAILED", rollout_reason=_REASON, updated_at=now
        )
        if d.status == "PRIMARY"
        else d
        for d in service.deployments
        if d.id != back.id
    )
    strategy = good.capacity_provider_strategy
    same = strategy == service.strategy
    return service.replace(
        extra=service.extra if same else {**service.extra, STRATEGY: list(strategy)},
        launch_type=good.launch_type,
        deployments=(back, *older),
        task_definition_arn=good.task_definition_arn,
        network_configuration=good.network_configuration,
        platform_version=good.platform_version,
        load_balancers=good.load_balancers,
        backoff=None,
        steady=False,
    )


OPERATIONS: dict[str, Operation] = {
    "ListServiceDeployments": list_service_deployments,
    "DescribeServiceDeployments": describe_service_deployments,
    "DescribeServiceRevisions": describe_service_revisions,
    "StopServiceDeployment": stop_service_deployment,
}
