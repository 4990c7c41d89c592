"""Tasks that wait for an instance of their capacity provider: what places them, and where they then are.

A task waits in PROVISIONING, as on AWS, while its provider's managed scaling makes room for it.
"""

from .capacity import NAME
from .new_task import TaskRequest
from .task import Task, Wait
from .task_definition import TaskDefinition

MOST_WAITING = 500
"""Tasks of a cluster (of a service, where a service starts them); the others are placed or refused at once.
Source: ECS Developer Guide, "Amazon ECS service quotas"."""


def waits(task: Task) -> bool:
    """Whether the task waits for an instance."""
    return task.wait is not None and task.desired_status == "RUNNING"


def request_of(task: Task, definition: TaskDefinition) -> TaskRequest:
    """What places a task that waits."""
    wait = task.wait or Wait()
    return TaskRequest(
        definition=definition,
        cluster_arn=task.cluster_arn,
        launch_type=task.launch_type,
        group=task.group,
        network_configuration=task.network_configuration,
        overrides=task.overrides,
        strategies=wait.strategies,
        constraints=wait.constraints,
        provider=task.extra.get(NAME),
    )


def seated(task: Task, like: Task) -> Task:
    """The waiting task where another, made only to find out, was placed."""
    return task.replace(
        wait=None,
        container_instance_arn=like.container_instance_arn,
        availability_zone=like.availability_zone,
        interface=like.interface,
        port_ranges=like.port_ranges,
    )
