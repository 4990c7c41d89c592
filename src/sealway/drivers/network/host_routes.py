"""Which networks this host already reaches, so that no VPC is laid over one of them.

Read from ``/proc/net/route`` (main table, IPv4); Sealway's own interfaces and the default route are left out.
"""

import socket
import struct
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from ..contracts.names import BRIDGE_INTERFACE, HOST_INTERFACE

TASK_INTERFACE_PREFIX = "swt"
_ROUTE_UP = 0x1
_ROUTE_REJECT = 0x200


def host_networks(table: str | None = None) -> tuple[str, ...]:
    """CIDRs of the host's routes, sorted. ``table`` is the text to read instead of the kernel's."""
    lines = (Path("/proc/net/route").read_text() if table is None else table).splitlines()[1:]
    found = set()
    for line in lines:
        name, destination, _gateway, flags, _ref, _use, _metric, mask = line.split()[:8]
        if not int(flags, 16) & _ROUTE_UP or int(flags, 16) & _ROUTE_REJECT or int(mask, 16) == 0:
            continue
        if name in (HOST_INTERFACE, BRIDGE_INTERFACE) or name.startswith(TASK_INTERFACE_PREFIX):
            continue
        found.add(str(IPv4Network((_address(destination), _address(mask)), strict=False)))
    return tuple(sorted(found))


def _address(field: str) -> str:
    """The kernel writes addresses as hexadecimal numbers in its own byte order."""
    return socket.inet_ntoa(struct.pack("=I", int(field, 16)))


def default_interfaces(table: str | None = None) -> tuple[str, ...]:
    """The interfaces that carry a default route: where outside clients come in."""
    lines = (Path("/proc/net/route").read_text() if table is None else table).splitlines()[1:]
    fields = [line.split() for line in lines]
    return tuple(sorted({f[0] for f in fields if int(f[1], 16) == 0 and int(f[7], 16) == 0}))


def interface_towards(address: str, table: str | None = None) -> str:
    """The interface by which the longest matching route leads there; empty: none does."""
    lines = (Path("/proc/net/route").read_text() if table is None else table).splitlines()[1:]
    found = [
        (int(mask, 16).bit_count(), -int(metric), name)
        for line in lines
        for name, destination, _, flags, _, _, metric, mask in [line.split()[:8]]
        if int(flags, 16) & _ROUTE_UP and not int(flags, 16) & _ROUTE_REJECT
        if IPv4Address(address) in IPv4Network((_address(destination), _address(mask)), strict=False)
    ]
    return max(found, default=(0, 0, ""))[2]
