"""Which tasks must be looked at because the host shows something else of them than the store. Pure.

A list of all containers and one of all interfaces tell of an event that was lost, with no look at each task.
"""

from collections.abc import Collection, Mapping

from ..drivers.contracts.container_runtime import ContainerSummary
from ..model.task import ContainerStatus, Task
from ..model.task_definition import TaskDefinition
from .container_names import container_name

_ENDED = ("exited", "dead")


def looks_different(
    task: Task,
    definition: TaskDefinition | None,
    containers: Mapping[str, ContainerSummary],
    attached: Collection[str],
) -> bool:
    """Whether the host shows the task otherwise. ``containers``: by name; ``attached``: interfaces' ids."""
    specs = definition.containers if definition else ()
    checked = {spec["name"] for spec in specs if spec.get("healthCheck")}
    if any(
        _is_other(each, containers.get(container_name(task, each.name)), checked=each.name in checked)
        for each in task.containers
    ):
        return True
    runs = task.last_status == "RUNNING" and task.desired_status == "RUNNING"
    return runs and task.interface is not None and task.interface.network_interface_id not in attached


def _is_other(known: ContainerStatus, shown: ContainerSummary | None, *, checked: bool) -> bool:
    if known.last_status == "STOPPED":
        return False
    if shown is None:
        return known.runtime_id is not None
    if shown.status in _ENDED or known.runtime_id not in (None, shown.id):
        return True
    runs = shown.status not in ("created", "restarting")
    return runs is not (known.last_status == "RUNNING") or (checked and shown.health != known.health_status)
