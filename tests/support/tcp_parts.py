"""The two ends of connections for network tests, on bare sockets: servers that say who they are, clients."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from .netns_topology import Topology
from .proxy_header import START, rest_of, told

TIMEOUT = 5.0


class Client:
    """An established connection; ``server``, ``seen_as`` and ``seen_port`` are what the server said."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self.server = self.seen_as = ""
        self.seen_port = 0

    async def greet(self) -> None:
        line = b""
        while not line.endswith(b"\n"):
            line += await self.read(1)
        self.server, self.seen_as, port = line.decode().split()
        self.seen_port = int(port)

    async def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        data = b""
        async with asyncio.timeout(TIMEOUT):
            while len(data) < count:
                more = await asyncio.get_running_loop().sock_recv(self.socket, count - len(data))
                if not more:
                    raise ConnectionResetError("ended early")
                data += more
        return data

    async def echo(self, payload: bytes = b"ping") -> bytes:
        """Sends and reads back as much."""
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.get_running_loop().sock_sendall(self.socket, payload))
            answer = group.create_task(self.read(len(payload)))
        return answer.result()

    async def lives(self) -> bool:
        try:
            return await self.echo() == b"ping"
        except ExceptionGroup as ended:
            if ended.split(ConnectionError)[1]:
                raise
            return False

    async def finish(self) -> None:
        """The client closes first; waits for the server's end."""
        self.socket.shutdown(socket.SHUT_WR)
        await self.end()

    async def end(self) -> None:
        """Waits for the server's end, then closes."""
        async with asyncio.timeout(TIMEOUT):
            while await asyncio.get_running_loop().sock_recv(self.socket, 65536):
                pass
        self.socket.close()

    def reset(self) -> None:
        """Ends with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Parts:
    """Plays servers and clients in a topology; at the block's end everything is closed."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._group = asyncio.TaskGroup()
        self._serving: list[asyncio.Task[None]] = []
        self._sockets: list[socket.socket] = []

    async def __aenter__(self) -> "Parts":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        for task in self._serving:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        for each in self._sockets:
            each.close()

    def serve(self, name: str, port: int = 8443, close_first: bool = False, proxy: bool = False) -> None:
        """Answers with its name and the client's address, then echoes; ``close_first``: ends at once;
        ``proxy``: the client's address is what a Proxy Protocol header says."""
        for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            made = self.topology.socket(name, family=family)
            made.bind((anywhere, port))
            made.listen(1024)
            self._sockets.append(made)
            self._spawn(self._accept(made, name, close_first, proxy))

    async def connect(
        self, where: str, address: str, port: int, bind: tuple[str, int] | None = None
    ) -> Client:
        client = self.client(where, socket.AF_INET6 if ":" in address else socket.AF_INET)
        if bind:
            client.socket.bind(bind)
        async with asyncio.timeout(TIMEOUT):
            await asyncio.get_running_loop().sock_connect(client.socket, (address, port))
            await client.greet()
        return client

    def client(self, where: str, family: int = socket.AF_INET) -> Client:
        """Not yet connected."""
        made = self.topology.socket(where, family=family)
        self._sockets.append(made)
        return Client(made)

    def _spawn(self, work) -> None:  # type: ignore[no-untyped-def]
        self._serving.append(self._group.create_task(work))

    async def _accept(self, listener: socket.socket, name: str, close_first: bool, proxy: bool) -> None:
        loop = asyncio.get_running_loop()
        while True:
            made, peer = await loop.sock_accept(listener)
            self._sockets.append(made)
            self._spawn(self._answer(made, name, peer[:2], close_first, proxy))

    async def _answer(
        self, made: socket.socket, name: str, peer: tuple[str, int], close_first: bool, proxy: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            peer = await _client_told(made) if proxy else peer
            await loop.sock_sendall(made, f"{name} {peer[0]} {peer[1]}\n".encode())
            while not close_first and (data := await loop.sock_recv(made, 1 << 20)):
                await loop.sock_sendall(made, data)
        except OSError:
            pass  # the client's end is the test's business
        finally:
            made.close()


async def _client_told(made: socket.socket) -> tuple[str, int]:
    start = await _exactly(made, START)
    said = told(start + await _exactly(made, rest_of(start)))
    return said.source, said.source_port


async def _exactly(made: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await asyncio.get_running_loop().sock_recv(made, count - len(data))
        if not more:
            raise ConnectionResetError("ended early")
        data += more
    return data


async def until(check: Callable[[], Awaitable[bool]], deadline: float = 5.0) -> None:
    """Polls until it holds; fails at the deadline."""
    async with asyncio.timeout(deadline):
        while not await check():
            await asyncio.sleep(0.02)
