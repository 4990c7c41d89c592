"""CreateDeploymentGroup, GetDeploymentGroup, BatchGetDeploymentGroups, UpdateDeploymentGroup,
ListDeploymentGroups, DeleteDeploymentGroup."""

from typing import Any

from ...model.code_deployment import UNDER_WAY, CodeDeployment
from ...model.deployment_group import DeploymentGroup
from ...model.errors import AwsError
from ...model.ids import uuid
from ...model.request import Params
from ...model.traffic_routing import DEFAULT
from ...store import Reader, Transaction
from ..context import Context, Operation
from . import group_rules as rules
from . import tags
from .configs import require_config
from .errors import error
from .lookup import arn, deployments_of, find_group, groups_of, paged, require_application, require_group
from .names import check_name
from .refusals import refuse_others

MOST_GROUPS = 1000
"""Of an application. CodeDeploy User Guide, "CodeDeploy quotas"."""
_MOST_IN_BATCH = 100


def create_deployment_group(ctx: Context, request: Params) -> Params:
    """CreateDeploymentGroup."""
    refuse_others(request, (*rules.COMMON, "deploymentGroupName", "tags"), "CreateDeploymentGroup")
    name = check_name(request["deploymentGroupName"], "DeploymentGroup")
    given_tags = tags.to_mapping(request.get("tags"))
    with ctx.store.transaction() as tx:
        application = require_application(ctx, tx, request["applicationName"])
        others = groups_of(ctx, tx, application.name)
        if any(other.name == name for other in others):
            raise error("DeploymentGroupAlreadyExists", f"Deployment group already exists: {name}")
        if len(others) >= MOST_GROUPS:
            raise error("DeploymentGroupLimitExceeded", f"An application has {MOST_GROUPS} groups at most")
        specified = {"deploymentConfigName": DEFAULT, **request}
        group = DeploymentGroup(
            arn=arn(ctx, f"deploymentgroup:{application.name}/{name}"),
            account_id=ctx.account_id,
            region=ctx.region,
            id=uuid(ctx.ids),
            application_name=application.name,
            name=name,
            tags=given_tags,
            **_specification(ctx, tx, specified),
        )
        _check_alone(tx, group)
        tx.put(group)
    return {"deploymentGroupId": group.id}


def update_deployment_group(ctx: Context, request: Params) -> Params:
    """UpdateDeploymentGroup: what is not given stays. Deployments under way go on as they began."""
    names = ("currentDeploymentGroupName", "newDeploymentGroupName")
    refuse_others(request, (*rules.COMMON, *names), "UpdateDeploymentGroup")
    with ctx.store.transaction() as tx:
        group = require_group(ctx, tx, request["applicationName"], request["currentDeploymentGroupName"])
        name = check_name(request.get("newDeploymentGroupName") or group.name, "DeploymentGroup")
        changed = group.replace(**_specification(ctx, tx, {**_as_given(group), **request}))
        _check_alone(tx, changed)
        if name != group.name:
            if find_group(ctx, tx, group.application_name, name) is not None:
                raise error("DeploymentGroupAlreadyExists", f"Deployment group already exists: {name}")
            tx.delete(group)
            new_arn = arn(ctx, f"deploymentgroup:{group.application_name}/{name}")
            changed = changed.replace(arn=new_arn, name=name, version=0)
        tx.put(changed)
    return {"hooksNotCleanedUp": []}


def _specification(ctx: Context, reader: Reader, given: Params) -> dict[str, Any]:
    """The fields of a group, all checked."""
    rules.check_alarms(given.get("alarmConfiguration") or {})
    rules.check_outdated(given.get("outdatedInstancesStrategy"))
    rules.check_style(given.get("deploymentStyle"))
    entry, service = rules.checked_service(ctx, reader, given.get("ecsServices"))
    return {
        "config_name": require_config(ctx, reader, given["deploymentConfigName"]).name,
        "role_arn": rules.check_role(given["serviceRoleArn"]),
        "cluster_name": entry["clusterName"],
        "service_name": entry["serviceName"],
        "service_arn": service.arn,
        "load_balancer_info": rules.checked_load_balancer(ctx, reader, given.get("loadBalancerInfo")),
        "blue_green": rules.checked_blue_green(given.get("blueGreenDeploymentConfiguration")),
        "rollback_events": rules.rollback_events(given.get("autoRollbackConfiguration") or {}),
    }


def _as_given(group: DeploymentGroup) -> Params:
    """The members of a request that would make the group as it is."""
    return {
        "deploymentConfigName": group.config_name,
        "serviceRoleArn": group.role_arn,
        "ecsServices": [{"clusterName": group.cluster_name, "serviceName": group.service_name}],
        "loadBalancerInfo": group.load_balancer_info,
        "blueGreenDeploymentConfiguration": group.blue_green,
        "autoRollbackConfiguration": rollback_shape(group.rollback_events),
    }


