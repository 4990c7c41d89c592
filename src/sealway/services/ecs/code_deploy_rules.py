"""What a service with the CODE_DEPLOY deployment controller may ask for, and its first task set.

CreateService says what the first tasks are made of; from then on that is a CodeDeploy deployment's to say.
Source: ECS API Reference, CreateService and UpdateService.
"""

from ...model.cluster import Cluster
from ...model.request import Params
from ...model.service import Service
from ...model.task_set import CODE_DEPLOY, TaskSet
from ...store import Reader
from ..context import Context
from .daemon_rules import DAEMON
from .errors import invalid
from .external_rules import refuse_configuration
from .honoured import asks_nothing
from .new_task_set import new_task_set

_NAMES = {
    "taskDefinition": "task definition",
    "networkConfiguration": "network parameters",
    "platformVersion": "platform version",
    "loadBalancers": "load balancers",
    "capacityProviderStrategy": "capacity provider strategy",
}
_USE_CODE_DEPLOY = "Use AWS CodeDeploy to trigger a new deployment."
_OF_FIRST_SET = (
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
)


def is_code_deploy(request: Params) -> bool:
    """Whether a CreateService asks for a service that CodeDeploy deploys."""
    return bool((request.get("deploymentController") or {}).get("type") == CODE_DEPLOY)


def refuse_create_code_deploy(request: Params) -> None:
    """InvalidParameterException for what CodeDeploy could not deploy."""
    if request.get("schedulingStrategy") == DAEMON:
        raise invalid(
            "The DAEMON scheduling strategy does not support the CODE_DEPLOY deployment controller."
        )
    if request.get("availabilityZoneRebalancing") == "ENABLED":
        raise invalid(
            "Availability Zone rebalancing does not support services that use the CODE_DEPLOY deployment"
            " controller."
        )
    balancers: list[Params] = request.get("loadBalancers") or []
    if len(balancers) != 1:
        raise invalid(
            "A service with the CODE_DEPLOY deployment controller has exactly one entry in loadBalancers, not"
            f" {len(balancers)}: the target group that its first task set is in."
        )
    if not asks_nothing(balancers[0].get("advancedConfiguration")):
        raise invalid(
            "advancedConfiguration is not supported with the CODE_DEPLOY deployment controller: its"
            " deployment group names both target groups and the listeners."
        )
    refuse_configuration(request.get("deploymentConfiguration") or {}, CODE_DEPLOY)


def first_task_set(
    ctx: Context, reader: Reader, cluster: Cluster, service: Service, request: Params
) -> TaskSet:
    """The task set that a CreateService makes: PRIMARY, with all of the desired count."""
    asked = {member: request[member] for member in _OF_FIRST_SET if request.get(member)}
    asked["scale"] = {"value": 100, "unit": "PERCENT"}
    return new_task_set(ctx, reader, cluster, service, asked).replace(status="PRIMARY")


def refuse_update_code_deploy(request: Params, service: Service) -> None:
    """InvalidParameterException for what only a deployment changes."""
    for member, name in _NAMES.items():
        if not asks_nothing(request.get(member)):
            raise invalid(
                f"Unable to update {name} on services with a CODE_DEPLOY deployment controller."
                f" {_USE_CODE_DEPLOY}"
            )
    if request.get("forceNewDeployment"):
        raise invalid(
            "Cannot force a new deployment on services with a CODE_DEPLOY deployment controller."
            f" {_USE_CODE_DEPLOY}"
        )
    if request.get("availabilityZoneRebalancing") == "ENABLED":
        raise invalid(
            "Availability Zone rebalancing does not support services that use the CODE_DEPLOY deployment"
            " controller."
        )
    refuse_configuration(request.get("deploymentConfiguration") or {}, CODE_DEPLOY)
