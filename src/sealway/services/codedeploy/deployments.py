"""CreateDeployment, StopDeployment, ContinueDeployment: what users ask for; ``control`` does it.

Everything that can be wrong with a deployment is found before it begins, so that nothing half deployed stays.
"""

from ...model import arn as arns
from ...model.code_deployment import (
    TERMINATE,
    TERMINATION_WAIT,
    UNDER_WAY,
    CodeDeployment,
    Stop,
    lifecycle_of,
)
from ...model.deployment_group import DeploymentGroup
from ...model.errors import AwsError
from ...model.ids import IdSource
from ...model.request import Params
from ...model.service import Service
from ...model.target_group import TargetGroup
from ...model.task_set import CODE_DEPLOY, TaskSet
from ...store import Transaction
from ..context import Context, Operation
from ..ecs.lookup import require_cluster, require_definition
from ..ecs.new_task_set import new_task_set
from ..ecs.task_set_view import of_service
from . import group_rules as rules
from .app_spec import AppSpec, read_revision
from .configs import require_config
from .deployment_view import FILES_ARE_NOT_THERE
from .errors import bad_revision, error
from .groups import busy
from .lookup import arn, deployments_of, require_group, require_under_way
from .refusals import refuse_others
from .traffic import prepare_listeners

KEPT = 100
"""Deployments of a group, the newest ones."""
LONGEST_DESCRIPTION = 256
_CREATE = (
    "applicationName",
    "deploymentGroupName",
    "revision",
    "deploymentConfigName",
    "description",
    "autoRollbackConfiguration",
    "overrideAlarmConfiguration",
    "fileExistsBehavior",
)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def create_deployment(ctx: Context, request: Params) -> Params:
    """CreateDeployment, of the newest definition that the AppSpec names."""
    refuse_others(request, _CREATE, "CreateDeployment")
    rules.check_alarms(request.get("overrideAlarmConfiguration") or {})
    if request.get("fileExistsBehavior") not in (None, FILES_ARE_NOT_THERE):
        raise error("InvalidFileExistsBehavior", "The fileExistsBehavior is for files on instances")
    if len(request.get("description") or "") > LONGEST_DESCRIPTION:
        raise error("DescriptionTooLong", f"A description has at most {LONGEST_DESCRIPTION} characters")
    spec = read_revision(request.get("revision"))
    with ctx.store.transaction() as tx:
        group = require_group(ctx, tx, request["applicationName"], request.get("deploymentGroupName"))
        earlier = deployments_of(tx, group.id)
        of_its_service = tx.list(CodeDeployment, service_arn=group.service_arn)  # by a group it was in before
        active = next((one for one in (*earlier, *of_its_service) if one.status in UNDER_WAY), None)
        if active is not None:
            raise busy(group, active)
        made = tx.put(_new_deployment(ctx, tx, group, request, spec))
        for old in earlier[KEPT - 1 :]:
            tx.delete(old)
    return {"deploymentId": made.id}


def _new_deployment(
    ctx: Context, tx: Transaction, group: DeploymentGroup, request: Params, spec: AppSpec
) -> CodeDeployment:
    service, blue = _deployed(tx, group)
    production, test = rules.listeners_of(group.load_balancer_info)
    blue_group, green_group = _groups(ctx, tx, group, blue)
    prepare_listeners(ctx, tx, production, test, (blue_group, green_group))
    deployment_id = _new_id(ctx.ids)
    config = require_config(ctx, tx, request.get("deploymentConfigName") or group.config_name)
    override = request.get("autoRollbackConfiguration")
    return CodeDeployment(
        arn=arn(ctx, f"deployment:{deployment_id}"),
        account_id=ctx.account_id,
        region=ctx.region,
        id=deployment_id,
        application_name=group.application_name,
        group_name=group.name,
        group_id=group.id,
        config_name=config.name,
        routing=config.routing,
        description=request.get("description") or "",
        revision=request["revision"],
        load_balancer_info=group.load_balancer_info,
        blue_green=group.blue_green,
        rollback_events=group.rollback_events if override is None else rules.rollback_events(override),
        service_arn=service.arn,
        blue_arn=blue.arn,
        green=_green(ctx, tx, service, blue, spec, green_group).replace(external_id=deployment_id),
        blue_group=blue_group.arn,
        green_group=green_group.arn,
        production_listener=production,
        test_listener=test,
        created_at=ctx.now,
        stage_since=ctx.now,
        lifecycle=lifecycle_of(tested=test is not None),
    )


