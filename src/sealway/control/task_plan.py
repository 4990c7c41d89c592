"""Which tasks come to their end without anyone having asked: one reason a task, in order of precedence.

Desired status only ever goes from RUNNING to STOPPED. Targets drain before containers are stopped; that is
``target_plan``'s part. Standalone tasks have no targets, so they may stop at once.
Source: ECS Developer Guide, "Amazon ECS stopped tasks error messages"; API Reference, ``Task.stopCode``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .plan import Plan
from .reaper_plan import released
from .snapshot import GONE, LooseSnapshot, Machines

FAILURES = frozenset({"EssentialContainerExited", "TaskFailedToStart"})
"""Stop codes that mean the task itself is broken."""


class End(msgspec.Struct, frozen=True):
    """``stopCode`` and ``stoppedReason``."""

    code: str
    reason: str


def plan(snapshot: LooseSnapshot, now: datetime) -> Plan:
    """Standalone tasks: end those that must, let the ending ones stop, take back their interfaces."""
    puts = []
    for task in snapshot.tasks:
        end = ending(task, snapshot.definitions, snapshot.machines)
        after = stop(task, end) if end else task
        if after.desired_status == "STOPPED" and not after.may_stop:
            after = after.replace(may_stop=True)
        if after is not task:
            puts.append(after)
    return Plan(puts=tuple(puts), deletes=released(snapshot.interfaces))


def stop(task: Task, end: End) -> Task:
    """The task told to stop; what was said first stays."""
    if task.desired_status == "STOPPED":
        return task
    return task.replace(desired_status="STOPPED", stop_code=end.code, stopped_reason=end.reason)


def endings(
    tasks: Iterable[Task], definitions: Mapping[str, TaskDefinition], machines: Machines
) -> list[Task]:
    """The tasks that end now, told to stop."""
    ended = ((task, ending(task, definitions, machines)) for task in tasks)
    return [stop(task, end) for task, end in ended if end is not None]


def ending(task: Task, definitions: Mapping[str, TaskDefinition], machines: Machines) -> End | None:
    """Why a task that should run must end; None when it may go on."""
    if task.desired_status == "STOPPED":
        return None
    if task.failure is not None:
        return End("TaskFailedToStart", task.failure)
    if _essential_exited(task, definitions.get(task.task_definition_arn)):
        return End("EssentialContainerExited", "Essential container in task exited")
    if task.last_status == "STOPPED":
        code = "EssentialContainerExited" if task.started_at else "TaskFailedToStart"
        return End(code, "Essential container in task exited" if task.started_at else "Task failed to start")
    return _machine_gone(task, machines)


def _essential_exited(task: Task, definition: TaskDefinition | None) -> bool:
    spec = {c["name"]: c for c in definition.containers} if definition else {}
    stopped = [c.name for c in task.containers if c.last_status == "STOPPED"]
    return any(spec.get(name, {}).get("essential", True) for name in stopped)


def _machine_gone(task: Task, machines: Machines) -> End | None:
    if task.container_instance_arn is None:
        return None
    instance = machines.instances.get(task.container_instance_arn)
    if instance is None:
        return End("TerminationNotice", "Container instance is gone")
    host = machines.hosts.get(instance.ec2_instance_id)
    if host is not None and (host.state in GONE or host.terminate_requested_at is not None):
        return End("TerminationNotice", f"Host EC2 (instance {host.id}) terminated.")
    if instance.status == "INACTIVE":
        return End("ServiceSchedulerInitiated", "Container instance deregistration forced by user")
    return None
