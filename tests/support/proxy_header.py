"""Reads a Proxy Protocol v2 header, as a server does. Source: HAProxy's proxy-protocol.txt, 2.2."""

import socket
import struct
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
START = 16
"""Bytes after which it is known how many follow."""


NOOP = 4
"""A TLV that says nothing."""


class Told(NamedTuple):
    """Both ends of the client's connection, as the load balancer saw them; empty in a health check's."""

    source: str = ""
    source_port: int = 0
    destination: str = ""
    destination_port: int = 0


def rest_of(start: bytes) -> int:
    """How many bytes follow the first ``START``."""
    assert start.startswith(SIGNATURE), start
    return int.from_bytes(start[14:START], "big")


def told(header: bytes) -> Told:
    """From a whole header."""
    assert len(header) == START + rest_of(header[:START])
    if header[12:14] == b"\x20\x00":
        return Told()
    version_and_command, kind = header[12:14]
    assert version_and_command == 0x21
    family, size = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}[kind]
    rest = header[START:]
    source, destination = (socket.inet_ntop(family, rest[at : at + size]) for at in (0, size))
    source_port, destination_port = struct.unpack_from("!HH", rest, 2 * size)
    _walk(rest[2 * size + 4 :])
    return Told(source, source_port, destination, destination_port)


def _walk(extensions: bytes) -> None:
    """What follows the addresses is types, lengths and values to the very end; here nothing but padding."""
    while extensions:
        kind, length = struct.unpack_from("!BH", extensions)
        assert (kind, extensions[3 : 3 + length]) == (NOOP, bytes(length))
        extensions = extensions[3 + length :]