def _deployed(tx: Transaction, group: DeploymentGroup) -> tuple[Service, TaskSet]:
    """The group's service, and its PRIMARY task set."""
    service = tx.get(Service, group.service_arn)
    if service is None or service.status != "ACTIVE" or service.deployment_controller != CODE_DEPLOY:
        raise error("InvalidECSService", f"The service {group.service_name} is not ACTIVE with CODE_DEPLOY")
    primary = next((one for one in of_service(tx, service) if one.status == "PRIMARY"), None)
    if primary is None:
        raise error("InvalidECSService", f"The service {group.service_name} has no PRIMARY task set")
    return service, primary


def _groups(
    ctx: Context, tx: Transaction, group: DeploymentGroup, blue: TaskSet
) -> tuple[TargetGroup, TargetGroup]:
    """The target group that the PRIMARY task set is in, and the other one of the pair."""
    names = rules.target_group_names(group.load_balancer_info)
    pair = [rules.require_target_group(ctx, tx, name) for name in names]
    own = {balancer.get("targetGroupArn") for balancer in blue.load_balancers}
    inside = [one for one in pair if one.arn in own]
    if len(inside) != 1:
        raise error(
            "InvalidTargetGroupPair",
            f"The PRIMARY task set {blue.id} must be in one of the target groups {names[0]} and {names[1]}",
        )
    return inside[0], pair[1 - pair.index(inside[0])]


def _green(
    ctx: Context, tx: Transaction, service: Service, blue: TaskSet, spec: AppSpec, target: TargetGroup
) -> TaskSet:
    """The task set to be made: as the blue one is, but for what the AppSpec says."""
    try:
        cluster = require_cluster(ctx, tx, arns.last(service.cluster_arn))
        definition = require_definition(ctx, tx, spec.task_definition)
        network = spec.network_configuration
        if network is None and definition.network_mode == "awsvpc":
            network = blue.network_configuration
        balancer = {
            "targetGroupArn": target.arn,
            "containerName": spec.container_name,
            "containerPort": spec.container_port,
        }
        asked: Params = {
            "taskDefinition": definition.arn,
            "loadBalancers": [balancer],
            "networkConfiguration": network,
            "scale": {"value": 100, "unit": "PERCENT"},
            **_launch(blue, spec),
        }
        return new_task_set(ctx, tx, cluster, service, asked).replace(started_by=CODE_DEPLOY)
    except AwsError as fault:
        raise bad_revision(f"The replacement task set cannot be made: {fault.message}") from fault


def _launch(blue: TaskSet, spec: AppSpec) -> Params:
    """Launch type or strategy, and the platform version of Fargate."""
    asked: Params = {"launchType": blue.launch_type}
    strategy = spec.capacity_provider_strategy
    if strategy is None:
        strategy = list(blue.capacity_provider_strategy)
    if strategy:
        asked = {"capacityProviderStrategy": strategy}
    return asked | {"platformVersion": spec.platform_version or blue.platform_version}


def _new_id(ids: IdSource) -> str:
    """``d-`` and nine letters and digits."""
    number, digits = int(ids.hex(16), 16), ""
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    return f"d-{digits}"


def stop_deployment(ctx: Context, request: Params) -> Params:
    """StopDeployment; rolled back if that is asked for here, or by the deployment's own configuration."""
    with ctx.store.transaction() as tx:
        deployment = require_under_way(ctx, tx, request["deploymentId"])
        rollback = request.get("autoRollbackEnabled")
        if rollback is None:
            rollback = "DEPLOYMENT_STOP_ON_REQUEST" in deployment.rollback_events
        if rollback and deployment.stage == TERMINATE:
            raise error(
                "UnsupportedActionForDeploymentType",
                "The deployment cannot be rolled back any more: its original task set is being deleted.",
            )
        tx.put(deployment.replace(stop=Stop(rollback=rollback)))
    return {"status": "Pending", "statusMessage": "The deployment is being stopped."}


def continue_deployment(ctx: Context, request: Params) -> Params:
    """ContinueDeployment: ends the wait that the deployment is in."""
    kind = request.get("deploymentWaitType") or "READY_WAIT"
    with ctx.store.transaction() as tx:
        deployment = require_under_way(ctx, tx, request.get("deploymentId"))
        waits = deployment.status == "Ready" if kind == "READY_WAIT" else deployment.stage == TERMINATION_WAIT
        if not waits:
            raise error(
                "DeploymentIsNotInReadyState",
                f"The deployment {deployment.id} is not in its {kind} now, and cannot be continued.",
            )
        if kind not in deployment.continued:
            tx.put(deployment.replace(continued=(*deployment.continued, kind)))
    return {}


OPERATIONS: dict[str, Operation] = {
    "ContinueDeployment": continue_deployment,
    "CreateDeployment": create_deployment,
    "StopDeployment": stop_deployment,
}
