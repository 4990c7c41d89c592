"""StopTask, DescribeTasks and ListTasks (RunTask and StartTask have their own files)."""

from typing import Any

from ...model import arn
from ...model.cluster import Cluster
from ...model.request import Params
from ...model.task import Task
from ..context import Context, Operation
from . import errors, tag_list, task_view
from .lookup import display_arn, find_instance, find_service, find_task, require_cluster
from .pages import arn_page
from .run_task import run_task
from .start_task import start_task

_MOST_DESCRIBED = 100
_STOPPED_BY_USER = "Task stopped by user"


def stop_task(ctx: Context, request: Params) -> Params:
    """StopTask: drained first, then stopped. A task that stops already keeps its first reason."""
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        task = find_task(ctx, tx, cluster, request["task"])
        if task is None:
            raise errors.invalid("The referenced task was not found.")
        if task.desired_status != "STOPPED":
            task = tx.put(
                task.replace(
                    desired_status="STOPPED",
                    stop_code="UserInitiated",
                    stopped_reason=request.get("reason") or _STOPPED_BY_USER,
                )
            )
        return {"task": task_view.show(tx, task)}


def describe_tasks(ctx: Context, request: Params) -> Params:
    """DescribeTasks: stopped ones for an hour; unknown ones under ``failures``."""
    given = request["tasks"]
    if not given:
        raise errors.invalid("Tasks cannot be empty.")
    if len(given) > _MOST_DESCRIBED:
        raise errors.invalid(f"Tasks cannot exceed {_MOST_DESCRIBED} elements.")
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    tasks, failures = [], []
    for text in given:
        task = find_task(ctx, ctx.store, cluster, text)
        if task is None:
            failures.append(errors.missing(display_arn(ctx, cluster, "task", text)))
        else:
            tasks.append(task_view.show(ctx.store, task, tags=tag_list.wanted(request)))
    return {"tasks": tasks, "failures": failures}


_ALONE = {
    "startedBy": ("serviceName", "family", "containerInstance", "launchType"),
    "serviceName": ("family", "containerInstance"),
}
"""Filters of ListTasks, and those that AWS refuses beside them."""


def list_tasks(ctx: Context, request: Params) -> Params:
    """ListTasks: those meant to run, unless ``desiredStatus`` says otherwise; all filters must hold."""
    if request.get("daemonName"):
        raise errors.unsupported("The parameter 'daemonName' of ListTasks")
    for alone, others in _ALONE.items():
        if request.get(alone) and any(request.get(other) for other in others):
            raise errors.invalid(f"cannot specify {alone} with other arguments")
    cluster = require_cluster(ctx, ctx.store, request.get("cluster"))
    tasks = ctx.store.list(Task, cluster_arn=cluster.arn, **_equals(ctx, cluster, request))
    family = request.get("family")
    return arn_page(
        (task.arn for task in tasks if not family or _family(task) == family), request, "taskArns"
    )


def _family(task: Task) -> str:
    return arn.last(task.task_definition_arn).rsplit(":", 1)[0]


def _equals(ctx: Context, cluster: Cluster, request: Params) -> dict[str, Any]:
    equals: dict[str, Any] = {"desired_status": request.get("desiredStatus") or "RUNNING"}
    if request.get("serviceName"):
        service = find_service(ctx, ctx.store, cluster, request["serviceName"])
        if service is None:
            raise errors.service_not_found()
        equals["service_arn"] = service.arn
    if request.get("containerInstance"):
        instance = find_instance(ctx, ctx.store, cluster, request["containerInstance"])
        if instance is None:
            raise errors.invalid("The referenced container instance was not found.")
        equals["container_instance_arn"] = instance.arn
    for member, field in (("startedBy", "started_by"), ("launchType", "launch_type")):
        if request.get(member):
            equals[field] = request[member]
    return equals


OPERATIONS: dict[str, Operation] = {
    "RunTask": run_task,
    "StartTask": start_task,
    "StopTask": stop_task,
    "DescribeTasks": describe_tasks,
    "ListTasks": list_tasks,
}
