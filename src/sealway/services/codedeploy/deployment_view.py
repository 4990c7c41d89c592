"""A deployment as GetDeployment shows it, and its target: the service, with both task sets."""

from ...model import arn as arns
from ...model.code_deployment import TERMINATE, TERMINATION_WAIT, CodeDeployment
from ...model.request import Params
from ...model.service import Service
from ...model.target_group import TargetGroup
from ...model.task import Task
from ...model.task_set import TaskSet
from ...store import Reader
from ..ecs import counts
from . import group_rules as rules
from .groups import rollback_shape
from .lookup import deployments_of

_TARGET_STATUS = {"Stopped": "Skipped"}
FILES_ARE_NOT_THERE = "DISALLOW"


def info(reader: Reader, deployment: CodeDeployment) -> Params:
    """The ``DeploymentInfo`` shape."""
    answer: Params = {
        "applicationName": deployment.application_name,
        "deploymentGroupName": deployment.group_name,
        "deploymentConfigName": deployment.config_name,
        "deploymentId": deployment.id,
        "revision": deployment.revision,
        "status": deployment.status,
        "createTime": deployment.created_at,
        "startTime": deployment.created_at,
        "completeTime": deployment.completed_at,
        "deploymentOverview": _overview(deployment),
        "description": deployment.description or None,
        "creator": "user",
        "ignoreApplicationStopFailures": False,
        "autoRollbackConfiguration": rollback_shape(deployment.rollback_events),
        "updateOutdatedInstancesOnly": False,
        "deploymentStyle": rules.STYLE,
        "instanceTerminationWaitTimeStarted": deployment.stage in (TERMINATION_WAIT, TERMINATE),
        "blueGreenDeploymentConfiguration": deployment.blue_green,
        "loadBalancerInfo": deployment.load_balancer_info,
        "fileExistsBehavior": FILES_ARE_NOT_THERE,
        "deploymentStatusMessages": [],
        "computePlatform": "ECS",
    }
    if deployment.error_code:
        answer["errorInformation"] = {"code": deployment.error_code, "message": deployment.error_message}
    elif deployment.error_message:
        answer["additionalDeploymentStatusInfo"] = deployment.error_message
    if deployment.rollback_message:
        answer["rollbackInfo"] = {"rollbackMessage": deployment.rollback_message}
    previous = _previous(reader, deployment)
    return answer | ({"previousRevision": previous.revision} if previous else {})


def _previous(reader: Reader, deployment: CodeDeployment) -> CodeDeployment | None:
    """The one of the same group that had succeeded when this one was created."""
    earlier = (one for one in deployments_of(reader, deployment.group_id) if one.id != deployment.id)
    return next(
        (one for one in earlier if one.status == "Succeeded" and one.created_at <= deployment.created_at),
        None,
    )


def _overview(deployment: CodeDeployment) -> Params:
    """How many targets are how far: there is one."""
    states = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")
    own = target_status(deployment)
    return {state: int(state == own) for state in states}


def target_status(deployment: CodeDeployment) -> str:
    """The ``TargetStatus``."""
    return _TARGET_STATUS.get(deployment.status, deployment.status)


def target_id(deployment: CodeDeployment) -> str:
    """``CLUSTER:SERVICE``."""
    _, cluster, service = deployment.service_arn.rsplit("/", 2)
    return f"{cluster}:{service}"


def target(reader: Reader, deployment: CodeDeployment) -> Params:
    """The ``DeploymentTarget`` shape."""
    times = [t for e in deployment.lifecycle for t in (e.started_at, e.ended_at) if t is not None]
    events = [
        {
            "lifecycleEventName": event.name,
            "status": event.status,
            "startTime": event.started_at,
            "endTime": event.ended_at,
        }
        for event in deployment.lifecycle
    ]
    return {
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {
            "deploymentId": deployment.id,
            "targetId": target_id(deployment),
            "targetArn": deployment.service_arn,
            "lastUpdatedAt": max([deployment.created_at, *times]),
            "lifecycleEvents": [_present(event) for event in events],
            "status": target_status(deployment),
            "taskSetsInfo": _task_sets(reader, deployment),
        },
    }


def _present(members: Params) -> Params:
    return {name: value for name, value in members.items() if value is not None}


def _task_sets(reader: Reader, deployment: CodeDeployment) -> list[Params]:
    """The blue and the green task set, as far as they are there."""
    service = reader.get(Service, deployment.service_arn)
    tasks = reader.list(Task, service_arn=deployment.service_arn)
    sides = (
        (deployment.blue_arn, "Blue", 100 - deployment.percent, deployment.blue_group),
        (deployment.green.arn, "Green", deployment.percent, deployment.green_group),
    )
    found = []
    for key, label, weight, group_arn in sides:
        task_set, group = reader.get(TaskSet, key), reader.get(TargetGroup, group_arn)
        if task_set is None or service is None:
            continue
        own = [task for task in tasks if task.deployment_id == task_set.id]
        found.append(
            {
                "identifer": task_set.id,  # AWS's own spelling
                "desiredCount": task_set.desired_count(service.desired_count),
                "pendingCount": counts.pending(own),
                "runningCount": counts.running(own),
                "status": task_set.status,
                "trafficWeight": float(weight),
                "targetGroup": {"name": group.name if group else arns.last(group_arn)},
                "taskSetLabel": label,
            }
        )
    return found
