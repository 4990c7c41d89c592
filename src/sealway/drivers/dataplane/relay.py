"""The relay: a data plane in user space, for machines without eBPF or the rights to it.

Same contract as the kernel's, as far as it goes. It differs in this: a connection ends here and another goes
to the target, so targets see this host's address and never the client's, whatever ``preserve_client_ip``
says; connections end when the process ends; TCP only; keep-alive packets do not count as traffic.
TLS passes unopened: bytes are copied, none is looked at. Where wanted, a Proxy Protocol header is first.

Each connection takes two file descriptors of the process; those beyond the number it may have are reset.
A frontend listens only while some backend may take a connection, so otherwise the kernel itself refuses.
A backend that does not answer is passed over for the next one.
"""

import asyncio
import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from ...model.errors import DriverError
from ..contracts.dataplane import (
    Backend,
    DataPlaneState,
    FlowEvent,
    Frontend,
    FrontendCounters,
    WeightedBackend,
)
from ..contracts.refusal import Refusal
from .drop_reasons import DROP_REASONS
from .flow_watch import FlowWatch
from .proxy_header import proxy_header
from .relay_choice import choose, choose_for
from .relay_connection import Connection, Side
from .relay_sockets import ListenSocket, listen_on_host
from .tunnel_plan import where

CONNECT_TIMEOUT = 3.0
"""Seconds for a backend to answer before the next is tried."""
NO_BACKEND = "backend_gone"
NO_ROOM = "flow_table"
_KEPT_FREE = 1000
"""Descriptors that are not connections': the API's, the probes', the engine's."""
Key = tuple[str, int, str]

log = logging.getLogger(__name__)


def key_of(frontend: Frontend) -> Key:
    """How counters name a frontend."""
    return frontend.vip, frontend.port, frontend.protocol


