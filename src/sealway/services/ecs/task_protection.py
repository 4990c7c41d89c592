"""UpdateTaskProtection and GetTaskProtection: a service's tasks that are not to be stopped for a while.

``control`` keeps them through scale-in, deployments and draining; StopTask, failed health checks and the
deletion of the service end them all the same.
Source: ECS Developer Guide, "Protect your Amazon ECS tasks from being terminated by scale-in events".
"""

from datetime import timedelta

from ...model.cluster import Cluster
from ...model.request import Params
from ...model.task import Task
from ...store import Reader
from ..context import Context, Operation
from . import errors
from .lookup import display_arn, find_task, require_cluster

_MOST_SHOWN = 100
_MOST_UPDATED = 10
_DEFAULT_MINUTES, _MOST_MINUTES = 120, 2880


def update_task_protection(ctx: Context, request: Params) -> Params:
    """UpdateTaskProtection: on, for two hours unless told otherwise, or off."""
    minutes = request.get("expiresInMinutes")
    if minutes is not None and not 1 <= minutes <= _MOST_MINUTES:
        raise errors.invalid(f"expiresInMinutes must be between 1 and {_MOST_MINUTES}.")
    until = ctx.now + timedelta(minutes=minutes or _DEFAULT_MINUTES) if request["protectionEnabled"] else None
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request["cluster"])
        tasks, failures = _found(ctx, tx, cluster, _names(request, _MOST_UPDATED))
        changed = [tx.put(task.replace(protected_until=until)) for task in tasks]
    return {"protectedTasks": [_show(ctx, task) for task in changed], "failures": failures}


def get_task_protection(ctx: Context, request: Params) -> Params:
    """GetTaskProtection: one that is over reads as off."""
    cluster = require_cluster(ctx, ctx.store, request["cluster"])
    tasks, failures = _found(ctx, ctx.store, cluster, _names(request, _MOST_SHOWN))
    return {"protectedTasks": [_show(ctx, task) for task in tasks], "failures": failures}


def _names(request: Params, most: int) -> list[str]:
    names: list[str] = list(dict.fromkeys(request.get("tasks") or ()))
    if not 1 <= len(names) <= most:
        raise errors.invalid(f"Specify between 1 and {most} tasks.")
    return names


def _found(
    ctx: Context, reader: Reader, cluster: Cluster, names: list[str]
) -> tuple[list[Task], list[dict[str, str]]]:
    """The tasks that can be protected, and why the others cannot."""
    tasks: dict[str, Task] = {}
    failures = []
    for name in names:
        task = find_task(ctx, reader, cluster, name)
        if task is None:
            failures.append(errors.missing(display_arn(ctx, cluster, "task", name)))
        elif task.service_arn is None:
            failures.append(errors.failure(task.arn, "TASK_NOT_VALID", "The task is not part of a service."))
        elif task.desired_status == "STOPPED":
            failures.append(errors.failure(task.arn, "TASK_NOT_VALID", "The task is stopping or stopped."))
        else:
            tasks[task.arn] = task
    return list(tasks.values()), failures


def _show(ctx: Context, task: Task) -> Params:
    if task.protected_until is None or task.protected_until <= ctx.now:
        return {"taskArn": task.arn, "protectionEnabled": False}
    return {"taskArn": task.arn, "protectionEnabled": True, "expirationDate": task.protected_until}


OPERATIONS: dict[str, Operation] = {
    "UpdateTaskProtection": update_task_protection,
    "GetTaskProtection": get_task_protection,
}
