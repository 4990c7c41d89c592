"""What a service with the EXTERNAL deployment controller may ask for: the rest belongs to its task sets.

Source: ECS Developer Guide, "Deploy Amazon ECS services using a third-party controller"; API Reference,
UpdateService.
"""

from typing import Any

from ...model.request import Params
from ...model.service import Service
from ...model.task_set import EXTERNAL
from .daemon_rules import DAEMON
from .errors import invalid
from .honoured import asks_nothing, refuse_others

_OF_TASK_SETS = (
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "role",
)
_UPDATED = (
    "cluster",
    "service",
    "desiredCount",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
)
_PERCENTS = ("maximumPercent", "minimumHealthyPercent")


def is_external(request: Params) -> bool:
    """Whether a CreateService asks for a service that is made of task sets."""
    return bool((request.get("deploymentController") or {}).get("type") == EXTERNAL)


def refuse_create_external(request: Params) -> None:
    """InvalidParameterException for what only a task set can have."""
    for member in _OF_TASK_SETS:
        if not asks_nothing(request.get(member)):
            raise invalid(
                f"{member[0].upper()}{member[1:]} must be blank. (With the EXTERNAL deployment controller it"
                " belongs to the task sets.)"
            )
    if request.get("schedulingStrategy") == DAEMON:
        raise invalid("The DAEMON scheduling strategy does not support the EXTERNAL deployment controller.")
    if request.get("availabilityZoneRebalancing") == "ENABLED":
        raise invalid(
            "Availability Zone rebalancing does not support services that use the EXTERNAL deployment"
            " controller."
        )
    refuse_configuration(request.get("deploymentConfiguration") or {}, EXTERNAL)


def refuse_configuration(given: Params, controller: str) -> None:
    """Percents hold while tasks are replaced; everything else is about deployments, and there are none."""
    asked = {name: value for name, value in given.items() if not _is_default(name, value)}
    refuse_others(asked, _PERCENTS, f"deploymentConfiguration with the {controller} deployment controller")


def _is_default(name: str, value: Any) -> bool:
    """Whether a member only says what is so anyway, as tools do that send a whole configuration."""
    if name in ("deploymentCircuitBreaker", "alarms"):
        return not (value or {}).get("enable")
    return (name, value) in (("strategy", "ROLLING"), ("bakeTimeInMinutes", 0))


def refuse_update_external(request: Params, service: Service) -> None:
    """InvalidParameterException for what UpdateService cannot change; what is already so is no change."""
    same: dict[str, object] = {
        "deploymentController": {"type": EXTERNAL},
        "availabilityZoneRebalancing": "DISABLED",
        "enableExecuteCommand": bool(service.extra.get("enableExecuteCommand")),
    }
    for member, value in request.items():
        changes = member not in same or value != same[member]
        if member not in _UPDATED and changes and not asks_nothing(value):
            raise invalid(
                f"Unable to update {member} on services with an EXTERNAL deployment controller. Use"
                f" {'CreateTaskSet' if member in _OF_TASK_SETS else 'another service'} to have it otherwise."
            )
