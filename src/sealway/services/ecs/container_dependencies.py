"""``dependsOn``, ``links``, ``volumesFrom``: who waits for whom.

No container may wait for one that never comes.
"""

from ...model.container_dependency import dependencies_of
from ...model.request import Params
from .errors import client


def check_dependencies(containers: list[Params]) -> None:
    """Raises ClientException for an unknown container, a cycle, or a condition that cannot come true."""
    by_name = {container["name"]: container for container in containers}
    for container in containers:
        for dependency in dependencies_of(container):
            _check_condition(by_name.get(dependency["containerName"]), dependency)
    _check_cycles({c["name"]: [d["containerName"] for d in dependencies_of(c)] for c in containers})


def _check_condition(other: Params | None, dependency: Params) -> None:
    name, condition = dependency["containerName"], dependency["condition"]
    if other is None:
        raise client(f"Cannot depend on container + '{name}' because it does not exist")
    if condition in ("SUCCESS", "COMPLETE") and other["essential"]:
        raise client(
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
        )
    if condition == "HEALTHY" and not other.get("healthCheck"):
        raise client(f"A dependency container with HEALTHY condition must have a health check: '{name}'")


def _check_cycles(needs: dict[str, list[str]]) -> None:
    """Takes away, again and again, the containers that wait for nobody left."""
    waiting = dict(needs)
    while waiting:
        free = [name for name, others in waiting.items() if not any(other in waiting for other in others)]
        if not free:
            raise client(f"Container dependencies should not have a cycle: {', '.join(sorted(waiting))}")
        for name in free:
            del waiting[name]
