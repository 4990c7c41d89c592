"""The DNS server: a process of its own, so that names resolve while the agent is away.

    python -m sealway.drivers.dns.server --state-dir DIR [--port 53] [--upstream ADDRESS:PORT]... [--detach]

It serves what ``state.json`` says (see ``files``) on each address over UDP and TCP. Sockets are bound with
IP_FREEBIND, so an address may come to the host later than its socket. ``reload`` on the control socket reads
the file again; sockets of addresses that stay are left alone. Ends on SIGTERM.
"""

import argparse
import asyncio
import fcntl
import logging
import os
import random
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec

from .files import ServerPid, Serving, identity, process_start, read_state, replace
from .forwarder import Forwarder, ResolvConf, Upstream
from .messages import Forward, answer
from .zone import Zone

IP_FREEBIND = 15
TCP_IDLE = 10.0
"""Seconds a client may be silent on a TCP connection."""
MAX_TCP_CLIENTS = 128
_RETRY = 0.2
_LOCKED = 3
"""Exit status: another server holds this directory."""

log = logging.getLogger("sealway.dns")


def bound_socket(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    """A non-blocking socket on an address that the host need not have yet. Raises OSError when taken."""
    sock = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def shuffled(addresses: Sequence[str]) -> Sequence[str]:
    """In random order: clients mostly take the first."""
    return random.sample(addresses, len(addresses))


class Listener:
    """One address: its UDP and its TCP socket."""

    def __init__(self, udp: asyncio.DatagramTransport, tcp: asyncio.Server) -> None:
        self._udp = udp
        self._tcp = tcp

    def close(self) -> None:
        """Takes both sockets away; connections in progress end by themselves."""
        self._udp.close()
        self._tcp.close()


class UdpQueries(asyncio.DatagramProtocol):
    """Datagrams of one address."""

    def __init__(self, server: "DnsServer") -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answer(data, self._server.zone, shuffled)
        if isinstance(reply, bytes):
            self._transport.sendto(reply, addr)
        elif reply is Forward.YES:
            self._server.tasks.create_task(self._forward(data, addr))

    async def _forward(self, query: bytes, addr: tuple[str, int]) -> None:
        try:
            reply = await self._server.forwarder.ask(query, over_tcp=False)
        except Exception:  # one query must never end the server: its task group would take all with it
            log.exception("a query could not be forwarded: %s", query.hex())
            return
        if not self._transport.is_closing():
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        log.debug("a client could not be answered: %s", exc)


class DnsServer:
    """Zone, listeners and forwarder of one process."""

    def __init__(self, directory: Path, port: int, upstreams: Sequence[Upstream]) -> None:
        self._directory = directory
        self._port = port
        self._listeners: dict[str, Listener] = {}
        self._tcp_clients = 0
        self._incomplete = False
        resolv_conf = ResolvConf(Path("/etc/resolv.conf"), lambda: frozenset(self._listeners))
        self.forwarder = Forwarder((lambda: upstreams) if upstreams else resolv_conf)
        self.zone = Zone({})
        self.tasks: asyncio.TaskGroup
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        async with asyncio.TaskGroup() as self.tasks:
            await self.reload()
            path = self._directory / "control.sock"
            path.unlink(missing_ok=True)
            control = await asyncio.start_unix_server(self._control, path)
            retry = self.tasks.create_task(self._retry())
            await self._stopped.wait()
            control.close()
            retry.cancel()
            for listener in self._listeners.values():
                listener.close()

    async def reload(self) -> Serving:
        """Serves what the state file says now."""
        state = read_state(self._directory)
        self.zone = Zone(state.records)
        for address in self._listeners.keys() - set(state.addresses):
            self._listeners.pop(address).close()
        failed: dict[str, str] = {}
        for address in state.addresses:
            if address not in self._listeners:
                try:
                    self._listeners[address] = await self._listen(address)
                except OSError as error:
                    failed[address] = error.strerror or str(error)
        self._incomplete = bool(failed)
        return Serving(bound=tuple(sorted(self._listeners)), failed=failed)

    async def _listen(self, address: str) -> Listener:
        stream = bound_socket(socket.SOCK_STREAM, address, self._port)
        try:
            datagram = bound_socket(socket.SOCK_DGRAM, address, self._port)
        except OSError:
            stream.close()
            raise
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(lambda: UdpQueries(self), sock=datagram)
        return Listener(udp, await asyncio.start_server(self._tcp_client, sock=stream))

    async def _retry(self) -> None:
        """An address that was taken is tried again until it is free."""
        while True:
            await asyncio.sleep(_RETRY)
            if self._incomplete:
                try:
                    await self.reload()
                except (OSError, msgspec.DecodeError) as error:
                    log.error("state.json cannot be read: %s", error)

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TCP_IDLE):
                while await reader.readline() == b"reload\n":
                    writer.write(msgspec.json.encode(await self.reload()) + b"\n")
                    await writer.drain()
        except (OSError, TimeoutError, msgspec.DecodeError) as error:
            log.error("the driver could not be answered: %s", error)
        finally:
            writer.close()

    async def _tcp_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tcp_clients >= MAX_TCP_CLIENTS:
            writer.close()
            return
        self._tcp_clients += 1
        try:
            while True:
                async with asyncio.timeout(TCP_IDLE):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    reply = await self._reply(await reader.readexactly(length))
                    if reply is None:
                        return
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass  # the client left or fell silent: that is how every connection ends
        finally:
            self._tcp_clients -= 1
            writer.close()

    async def _reply(self, query: bytes) -> bytes | None:
        reply = answer(query, self.zone, shuffled, over_tcp=True)
        return await self.forwarder.ask(query, over_tcp=True) if reply is Forward.YES else reply


def _upstream(text: str) -> Upstream:
    address, _, port = text.rpartition(":")
    return address, int(port)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sealway-dns")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--upstream", action="append", default=[], metavar="ADDRESS:PORT")
    parser.add_argument("--detach", action="store_true", help="leave the caller and go on in the background")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the server; answers the exit status."""
    options = _parse(arguments)
    if options.detach and os.fork():
        os._exit(0)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    directory: Path = options.state_dir
    with (directory / "server.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _LOCKED
        started = process_start(os.getpid())
        assert started is not None
        who = ServerPid(pid=os.getpid(), started=started, identity=identity(options.port, options.upstream))
        replace(directory / "server.pid", msgspec.json.encode(who))
        server = DnsServer(directory, options.port, [_upstream(text) for text in options.upstream])
        asyncio.run(server.run())
        with suppress(FileNotFoundError):
            (directory / "control.sock").unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
