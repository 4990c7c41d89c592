"""GetDeploymentConfig, ListDeploymentConfigs, CreateDeploymentConfig, DeleteDeploymentConfig.

Beside an account's own there are the predefined ones of ECS.
"""

from datetime import UTC, datetime

from ...model.deployment_group import DeploymentConfig, DeploymentGroup
from ...model.errors import AwsError
from ...model.ids import uuid
from ...model.request import Params
from ...model.traffic_routing import ALL_AT_ONCE, CANARY, LINEAR, PREDEFINED, Routing
from ...store import Reader
from ..context import Context, Operation
from .errors import error, unsupported
from .lookup import arn, paged
from .names import check_name
from .refusals import refuse_others

MOST_CONFIGS = 50
"""CodeDeploy User Guide, "CodeDeploy quotas"."""
_LONGEST_INTERVAL = 2880
"""Minutes."""
_RESERVED = "CodeDeployDefault."
_OF_INSTANCES = {
    "minimumHealthyHosts": "InvalidMinimumHealthyHostValue",
    "zonalConfig": "InvalidZonalDeploymentConfiguration",
}
"""What is for the platform Server alone, and the code of its error."""
_SINCE = datetime(2018, 11, 27, tzinfo=UTC)
"""When CodeDeploy began to deploy to ECS."""
_STEPS = {
    CANARY: ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
    LINEAR: ("timeBasedLinear", "linearPercentage", "linearInterval"),
}
"""Type -> its member of ``TrafficRoutingConfig``, and that one's members."""


def require_config(ctx: Context, reader: Reader, name: str) -> DeploymentConfig:
    """The configuration of that name, or DeploymentConfigDoesNotExistException."""
    found = _predefined(ctx, name) or reader.get(DeploymentConfig, arn(ctx, f"deploymentconfig:{name}"))
    if found is None:
        raise error("DeploymentConfigDoesNotExist", f"No Deployment Configuration found for name: {name}")
    return found


def _predefined(ctx: Context, name: str) -> DeploymentConfig | None:
    if name not in PREDEFINED:
        return None
    return DeploymentConfig(
        arn=arn(ctx, f"deploymentconfig:{name}"),
        account_id=ctx.account_id,
        region=ctx.region,
        id=f"00000000-0000-0000-0000-{list(PREDEFINED).index(name) + 1:012}",
        name=name,
        routing=PREDEFINED[name],
        created_at=_SINCE,
    )


def get_deployment_config(ctx: Context, request: Params) -> Params:
    """GetDeploymentConfig."""
    config = require_config(ctx, ctx.store, request["deploymentConfigName"])
    return {
        "deploymentConfigInfo": {
            "deploymentConfigId": config.id,
            "deploymentConfigName": config.name,
            "createTime": config.created_at,
            "computePlatform": "ECS",
            "trafficRoutingConfig": _shape(config.routing),
        }
    }


def list_deployment_configs(ctx: Context, request: Params) -> Params:
    """ListDeploymentConfigs."""
    names = [*PREDEFINED, *(one.name for one in _own(ctx, ctx.store))]
    chosen, following = paged(names, str, request)
    return {"deploymentConfigsList": chosen, **following}


def create_deployment_config(ctx: Context, request: Params) -> Params:
    """CreateDeploymentConfig, for ECS."""
    for member, code in _OF_INSTANCES.items():
        refuse_others({member: request.get(member)}, (), "CreateDeploymentConfig", code)
    name = check_name(request["deploymentConfigName"], "DeploymentConfig")
    if name.startswith(_RESERVED):
        raise error("InvalidDeploymentConfigName", f"Names that begin with {_RESERVED} are CodeDeploy's own")
    platform = request.get("computePlatform") or "Server"
    if platform != "ECS":
        raise unsupported(f"The computePlatform {platform} (use ECS)", "InvalidComputePlatform")
    routing = _routing(request.get("trafficRoutingConfig") or {})
    with ctx.store.transaction() as tx:
        own = _own(ctx, tx)
        if any(one.name == name for one in own):
            raise error("DeploymentConfigAlreadyExists", f"Deployment configuration already exists: {name}")
        if len(own) >= MOST_CONFIGS:
            raise error(
                "DeploymentConfigLimitExceeded", f"There can be {MOST_CONFIGS} configurations at most"
            )
        made = tx.put(
            DeploymentConfig(
                arn=arn(ctx, f"deploymentconfig:{name}"),
                account_id=ctx.account_id,
                region=ctx.region,
                id=uuid(ctx.ids),
                name=name,
                routing=routing,
                created_at=ctx.now,
            )
        )
    return {"deploymentConfigId": made.id}


def delete_deployment_config(ctx: Context, request: Params) -> Params:
    """DeleteDeploymentConfig. One that is not there is deleted already."""
    name = request["deploymentConfigName"]
    if name in PREDEFINED:
        raise error("InvalidOperation", f"The predefined configuration {name} cannot be deleted")
    with ctx.store.transaction() as tx:
        found = tx.get(DeploymentConfig, arn(ctx, f"deploymentconfig:{name}"))
        groups = tx.list(DeploymentGroup, account_id=ctx.account_id, region=ctx.region, config_name=name)
        if groups:
            raise error("DeploymentConfigInUse", f"The deployment group {groups[0].name} uses {name}")
        if found is not None:
            tx.delete(found)
    return {}


def _own(ctx: Context, reader: Reader) -> list[DeploymentConfig]:
    return reader.list(DeploymentConfig, account_id=ctx.account_id, region=ctx.region)


def _routing(given: Params) -> Routing:
    kind = given.get("type") or ALL_AT_ONCE
    member, percentage, interval = _STEPS.get(kind, ("", "", ""))
    for name, value in given.items():
        if name not in ("type", member) and value:
            raise _bad_routing(f"{name} does not belong to the type {kind}")
    if not member:
        return Routing()
    steps = given.get(member) or {}
    percent, minutes = steps.get(percentage), steps.get(interval)
    if percent is None or not 1 <= percent <= 99:
        raise _bad_routing(f"{percentage} must be between 1 and 99")
    if minutes is None or not 1 <= minutes <= _LONGEST_INTERVAL:
        raise _bad_routing(f"{interval} must be between 1 and {_LONGEST_INTERVAL}")
    return Routing(kind, percent, minutes)


def _bad_routing(message: str) -> AwsError:
    return error("InvalidTrafficRoutingConfiguration", message)


def _shape(routing: Routing) -> Params:
    member, percentage, interval = _STEPS.get(routing.type, ("", "", ""))
    steps = {member: {percentage: routing.percent, interval: routing.minutes}} if member else {}
    return {"type": routing.type, **steps}


OPERATIONS: dict[str, Operation] = {
    "CreateDeploymentConfig": create_deployment_config,
    "DeleteDeploymentConfig": delete_deployment_config,
    "GetDeploymentConfig": get_deployment_config,
    "ListDeploymentConfigs": list_deployment_configs,
}
