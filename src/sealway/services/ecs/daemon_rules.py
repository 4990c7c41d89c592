"""What a service of the DAEMON scheduling strategy may ask for: one task on each container instance.

How many that are follows from the instances: the count written first is theirs, then ``control`` keeps it.
"""

from collections.abc import Sequence

from ...model.cluster import Cluster, ContainerInstance
from ...model.placement import meeting
from ...model.placement_query import subjects
from ...model.request import Params
from ...model.task_definition import TaskDefinition
from ...store import Reader
from .errors import invalid, unsupported

DAEMON = "DAEMON"


def refuse_for_daemon(request: Params) -> None:
    """What one task on each container instance leaves no room for."""
    if request.get("desiredCount") is not None:
        raise invalid(
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired"
            " count value and try again"
        )
    if request.get("placementStrategy"):
        raise invalid(
            "The daemon scheduling strategy does not support placement strategies. Remove the placement"
            " strategy and try again"
        )


def check_daemon_launch(launch_type: str, *, by_strategy: bool) -> None:
    """A daemon runs on container instances, of the launch type EC2."""
    if by_strategy:
        raise invalid(
            "Specifying a capacity provider strategy is not supported when you create a service using the"
            " DAEMON scheduling strategy."
        )
    if launch_type == "FARGATE":
        raise invalid("The daemon scheduling strategy is not supported with the FARGATE launch type.")


def check_daemon_constraints(constraints: Sequence[Params]) -> None:
    """A daemon goes where the instance says, not where tasks are: they come and go, itself among them."""
    for constraint in constraints:
        for subject in subjects(constraint.get("expression") or ""):
            raise unsupported(f"The subject '{subject}' in a placement constraint of a DAEMON service")


def daemon_count(
    reader: Reader, cluster: Cluster, definition: TaskDefinition, constraints: Sequence[Params]
) -> int:
    """How many tasks the service begins with. Raises for constraints that a daemon cannot have."""
    every = (*constraints, *(definition.spec.get("placementConstraints") or ()))
    check_daemon_constraints(every)
    return len(meeting(reader.list(ContainerInstance, cluster_arn=cluster.arn), every))
