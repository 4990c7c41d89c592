"""What a container shares with others or asks of its namespaces: links, volumes, system controls, restarts.

Who waits for whom by that is checked with ``dependsOn``. Source: ECS API Reference, ContainerDefinition.
"""

import re

from ...model.request import Params
from .errors import client

_LINK = re.compile(r"[A-Za-z0-9_-]{1,255}(?::[A-Za-z0-9_.-]{1,255})?")
_CONTROL = re.compile(
    r"net\.[a-z0-9_.-]+|fs\.mqueue\.[a-z0-9_]+|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)"
)
"""What is namespaced, so that it holds for the container or its task alone."""
_PERIODS = range(60, 1801)
_MOST_EXIT_CODES = 50


def check_sharing(container: Params) -> None:
    """Raises ClientException for the first that is wrong."""
    setting = f"setting for container '{container['name']}'"
    for link in container.get("links") or ():
        if not _LINK.fullmatch(link):
            raise client(f"Invalid 'links' {setting}: '{link}' is neither name nor name:alias.")
    for volumes in container.get("volumesFrom") or ():
        if not volumes.get("sourceContainer"):
            raise client(f"Invalid 'volumesFrom' {setting}: sourceContainer is missing.")
    for control in container.get("systemControls") or ():
        name = control.get("namespace") or ""
        if not _CONTROL.fullmatch(name):
            raise client(f"Invalid 'systemControls' {setting}: '{name}' is not a namespaced parameter.")
        if not control.get("value"):
            raise client(f"Invalid 'systemControls' {setting}: '{name}' has no value.")
    _check_restart(container.get("restartPolicy") or {}, setting)


def check_network_controls(containers: list[Params]) -> None:
    """In awsvpc mode containers share one network: they cannot want it to be different things."""
    seen: dict[str, str] = {}
    for container in containers:
        for control in container.get("systemControls") or ():
            name, value = control["namespace"], control["value"]
            if name.startswith("net.") and seen.setdefault(name, value) != value:
                raise client(
                    f"Invalid 'systemControls' setting for container '{container['name']}': another container"
                    f" of the task sets '{name}' otherwise."
                )


def _check_restart(policy: Params, setting: str) -> None:
    period = policy.get("restartAttemptPeriod")
    if period is not None and period not in _PERIODS:
        raise client(
            f"Invalid 'restartPolicy' {setting}: restartAttemptPeriod must be between {_PERIODS[0]} and"
            f" {_PERIODS[-1]}."
        )
    if len(policy.get("ignoredExitCodes") or ()) > _MOST_EXIT_CODES:
        raise client(f"Invalid 'restartPolicy' {setting}: at most {_MOST_EXIT_CODES} exit codes.")
