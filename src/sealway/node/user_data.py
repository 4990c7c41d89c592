"""What an instance's user data says to the ECS agent. Pure.

The ECS-optimised image's agent reads ``/etc/ecs/ecs.config``, which user data scripts write with
``echo ECS_CLUSTER=blue >> /etc/ecs/ecs.config`` or a here-document. The script is not run here: its
``ECS_CLUSTER``, ``ECS_INSTANCE_ATTRIBUTES``, ``ECS_RESERVED_PORTS`` and ``ECS_RESERVED_PORTS_UDP`` settings
are read, the last one of each counts. Source: ECS Developer Guide, "Bootstrapping Amazon ECS Linux
container instances to pass data", "Amazon ECS container agent configuration".
"""

import json
import re
from typing import Any

import msgspec

_CLUSTER = re.compile(r"""\bECS_CLUSTER=["']?([A-Za-z0-9_-]+)""")
_ATTRIBUTES = re.compile(r"\bECS_INSTANCE_ATTRIBUTES=[\"']?(?=\{|\\?\{)")
_PORTS = r"\b{}=[\"']?(?=\[)"
_LAST_PORT = 65535


class AgentConfig(msgspec.Struct, frozen=True):
    """``cluster`` None: the default one. ``attributes``: name -> value. Ports None: the usual ones."""

    cluster: str | None = None
    attributes: dict[str, str] = {}
    reserved_tcp_ports: tuple[int, ...] | None = None
    reserved_udp_ports: tuple[int, ...] | None = None


def agent_config(user_data: str) -> AgentConfig:
    """The agent's configuration in decoded user data."""
    clusters = _CLUSTER.findall(user_data)
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTES.finditer(user_data):
        found = _json_at(user_data[match.end() :])
        if isinstance(found, dict) and found:
            attributes = {str(name): str(item) for name, item in found.items()}
    return AgentConfig(
        clusters[-1] if clusters else None,
        attributes,
        _ports("ECS_RESERVED_PORTS", user_data),
        _ports("ECS_RESERVED_PORTS_UDP", user_data),
    )


def _ports(setting: str, user_data: str) -> tuple[int, ...] | None:
    """The last list of ports that the setting is given; None: none that is one."""
    ports: tuple[int, ...] | None = None
    for match in re.finditer(_PORTS.format(setting), user_data):
        found = _json_at(user_data[match.end() :])
        if isinstance(found, list) and all(type(port) is int and 0 < port <= _LAST_PORT for port in found):
            ports = tuple(sorted(set(found)))
    return ports


def _json_at(text: str) -> Any:
    """The JSON value that ``text`` starts with; inside double quotes a shell needs \\" for each quote."""
    for candidate in (text, text.replace('\\"', '"')):
        try:
            value, _ = json.JSONDecoder().raw_decode(candidate)
        except ValueError:
            continue
        return value
    return None
