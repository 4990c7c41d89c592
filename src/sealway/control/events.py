"""A service's history, in AWS's words, newest first.

Source: ECS Developer Guide, "Viewing Amazon ECS service event messages".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ..model.ids import IdSource, uuid
from ..model.placement import MEMBER_OF, NO_INSTANCES, NO_INSTANCES_OF_PROVIDER, Unplaced
from ..model.service import EVENTS_KEPT, Service, ServiceEvent
from ..model.task import Task

_INSTANCE = re.compile(r"\(container-instance [0-9a-f]+\)")
_SEE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
_SHORT_OF = {
    "RESOURCE:CPU": "has insufficient CPU units available",
    "RESOURCE:MEMORY": "has insufficient memory available",
    "RESOURCE:PORTS": "is already using a port required by your task",
    MEMBER_OF: "is missing an attribute required by your task",
}


def add(service: Service, messages: Iterable[str], ids: IdSource, now: datetime) -> Service:
    """The service with these messages (oldest first, without their subject) in its history."""
    new = tuple(
        ServiceEvent(id=uuid(ids), created_at=now, message=f"(service {service.name}) {message}")
        for message in messages
    )
    if not new:
        return service
    return service.replace(events=(*reversed(new), *service.events)[:EVENTS_KEPT])


def started(tasks: Sequence[Task]) -> str:
    """New tasks were created."""
    return f"has started {len(tasks)} tasks: {_names(tasks)}."


def stopped(tasks: Sequence[Task]) -> str:
    """Running tasks were told to stop."""
    return f"has stopped {len(tasks)} running tasks: {_names(tasks)}."


def registered(count: int, target_group_arn: str) -> str:
    """Targets were registered."""
    return f"registered {count} targets in (target-group {target_group_arn})"


def deregistered(count: int, target_group_arn: str) -> str:
    """Targets were deregistered."""
    return f"deregistered {count} targets in (target-group {target_group_arn})"


def without_ipv6(target_group_arn: str) -> str:
    """Tasks have no address for a target group of IPv6."""
    return (
        f"failed to register targets in (target-group {target_group_arn}) with (error the tasks have no IPv6"
        " address: before they start, their subnets need an IPv6 CIDR block, and the account setting"
        " dualStackIPv6 must be enabled)"
    )


def draining(count: int) -> str:
    """Tasks' targets take no new connection."""
    return f"has begun draining connections on {count} tasks."


def failed_elb(target_id: str, port: int, target_group_arn: str, reason: str) -> str:
    """A target was found unhealthy, and its task is replaced."""
    where = f"(instance {target_id}) " if target_id.startswith("i-") else ""
    return f"{where}(port {port}) is unhealthy in (target-group {target_group_arn}) due to (reason {reason})"


def failed_container_health(task: Task) -> str:
    """A container's own health check failed, and its task is replaced."""
    return f"(task {task.id}) failed container health checks."


def unable_to_place(unplaced: Unplaced, *, by_provider: bool = False) -> str:
    """No container instance takes the task (none of its capacity provider, where it has one); on Fargate, no
    subnet has an address."""
    closest = unplaced.closest
    if closest is None:
        text = f"Reason: {NO_INSTANCES_OF_PROVIDER if by_provider else NO_INSTANCES}"
    elif not closest.arn:
        return f"was unable to place a task. Reason: {closest.reason}. {_SEE}"
    else:
        short = _SHORT_OF.get(closest.reason, f'encountered error "{closest.reason}"')
        text = f"The closest matching (container-instance {closest.arn.rsplit('/', 1)[-1]}) {short}."
    return (
        f"was unable to place a task because no container instance met all of its requirements. {text} {_SEE}"
    )


def said_since_last_start(service: Service, message: str) -> bool:
    """Whether the history says this already, with no task started since; of whichever instance."""
    said = _INSTANCE.sub("", message)
    for event in service.events:
        if _INSTANCE.sub("", event.message).endswith(said):
            return True
        if " has started " in event.message:
            return False
    return False


def unbalanced(zones: Mapping[str, int]) -> str:
    """Tasks begin to move between Availability Zones."""
    return f"is not AZ balanced with {_counts(zones)}. AZ Rebalancing in progress."


def balanced(zones: Mapping[str, int]) -> str:
    """Tasks have moved."""
    return f"is AZ balanced with {_counts(zones)}."


BLOCKED = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration."
    " Update the minimumHealthyPercent or maximumPercent value and try again."
)
STEADY = "has reached a steady state."
CRASH_LOOP = f"is unable to consistently start tasks successfully. {_SEE}"


def completed(deployment_id: str) -> str:
    """A deployment is fully rolled out."""
    return f"(deployment {deployment_id}) deployment completed."


def failed(deployment_id: str) -> str:
    """The circuit breaker gave a deployment up."""
    return f"(deployment {deployment_id}) deployment failed: tasks failed to start."


def rolling_back(deployment_id: str) -> str:
    """The circuit breaker returns to this deployment."""
    return f"rolling back to (deployment {deployment_id})."


def _counts(zones: Mapping[str, int]) -> str:
    said = [f"{count} tasks in {zone}" for zone, count in zones.items()]
    return ", ".join(said[:-1]) + (", and " if len(said) > 1 else "") + said[-1] if said else "no tasks"


def _names(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)
