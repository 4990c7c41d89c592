"""RegisterTaskDefinition's input, checked and with AWS's defaults: the ``spec`` of a task definition.

What launches where is decided here too: a definition is compatible with EC2 always, and with Fargate when
Fargate could run it; asking for Fargate raises the reason why it could not.
"""

from ...model.request import Params
from .container_dependencies import check_dependencies
from .container_rules import checked_containers
from .errors import client, unsupported
from .honoured import refuse_others
from .names import is_name
from .placement_rules import check_placement
from .task_size_rules import (
    check_container_sizes,
    fargate_size_problem,
    normal_cpu,
    normal_memory,
)

_HONOURED = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "tags",
    "runtimePlatform",
    "ephemeralStorage",
)
NETWORK_MODES = ("bridge", "awsvpc")
_FARGATE_LONGEST_TIMEOUT = 120


def checked_spec(request: Params) -> Params:
    """The spec to keep: the request without its tags. Raises ClientException for what is wrong."""
    refuse_others(request, _HONOURED, "RegisterTaskDefinition")
    _check_family(request.get("family") or "")
    given = {k: v for k, v in request.items() if k != "tags" and v is not None}
    mode = request.get("networkMode") or "bridge"
    if mode not in NETWORK_MODES:
        raise unsupported(f"networkMode '{mode}' (use bridge or awsvpc)")
    spec: Params = {
        "volumes": [],
        "placementConstraints": [],
        **given,
        "containerDefinitions": checked_containers(request["containerDefinitions"], mode),
    }
    spec |= {
        member: size
        for member, size in (
            ("cpu", normal_cpu(request.get("cpu"))),
            ("memory", normal_memory(request.get("memory"))),
        )
        if size
    }
    _check_platform(spec)
    _check_volumes(spec)
    check_container_sizes(spec)
    check_dependencies(spec["containerDefinitions"])
    check_placement(spec["placementConstraints"])
    _check_compatibilities(spec)
    return spec


def compatibilities(spec: Params) -> tuple[str, ...]:
    """The launch types that can run it, as AWS lists them."""
    return ("EC2",) if fargate_problem(spec) else ("EC2", "FARGATE")


def fargate_problem(spec: Params) -> str | None:
    """Why Fargate cannot run it, in AWS's words; None when it can."""
    if spec.get("networkMode") != "awsvpc":
        return "Fargate only supports network mode \u2018awsvpc\u2019."
    if problem := fargate_size_problem(spec):
        return problem
    if any((volume.get("host") or {}).get("sourcePath") for volume in spec["volumes"]):
        return "host.sourcePath should not be set for volumes in Fargate."
    if any(volume.get("dockerVolumeConfiguration") for volume in spec["volumes"]):
        return "dockerVolumeConfiguration is not supported for volumes in Fargate."
    if spec["placementConstraints"]:
        return "Tasks using the Fargate launch type do not support placement constraints."
    problems = (_fargate_container_problem(container) for container in spec["containerDefinitions"])
    return next((problem for problem in problems if problem), None)


def _fargate_container_problem(container: Params) -> str | None:
    linux = container.get("linuxParameters") or {}
    if linux.get("sharedMemorySize"):
        return "Tasks using the Fargate launch type do not support 'sharedMemorySize'."
    if (linux.get("capabilities") or {}).get("add"):
        return "Tasks using the Fargate launch type do not support adding these capabilities."
    for member in ("startTimeout", "stopTimeout"):
        if container.get(member, 0) > _FARGATE_LONGEST_TIMEOUT:
            return (
                f"Invalid '{member}' setting for container '{container['name']}':"
                f" it cannot be greater than {_FARGATE_LONGEST_TIMEOUT} on Fargate."
            )
    return None


def _check_family(family: str) -> None:
    if not family:
        raise client("Family should not be null or empty.")
    if not is_name(family):
        raise client("Family contains invalid characters.")


