"""What an instance's user data says to the ECS agent. Pure.

The ECS-optimised image's agent reads ``/etc/ecs/ecs.config``, which user data scripts write with
``echo ECS_CLUSTER=blue >> /etc/ecs/ecs.config`` or a here-document. The script is not run here: its
``ECS_CLUSTER`` and ``ECS_INSTANCE_ATTRIBUTES`` settings are read, the last one of each counts.
Source: ECS Developer Guide, "Bootstrapping Amazon ECS Linux container instances to pass data".
"""

import json
import re

import msgspec

_CLUSTER = re.compile(r"""\bECS_CLUSTER=["']?([A-Za-z0-9_-]+)""")
_ATTRIBUTES = re.compile(r"\bECS_INSTANCE_ATTRIBUTES=[\"']?(?=\{|\\?\{)")


class AgentConfig(msgspec.Struct, frozen=True):
    """``cluster`` None: the default one. ``attributes``: name -> value."""

    cluster: str | None = None
    attributes: dict[str, str] = {}


def agent_config(user_data: str) -> AgentConfig:
    """The agent's configuration in decoded user data."""
    clusters = _CLUSTER.findall(user_data)
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTES.finditer(user_data):
        attributes = _json_at(user_data[match.end() :]) or attributes
    return AgentConfig(clusters[-1] if clusters else None, attributes)


def _json_at(text: str) -> dict[str, str] | None:
    """The JSON object that ``text`` starts with; inside double quotes a shell needs \\" for each quote."""
    for candidate in (text, text.replace('\\"', '"')):
        try:
            value, _ = json.JSONDecoder().raw_decode(candidate)
        except ValueError:
            continue
        if isinstance(value, dict):
            return {str(name): str(item) for name, item in value.items()}
    return None
