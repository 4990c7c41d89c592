"""Packets in plain Python: built, taken apart, and their checksums computed the slow and obvious way."""

import struct
from dataclasses import dataclass, field, replace
from socket import inet_aton, inet_ntoa

TCP, UDP, ICMP = 6, 17, 1
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET = bytes(12) + b"\x08\x00"


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass(frozen=True)
class Packet:
    """A TCP or UDP packet. ``udp_checksum`` False: sent without one, as UDP allows."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: int = TCP
    flags: int = ACK
    seq: int = 1000
    ack: int = 2000
    payload: bytes = b""
    options: bytes = b""
    ip_options: bytes = b""
    tos: int = 0
    ttl: int = 64
    fragment: int = 0
    udp_checksum: bool = True
    checksums_right: bool = field(default=True, compare=True)

    def but(self, **changes: object) -> "Packet":
        return replace(self, **changes)  # type: ignore[arg-type]

    def back(self, **changes: object) -> "Packet":
        """From the other end."""
        return self.but(
            source=self.destination, source_port=self.destination_port,
            destination=self.source, destination_port=self.source_port, **changes,
        )  # fmt: skip

    @property
    def ends(self) -> tuple[str, int, str, int]:
        return self.source, self.source_port, self.destination, self.destination_port

    def _transport(self, csum: int) -> bytes:
        ports = struct.pack("!HH", self.source_port, self.destination_port)
        if self.protocol == UDP:
            return ports + struct.pack("!HH", 8 + len(self.payload), csum) + self.payload
        words = 5 + len(self.options) // 4
        middle = struct.pack("!IIBBHHH", self.seq, self.ack, words << 4, self.flags, 65535, csum, 0)
        return ports + middle + self.options + self.payload

    def ip(self) -> bytes:
        body = self._transport(0)
        pseudo = (
            inet_aton(self.source)
            + inet_aton(self.destination)
            + struct.pack("!HH", self.protocol, len(body))
        )
        csum = checksum(pseudo + body)
        if self.protocol == UDP:
            csum = (csum or 0xFFFF) if self.udp_checksum else 0
        body = self._transport(csum)
        return ip_header(self.source, self.destination, self.protocol, len(body), self) + body

    def __bytes__(self) -> bytes:
        return ETHERNET + self.ip()


def ip_header(source: str, destination: str, protocol: int, length: int, like: Packet | None = None) -> bytes:
    options = like.ip_options if like else b""
    words = 5 + len(options) // 4
    ends = inet_aton(source) + inet_aton(destination)
    tos, ttl, fragment = (like.tos, like.ttl, like.fragment) if like else (0, 64, 0)
    start = struct.pack(
        "!BBHHHBB", 0x40 | words, tos, words * 4 + length, 7, fragment or 0x4000, ttl, protocol
    )
    csum = checksum(start + b"\0\0" + ends + options)
    return start + struct.pack("!H", csum) + ends + options


def icmp_error(source: str, destination: str, quoted: bytes, kind: int = 3, code: int = 4) -> bytes:
    """An Ethernet frame with an error that quotes a packet's IP header and so many bytes after it."""
    body = struct.pack("!BBHHH", kind, code, 0, 0, 1300) + quoted
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return ETHERNET + ip_header(source, destination, ICMP, len(body)) + body


def parse(frame: bytes) -> Packet:
    """The TCP or UDP packet; ``checksums_right`` says whether all of them are."""
    ip = frame[14:]
    length = (ip[0] & 15) * 4
    protocol, body = ip[9], ip[length:]
    source, destination = inet_ntoa(ip[12:16]), inet_ntoa(ip[16:20])
    right = checksum(ip[:length]) == 0
    header = 8 if protocol == UDP else (body[12] >> 4) * 4
    stated = body[6:8] if protocol == UDP else body[16:18]
    with_checksum = protocol == TCP or stated != b"\0\0"
    if with_checksum:
        right = right and checksum(ip[12:20] + struct.pack("!HH", protocol, len(body)) + body) == 0
    source_port, destination_port = struct.unpack("!HH", body[:4])
    tcp = protocol == TCP
    return Packet(
        source, source_port, destination, destination_port, protocol,
        flags=body[13] if tcp else ACK,
        seq=int.from_bytes(body[4:8], "big") if tcp else 1000,
        ack=int.from_bytes(body[8:12], "big") if tcp else 2000,
        payload=body[header:], options=body[20:header] if tcp else b"", ip_options=ip[20:length],
        tos=ip[1], ttl=ip[8], fragment=0 if ip[6:8] == b"\x40\0" else int.from_bytes(ip[6:8], "big"),
        udp_checksum=with_checksum, checksums_right=right,
    )  # fmt: skip


def parse_icmp_error(frame: bytes) -> tuple[str, str, tuple[str, int, str, int], bool]:
    """Source, destination, the quoted ends, and whether the checksums are right."""
    ip = frame[14:]
    body = ip[20:]
    inner = body[8:]
    length = (inner[0] & 15) * 4
    ports = struct.unpack("!HH", inner[length : length + 4])
    right = checksum(ip[:20]) == 0 and checksum(body) == 0 and checksum(inner[:length]) == 0
    ends = (inet_ntoa(inner[12:16]), ports[0], inet_ntoa(inner[16:20]), ports[1])
    return inet_ntoa(ip[12:16]), inet_ntoa(ip[16:20]), ends, right
