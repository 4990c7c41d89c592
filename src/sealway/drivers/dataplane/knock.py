"""Makes the ends of cut flows find out, without waiting for their next packet.

An end is sent a bare acknowledgement, as from the other end and about no data it knows. TCP answers that with
an acknowledgement of its own (RFC 9293, 3.10.7.4), which belongs to no flow any more and so is answered with
a reset that fits to the byte. Nothing needs to be known of the connection; an end that is gone hears nothing.
"""

import errno
import socket
import struct
from collections.abc import Collection, Iterator

import structlog

from . import abi, libbpf

_ACK = 0x10
_WINDOW = 1024
_WORDS = struct.calcsize("16I") // 4
_BACKEND_WORD = 7
"""Where ``backend`` stands in ``struct sealway_flow``."""

log = structlog.get_logger(__name__)


def flows_of(table: libbpf.Map, backends: Collection[int]) -> Iterator[abi.Flow]:
    """The entries, of both directions, that lead to or from these backends (ids)."""
    size = _WORDS * 4
    for _, buckets in table.chunks():
        ids = memoryview(buckets).cast("I")[_BACKEND_WORD::_WORDS].tolist()
        for index in [index for index, each in enumerate(ids) if each in backends]:
            flow = abi.Flow.unpack(buckets[index * size : (index + 1) * size])
            if flow.protocol == socket.IPPROTO_TCP:
                yield flow


def packet(flow: abi.Flow) -> bytes:
    """To the end whose packets have this entry's key. The kernel fills in the IP header's sum."""
    source, destination = flow.key_destination, flow.key_source
    ports = flow.key_destination_port + flow.key_source_port
    tcp = ports + struct.pack("!IIBBHHH", 0, 0, 5 << 4, _ACK, _WINDOW, 0, 0)
    pseudo = source + destination + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    sum_ = _checksum(pseudo + tcp)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0)
    return ip + source + destination + tcp[:16] + sum_.to_bytes(2, "big") + tcp[18:]


def knock(table: libbpf.Map, backends: Collection[int]) -> int:
    """At both ends of every TCP flow of these backends; how many packets that took."""
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for flow in flows_of(table, backends):
            try:
                raw.sendto(packet(flow), (socket.inet_ntoa(flow.key_source), 0))
                sent += 1
            except OSError as error:
                # The way there is gone with the end (a task's interface): nobody to tell.
                if error.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.ENOBUFS):
                    log.warning("cannot tell a client that its connection was cut", error=str(error))
    return sent


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
