"""Volumes of a task and where its containers see them. Pure.

A volume with a path on the host is bound. One without is an engine volume; as on ECS, it begins with what
the image has at that path. It lives as long as its task, a *shared* one as long as Sealway is on the host:
every task on the same container instance that names it sees it.
"""

from typing import Any

from ..drivers.contracts.container_runtime import Mount
from ..model.task import Task
from ..model.task_definition import TaskDefinition

MIB = 1024 * 1024


def own_volumes(task: Task, definition: TaskDefinition) -> dict[str, str]:
    """The task's own volumes: ECS name -> the engine's name."""
    return {
        volume["name"]: f"sealway-{task.id}-{volume['name']}"
        for volume in definition.spec.get("volumes") or ()
        if not _host_path(volume) and not _is_shared(volume)
    }


def mounts(task: Task, definition: TaskDefinition, container: dict[str, Any]) -> tuple[Mount, ...]:
    """The container's volumes and tmpfs mounts."""
    volumes_by_name = {volume["name"]: volume for volume in definition.spec.get("volumes") or ()}
    engines = {
        **own_volumes(task, definition),
        **{name: _shared_name(task, name) for name, v in volumes_by_name.items() if _is_shared(v)},
    }
    volumes = [
        Mount(
            target=point["containerPath"],
            type="volume" if point["sourceVolume"] in engines else "bind",
            source=engines.get(point["sourceVolume"]) or _host_path(volumes_by_name[point["sourceVolume"]]),
            read_only=bool(point.get("readOnly")),
            volume_labels=_configuration(volumes_by_name[point["sourceVolume"]]).get("labels") or {},
        )
        for point in container.get("mountPoints") or ()
    ]
    linux = container.get("linuxParameters") or {}
    tmpfs = [
        Mount(
            target=entry["containerPath"],
            type="tmpfs",
            tmpfs_size=entry["size"] * MIB,
            tmpfs_options=tuple(entry.get("mountOptions") or ()),
        )
        for entry in linux.get("tmpfs") or ()
    ]
    return tuple(volumes + tmpfs)


def _configuration(volume: dict[str, Any]) -> dict[str, Any]:
    return volume.get("dockerVolumeConfiguration") or {}


def _is_shared(volume: dict[str, Any]) -> bool:
    return _configuration(volume).get("scope") == "shared"


def _shared_name(task: Task, name: str) -> str:
    """The engine's name: the container instance's id keeps those of other instances, and accounts, apart."""
    return f"sealway-shared-{(task.container_instance_arn or task.id).rsplit('/', 1)[-1]}-{name}"


def _host_path(volume: dict[str, Any]) -> str:
    return (volume.get("host") or {}).get("sourcePath") or ""
