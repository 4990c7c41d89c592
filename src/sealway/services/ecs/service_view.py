"""A service as DescribeServices shows it. Counts are made of its tasks at this moment."""

from collections import defaultdict
from collections.abc import Iterable

from ...model import arn
from ...model.new_task import LATEST_PLATFORM
from ...model.request import Params
from ...model.service import Deployment, Service, ServiceEvent
from ...model.service_deployment import ServiceDeployment, ServiceRevision
from ...model.task import Task
from ...store import Reader
from . import counts, tag_list, task_set_view


def show(reader: Reader, service: Service, *, tags: bool = False) -> Params:
    """The ``Service`` shape."""
    tasks = reader.list(Task, service_arn=service.arn)
    service = task_set_view.as_primary(reader, service)
    strategy = list(service.strategy)
    answer: Params = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": counts.running(tasks),
        "pendingCount": counts.pending(tasks),
        "loadBalancers": list(service.load_balancers),
        "serviceRegistries": [],
        "deploymentConfiguration": deployment_configuration(service),
        "deploymentController": {"type": service.deployment_controller},
        "deployments": _deployments(service, tasks),
        "events": [
            {"id": e.id, "createdAt": e.created_at, "message": e.message} for e in _newest_first(service)
        ],
        "createdAt": service.created_at,
        "createdBy": service.created_by,
        "schedulingStrategy": service.scheduling_strategy,
        "placementConstraints": list(service.placement_constraints),
        "placementStrategy": list(service.placement_strategy),
        "enableECSManagedTags": bool(service.extra.get("enableECSManagedTags")),
        "propagateTags": service.extra.get("propagateTags") or "NONE",
        "enableExecuteCommand": bool(service.extra.get("enableExecuteCommand")),
        "availabilityZoneRebalancing": service.extra.get("availabilityZoneRebalancing") or "DISABLED",
    }
    if service.task_definition_arn:  # which a service of task sets has from its PRIMARY one
        answer["taskDefinition"] = service.task_definition_arn
        answer |= launch_shape(service.launch_type, service.platform_version, strategy)
    if service.made_of_task_sets:
        answer["taskSets"] = task_set_view.show_all(reader, service, tasks, tags=tags)
    answer |= _current(reader, service, tasks)
    if tags:
        answer["tags"] = tag_list.to_list(service.tags)
    return answer | _optional(service)


def _current(reader: Reader, service: Service, tasks: list[Task]) -> Params:
    """The newest service deployment, and the revisions whose tasks are wanted or run."""
    records = reader.list(ServiceDeployment, service_arn=service.arn)
    if service.status == "INACTIVE" or not service.deployments or not records:
        return {}
    revisions = {r.deployment_id: r for r in reader.list(ServiceRevision, service_arn=service.arn)}
    shown = [
        revision_shape(revision, d.desired_count, [t for t in tasks if t.deployment_id == d.id])
        for d in service.deployments
        if (revision := revisions.get(d.id))
    ]
    newest = max(records, key=lambda record: record.created_at)
    return {"currentServiceDeployment": newest.arn, "currentServiceRevisions": shown}


def revision_shape(revision: ServiceRevision, wanted: int, tasks: list[Task]) -> Params:
    """The ``ServiceRevisionSummary`` shape; ``tasks``: its own."""
    return {
        "arn": revision.arn,
        "requestedTaskCount": wanted,
        "runningTaskCount": counts.running(tasks),
        "pendingTaskCount": counts.pending(tasks),
    }


def _newest_first(service: Service) -> list[ServiceEvent]:
    return sorted(service.events, key=lambda event: event.created_at, reverse=True)


def _optional(service: Service) -> Params:
    found: Params = {}
    if service.network_configuration:
        found["networkConfiguration"] = service.network_configuration
    if service.health_check_grace_period_seconds is not None:
        found["healthCheckGracePeriodSeconds"] = service.health_check_grace_period_seconds
    if service.load_balancers:
        found["roleArn"] = service.extra.get("role") or arn.make(
            "iam", "", service.account_id, "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
        )
    return found


def deployment_configuration(service: Service) -> Params:
    """The ``DeploymentConfiguration`` shape, with AWS's defaults."""
    percents = {
        "maximumPercent": service.maximum_percent,
        "minimumHealthyPercent": service.minimum_healthy_percent,
    }
    if service.made_of_task_sets:
        return percents
    return {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        **service.deployment_configuration,
        **percents,
    }


def launch_shape(launch_type: str, platform_version: str | None, strategy: list[Params]) -> Params:
    """Launch type or strategy, and the platform."""
    found: Params = {"capacityProviderStrategy": strategy} if strategy else {"launchType": launch_type}
    if launch_type == "FARGATE":
        found |= {"platformVersion": platform_version or "LATEST", "platformFamily": "Linux"}
    return found


def _deployments(service: Service, tasks: Iterable[Task]) -> list[Params]:
    if service.status == "INACTIVE":
        return []
    by_deployment: dict[str | None, list[Task]] = defaultdict(list)
    for task in tasks:
        by_deployment[task.deployment_id].append(task)
    return [
        _deployment(service, deployment, by_deployment.get(deployment.id, []))
        for deployment in service.deployments
        if deployment.status != "INACTIVE"
    ]


def _deployment(service: Service, deployment: Deployment, own: list[Task]) -> Params:
    version = deployment.platform_version
    strategy = list(service.strategy if deployment.capacity is None else deployment.capacity)
    answer: Params = {
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition_arn,
        "desiredCount": deployment.desired_count,
        "pendingCount": counts.pending(own),
        "runningCount": counts.running(own),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_reason,
        **launch_shape(
            deployment.launch_type, LATEST_PLATFORM if version in (None, "LATEST") else version, strategy
        ),
    }
    if deployment.network_configuration:
        answer["networkConfiguration"] = deployment.network_configuration
    return answer
