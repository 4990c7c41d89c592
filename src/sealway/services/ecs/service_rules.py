"""What CreateService and UpdateService may ask for.

``HONOURED`` names the members both take; every other one that asks for something is refused by name.
"""

from ...model.request import Params
from ...model.service import Service
from ...model.task_set import CODE_DEPLOY, EXTERNAL
from .daemon_rules import DAEMON, check_daemon_launch, refuse_for_daemon
from .errors import invalid, unsupported
from .external_rules import is_external
from .honoured import refuse_others

_COMMON = frozenset(
    {
        "cluster",
        "taskDefinition",
        "desiredCount",
        "deploymentConfiguration",
        "healthCheckGracePeriodSeconds",
        "networkConfiguration",
        "platformVersion",
        "placementConstraints",
        "placementStrategy",
        "propagateTags",
        "enableECSManagedTags",
        "availabilityZoneRebalancing",
        "loadBalancers",
        "capacityProviderStrategy",
        "deploymentController",
        "serviceConnectConfiguration",
        "enableExecuteCommand",
    }
)
_CREATE = _COMMON | {"serviceName", "launchType", "clientToken", "role", "schedulingStrategy", "tags"}
_UPDATE = _COMMON | {"service", "forceNewDeployment"}
ECHOED = ("enableECSManagedTags", "propagateTags", "role", "enableExecuteCommand")
"""Kept in ``Service.extra``; its new tasks follow all but the role."""


def refuse_create(request: Params) -> None:
    """Refuses what CreateService cannot do."""
    refuse_others(request, _CREATE, "CreateService")
    _refuse_common(request)
    controller = (request.get("deploymentController") or {}).get("type")
    if controller not in (None, "ECS", EXTERNAL, CODE_DEPLOY):
        raise unsupported(f"The deployment controller {controller} (use ECS, CODE_DEPLOY or EXTERNAL)")
    if request.get("schedulingStrategy") == DAEMON:
        refuse_for_daemon(request)
    elif request.get("desiredCount") is None and not is_external(request):
        raise invalid("The desired count is required when using the REPLICA scheduling strategy.")


def refuse_update(request: Params, service: Service) -> None:
    """Refuses what UpdateService cannot change."""
    refuse_others(request, _UPDATE, "UpdateService")
    _refuse_common(request)
    controller = (request.get("deploymentController") or {}).get("type")
    if controller not in (None, service.deployment_controller):
        raise unsupported(f"Changing the deployment controller of a service to {controller}")
    if service.scheduling_strategy == DAEMON:
        refuse_for_daemon(request)
        check_daemon_launch(service.launch_type, by_strategy=bool(request.get("capacityProviderStrategy")))


def _refuse_common(request: Params) -> None:
    if (request.get("serviceConnectConfiguration") or {}).get("enabled"):
        raise unsupported("The parameter 'serviceConnectConfiguration'")
    for member in ("desiredCount", "healthCheckGracePeriodSeconds"):
        if request.get(member) is not None and request[member] < 0:
            raise invalid(f"{member} must be greater than or equal to 0.")


def check_role(request: Params, network_mode: str) -> None:
    """A role is only for services whose load balancer needs none of ECS's own."""
    balancers = request.get("loadBalancers") or ()
    if request.get("role") and not balancers:
        raise invalid("You can only specify a role for a service that uses a load balancer.")
    if request.get("role") and (network_mode == "awsvpc" or len(balancers) > 1):
        raise invalid("You cannot specify an IAM role for services that require a service linked role.")
