"""What a task's containers are called, and the labels by which they are found again.

Names are a function of the task, so that after a crash at any point the same containers are found.
Sources: ECS Developer Guide, "Container labels"; the ECS agent's pause container.
"""

from ..drivers.contracts.container_runtime import MANAGED_LABEL
from ..model import arn
from ..model.task import Task
from ..model.task_definition import TaskDefinition

LABEL_PREFIX = "com.amazonaws.ecs."
TASK_ARN_LABEL = LABEL_PREFIX + "task-arn"
PAUSE_LABEL_NAME = "~internal~ecs~pause"


def container_name(task: Task, name: str) -> str:
    """The engine's name of a container of the definition."""
    return f"sealway-{task.id}-{name}"


def pause_name(task: Task) -> str:
    """The engine's name of the pause container; the dot keeps it apart, as ECS names hold none."""
    return f"sealway-{task.id}-ecs.pause"


def labels(task: Task, definition: TaskDefinition, name: str) -> dict[str, str]:
    """The labels that the ECS agent sets, and ours."""
    return {
        LABEL_PREFIX + "cluster": arn.last(task.cluster_arn),
        LABEL_PREFIX + "container-name": name,
        TASK_ARN_LABEL: task.arn,
        LABEL_PREFIX + "task-definition-family": definition.family,
        LABEL_PREFIX + "task-definition-version": str(definition.revision),
        MANAGED_LABEL: "true",
    }