def check_architecture(spec: Params, here: str) -> None:
    """What a definition is made for must be what tasks run on: another processor's image would not start."""
    wanted = (spec.get("runtimePlatform") or {}).get("cpuArchitecture") or here
    if wanted != here:
        raise unsupported(f"The CPU architecture {wanted} on this host ({here})")


def _check_platform(spec: Params) -> None:
    system = (spec.get("runtimePlatform") or {}).get("operatingSystemFamily") or "LINUX"
    if system != "LINUX":
        raise unsupported(f"The operating system family {system} (use LINUX)")
    size = (spec.get("ephemeralStorage") or {}).get("sizeInGiB")
    if size is not None and not 21 <= size <= 200:
        raise client("Invalid 'ephemeralStorage' setting for task: sizeInGiB must be between 21 and 200.")


def _check_volumes(spec: Params) -> None:
    names = [volume.get("name") or "" for volume in spec["volumes"]]
    for volume in spec["volumes"]:
        name = volume.get("name") or ""
        if not is_name(name):
            raise client(f"Volume.name contains invalid characters: '{name}'.")
        refuse_others(volume, ("name", "host", "dockerVolumeConfiguration"), f"volume '{name}'")
        path = (volume.get("host") or {}).get("sourcePath")
        if path and not path.startswith("/"):
            raise client(f"Invalid 'sourcePath' setting for volume '{name}': it is not an absolute path.")
        if path and not _can_be_bound(path):
            raise client(
                f"Invalid 'sourcePath' setting for volume '{name}': it holds ':' or a control character."
            )
        _check_docker_volume(volume, name)
    if len(set(names)) < len(names):
        raise client("Volume names must be unique within a Task Definition.")
    for container in spec["containerDefinitions"]:
        _check_mount_points(container, names)


def _check_docker_volume(volume: Params, name: str) -> None:
    """Of Docker's own driver, without options: for its task, or shared and made when first mounted."""
    configuration = volume.get("dockerVolumeConfiguration") or {}
    where = f"dockerVolumeConfiguration of volume '{name}'"
    refuse_others(configuration, ("scope", "autoprovision", "driver", "labels"), where)
    if configuration and (volume.get("host") or {}).get("sourcePath"):
        raise client(f"Volume '{name}' cannot have both host.sourcePath and dockerVolumeConfiguration.")
    if configuration.get("driver") not in (None, "", "local"):
        raise unsupported(f"The driver '{configuration['driver']}' in the {where} (use local)")
    shared, autoprovision = configuration.get("scope") == "shared", bool(configuration.get("autoprovision"))
    if shared and not autoprovision:
        raise unsupported(f"The scope 'shared' without autoprovision in the {where}")
    if autoprovision and not shared:
        raise client(f"autoprovision is for the scope 'shared' only: volume '{name}'.")


def _check_mount_points(container: Params, volumes: list[str]) -> None:
    for point in container["mountPoints"]:
        if point.get("sourceVolume") not in volumes:
            raise client(f"Unknown volume '{point.get('sourceVolume') or ''}'.")
        if not (point.get("containerPath") or "").startswith("/"):
            raise client(
                f"Invalid 'mountPoints' setting for container '{container['name']}':"
                " containerPath must be an absolute path."
            )
        if not _can_be_bound(point["containerPath"]):
            raise client(
                f"Invalid 'mountPoints' setting for container '{container['name']}':"
                " containerPath holds ':' or a control character."
            )


def _can_be_bound(path: str) -> bool:
    """Docker Engine takes ``SOURCE:TARGET:OPTIONS``: a colon in a path would begin the next part."""
    return ":" not in path and path.isprintable()


def _check_compatibilities(spec: Params) -> None:
    for wanted in spec.get("requiresCompatibilities") or ():
        if wanted not in ("EC2", "FARGATE"):
            raise unsupported(f"The launch type {wanted} (use EC2 or FARGATE)")
    if "FARGATE" in (spec.get("requiresCompatibilities") or ()) and (problem := fargate_problem(spec)):
        raise client(problem)
