"""GetDeployment, BatchGetDeployments, ListDeployments, and the targets of a deployment."""

from ...model.code_deployment import CodeDeployment
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from . import deployment_view
from .errors import error
from .lookup import (
    deployments_of,
    find_deployment,
    paged,
    require_application,
    require_deployment,
    require_group,
)
from .refusals import refuse_others

_MOST_IN_BATCH = 100
_MOST_TARGETS = 25


def get_deployment(ctx: Context, request: Params) -> Params:
    """GetDeployment."""
    deployment = require_deployment(ctx, ctx.store, request["deploymentId"])
    return {"deploymentInfo": deployment_view.info(ctx.store, deployment)}


def batch_get_deployments(ctx: Context, request: Params) -> Params:
    """BatchGetDeployments: those there are."""
    ids = request["deploymentIds"]
    if len(ids) > _MOST_IN_BATCH:
        raise error("BatchLimitExceeded", f"At most {_MOST_IN_BATCH} ids are allowed, not {len(ids)}")
    found = [find_deployment(ctx, ctx.store, one) for one in ids]
    return {"deploymentsInfo": [deployment_view.info(ctx.store, one) for one in found if one]}


def list_deployments(ctx: Context, request: Params) -> Params:
    """ListDeployments: of a group, or all; newest first, in pages."""
    refuse_others(
        request,
        (
            "applicationName",
            "deploymentGroupName",
            "includeOnlyStatuses",
            "createTimeRange",
            "nextToken",
        ),
        "ListDeployments",
    )
    found = _listed(ctx, ctx.store, request)
    statuses, within = request.get("includeOnlyStatuses"), request.get("createTimeRange") or {}
    start, end = within.get("start"), within.get("end")
    if start and end and start > end:
        raise error("InvalidTimeRange", "The start of createTimeRange is after its end")
    wanted = [
        one
        for one in found
        if (not statuses or one.status in statuses)
        and (start is None or one.created_at >= start)
        and (end is None or one.created_at <= end)
    ]
    newest_first = sorted(wanted, key=lambda one: (one.created_at, one.id), reverse=True)
    keys = {one.id: f"{place:06}" for place, one in enumerate(newest_first)}
    chosen, following = paged(newest_first, lambda one: keys[one.id], request)
    return {"deployments": [one.id for one in chosen], **following}


def _listed(ctx: Context, reader: Reader, request: Params) -> list[CodeDeployment]:
    application, group = request.get("applicationName"), request.get("deploymentGroupName")
    if group and not application:
        raise error("ApplicationNameRequired", "Application name is missing")
    if application and group:
        return deployments_of(reader, require_group(ctx, reader, application, group).id)
    own = reader.list(CodeDeployment, account_id=ctx.account_id, region=ctx.region)
    if not application:
        return own
    name = require_application(ctx, reader, application).name
    return [one for one in own if one.application_name == name]


def list_deployment_targets(ctx: Context, request: Params) -> Params:
    """ListDeploymentTargets: the one service, if the filters let it."""
    deployment = require_deployment(ctx, ctx.store, request["deploymentId"])
    filters = request.get("targetFilters") or {}
    status = filters.get("TargetStatus")
    if unknown := set(filters) - {"TargetStatus"}:
        raise error("InvalidTargetFilterName", f"An ECS deployment has no targets with {unknown.pop()}")
    fits = not status or deployment_view.target_status(deployment) in status
    chosen, following = paged([deployment_view.target_id(deployment)] if fits else [], str, request)
    return {"targetIds": chosen, **following}


def get_deployment_target(ctx: Context, request: Params) -> Params:
    """GetDeploymentTarget."""
    deployment = require_deployment(ctx, ctx.store, request["deploymentId"])
    return {"deploymentTarget": _target(ctx, deployment, request["targetId"])}


def batch_get_deployment_targets(ctx: Context, request: Params) -> Params:
    """BatchGetDeploymentTargets."""
    deployment = require_deployment(ctx, ctx.store, request["deploymentId"])
    ids = request["targetIds"]
    if not ids:
        raise error("DeploymentTargetIdRequired", "A deployment target id is missing")
    if len(ids) > _MOST_TARGETS:
        raise error(
            "DeploymentTargetListSizeExceeded", f"At most {_MOST_TARGETS} targets are allowed, not {len(ids)}"
        )
    return {"deploymentTargets": [_target(ctx, deployment, one) for one in ids]}


def _target(ctx: Context, deployment: CodeDeployment, given: str) -> Params:
    if given != deployment_view.target_id(deployment):
        raise error(
            "DeploymentTargetDoesNotExist",
            f"The target {given} does not belong to the deployment {deployment.id}",
        )
    return deployment_view.target(ctx.store, deployment)


OPERATIONS: dict[str, Operation] = {
    "BatchGetDeploymentTargets": batch_get_deployment_targets,
    "BatchGetDeployments": batch_get_deployments,
    "GetDeployment": get_deployment,
    "GetDeploymentTarget": get_deployment_target,
    "ListDeploymentTargets": list_deployment_targets,
    "ListDeployments": list_deployments,
}
