"""Asking the host's own resolvers what is not ours.

Each query goes out from a fresh port under a random id, and only an answer to that very question from that
very server counts. Bounded: so many queries at once, so many seconds each; then SERVFAIL, at once rather
than when the client has given up.
"""

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from .messages import failure

Upstream = tuple[str, int]
TIMEOUT = 1.5
"""Seconds a resolver. Clients usually wait five."""
MAX_RESOLVERS = 2
MAX_PENDING = 256
_UDP_SIZE = 65535


def parse_resolv_conf(text: str) -> list[str]:
    """The addresses of ``nameserver`` lines."""
    words = (line.split() for line in text.splitlines())
    return [parts[1] for parts in words if len(parts) >= 2 and parts[0] == "nameserver"]


class ResolvConf:
    """The host's resolvers, read again whenever the file has changed."""

    def __init__(self, path: Path, own: Callable[[], frozenset[str]]) -> None:
        self._path = path
        self._own = own
        self._stamp: tuple[int, int] | None = None
        self._found: list[str] = []

    def __call__(self) -> list[Upstream]:
        """All but this server's own addresses."""
        try:
            status = self._path.stat()
            if self._stamp != (status.st_mtime_ns, status.st_ino):
                self._found = parse_resolv_conf(self._path.read_text(errors="replace"))
                self._stamp = (status.st_mtime_ns, status.st_ino)
        except OSError:
            self._found, self._stamp = [], None  # no file: the host has no resolver, queries fail
        own = self._own()
        return [(address, 53) for address in self._found if address not in own]


class Forwarder:
    """``resolvers`` is asked for every query."""

    def __init__(self, resolvers: Callable[[], Sequence[Upstream]], timeout: float = TIMEOUT) -> None:
        self._resolvers = resolvers
        self._timeout = timeout
        self._pending = 0

    async def ask(self, query: bytes, *, over_tcp: bool) -> bytes:
        """The first resolver's answer under the query's id, else SERVFAIL. Never raises for the network."""
        if self._pending >= MAX_PENDING:
            return failure(query)
        self._pending += 1
        try:
            for upstream in self._resolvers()[:MAX_RESOLVERS]:
                reply = await self._ask_one(upstream, query, over_tcp)
                if reply is not None:
                    return query[:2] + reply[2:]
            return failure(query)
        finally:
            self._pending -= 1

    async def _ask_one(self, upstream: Upstream, query: bytes, over_tcp: bool) -> bytes | None:
        outgoing = secrets.token_bytes(2) + query[2:]
        ask = _over_tcp if over_tcp else _over_udp
        try:
            async with asyncio.timeout(self._timeout):
                return await ask(upstream, outgoing)
        except (OSError, TimeoutError, EOFError):
            return None  # silent, refusing or gone: the next resolver is asked


def _answers(query: bytes, reply: bytes) -> bool:
    """Whether ``reply`` is a response to this question: id, the response bit, the question's first bytes."""
    if len(reply) < 12 or reply[:2] != query[:2] or not reply[2] & 0x80:
        return False
    asked = query[12 : _question_end(query)]
    return reply[4:6] != b"\0\1" or reply[12 : 12 + len(asked)].lower() == asked.lower()


def _question_end(query: bytes) -> int:
    position = 12
    while position < len(query) and query[position]:
        position += 1 + query[position]
    return position + 5


async def _over_udp(upstream: Upstream, query: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in upstream[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        await loop.sock_connect(sock, upstream)
        await loop.sock_sendall(sock, query)
        while True:
            reply = await loop.sock_recv(sock, _UDP_SIZE)
            if _answers(query, reply):
                return reply


async def _over_tcp(upstream: Upstream, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*upstream)
    try:
        writer.write(struct.pack("!H", len(query)) + query)
        await writer.drain()
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        reply = await reader.readexactly(length)
    finally:
        writer.close()
    if not _answers(query, reply):
        raise ConnectionError("an answer to another question")
    return reply
