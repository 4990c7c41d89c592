"""What a container definition must look like, and the defaults AWS fills in.

Source: ECS API Reference, ContainerDefinition; messages as the service words them.
"""

from collections import Counter
from typing import Any

from ...model.request import Params
from .container_fields import refuse_unhonoured
from .container_sharing import check_network_controls, check_sharing
from .errors import client
from .names import is_name
from .port_mapping_rules import check_host_ports, checked_mappings

_MOST_CONTAINERS = 10
_LONGEST_IMAGE = 255
_HEALTH_CHECK = {"interval": (30, 5, 300), "timeout": (5, 2, 60), "retries": (3, 1, 10)}
"""Default, least and most."""
_MOST_START_PERIOD = 300
_TMPFS_FLAGS = frozenset(
    word
    for words in (
        "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync mand nomand",
        "atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime",
    )
    for word in words.split()
)
_TMPFS_VALUES = frozenset({"mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"})
"""Tmpfs.mountOptions, without those that mean nothing for a tmpfs (bind, remount, propagation)."""


def checked_containers(containers: list[Params], network_mode: str) -> list[Params]:
    """The definitions with AWS's defaults. Raises ClientException for the first that is wrong."""
    if not containers:
        raise client("Container list cannot be empty.")
    if len(containers) > _MOST_CONTAINERS:
        raise client("Too many containers.")
    checked = [_checked(container, network_mode) for container in containers]
    names = Counter(container["name"] for container in checked)
    if any(count > 1 for count in names.values()):
        raise client("Container names must be unique within a Task Definition.")
    if not any(container["essential"] for container in checked):
        raise client("Task definition doesn't have any essential container.")
    check_host_ports(checked, network_mode)
    if network_mode == "awsvpc":
        check_network_controls(checked)
    return checked


def _checked(given: Params, network_mode: str) -> Params:
    container = {member: value for member, value in given.items() if value is not None}
    _check_identity(container)
    refuse_unhonoured(container, network_mode)
    name = container["name"]
    _check_timeouts(container)
    _check_ulimits(container)
    _check_linux(container)
    check_sharing(container)
    if container.get("healthCheck"):
        container["healthCheck"] = _health_check(container["healthCheck"], name)
    return {
        "cpu": 0,
        "essential": True,
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
        **container,
        "environment": _environment(container),
        "portMappings": checked_mappings(container, network_mode),
    }


def _check_identity(container: Params) -> None:
    for member in ("name", "image"):
        if not container.get(member):
            raise client(f"Container.{member} should not be null or empty.")
    if not is_name(container["name"]):
        raise client("Container.name contains invalid characters.")
    if len(container["image"]) > _LONGEST_IMAGE:
        raise client(f"Container.image should be {_LONGEST_IMAGE} characters or less.")
    if any(character.isspace() for character in container["image"]):
        raise client("Container.image contains invalid characters.")


def _environment(container: Params) -> list[Params]:
    pairs = container.get("environment") or []
    if any(not pair.get("name") for pair in pairs):
        raise client(f"Invalid 'environment' setting for container '{container['name']}': a name is missing.")
    return [{"name": pair["name"], "value": pair.get("value") or ""} for pair in pairs]


def _check_timeouts(container: Params) -> None:
    for member in ("startTimeout", "stopTimeout"):
        if container.get(member, 0) < 0:
            raise client(f"Invalid '{member}' setting for container '{container['name']}'.")


def _check_ulimits(container: Params) -> None:
    for limit in container.get("ulimits") or ():
        soft, hard = limit["softLimit"], limit["hardLimit"]
        if soft < -1 or hard < -1 or (hard != -1 and (soft == -1 or soft > hard)):
            raise client(
                f"Invalid 'ulimits' setting for container '{container['name']}': the soft limit of"
                f" {limit['name']} cannot be greater than its hard limit."
            )


def _check_linux(container: Params) -> None:
    linux = container.get("linuxParameters") or {}
    setting = f"setting for container '{container['name']}'"
    if linux.get("sharedMemorySize") is not None and linux["sharedMemorySize"] < 1:
        raise client(f"Invalid 'sharedMemorySize' {setting}.")
    for entry in linux.get("tmpfs") or ():
        if entry["size"] < 1:
            raise client(f"Invalid 'tmpfs' {setting}: the size of {entry['containerPath']} must be positive.")
        if not entry["containerPath"].startswith("/"):
            raise client(f"Invalid 'tmpfs' {setting}: {entry['containerPath']} is not an absolute path.")
        for option in entry.get("mountOptions") or ():
            name, _, value = option.partition("=")
            if option not in _TMPFS_FLAGS and not (name in _TMPFS_VALUES and value and "," not in value):
                raise client(f"Invalid 'tmpfs' {setting}: the mount option '{option}' is not supported.")


def _health_check(given: Params, container: str) -> Params:
    check: dict[str, Any] = {member: value for member, value in given.items() if value is not None}
    command = check.get("command") or []
    setting = f"Invalid 'healthCheck' setting for container '{container}'"
    if len(command) < 2 or command[0] not in ("CMD", "CMD-SHELL"):
        raise client(f"{setting}: the command must begin with CMD or CMD-SHELL, followed by what to run.")
    for member, (default, least, most) in _HEALTH_CHECK.items():
        check.setdefault(member, default)
        if not least <= check[member] <= most:
            raise client(f"{setting}: {member} must be between {least} and {most}.")
    if not 0 <= check.get("startPeriod", 0) <= _MOST_START_PERIOD:
        raise client(f"{setting}: startPeriod must be between 0 and {_MOST_START_PERIOD}.")
    return check
