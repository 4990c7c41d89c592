"""What CreateTaskSet and UpdateTaskSet may ask for."""

from collections.abc import Sequence

from ...model.request import Params
from ...model.service import Service
from ...model.task_set import EXTERNAL, TaskSet
from .errors import invalid
from .honoured import refuse_others
from .names import is_token

MOST_TASK_SETS = 5
"""A service, DRAINING ones included. ECS Developer Guide, "Amazon ECS service quotas"."""
LONGEST_TOKEN = 36
_PERCENT = "PERCENT"
_CREATE = (
    "service",
    "cluster",
    "externalId",
    "taskDefinition",
    "networkConfiguration",
    "loadBalancers",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "scale",
    "clientToken",
    "tags",
)
_SPECIFICATION = (
    "external_id",
    "task_definition_arn",
    "launch_type",
    "platform_version",
    "capacity_provider_strategy",
    "load_balancers",
    "network_configuration",
)
"""What two CreateTaskSet requests with one token must agree in; the scale is changed by UpdateTaskSet."""


def refuse_create(request: Params) -> None:
    """Refuses what no task set can have."""
    refuse_others(request, _CREATE, "CreateTaskSet")
    if not is_token(request.get("clientToken") or "", LONGEST_TOKEN):
        raise invalid(
            f"Invalid client token: up to {LONGEST_TOKEN} ASCII characters in the range of 33-126 are"
            " allowed."
        )
    for balancer in request.get("loadBalancers") or ():
        refuse_others(
            balancer,
            ("targetGroupArn", "loadBalancerName", "containerName", "containerPort"),
            "loadBalancers",
        )


def check_controller(service: Service) -> None:
    """Only a service without deployments of its own is made of task sets."""
    if service.deployment_controller != EXTERNAL:
        raise invalid(
            "Amazon ECS only supports task set management on services configured to use external deployment"
            " controllers."
        )


def check_room(existing: Sequence[TaskSet]) -> None:
    """InvalidParameterException when the service has as many task sets as it can."""
    if len(existing) >= MOST_TASK_SETS:
        raise invalid(
            f"{len(existing)} deployments exist on the service. Unable to create new TaskSet since this"
            " exceeds the maximum limit."
        )


def check_same(known: TaskSet, wanted: TaskSet) -> None:
    """A client token stands for one request."""
    if any(getattr(known, field) != getattr(wanted, field) for field in _SPECIFICATION):
        raise invalid("Creation of task set was not idempotent.")


def scale_of(given: Params | None) -> float:
    """The percentage asked for; 0 when no value is given, as on AWS: some SDKs leave a 0 out."""
    scale = given or {}
    if scale.get("unit") not in (None, _PERCENT):
        raise invalid("The unit of a scale must be PERCENT.")
    value = float(scale.get("value") or 0)
    if not 0 <= value <= 100:
        raise invalid("The value of a scale must be between 0 and 100.")
    return value


def check_not_draining(task_set: TaskSet) -> None:
    """A task set that is being deleted takes no orders."""
    if task_set.status == "DRAINING":
        raise invalid(f"The task set {task_set.id} is DRAINING: it is being deleted.")


def check_deletable(service: Service, task_set: TaskSet) -> None:
    """Without force, only what serves nobody may go."""
    if task_set.status == "PRIMARY":
        raise invalid("The primary task set cannot be deleted. Use the force option to delete it.")
    if task_set.desired_count(service.desired_count) > 0:
        raise invalid(
            "The task set cannot be deleted while it is scaled above 0. Scale it to 0, or use the force"
            " option."
        )
