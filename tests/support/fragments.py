"""IPv4 fragments in plain Python: a packet cut up, and put together again."""

import struct
from collections.abc import Sequence

from tests.support.packets import ETHERNET, Packet, checksum

MORE, PLACE = 0x2000, 0x1FFF


def cut(packet: Packet, *places: int, identification: int = 7) -> list[bytes]:
    """Frames of the packet's fragments; ``places``: after so many bytes of what the IP header carries."""
    whole = packet.ip()
    size = (whole[0] & 15) * 4
    header, body = whole[:size], whole[size:]
    starts = [0, *places]
    ends = [*places, len(body)]
    frames = []
    for start, end in zip(starts, ends, strict=True):
        flags = (MORE if end < len(body) else 0) | start // 8
        stated = struct.pack("!HHH", size + end - start, identification, flags)
        made = header[:2] + stated + header[8:10] + b"\0\0" + header[12:]
        made = made[:10] + struct.pack("!H", checksum(made)) + made[12:]
        frames.append(ETHERNET + made + body[start:end])
    return frames


def identification_of(frame: bytes) -> int:
    return int.from_bytes(frame[18:20], "big")


def joined(frames: Sequence[bytes]) -> bytes:
    """The frame of the whole packet. Looks at every header's checksum, and that they cover one datagram."""
    parts = {}
    size = (frames[0][14] & 15) * 4
    for frame in frames:
        assert checksum(frame[14 : 14 + size]) == 0
        assert (
            frame[18:20] + frame[23:24] + frame[26:34]
            == frames[0][18:20] + frames[0][23:24] + frames[0][26:34]
        )
        parts[(int.from_bytes(frame[20:22], "big") & PLACE) * 8] = frame[14 + size :]
    body = b""
    for start in sorted(parts):
        assert start == len(body)
        body += parts[start]
    header = frames[0][14 : 14 + size]
    header = (
        header[:2]
        + struct.pack("!H", size + len(body))
        + header[4:6]
        + b"\x40\0"
        + header[8:10]
        + b"\0\0"
        + header[12:]
    )
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return ETHERNET + header + body
