"""Which ports this host's own servers have taken at one of its addresses. Read from ``/proc/net``."""

import socket
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..contracts.host_network import Port

_LISTENING = {"tcp": "0A", "udp": "07"}
"""States, from include/net/tcp_states.h: LISTEN, and CLOSE, which is a UDP socket without a peer."""
_ANY = frozenset({"0.0.0.0", "::"})
_MAPPED = "::ffff:"


def taken_ports(address: str, tables: Mapping[str, str] | None = None) -> frozenset[Port]:
    """Ports on which a server listens at the IPv4 address, or at every one. ``tables``: the texts of
    ``/proc/net/tcp``, ``tcp6``, ``udp`` and ``udp6`` by these names, instead of the kernel's."""
    found: set[Port] = set()
    for protocol, state in _LISTENING.items():
        for name in (protocol, f"{protocol}6"):
            text = _kernels(name) if tables is None else tables.get(name, "")
            found |= {(protocol, port) for local, port in _sockets(text, state) if local in _ANY | {address}}
    return frozenset(found)


def _kernels(name: str) -> str:
    table = Path("/proc/thread-self/net") / name
    return table.read_text() if table.exists() else ""


def _sockets(text: str, state: str) -> Iterable[tuple[str, int]]:
    for line in text.splitlines()[1:]:
        _slot, local, _remote, its_state = line.split()[:4]
        if its_state == state:
            address, port = local.split(":")
            yield _address(address).removeprefix(_MAPPED), int(port, 16)


def _address(field: str) -> str:
    """The kernel writes addresses as hexadecimal words in its own byte order."""
    words = [int(field[at : at + 8], 16) for at in range(0, len(field), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)