def _check_alone(reader: Reader, group: DeploymentGroup) -> None:
    """A service is deployed by one deployment group."""
    others = reader.list(DeploymentGroup, service_arn=group.service_arn)
    if any(other.id != group.id for other in others):
        raise error(
            "ECSServiceMappingLimitExceeded",
            "The Amazon ECS service is associated with another deployment group. An Amazon ECS service can be"
            " associated with only one deployment group.",
        )


def get_deployment_group(ctx: Context, request: Params) -> Params:
    """GetDeploymentGroup."""
    group = require_group(ctx, ctx.store, request["applicationName"], request["deploymentGroupName"])
    return {"deploymentGroupInfo": _info(ctx.store, group)}


def batch_get_deployment_groups(ctx: Context, request: Params) -> Params:
    """BatchGetDeploymentGroups; unknown ones are told of in ``errorMessage``."""
    names = request["deploymentGroupNames"]
    if len(names) > _MOST_IN_BATCH:
        raise error("BatchLimitExceeded", f"At most {_MOST_IN_BATCH} names are allowed, not {len(names)}")
    application = require_application(ctx, ctx.store, request["applicationName"])
    found = [(name, find_group(ctx, ctx.store, application.name, name)) for name in names]
    missing = [name for name, group in found if group is None]
    told = {"errorMessage": f"No Deployment Group found for name: {', '.join(missing)}"} if missing else {}
    return {"deploymentGroupsInfo": [_info(ctx.store, group) for _, group in found if group], **told}


def list_deployment_groups(ctx: Context, request: Params) -> Params:
    """ListDeploymentGroups."""
    application = require_application(ctx, ctx.store, request["applicationName"])
    chosen, following = paged(groups_of(ctx, ctx.store, application.name), lambda one: one.name, request)
    return {
        "applicationName": application.name,
        "deploymentGroups": [one.name for one in chosen],
        **following,
    }


def delete_deployment_group(ctx: Context, request: Params) -> Params:
    """DeleteDeploymentGroup. One that is not there is deleted already."""
    with ctx.store.transaction() as tx:
        found = find_group(ctx, tx, request["applicationName"], request["deploymentGroupName"])
        if found is not None:
            delete_with_deployments(tx, found)
    return {"hooksNotCleanedUp": []}


def delete_with_deployments(tx: Transaction, group: DeploymentGroup) -> None:
    """Deletes the group and its deployments, of which none may be under way."""
    deployments = deployments_of(tx, group.id)
    for deployment in deployments:
        if deployment.status in UNDER_WAY:
            raise busy(group, deployment)
    for deployment in deployments:
        tx.delete(deployment)
    tx.delete(group)


def busy(group: DeploymentGroup, deployment: CodeDeployment) -> AwsError:
    """DeploymentLimitExceededException: one deployment at a time."""
    return error(
        "DeploymentLimitExceeded",
        f"The Deployment Group '{group.name}' already has an active Deployment '{deployment.id}'",
    )


def rollback_shape(events: tuple[str, ...]) -> Params:
    """The ``AutoRollbackConfiguration`` shape."""
    return {"enabled": bool(events), "events": list(events)}


def _info(reader: Reader, group: DeploymentGroup) -> Params:
    deployments = deployments_of(reader, group.id)
    succeeded = next((one for one in deployments if one.status == "Succeeded"), None)
    answer: Params = {
        "applicationName": group.application_name,
        "deploymentGroupId": group.id,
        "deploymentGroupName": group.name,
        "deploymentConfigName": group.config_name,
        "serviceRoleArn": group.role_arn,
        "autoRollbackConfiguration": rollback_shape(group.rollback_events),
        "deploymentStyle": rules.STYLE,
        "blueGreenDeploymentConfiguration": group.blue_green,
        "loadBalancerInfo": group.load_balancer_info,
        "ecsServices": [{"clusterName": group.cluster_name, "serviceName": group.service_name}],
        "computePlatform": "ECS",
        "outdatedInstancesStrategy": "UPDATE",
        "triggerConfigurations": [],
        "terminationHookEnabled": False,
    }
    if deployments:
        answer["lastAttemptedDeployment"] = _last(deployments[0])
    if succeeded:
        answer |= {"lastSuccessfulDeployment": _last(succeeded), "targetRevision": succeeded.revision}
    return answer


def _last(deployment: CodeDeployment) -> Params:
    return {
        "deploymentId": deployment.id,
        "status": deployment.status,
        "endTime": deployment.completed_at,
        "createTime": deployment.created_at,
    }


OPERATIONS: dict[str, Operation] = {
    "BatchGetDeploymentGroups": batch_get_deployment_groups,
    "CreateDeploymentGroup": create_deployment_group,
    "DeleteDeploymentGroup": delete_deployment_group,
    "GetDeploymentGroup": get_deployment_group,
    "ListDeploymentGroups": list_deployment_groups,
    "UpdateDeploymentGroup": update_deployment_group,
}
