"""Ranges of container ports (``containerPortRange``), and the host ports that a bridge task gets for them.

A range leads to as many host ports in a row, chosen when the task is placed and kept with the task, so that
two tasks never get the same and placement knows what is left. Chosen above the ports from which the engine
takes single ones by itself, as long as there is room; the draw spreads them, as what else listens on the host
is not known. Pure.
Source: ECS API Reference, PortMapping (``containerPortRange``).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from .task_definition import TaskDefinition

Protocol = Literal["tcp", "udp"]

_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)
_LAST_PORT = 65535
_QUIET = range(61000, _LAST_PORT + 1)
"""Linux's default ``ip_local_port_range``, where Docker Engine looks for ports, ends before it."""
_EPHEMERAL = range(32768, _LAST_PORT + 1)


class Wanted(msgspec.Struct, frozen=True):
    """So many host ports of a protocol in a row."""

    protocol: Protocol
    ports: int


class PublishedRange(msgspec.Struct, frozen=True, kw_only=True):
    """Host ports from ``host_port`` on that lead to a container's ports from ``container_port`` on."""

    container: str
    protocol: Protocol
    container_port: int
    host_port: int
    ports: int

    @property
    def container_ports(self) -> range:
        """The container's ports."""
        return range(self.container_port, self.container_port + self.ports)

    @property
    def host_ports(self) -> range:
        """The host ports."""
        return range(self.host_port, self.host_port + self.ports)


def parse_range(text: str) -> range | None:
    """The ports of ``FIRST-LAST``; None when it is none: 1 to 65535, the first less than the last."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    return range(first, last + 1) if 1 <= first < last <= _LAST_PORT else None


def write_range(ports: Sequence[int]) -> str:
    """``FIRST-LAST``."""
    return f"{ports[0]}-{ports[-1]}"


def wanted_ranges(definition: TaskDefinition) -> tuple[Wanted, ...]:
    """The ranges of host ports that a task of this definition needs, in the order of its port mappings."""
    return tuple(Wanted(protocol, len(ports)) for _, protocol, ports in _mapped(definition))


def publish(definition: TaskDefinition, first_ports: Sequence[int]) -> tuple[PublishedRange, ...]:
    """The ranges of a task whose host ports begin at ``first_ports``, one for each that is wanted."""
    return tuple(
        PublishedRange(
            container=container, protocol=protocol, container_port=ports[0], host_port=first, ports=len(ports)
        )
        for (container, protocol, ports), first in zip(_mapped(definition), first_ports, strict=True)
    )


def first_ports(
    wanted: Sequence[Wanted], taken: Mapping[str, Iterable[int]], draw: int = 0
) -> tuple[int, ...] | None:
    """Where each range begins on a host whose ``taken`` ports (by protocol) are; None: they do not all fit.

    Whether they fit does not hang on ``draw``.
    """
    found = _chosen(wanted, taken, draw % len(_QUIET))
    return found if found is not None or not draw else _chosen(wanted, taken, 0)


def _mapped(definition: TaskDefinition) -> list[tuple[str, Protocol, range]]:
    if definition.network_mode != "bridge":
        return []
    ranges = [
        (container["name"], _protocol(mapping), parse_range(mapping["containerPortRange"]))
        for container in definition.containers
        for mapping in container.get("portMappings") or ()
        if mapping.get("containerPortRange")
    ]
    return [(name, protocol, ports) for name, protocol, ports in ranges if ports is not None]


def _protocol(mapping: Mapping[str, Any]) -> Protocol:
    return "udp" if mapping.get("protocol") == "udp" else "tcp"


def _chosen(
    wanted: Sequence[Wanted], taken: Mapping[str, Iterable[int]], offset: int
) -> tuple[int, ...] | None:
    used = {protocol: sorted(set(ports)) for protocol, ports in taken.items()}
    chosen: list[int] = []
    for each in wanted:
        ports = used.setdefault(each.protocol, [])
        first = _block(each.ports, ports, offset)
        if first is None:
            return None
        chosen.append(first)
        used[each.protocol] = sorted((*ports, *range(first, first + each.ports)))
    return tuple(chosen)


def _block(length: int, used: Sequence[int], offset: int) -> int | None:
    """The first of so many free ports in a row: behind the offset, else from the pool's beginning, else
    anywhere among the ephemeral ports."""
    for pool in (_QUIET[offset:], _QUIET, _EPHEMERAL):
        at = pool.start
        for port in used:
            if port in pool:
                if port - at >= length:
                    return at
                at = port + 1
        if pool.stop - at >= length:
            return at
    return None
