"""Which ended containers their restart policy starts again. Pure.

A container that ran for less than ``restartAttemptPeriod`` seconds is not started again, nor is one whose
exit code the policy ignores. One recorded as STOPPED stays so.
Source: ECS API Reference, ContainerRestartPolicy.
"""

from collections.abc import Mapping
from typing import Any

from ..drivers.contracts.container_runtime import ContainerState
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .container_order import engine_time, has_ended

DEFAULT_PERIOD = 300


def to_restart(
    task: Task, definition: TaskDefinition, states: Mapping[str, ContainerState | None]
) -> list[ContainerState]:
    """The containers to start again now."""
    if task.desired_status != "RUNNING" or task.failure is not None:
        return []
    ended = {status.name for status in task.containers if status.last_status == "STOPPED"}
    return [
        state
        for container in definition.containers
        if container["name"] not in ended
        and (state := states.get(container["name"])) is not None
        and has_ended(state)
        and _allows(container.get("restartPolicy") or {}, state)
    ]


def _allows(policy: Mapping[str, Any], state: ContainerState) -> bool:
    if not policy.get("enabled") or state.exit_code in (policy.get("ignoredExitCodes") or ()):
        return False
    started, finished = engine_time(state.started_at), engine_time(state.finished_at)
    if started is None or finished is None:
        return False
    return (finished - started).total_seconds() >= (policy.get("restartAttemptPeriod") or DEFAULT_PERIOD)
