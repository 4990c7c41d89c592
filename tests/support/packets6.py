"""IPv6 packets in plain Python, and any frame taken apart; see ``packets``."""

import struct
from dataclasses import dataclass
from socket import AF_INET6, inet_ntop, inet_pton

from tests.support import packets
from tests.support.packets import TCP, UDP, Packet, checksum

ETHERNET6 = bytes(12) + b"\x86\xdd"
ICMP6 = 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
EXTENSIONS = {HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION}


def packed(address: str) -> bytes:
    return inet_pton(AF_INET6, address)


def options(kind: int, size: int = 8) -> tuple[int, bytes]:
    """An extension header of hop-by-hop or destination options, of padding alone."""
    return kind, bytes([size // 8 - 1, 1, size - 4]) + bytes(size - 4)


def routing(segments_left: int) -> tuple[int, bytes]:
    return ROUTING, bytes([0, 4, segments_left]) + bytes(4)


def fragment(place: int, more: bool, identification: int = 7) -> tuple[int, bytes]:
    """``place`` in bytes."""
    return FRAGMENT, struct.pack("!BHI", 0, place | more, identification)


@dataclass(frozen=True)
class Packet6(Packet):
    """``extensions``: each its number, and its bytes without the first (which header is next)."""

    extensions: tuple[tuple[int, bytes], ...] = ()
    label: int = 0

    def ip(self) -> bytes:
        return header6(self, self.protocol, self.transport())

    def transport(self) -> bytes:
        """With its checksum."""
        body = self._transport(0)
        ends = packed(self.source) + packed(self.destination)
        csum = checksum(ends + struct.pack("!II", len(body), self.protocol) + body)
        if self.protocol == UDP:
            csum = (csum or 0xFFFF) if self.udp_checksum else 0
        return self._transport(csum)

    def __bytes__(self) -> bytes:
        return ETHERNET6 + self.ip()


def header6(packet: Packet6, protocol: int, body: bytes) -> bytes:
    """The IPv6 header with the packet's extensions, and the body."""
    numbers = [number for number, _ in packet.extensions] + [protocol]
    chain = b"".join(
        bytes([following]) + data for following, (_, data) in zip(numbers[1:], packet.extensions, strict=True)
    )
    first = 6 << 28 | packet.tos << 20 | packet.label
    start = struct.pack("!IHBB", first, len(chain) + len(body), numbers[0], packet.ttl)
    return start + packed(packet.source) + packed(packet.destination) + chain + body


def error6(
    source: str, destination: str, quoted: bytes, kind: int = 2, code: int = 0, rest: int = 1400
) -> bytes:
    """A frame with an ICMPv6 error."""
    body = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    pseudo = packed(source) + packed(destination) + struct.pack("!II", len(body), ICMP6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return ETHERNET6 + header6(Packet6(source, 0, destination, 0), ICMP6, body)


def parse(frame: bytes) -> Packet:
    """Of either version; ``checksums_right`` says whether all of them are."""
    if frame[12:14] == b"\x08\x00":
        return packets.parse(frame)
    assert frame[12:14] == b"\x86\xdd"
    ip = frame[14:]
    first, length, following, ttl = struct.unpack("!IHBB", ip[:8])
    body, extensions = ip[40 : 40 + length], []
    assert len(ip) == 40 + length
    while following in EXTENSIONS:
        size = 8 if following == FRAGMENT else (body[1] + 1) * 8
        extensions.append((following, body[1:size]))
        following, body = body[0], body[size:]
    right = checksum(ip[8:40] + struct.pack("!II", len(body), following) + body) == 0
    size = 8 if following == UDP else (body[12] >> 4) * 4
    source_port, destination_port = struct.unpack("!HH", body[:4])
    tcp = following == TCP
    return Packet6(
        inet_ntop(AF_INET6, ip[8:24]), source_port, inet_ntop(AF_INET6, ip[24:40]), destination_port,
        following,
        flags=body[13] if tcp else packets.ACK,
        seq=int.from_bytes(body[4:8], "big") if tcp else 1000,
        ack=int.from_bytes(body[8:12], "big") if tcp else 2000,
        payload=body[size:], options=body[20:size] if tcp else b"",
        tos=first >> 20 & 0xFF, ttl=ttl, udp_checksum=tcp or body[6:8] != b"\0\0",
        checksums_right=right, extensions=tuple(extensions), label=first & 0xFFFFF,
    )  # fmt: skip


@dataclass(frozen=True)
class Error:
    """An ICMP or ICMPv6 error. ``ends``: of the packet it quotes."""

    source: str
    destination: str
    kind: int
    code: int
    rest: int
    ends: tuple[str, int, str, int]
    checksums_right: bool


def parse_error(frame: bytes) -> Error:
    """Of either version; it quotes eight bytes at least of its packet's transport."""
    wide = frame[12:14] == b"\x86\xdd"
    ip = frame[14:]
    size = 40 if wide else (ip[0] & 15) * 4
    body = ip[size:]
    kind, code, _, rest = struct.unpack("!BBHI", body[:8])
    inner = body[8:]
    if wide:
        source, destination = (inet_ntop(AF_INET6, ip[at : at + 16]) for at in (8, 24))
        quoted = [inet_ntop(AF_INET6, inner[at : at + 16]) for at in (8, 24)]
        ports = struct.unpack("!HH", inner[40:44])
        right = checksum(ip[8:40] + struct.pack("!II", len(body), ICMP6) + body) == 0
    else:
        source, destination = (packets.inet_ntoa(ip[at : at + 4]) for at in (12, 16))
        quoted = [packets.inet_ntoa(inner[at : at + 4]) for at in (12, 16)]
        ports = struct.unpack("!HH", inner[20:24])
        right = checksum(ip[:20]) == 0 and checksum(body) == 0 and checksum(inner[:20]) == 0
    return Error(source, destination, kind, code, rest, (quoted[0], ports[0], quoted[1], ports[1]), right)
