"""A relay on loopback addresses: three echo servers that say who they are, and clients. No rights needed."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import msgspec

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend
from sealway.drivers.dataplane.relay import RelayDataPlane
from sealway.drivers.dataplane.relay_sockets import listen_on_host

VIP = "127.0.10.1"
SERVERS = ("127.0.11.1", "127.0.11.2", "127.0.11.3")
ELSEWHERE = "127.0.12.1"
TIMEOUT = 5.0


class RelayClient:
    """An established connection; ``server`` is the address that answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: str) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server

    async def lives(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                self.writer.write(b"ping")
                return await self.reader.readexactly(4) == b"ping"
        except (ConnectionError, EOFError):
            return False

    async def finish(self) -> None:
        """The client ends first; everything up to the server's end is read."""
        self.writer.write_eof()
        async with asyncio.timeout(TIMEOUT):
            await self.reader.read()
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class RelayStage:
    """Frontend ports are the clients' words: 443 stands for a free port chosen by the kernel."""

    def __init__(self, plane: RelayDataPlane | None = None) -> None:
        self.plane = plane or RelayDataPlane(self._listen)
        self.vip = VIP
        self.backends: list[Backend] = []
        self.elsewhere = Backend(address=ELSEWHERE, port=0, interface="")
        self.peers = {"127.0.12.0/24": "127.0.0.2"}
        self._ports: dict[tuple[str, int], int] = {}
        self._servers: list[asyncio.Server] = []
        self._open: list[asyncio.StreamWriter] = []

    def _listen(self, vip: str, port: int) -> socket.socket:
        sock = listen_on_host(vip, self._ports.get((vip, port), 0))
        self._ports[vip, port] = sock.getsockname()[1]
        return sock

    def state(self, *frontends: Frontend, draining: frozenset[Backend] = frozenset()) -> DataPlaneState:
        return DataPlaneState(vips=frozenset({VIP}), frontends=frontends, draining=draining)

    async def serve(self, address: str) -> Backend:
        """An echo server whose first line is its address."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.append(writer)
            with contextlib.suppress(ConnectionError):
                writer.write(address.encode() + b"\n")
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, address, 0)
        self._servers.append(server)
        return Backend(address=address, port=server.sockets[0].getsockname()[1], interface="lo")

    def address(self, port: int) -> tuple[str, int]:
        """Where the frontend of that port really listens."""
        real = self._ports.get((VIP, port))
        if real is None:
            raise ConnectionRefusedError(f"nothing ever listened on {VIP}:{port}")
        return VIP, real

    async def connect(self, port: int = 443) -> RelayClient:
        address = self.address(port)
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(*address)
            self._open.append(writer)
            line = await reader.readline()
        if not line:
            raise ConnectionResetError("ended before the greeting")
        return RelayClient(reader, writer, line.decode().strip())

    def backend_of(self, connection: RelayClient) -> Backend:
        known = (*self.backends, self.elsewhere)
        return next(backend for backend in known if backend.address == connection.server)

    async def lives(self, connection: RelayClient) -> bool:
        return await connection.lives()

    async def finish(self, connection: RelayClient) -> None:
        await connection.finish()

    async def close(self) -> None:
        await self.plane.teardown()
        for server in self._servers:
            server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # a few turns of the loop, in which transports close their sockets


@contextlib.asynccontextmanager
async def relay_stage() -> AsyncIterator[RelayStage]:
    stage = RelayStage()
    stage.backends = [await stage.serve(address) for address in SERVERS]
    stage.elsewhere = msgspec.structs.replace(await stage.serve(ELSEWHERE), interface="")
    try:
        yield stage
    finally:
        await stage.close()