class Entrance:
    """A frontend that listens: its server, what it has carried so far, and what it carries now."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        self.server: asyncio.Server | None = None
        self.new_flows = self.packets = self.bytes = 0
        self.connections: set[Connection] = set()

    @property
    def takes_connections(self) -> bool:
        """Whether any backend may be chosen."""
        return any(share.weight > 0 for share in self.frontend.backends)

    def close(self) -> None:
        """No more connections; those there are go on."""
        if self.server is not None:
            self.server.close()
            self.server = None

    def counters(self) -> FrontendCounters:
        """Finished connections and living ones together."""
        living = [connection.traffic for connection in self.connections]
        return FrontendCounters(
            new_flows=self.new_flows,
            active_flows=len(self.connections),
            packets=self.packets + sum(each.packets for each in living),
            bytes=self.bytes + sum(each.bytes for each in living),
        )


class RelayDataPlane:
    """``contracts.dataplane.DataPlane`` by copying. ``listen_socket``: see ``relay_sockets``."""

    def __init__(
        self,
        listen_socket: ListenSocket = listen_on_host,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self._listen_socket = listen_socket
        self._connect_timeout = connect_timeout
        self._most = _room()
        self._started = False
        self._entrances: dict[Key, Entrance] = {}
        self._kept: frozenset[Backend] = frozenset()
        self._living: dict[Connection, Backend] = {}
        self._active: Counter[Backend] = Counter()
        self._served: Counter[Backend] = Counter()
        self._dropped: Counter[str] = Counter()
        self._handlers: set[asyncio.Task[Any]] = set()
        self._left_out: set[str] = set()
        self._watch = FlowWatch(time.monotonic)

    async def start(self) -> None:
        """See ``DataPlane.start``. There is nothing to adopt."""
        self._started = True

    async def apply(self, state: DataPlaneState) -> None:
        """See ``DataPlane.apply``. What can be done is done; then ``DriverError`` names what cannot."""
        self._check()
        wanted = {key_of(f): _leading(f, state) for f in state.frontends if f.protocol == "tcp"}
        self._kept = state.draining | {s.backend for f in wanted.values() for s in f.backends}
        for key in self._entrances.keys() - wanted.keys():
            self._entrances.pop(key).close()
        for connection, backend in list(self._living.items()):
            if backend not in self._kept:
                connection.reset()
        for backend in self._served.keys() - self._kept:
            del self._served[backend]
        self._say_what_is_left_out({f"{f.vip}:{f.port}" for f in state.frontends if f.protocol != "tcp"})
        failures = [failure for f in wanted.values() if (failure := await self._open(f))]
        if failures:
            raise DriverError("the relay cannot listen: " + "; ".join(failures))

    def _say_what_is_left_out(self, udp: set[str]) -> None:
        """Once, until it changes. TCP is carried all the same."""
        if udp - self._left_out:
            log.warning("the relay carries TCP only, so nothing answers UDP on %s", ", ".join(sorted(udp)))
        self._left_out = udp

    async def flows(self, backends: Collection[Backend] | None = None) -> Mapping[Backend, int]:
        """See ``DataPlane.flows``."""
        self._check()
        asked = self._kept if backends is None else self._kept & set(backends)
        return {backend: self._active[backend] for backend in asked}

    async def counters(self) -> Mapping[Key, FrontendCounters]:
        """See ``DataPlane.counters``. Packets and bytes are those between client and load balancer."""
        self._check()
        return {key: entrance.counters() for key, entrance in self._entrances.items()}

    async def drops(self) -> Mapping[str, int]:
        """See ``DataPlane.drops``: the kernel's reasons, of which the relay knows two."""
        self._check()
        return dict.fromkeys(DROP_REASONS, 0) | self._dropped

    async def refusals(self) -> tuple[Refusal, ...]:
        """See ``DataPlane.refusals``: the relay enforces no security groups."""
        self._check()
        return ()

    async def flow_events(self) -> tuple[FlowEvent, ...]:
        """See ``DataPlane.flow_events``. A connection that ended otherwise than finished was cut."""
        self._check()
        return self._watch.read()

    async def stop(self) -> None:
        """See ``DataPlane.stop``. Connections end: nobody is left to carry them."""
        self._started = False
        for entrance in self._entrances.values():
            entrance.close()
        self._entrances.clear()
        for connection in list(self._living):
            connection.reset()
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        self._kept = frozenset()

    async def teardown(self) -> None:
        """See ``DataPlane.teardown``: nothing outlives ``stop``."""
        await self.stop()

    def _check(self) -> None:
        if not self._started:
            raise DriverError("the data plane is not started", retryable=False)

    async def _open(self, frontend: Frontend) -> str | None:
        """Makes the entrance match; answers why it cannot."""
        entrance = self._entrances.setdefault(key_of(frontend), Entrance(frontend))
        entrance.frontend = frontend
        if not entrance.takes_connections:
            entrance.close()
        elif entrance.server is None:
            try:
                sock = self._listen_socket(frontend.vip, frontend.port)
            except OSError as error:
                return f"{frontend.vip}:{frontend.port}: {error.strerror or error}"

            async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._accept(entrance, Side(reader, writer))

            entrance.server = await asyncio.start_server(accept, sock=sock)
        return None

    async def _accept(self, entrance: Entrance, client: Side) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._handlers) >= self._most:
            self._dropped[NO_ROOM] += 1
            client.reset()
            return
        self._handlers.add(task)
        try:
            await self._relay(entrance, client)
        except asyncio.CancelledError:
            client.reset()  # only ``stop`` cancels, and it waits for this
        finally:
            self._handlers.discard(task)

    async def _relay(self, entrance: Entrance, client: Side) -> None:
        entrance.new_flows += 1
        found = await self._reach_backend(entrance, _ends(client)[0][0])
        if found is None:
            self._dropped[NO_BACKEND] += 1
            client.reset()
            return
        share, target = found
        backend = share.backend
        for side in (client, target):
            side.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if share.proxy_protocol:
            target.writer.write(proxy_header(*_ends(client)))
        connection = Connection(client, target, entrance.frontend.idle_timeout)
        self._living[connection] = backend
        entrance.connections.add(connection)
        flow = _flow(entrance.frontend, client, backend)
        self._watch.tell(flow)
        try:
            await connection.run()
        finally:
            how = "cut" if connection.cut else "finished"
            self._watch.tell(msgspec.structs.replace(flow, what=how))
            del self._living[connection]
            entrance.connections.discard(connection)
            packets, carried = connection.traffic
            entrance.packets += packets
            entrance.bytes += carried
            self._release(backend)

    def _choose(self, frontend: Frontend, client: str, tried: set[Backend]) -> WeightedBackend | None:
        if frontend.sticky:
            return choose_for(client, frontend.backends, tried)
        return choose(frontend.backends, self._active, self._served, tried)

    async def _reach_backend(self, entrance: Entrance, client: str) -> tuple[WeightedBackend, Side] | None:
        """Connects to the best backend that answers. It is counted from the moment it is chosen."""
        tried: set[Backend] = set()
        while share := self._choose(entrance.frontend, client, tried):
            backend = share.backend
            tried.add(backend)
            self._active[backend] += 1
            self._served[backend] += 1
            reached = False
            try:
                async with asyncio.timeout(self._connect_timeout):
                    target = Side(*await asyncio.open_connection(backend.address, backend.port))
                reached = backend in self._kept
                if reached:
                    return share, target
                target.reset()  # removed while we were connecting
            except (OSError, TimeoutError) as error:
                log.info("backend %s:%s does not answer: %s", backend.address, backend.port, error)
            finally:
                if not reached:
                    self._release(backend)
        return None

    def _release(self, backend: Backend) -> None:
        self._active[backend] -= 1
        if not self._active[backend]:
            del self._active[backend]


def _room() -> int:
    """How many connections this process has descriptors for."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(descriptors - _KEPT_FREE, descriptors // 2) // 2


def _leading(frontend: Frontend, state: DataPlaneState) -> Frontend:
    """With those of its backends to which anything leads: a peer's are reached by the host's routes."""
    if all(share.backend.interface for share in frontend.backends):
        return frontend
    there = tuple(share for share in frontend.backends if where(share.backend, state.peers))
    return msgspec.structs.replace(frontend, backends=there)


def _flow(frontend: Frontend, client: Side, backend: Backend) -> FlowEvent:
    """Its beginning."""
    (source, port), _ = _ends(client)
    return FlowEvent(
        what="start",
        protocol="tcp",
        client=source,
        client_port=port,
        vip=frontend.vip,
        port=frontend.port,
        target=backend.address,
        target_port=backend.port,
    )


def _ends(client: Side) -> tuple[tuple[str, int], tuple[str, int]]:
    """Who called, and where."""
    return client.writer.get_extra_info("peername")[:2], client.writer.get_extra_info("sockname")[:2]
