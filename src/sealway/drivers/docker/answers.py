"""What Docker answers, as the contract's values. Pure.

Source: Docker Engine API v1.41, ``GET /containers/{id}/json``, ``GET /containers/json`` and ``GET /events``.
"""

import re
from collections.abc import Mapping
from typing import Any

from ..contracts.container_runtime import ContainerEvent, ContainerState, ContainerSummary, PublishedPort

_ENDED = frozenset({"exited", "dead"})
_HEALTH = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}  # "starting" and "none" tell nothing yet
_IN_BRACKETS = re.compile(r"\(([a-z]+)\)$")
_NEVER = "0001-01-01T00:00:00Z"  # how Go writes "not yet"
EVENT_ACTIONS = frozenset({"start", "die", "oom", "health_status", "destroy"})
_NOT_LABELS = frozenset({"image", "name", "exitCode", "execDuration", "signal"})


def container_state(answer: Mapping[str, Any], image_digest: str | None) -> ContainerState:
    """A container's inspection. ``image_digest`` is known from the image's own."""
    state = answer["State"]
    ended = state["Status"] in _ENDED
    return ContainerState(
        id=answer["Id"],
        name=answer["Name"].removeprefix("/"),
        labels=answer["Config"].get("Labels") or {},
        status=state["Status"],
        pid=state.get("Pid") or 0,
        exit_code=state.get("ExitCode") if ended else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        health=_HEALTH.get((state.get("Health") or {}).get("Status", ""), "UNKNOWN"),
        image=answer["Config"].get("Image") or "",
        image_digest=image_digest,
        bridge_ip=_bridge_ip(answer.get("NetworkSettings") or {}),
        published_ports=_published_ports(answer.get("NetworkSettings") or {}),
        started_at=_time(state.get("StartedAt")),
        finished_at=_time(state.get("FinishedAt")) if ended else None,
    )


def container_summary(listed: Mapping[str, Any]) -> ContainerSummary:
    """An entry of the list. Only the words for people tell the health: ``Up 5 minutes (healthy)``."""
    words = _IN_BRACKETS.search(listed.get("Status") or "")
    return ContainerSummary(
        id=listed["Id"],
        name=listed["Names"][0].removeprefix("/"),
        labels=listed.get("Labels") or {},
        status=listed["State"],
        health=_HEALTH.get(words[1] if words else "", "UNKNOWN"),
    )


def _time(text: str | None) -> str | None:
    return None if not text or text == _NEVER else text


def _bridge_ip(settings: Mapping[str, Any]) -> str | None:
    """A container of ours is in one network at most."""
    networks = (settings.get("Networks") or {}).values()
    return next((network["IPAddress"] for network in networks if network.get("IPAddress")), None)


def _published_ports(settings: Mapping[str, Any]) -> tuple[PublishedPort, ...]:
    return tuple(
        PublishedPort(
            container_port=int(where.partition("/")[0]),
            protocol="udp" if where.endswith("/udp") else "tcp",
            host_ip=binding["HostIp"],
            host_port=int(binding["HostPort"]),
        )
        for where, bindings in sorted((settings.get("Ports") or {}).items())
        for binding in bindings or ()
    )


def container_event(answer: Mapping[str, Any]) -> ContainerEvent | None:
    """An event of the stream, or None for one that the contract does not know.

    A health event's action is ``health_status: healthy``: the state is read by inspection, never from it.
    """
    action = str(answer.get("Action", "")).partition(":")[0]
    if answer.get("Type") != "container" or action not in EVENT_ACTIONS:
        return None
    actor = answer["Actor"]
    labels = {k: v for k, v in (actor.get("Attributes") or {}).items() if k not in _NOT_LABELS}
    return ContainerEvent(container_id=actor["ID"], action=action, labels=labels)


def repository_digest(image: Mapping[str, Any]) -> str | None:
    """``sha256:...`` of the manifest that was pulled; None for an image made on this machine."""
    for reference in image.get("RepoDigests") or ():
        digest = str(reference).rpartition("@")[2]
        if digest:
            return digest
    return None
