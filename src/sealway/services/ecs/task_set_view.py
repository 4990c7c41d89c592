"""A task set as DescribeTaskSets and DescribeServices show it. Counts are made of its tasks."""

from collections.abc import Iterable

from ...model.request import Params
from ...model.service import Service
from ...model.task import Task
from ...model.task_set import TaskSet, with_specification
from ...store import Reader
from . import counts, tag_list


def show(reader: Reader, service: Service, task_set: TaskSet, *, tags: bool = False) -> Params:
    """The ``TaskSet`` shape."""
    return _shape(service, task_set, reader.list(Task, service_arn=service.arn), tags=tags)


def show_all(reader: Reader, service: Service, tasks: list[Task], *, tags: bool = False) -> list[Params]:
    """Every task set of the service, of whose ``tasks`` the counts are made."""
    return [_shape(service, task_set, tasks, tags=tags) for task_set in of_service(reader, service)]


def of_service(reader: Reader, service: Service) -> list[TaskSet]:
    """The service's task sets, oldest first."""
    if not service.made_of_task_sets:
        return []
    return sorted(reader.list(TaskSet, service_arn=service.arn), key=lambda s: (s.created_at, s.arn))


def as_primary(reader: Reader, service: Service) -> Service:
    """The service with the specification of its PRIMARY task set, if it has one."""
    primary = next((s for s in of_service(reader, service) if s.status == "PRIMARY"), None)
    return with_specification(service, primary) if primary else service


def _shape(service: Service, task_set: TaskSet, tasks: Iterable[Task], *, tags: bool) -> Params:
    own = [task for task in tasks if task.deployment_id == task_set.id]
    answer: Params = {
        "id": task_set.id,
        "taskSetArn": task_set.arn,
        "serviceArn": task_set.service_arn,
        "clusterArn": task_set.cluster_arn,
        "status": task_set.status,
        "taskDefinition": task_set.task_definition_arn,
        "computedDesiredCount": task_set.desired_count(service.desired_count),
        "pendingCount": counts.pending(own),
        "runningCount": counts.running(own),
        "createdAt": task_set.created_at,
        "updatedAt": task_set.updated_at,
        "loadBalancers": list(task_set.load_balancers),
        "serviceRegistries": [],
        "scale": {"value": task_set.scale, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if task_set.steady else "STABILIZING",
        "stabilityStatusAt": task_set.steady_at,
    }
    return answer | _optional(task_set) | ({"tags": tag_list.to_list(task_set.tags)} if tags else {})


def _optional(task_set: TaskSet) -> Params:
    """What only some task sets have."""
    found: Params = {
        "externalId": task_set.external_id,
        "startedBy": task_set.started_by,
        "launchType": None if task_set.capacity_provider_strategy else task_set.launch_type,
        "capacityProviderStrategy": list(task_set.capacity_provider_strategy),
        "platformVersion": task_set.platform_version,
        "platformFamily": "Linux" if task_set.launch_type == "FARGATE" else None,
        "networkConfiguration": task_set.network_configuration,
    }
    return {member: value for member, value in found.items() if value}
