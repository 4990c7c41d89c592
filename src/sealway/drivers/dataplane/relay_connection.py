"""One relayed connection: bytes copied both ways until both ends have finished.

A side that has finished is told to the other as it would be on the wire (half-close), and the other
direction goes on. A side that breaks off is reset at the other too. Writing waits for the slower side, so no
more than a socket's buffers is held in memory.
"""

import asyncio
import socket
import struct
from typing import NamedTuple

CHUNK = 65536
_TCP_INFO_BYTES = struct.Struct("=QQII")
_TCP_INFO_OFFSET = 120
"""tcpi_bytes_acked, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in. Source: linux/tcp.h."""
_TCP_INFO_SIZE = _TCP_INFO_OFFSET + _TCP_INFO_BYTES.size
_HEADERS = 40
"""An IPv4 and a TCP header without options: CloudWatch's ProcessedBytes counts them."""


class Traffic(NamedTuple):
    """What passed between the client and the load balancer, both ways."""

    packets: int
    bytes: int


def traffic(sock: socket.socket) -> Traffic:
    """As the kernel counts this connection; nothing where the kernel does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return Traffic(0, 0)
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return Traffic(0, 0)  # the socket was closed a moment ago; its last count stands
    if len(info) < _TCP_INFO_SIZE:
        return Traffic(0, 0)
    sent, received, out, into = _TCP_INFO_BYTES.unpack_from(info, _TCP_INFO_OFFSET)
    return Traffic(out + into, sent + received + _HEADERS * (out + into))


class Side(NamedTuple):
    """A stream to one of the two ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """Ends it with a RST, what is unsent is dropped."""
        sock = self.writer.get_extra_info("socket")
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Connection:
    """A client and its backend. ``idle_timeout`` in seconds without a byte either way."""

    def __init__(self, client: Side, target: Side, idle_timeout: float) -> None:
        self._client = client
        self._target = target
        self._idle_timeout = idle_timeout
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._traffic = Traffic(0, 0)
        self._timer: asyncio.TimerHandle
        self.cut = False
        """Whether it was ended otherwise than by both ends."""

    @property
    def traffic(self) -> Traffic:
        """So far."""
        now = traffic(self._client.writer.get_extra_info("socket"))
        self._traffic = max(self._traffic, now)
        return self._traffic

    def reset(self) -> None:
        """Cuts it at both ends."""
        self.cut = True
        _ = self.traffic  # the last chance to ask the kernel
        self._client.reset()
        self._target.reset()

    async def run(self) -> None:
        """Copies until both ends have finished, one broke off, or nothing moved for too long."""
        self._timer = self._loop.call_later(self._idle_timeout, self._check_idle)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(self._client.reader, self._target.writer))
                group.create_task(self._copy(self._target.reader, self._client.writer))
            _ = self.traffic
            await self._flush()
        except* (OSError, TimeoutError):
            self.reset()
        finally:
            self._timer.cancel()
            self._client.writer.close()
            self._target.writer.close()

    async def _flush(self) -> None:
        """Waits until both ends have taken what was written, no longer than they may be idle."""
        self._client.writer.close()
        self._target.writer.close()
        async with asyncio.timeout(self._idle_timeout):
            await self._client.writer.wait_closed()
            await self._target.writer.wait_closed()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            self._last = self._loop.time()
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof() and not sink.is_closing():
            sink.write_eof()

    def _check_idle(self) -> None:
        left = self._last + self._idle_timeout - self._loop.time()
        if left <= 0:
            self.reset()
        else:
            self._timer = self._loop.call_later(left, self._check_idle)
