"""How much CPU, memory and which ports a task takes of its container instance.

CPU counts in units (1,024 a vCPU), memory in MiB. A task-level size counts whole; without one it is the
sum over the containers. Sources: ECS Developer Guide, "Task size"; ECS API Reference,
``ContainerDefinition`` (``memoryReservation`` is what placement subtracts where it is given).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from .instance_type import CPU_UNITS_PER_VCPU
from .port_range import Wanted, wanted_ranges
from .task_definition import TaskDefinition

_CPU = re.compile(r"\s*(\d*\.?\d+)\s*(vcpu)?\s*", re.IGNORECASE)
_MEMORY = re.compile(r"\s*(\d*\.?\d+)\s*(gb)?\s*", re.IGNORECASE)
_MIB_PER_GB = 1024


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What one task takes. The ports are static host ports; single dynamic ones need no room."""

    cpu: int = 0
    memory: int = 0
    tcp_ports: frozenset[int] = frozenset()
    udp_ports: frozenset[int] = frozenset()
    port_ranges: tuple[Wanted, ...] = ()

    @property
    def static_ports(self) -> int:
        """How many host ports it asks for by number."""
        return len(self.tcp_ports) + len(self.udp_ports)


def parse_cpu(text: str) -> int | None:
    """CPU units of ``256``, ``.25 vCPU`` or ``1 vcpu``; None when it is none of these."""
    return _parse(_CPU, text, CPU_UNITS_PER_VCPU)


def parse_memory(text: str) -> int | None:
    """MiB of ``512``, ``1GB`` or ``0.5 GB``; None when it is none of these."""
    return _parse(_MEMORY, text, _MIB_PER_GB)


def needs_of(definition: TaskDefinition, overrides: Mapping[str, Any] | None = None) -> Needs:
    """What a task of this definition takes, with RunTask's ``overrides`` (a ``TaskOverride``) applied."""
    given = overrides or {}
    by_name = {o.get("name"): o for o in given.get("containerOverrides") or ()}
    containers = [{**c, **by_name.get(c["name"], {})} for c in definition.containers]
    tcp, udp = _static_ports(definition)
    return Needs(
        cpu=_task_level(parse_cpu, given, definition, "cpu", sum(c.get("cpu") or 0 for c in containers)),
        memory=_task_level(
            parse_memory, given, definition, "memory", sum(_container_memory(c) for c in containers)
        ),
        tcp_ports=tcp,
        udp_ports=udp,
        port_ranges=wanted_ranges(definition),
    )


def _parse(pattern: re.Pattern[str], text: str, per_unit: int) -> int | None:
    match = pattern.fullmatch(text)
    if match is None:
        return None
    number, unit = match.groups()
    if unit:
        return int(float(number) * per_unit)
    return int(number) if number.isdigit() else None


def _task_level(
    parse: Any, overrides: Mapping[str, Any], definition: TaskDefinition, member: str, otherwise: int
) -> int:
    text = overrides.get(member) or definition.spec.get(member)
    size: int | None = parse(str(text)) if text else None
    return otherwise if size is None else size


def _container_memory(container: Mapping[str, Any]) -> int:
    return container.get("memoryReservation") or container.get("memory") or 0


def _static_ports(definition: TaskDefinition) -> tuple[frozenset[int], frozenset[int]]:
    """TCP and UDP. In awsvpc and none mode nothing of the instance is taken."""
    ports: dict[str, set[int]] = {"tcp": set(), "udp": set()}
    if definition.network_mode in ("bridge", "host"):
        for container in definition.containers:
            for mapping in container.get("portMappings") or ():
                port = mapping.get("hostPort") or 0
                if definition.network_mode == "host":
                    port = port or mapping.get("containerPort")
                if port:
                    ports[mapping.get("protocol") or "tcp"].add(port)
    return frozenset(ports["tcp"]), frozenset(ports["udp"])
