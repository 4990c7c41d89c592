"""Finding what a request names: of the caller's account and region, or AWS's error."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from ...model.code_deployment import UNDER_WAY, CodeDeployment
from ...model.deployment_group import Application, DeploymentGroup, code_deploy_arn
from ...model.pagination import page
from ...model.request import Params
from ...store import Reader
from ..context import Context
from .errors import error, no_application, no_deployment, no_group

T = TypeVar("T")
_PAGE = 100
_ID = re.compile(r"d-[A-Z0-9]{9}")


def arn(ctx: Context, resource: str) -> str:
    """An ARN of the caller's: ``arn(ctx, "application:orders")``."""
    return code_deploy_arn(ctx.region, ctx.account_id, resource)


def find_application(ctx: Context, reader: Reader, name: str) -> Application | None:
    """The application, or None."""
    return reader.get(Application, arn(ctx, f"application:{name}"))


def require_application(ctx: Context, reader: Reader, name: str) -> Application:
    """The application, or ApplicationDoesNotExistException."""
    found = find_application(ctx, reader, name)
    if found is None:
        raise no_application(name)
    return found


def applications(ctx: Context, reader: Reader) -> list[Application]:
    """All of the caller's, by name."""
    return reader.list(Application, account_id=ctx.account_id, region=ctx.region)


def groups_of(ctx: Context, reader: Reader, application: str) -> list[DeploymentGroup]:
    """The application's deployment groups, by name."""
    return reader.list(
        DeploymentGroup, account_id=ctx.account_id, region=ctx.region, application_name=application
    )


def find_group(ctx: Context, reader: Reader, application: str, name: str) -> DeploymentGroup | None:
    """The deployment group, or None."""
    return reader.get(DeploymentGroup, arn(ctx, f"deploymentgroup:{application}/{name}"))


def require_group(ctx: Context, reader: Reader, application: str, name: str | None) -> DeploymentGroup:
    """The deployment group of an application there is, or AWS's error."""
    require_application(ctx, reader, application)
    if not name:
        raise error("DeploymentGroupNameRequired", "Deployment Group name is missing")
    found = find_group(ctx, reader, application, name)
    if found is None:
        raise no_group(name)
    return found


def find_deployment(ctx: Context, reader: Reader, deployment_id: str) -> CodeDeployment | None:
    """The deployment, or None. Raises InvalidDeploymentIdException for what can be no id."""
    if not _ID.fullmatch(deployment_id):
        raise error(
            "InvalidDeploymentId", f"Specified DeploymentId is not in the valid format: {deployment_id}"
        )
    return reader.get(CodeDeployment, arn(ctx, f"deployment:{deployment_id}"))


def require_deployment(ctx: Context, reader: Reader, deployment_id: str | None) -> CodeDeployment:
    """The deployment, or AWS's error."""
    if not deployment_id:
        raise error("DeploymentIdRequired", "Deployment id is missing")
    found = find_deployment(ctx, reader, deployment_id)
    if found is None:
        raise no_deployment(deployment_id)
    return found


def require_under_way(ctx: Context, reader: Reader, deployment_id: str | None) -> CodeDeployment:
    """A deployment that has not ended."""
    found = require_deployment(ctx, reader, deployment_id)
    if found.status not in UNDER_WAY:
        raise error(
            "DeploymentAlreadyCompleted", f"The deployment {found.id} has already completed: {found.status}"
        )
    return found


def deployments_of(reader: Reader, group_id: str) -> list[CodeDeployment]:
    """The deployments of a group, newest first."""
    found = reader.list(CodeDeployment, group_id=group_id)
    return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)


def paged(items: Sequence[T], key: Callable[[T], str], request: Params) -> tuple[list[T], Params]:
    """One page in order of the keys, and the answer's token, if any."""
    try:
        chosen, following = page(items, key, request.get("nextToken"), _PAGE)
    except ValueError as fault:
        raise error("InvalidNextToken", "The next token was specified in an invalid format.") from fault
    return chosen, {"nextToken": following} if following else {}
