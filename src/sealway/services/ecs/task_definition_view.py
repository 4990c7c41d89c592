"""A task definition as DescribeTaskDefinition shows it."""

from ...model.request import Params
from ...model.task_definition import TaskDefinition


def show(definition: TaskDefinition) -> Params:
    """The ``TaskDefinition`` shape."""
    answer: Params = {
        **definition.spec,
        "taskDefinitionArn": definition.arn,
        "revision": definition.revision,
        "status": definition.status,
        "compatibilities": list(definition.compatibilities),
        "requiresAttributes": list(definition.requires_attributes),
        "registeredAt": definition.registered_at,
        "registeredBy": definition.registered_by,
    }
    if definition.deregistered_at is not None:
        answer["deregisteredAt"] = definition.deregistered_at
    if definition.delete_requested_at is not None:
        answer["deleteRequestedAt"] = definition.delete_requested_at
    return answer
