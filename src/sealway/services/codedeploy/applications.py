"""CreateApplication, GetApplication, BatchGetApplications, ListApplications, UpdateApplication,
DeleteApplication."""

from ...model.deployment_group import Application
from ...model.ids import uuid
from ...model.request import Params
from ..context import Context, Operation
from . import tags
from .errors import error, unsupported
from .groups import delete_with_deployments
from .lookup import (
    applications,
    arn,
    deployments_of,
    find_application,
    groups_of,
    paged,
    require_application,
)
from .names import check_name

ECS = "ECS"
MOST_APPLICATIONS = 1000
"""CodeDeploy User Guide, "CodeDeploy quotas"."""
_MOST_IN_BATCH = 100


def create_application(ctx: Context, request: Params) -> Params:
    """CreateApplication, of the compute platform ECS."""
    name, platform = request["applicationName"], request.get("computePlatform") or "Server"
    check_name(name)
    if platform != ECS:
        raise unsupported(f"The computePlatform {platform} (use {ECS})", "InvalidComputePlatform")
    given = tags.to_mapping(request.get("tags"))
    with ctx.store.transaction() as tx:
        if find_application(ctx, tx, name) is not None:
            raise error("ApplicationAlreadyExists", f"Application already exists: {name}")
        if len(applications(ctx, tx)) >= MOST_APPLICATIONS:
            raise error("ApplicationLimitExceeded", f"There can be {MOST_APPLICATIONS} applications at most")
        made = tx.put(
            Application(
                arn=arn(ctx, f"application:{name}"),
                account_id=ctx.account_id,
                region=ctx.region,
                id=uuid(ctx.ids),
                name=name,
                created_at=ctx.now,
                tags=given,
            )
        )
    return {"applicationId": made.id}


def get_application(ctx: Context, request: Params) -> Params:
    """GetApplication."""
    return {"application": _info(require_application(ctx, ctx.store, request["applicationName"]))}


def batch_get_applications(ctx: Context, request: Params) -> Params:
    """BatchGetApplications: an unknown one fails them all, as on AWS."""
    names = request["applicationNames"]
    if len(names) > _MOST_IN_BATCH:
        raise error("BatchLimitExceeded", f"At most {_MOST_IN_BATCH} names are allowed, not {len(names)}")
    return {"applicationsInfo": [_info(require_application(ctx, ctx.store, name)) for name in names]}


def list_applications(ctx: Context, request: Params) -> Params:
    """ListApplications."""
    chosen, following = paged(applications(ctx, ctx.store), lambda one: one.name, request)
    return {"applications": [one.name for one in chosen], **following}


def update_application(ctx: Context, request: Params) -> Params:
    """UpdateApplication: another name, for its deployment groups and their deployments too."""
    if not request.get("applicationName"):
        raise error("ApplicationNameRequired", "Application name is missing")
    name = check_name(request.get("newApplicationName") or request["applicationName"])
    with ctx.store.transaction() as tx:
        found = require_application(ctx, tx, request["applicationName"])
        if name == found.name:
            return {}
        if find_application(ctx, tx, name) is not None:
            raise error("ApplicationAlreadyExists", f"Application already exists: {name}")
        for group in groups_of(ctx, tx, found.name):
            for deployment in deployments_of(tx, group.id):
                tx.put(deployment.replace(application_name=name))
            tx.delete(group)
            new_arn = arn(ctx, f"deploymentgroup:{name}/{group.name}")
            tx.put(group.replace(arn=new_arn, application_name=name, version=0))
        tx.delete(found)
        tx.put(found.replace(arn=arn(ctx, f"application:{name}"), name=name, version=0))
    return {}


def delete_application(ctx: Context, request: Params) -> Params:
    """DeleteApplication, with its deployment groups. One that is not there is deleted already."""
    with ctx.store.transaction() as tx:
        found = find_application(ctx, tx, request["applicationName"])
        if found is not None:
            for group in groups_of(ctx, tx, found.name):
                delete_with_deployments(tx, group)
            tx.delete(found)
    return {}


def _info(application: Application) -> Params:
    return {
        "applicationId": application.id,
        "applicationName": application.name,
        "createTime": application.created_at,
        "linkedToGitHub": False,
        "computePlatform": ECS,
    }


OPERATIONS: dict[str, Operation] = {
    "BatchGetApplications": batch_get_applications,
    "CreateApplication": create_application,
    "DeleteApplication": delete_application,
    "GetApplication": get_application,
    "ListApplications": list_applications,
    "UpdateApplication": update_application,
}
