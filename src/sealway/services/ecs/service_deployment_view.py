"""Service deployments and revisions as they are shown. Counts are made of the tasks at this moment."""

from typing import Any

from ...model.request import Params
from ...model.service import Service, in_group
from ...model.service_deployment import ServiceDeployment, ServiceRevision
from ...model.task import Task
from ...model.task_definition import TaskDefinition
from ...model.traffic_shift import WHOLE, Shift
from ...store import Reader
from .service_view import launch_shape, revision_shape

_TIMES = {
    "startedAt": "started_at",
    "finishedAt": "finished_at",
    "stoppedAt": "stopped_at",
    "statusReason": "status_reason",
}


def brief(record: ServiceDeployment) -> Params:
    """The ``ServiceDeploymentBrief`` shape."""
    shown: Params = {
        "serviceDeploymentArn": record.arn,
        "serviceArn": record.service_arn,
        "clusterArn": record.cluster_arn,
        "createdAt": record.created_at,
        "targetServiceRevisionArn": record.target_revision_arn,
        "status": record.status,
        **_optional(record),
    }
    return {member: value for member, value in shown.items() if member != "stoppedAt"}


def show(reader: Reader, record: ServiceDeployment) -> Params:
    """The ``ServiceDeployment`` shape."""
    answer: Params = {
        "serviceDeploymentArn": record.arn,
        "serviceArn": record.service_arn,
        "clusterArn": record.cluster_arn,
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
        "sourceServiceRevisions": [_source(reader, record, arn) for arn in record.source_revision_arns],
        "targetServiceRevision": _summary(reader, record.target_revision_arn) | _weights(record.shift),
        "status": record.status,
        "deploymentConfiguration": record.deployment_configuration,
        "deploymentCircuitBreaker": _breaker(reader, record),
        **_optional(record),
        **_shifted(record.shift),
    }
    if record.rollback is not None:
        answer["rollback"] = {
            "reason": record.rollback.reason,
            "startedAt": record.rollback.started_at,
            "serviceRevisionArn": record.rollback.revision_arn,
        }
    return answer


def show_revision(reader: Reader, revision: ServiceRevision) -> Params:
    """The ``ServiceRevision`` shape."""
    definition = reader.get(TaskDefinition, revision.task_definition_arn)
    images = [(c["name"], c["image"]) for c in definition.containers] if definition else []
    answer: Params = {
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.service_arn,
        "clusterArn": revision.cluster_arn,
        "taskDefinition": revision.task_definition_arn,
        "loadBalancers": list(revision.load_balancers),
        "containerImages": [{"containerName": name, "image": image} for name, image in images],
        "createdAt": revision.created_at,
        **_resolved(revision),
        **launch_shape(
            revision.launch_type, revision.platform_version, list(revision.capacity_provider_strategy)
        ),
    }
    if revision.network_configuration:
        answer["networkConfiguration"] = revision.network_configuration
    return answer


def _resolved(revision: ServiceRevision) -> Params:
    """Which target groups the revision's tasks are in, where there are two to choose from."""
    found = [
        {
            "targetGroupArn": in_group(balancer, revision.alternate)["targetGroupArn"],
            "productionListenerRule": advanced["productionListenerRule"],
        }
        for balancer in revision.load_balancers
        if (advanced := balancer.get("advancedConfiguration"))
    ]
    return {"resolvedConfiguration": {"loadBalancers": found}} if found else {}


def _shifted(shift: Shift | None) -> Params:
    """The lifecycle's stage and the hooks that were come to."""
    if shift is None:
        return {}
    details = [
        {
            "hookId": pause.id,
            "targetType": "PAUSE",
            "status": pause.status,
            "expiresAt": pause.expires_at,
            "timeoutAction": pause.timeout_action,
        }
        for pause in shift.pauses
    ]
    return {"lifecycleStage": shift.stage, "lifecycleHookDetails": details}


def _weights(shift: Shift | None, *, source: bool = False) -> Params:
    """The shares of the traffic that a revision is to have."""
    if shift is None:
        return {}
    production, test = shift.percent, WHOLE if shift.testing else 0.0
    return {
        "requestedProductionTrafficWeight": WHOLE - production if source else production,
        "requestedTestTrafficWeight": WHOLE - test if source else test,
    }


def _source(reader: Reader, record: ServiceDeployment, arn: str) -> Params:
    """A revision that ran when the deployment began; one of them has the traffic."""
    revision, shift = reader.get(ServiceRevision, arn), record.shift
    serves = shift is not None and revision is not None and revision.deployment_id == shift.source_id
    return _summary(reader, arn) | (_weights(shift, source=True) if serves else {})


def _optional(record: ServiceDeployment) -> Params:
    found: dict[str, Any] = {member: getattr(record, field) for member, field in _TIMES.items()}
    return {member: value for member, value in found.items() if value is not None}


def _summary(reader: Reader, revision_arn: str) -> Params:
    """The ``ServiceRevisionSummary`` shape."""
    revision = reader.get(ServiceRevision, revision_arn)
    if revision is None:
        return {"arn": revision_arn}
    service = reader.get(Service, revision.service_arn)
    deployments = service.deployments if service and service.status != "INACTIVE" else ()
    wanted = next((d.desired_count for d in deployments if d.id == revision.deployment_id), 0)
    tasks = reader.list(Task, service_arn=revision.service_arn)
    return revision_shape(revision, wanted, [t for t in tasks if t.deployment_id == revision.deployment_id])


def _breaker(reader: Reader, record: ServiceDeployment) -> Params:
    given = record.deployment_configuration.get("deploymentCircuitBreaker") or {}
    service = reader.get(Service, record.service_arn)
    threshold = service.breaker_threshold if service else 0
    status = "MONITORING_COMPLETE" if record.ended else "MONITORING"
    if record.failed_tasks and record.failed_tasks >= threshold:
        status = "TRIGGERED"
    if not given.get("enable"):
        status = "DISABLED"
    return {"status": status, "failureCount": record.failed_tasks, "threshold": threshold}
