"""Makes the ends of cut flows find out, without waiting for their next packet.

An end is sent a bare acknowledgement, as from the other end and about no data it knows. TCP answers that with
an acknowledgement of its own (RFC 9293, 3.10.7.4), which belongs to no flow any more and so is answered with
a reset that fits to the byte. Nothing needs to be known of the connection; an end that is gone hears nothing.
"""

import errno
import socket
import struct
from collections.abc import Collection
from ipaddress import ip_address

import structlog

from ...model.address_pool import is_ipv6
from . import abi, abi6, libbpf
from .flow_table import of_backends
from .layouts import address_text

_ACK = 0x10
_WINDOW = 1024
_GONE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.ENOBUFS}
"""The way there is gone with the end (a task's interface): nobody to tell."""

log = structlog.get_logger(__name__)


def packet(flow: abi.Flow | abi6.Flow) -> bytes:
    """To the end whose packets have this entry's key. The kernel fills in IPv4's sum."""
    source, destination = (
        ip_address(address_text(each)).packed for each in (flow.key_destination, flow.key_source)
    )
    ports = flow.key_destination_port + flow.key_source_port
    tcp = ports + struct.pack("!IIBBHHH", 0, 0, 5 << 4, _ACK, _WINDOW, 0, 0)
    # IPv6's pseudo header has wider fields of the same value, which sum to the same.
    pseudo = source + destination + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    sum_ = _checksum(pseudo + tcp)
    if len(source) == 16:
        ip = struct.pack("!IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, 64)
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0)
    return ip + source + destination + tcp[:16] + sum_.to_bytes(2, "big") + tcp[18:]


def knock(table: libbpf.Map, backends: Collection[int]) -> int:
    """At both ends of every TCP flow of these backends; how many packets that took."""
    sent = 0
    with _raw(socket.AF_INET) as four, _raw(socket.AF_INET6) as six:
        for flow in of_backends(table, backends):
            if flow.protocol != socket.IPPROTO_TCP:
                continue
            end = address_text(flow.key_source)
            try:
                (six if is_ipv6(end) else four).sendto(packet(flow), (end, 0))
                sent += 1
            except OSError as error:
                if error.errno not in _GONE:
                    log.warning("cannot tell a client that its connection was cut", error=str(error))
    return sent


def _raw(family: socket.AddressFamily) -> socket.socket:
    """One that takes whole packets."""
    return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
