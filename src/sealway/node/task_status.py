"""What the states of its containers say about a task. Pure.

A container recorded as STOPPED stays so, whatever the engine shows later, and a task's status only
moves forward. A container that was once made and is gone counts as killed (137): nothing but
SIGKILL takes a container away unasked. Source of the words: ECS Developer Guide, "Stopped tasks error
messages".
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from ..drivers.contracts.container_runtime import ContainerState
from ..model import arn as arns
from ..model.ids import IdSource, uuid
from ..model.task import ContainerStatus, PortBinding, Task, is_forward
from ..model.task_definition import TaskDefinition
from .container_order import has_ended, has_started

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
VANISHED = "DockerStateError: the container is gone from the engine"
KILLED = 137


def with_containers(task: Task, definition: TaskDefinition, ids: IdSource) -> Task:
    """The task with a ``ContainerStatus`` for each container definition."""
    known = {status.name for status in task.containers}
    cluster = arns.last(task.cluster_arn)
    missing = tuple(
        ContainerStatus(
            name=container["name"],
            arn=arns.ecs(task.region, task.account_id, f"container/{cluster}/{task.id}/{uuid(ids)}"),
            image=container["image"],
        )
        for container in definition.containers
        if container["name"] not in known
    )
    return task.replace(containers=task.containers + missing) if missing else task


def observed(
    task: Task, definition: TaskDefinition, states: Mapping[str, ContainerState | None], now: datetime
) -> Task:
    """The task as its containers show it."""
    checked = {c["name"] for c in definition.containers if c.get("healthCheck")}
    publishing = _publishing(definition)
    containers = tuple(
        _container(
            status,
            states.get(status.name),
            checked=status.name in checked,
            publishes=status.name in publishing,
        )
        for status in task.containers
    )
    task = task.replace(containers=containers, health_status=_health(definition, containers))
    if task.execution_stopped_at is None and essential_ended(task, definition):
        task = task.replace(execution_stopped_at=now)
    return task


def essential_ended(task: Task, definition: TaskDefinition) -> bool:
    """Whether an essential container has stopped."""
    essential = {c["name"] for c in definition.containers if c.get("essential", True)}
    return any(c.name in essential and c.last_status == "STOPPED" for c in task.containers)


def moved_to(task: Task, status: str) -> Task:
    """The task in that status, or unchanged when it is there already or beyond."""
    return task.replace(last_status=status) if is_forward(task.last_status, status) else task


def container_failed(task: Task, name: str, reason: str) -> Task:
    """The container could not be made or started, and therefore the task cannot either."""
    containers = tuple(
        replace(c, last_status="STOPPED", reason=reason) if c.name == name else c for c in task.containers
    )
    return task.replace(containers=containers, failure=task.failure or reason)


def all_stopped(task: Task) -> Task:
    """Every container that was not yet seen to end is recorded as stopped: none is left on the host."""
    return task.replace(
        containers=tuple(replace(c, last_status="STOPPED", bridge_ip=None) for c in task.containers)
    )


def all_seen(task: Task) -> bool:
    """Whether each container has been seen to run, its published ports with it, or to end."""
    return all(c.last_status != "PENDING" for c in task.containers)


def _publishing(definition: TaskDefinition) -> set[str]:
    """The containers that run only once the engine shows where their ports are published."""
    if definition.network_mode != "bridge":
        return set()
    return {c["name"] for c in definition.containers if c.get("portMappings")}


def _container(
    status: ContainerStatus, state: ContainerState | None, *, checked: bool, publishes: bool
) -> ContainerStatus:
    if status.last_status == "STOPPED":
        return status
    if state is None:
        gone = status.runtime_id is not None
        return replace(status, last_status="STOPPED", exit_code=KILLED, reason=VANISHED) if gone else status
    status = replace(
        status, runtime_id=state.id, image_digest=state.image_digest, health_status=_checked(state, checked)
    )
    if has_ended(state):
        return replace(status, last_status="STOPPED", exit_code=state.exit_code, reason=_end_reason(state))
    if not has_started(state):
        return status
    # They do not change while it runs; the engine shows none from the moment that it takes it away by force.
    bindings = _bindings(state) or status.bindings
    if publishes and not bindings:
        return status
    return replace(
        status, last_status="RUNNING", bindings=bindings, bridge_ip=state.bridge_ip or status.bridge_ip
    )


def _checked(state: ContainerState, checked: bool) -> str:
    # A check baked into the image is not ECS's business: only the definition's counts.
    return state.health if checked else "UNKNOWN"


def _end_reason(state: ContainerState) -> str | None:
    if state.oom_killed:
        return OUT_OF_MEMORY
    return f"CannotStartContainerError: {state.error}" if state.error else None


def _bindings(state: ContainerState) -> tuple[PortBinding, ...]:
    return tuple(
        PortBinding(
            container_port=port.container_port,
            host_port=port.host_port,
            protocol=port.protocol,
            host_ip=port.host_ip,
        )
        for port in state.published_ports
    )


def _health(definition: TaskDefinition, containers: tuple[ContainerStatus, ...]) -> str:
    """The worst over the essential containers that have a health check (ECS API Reference, HealthCheck)."""
    watched = {c["name"] for c in definition.containers if c.get("healthCheck") and c.get("essential", True)}
    found = {c.health_status for c in containers if c.name in watched}
    for worst in ("UNHEALTHY", "UNKNOWN", "HEALTHY"):
        if worst in found:
            return worst
    return "UNKNOWN"
