"""GetDeploymentConfig and ListDeploymentConfigs: the predefined ones of ECS."""

from datetime import UTC, datetime

from ...model.request import Params
from ...model.traffic_routing import CANARY, LINEAR, PREDEFINED, Routing
from ..context import Context, Operation
from .errors import error
from .lookup import paged

_SINCE = datetime(2018, 11, 27, tzinfo=UTC)
"""When CodeDeploy began to deploy to ECS."""


def check_config(name: str) -> str:
    """The name, or AWS's error."""
    if name not in PREDEFINED:
        raise error("DeploymentConfigDoesNotExist", f"No Deployment Configuration found for name: {name}")
    return name


def get_deployment_config(_: Context, request: Params) -> Params:
    """GetDeploymentConfig."""
    name = check_config(request["deploymentConfigName"])
    return {
        "deploymentConfigInfo": {
            "deploymentConfigId": f"00000000-0000-0000-0000-{list(PREDEFINED).index(name) + 1:012}",
            "deploymentConfigName": name,
            "createTime": _SINCE,
            "computePlatform": "ECS",
            "trafficRoutingConfig": _shape(PREDEFINED[name]),
        }
    }


def list_deployment_configs(_: Context, request: Params) -> Params:
    """ListDeploymentConfigs."""
    chosen, following = paged(list(PREDEFINED), str, request)
    return {"deploymentConfigsList": chosen, **following}


def _shape(routing: Routing) -> Params:
    if routing.type == CANARY:
        steps = {"canaryPercentage": routing.percent, "canaryInterval": routing.minutes}
        return {"type": CANARY, "timeBasedCanary": steps}
    if routing.type == LINEAR:
        steps = {"linearPercentage": routing.percent, "linearInterval": routing.minutes}
        return {"type": LINEAR, "timeBasedLinear": steps}
    return {"type": routing.type}


OPERATIONS: dict[str, Operation] = {
    "GetDeploymentConfig": get_deployment_config,
    "ListDeploymentConfigs": list_deployment_configs,
}
