"""Messages of a session's data channel, as the session-manager-plugin reads and writes them. Pure.

A binary WebSocket frame is one message: a fixed header of 116 bytes, its payload's length, the payload.
Numbers are big-endian. Source: the open-source session-manager-plugin, ``message`` package.
"""

import hashlib
import struct
import uuid
from datetime import datetime

import msgspec

INPUT, OUTPUT = "input_stream_data", "output_stream_data"
ACKNOWLEDGE, CLOSED = "acknowledge", "channel_closed"
TEXT, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG = 1, 3, 5, 6, 7, 10
"""Kinds of payload."""
SYN, FIN = 1, 2
_HEADER = struct.Struct(">I32sIQqQ16s32sI")
_LENGTH = struct.Struct(">I")
_SCHEMA = 1


class Malformed(ValueError):
    """A frame that is no message."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """``created``: milliseconds since 1970. ``id``: a UUID in its usual spelling."""

    kind: str
    id: str
    created: int
    sequence: int = 0
    flags: int = 0
    payload_type: int = 0
    payload: bytes = b""

    @property
    def acknowledged_by(self) -> dict[str, object]:
        """What the payload of the message that acknowledges this one says."""
        return {
            "AcknowledgedMessageType": self.kind,
            "AcknowledgedMessageId": self.id,
            "AcknowledgedMessageSequenceNumber": self.sequence,
            "IsSequentialMessage": True,
        }


def encode(message: Message) -> bytes:
    """The frame."""
    header = _HEADER.pack(
        _HEADER.size,
        message.kind.ljust(32).encode(),
        _SCHEMA,
        message.created,
        message.sequence,
        message.flags,
        _halves_exchanged(uuid.UUID(message.id).bytes),
        hashlib.sha256(message.payload).digest(),
        message.payload_type,
    )
    return header + _LENGTH.pack(len(message.payload)) + message.payload


def decode(frame: bytes) -> Message:
    """The message. Raises ``Malformed``."""
    start = _HEADER.size + _LENGTH.size
    if len(frame) < start:
        raise Malformed(f"a message of {len(frame)} bytes is shorter than its header")
    size, kind, _, created, sequence, flags, identity, digest, payload_type = _HEADER.unpack_from(frame)
    (length,) = _LENGTH.unpack_from(frame, _HEADER.size)
    payload = frame[start:]
    if size != _HEADER.size or length != len(payload):
        raise Malformed("a message whose lengths do not agree")
    if digest != hashlib.sha256(payload).digest():
        raise Malformed("a message whose digest does not fit its payload")
    return Message(
        kind=kind.rstrip(b"\0 ").decode(errors="replace"),
        id=str(uuid.UUID(bytes=_halves_exchanged(identity))),
        created=created,
        sequence=sequence,
        flags=flags,
        payload_type=payload_type,
        payload=payload,
    )


def milliseconds(moment: datetime) -> int:
    """As messages give times."""
    return int(moment.timestamp() * 1000)


def _halves_exchanged(identity: bytes) -> bytes:
    """The wire has the less significant half of a UUID first."""
    return identity[8:] + identity[:8]
