"""The data plane in the kernel: keeps eBPF maps and tc filters as the state says.

All kernel work is done by one thread, so calls never overlap and the event loop never waits. It works in the
network namespace of whoever called first, also when it is a new thread after ``stop``. What the maps hold is
read back at the start, so the same state after a restart writes nothing. ``endpoints`` needs no map: a flow
remembers the task interface it came from, and other answers follow the host's routes, where the same
interface stands.
"""

import asyncio
import fcntl
import socket
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from ...model.errors import DriverError
from ..base import Backend, DataPlaneState, FrontendCounters
from . import abi, census, loader, tables
from .filters import Filters
from .knock import knock
from .namespace import Namespace
from .tables_plan import EMPTY, Place, TableFull, Tables, after, plan

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)

PINS = Path("/sys/fs/bpf/sealway")
_SIOCGIFHWADDR = 0x8927
_FIRST = bytes(4)


class EbpfDataPlane:
    """``DataPlane`` over eBPF. ``flow_capacity``: entries of the flow table, two a flow; a new table has a
    power of two of them."""

    def __init__(self, pins: Path = PINS, flow_capacity: int = abi.Limit.DEFAULT_FLOWS) -> None:
        self._pins = pins
        self._flow_capacity = int(flow_capacity)
        self._namespace: Namespace | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._loaded: loader.Loaded | None = None
        self._filters: Filters | None = None
        self._tables: Tables = EMPTY
        self._state = DataPlaneState()
        self._missing: frozenset[Backend] = frozenset()
        self.last_writes = 0
        """How many map updates the last ``apply`` took."""

    async def start(self) -> None:
        await self._run(self._start)

    async def apply(self, state: DataPlaneState) -> None:
        await self._run(self._apply, state)

    async def flows(self) -> Mapping[Backend, int]:
        return await self._run(self._flows)

    async def counters(self) -> Mapping[tuple[str, int, str], FrontendCounters]:
        return await self._run(self._counters)

    async def drops(self) -> Mapping[str, int]:
        return await self._run(lambda: census.drops(self._running.maps["drops"]))

    async def stop(self) -> None:
        await self._run(self._close)
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    async def teardown(self) -> None:
        await self._run(self._teardown)
        await self.stop()

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._thread is None:
            self._namespace = self._namespace or Namespace()
            self._thread = ThreadPoolExecutor(1, "dataplane", initializer=self._namespace.enter)
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    @property
    def _running(self) -> loader.Loaded:
        if self._loaded is None:
            raise DriverError("the data plane is not started", retryable=False)
        return self._loaded

    def _start(self) -> None:
        if self._loaded is not None:
            return
        loaded = loader.load(self._pins, self._flow_capacity)
        try:
            owner, owners = loaded.maps["config"].id, loader.owners(self._pins)
            self._filters = Filters(loaded.programs, loaded.digest, owner, owners)
            self._tables = tables.read(loaded.maps)
        except DriverError:
            loaded.close()
            raise
        self._loaded = loaded

    def _apply(self, state: DataPlaneState) -> None:
        loaded, filters = self._running, self._filters
        assert filters is not None
        if state == self._state:
            filters.refresh()  # the same again: somebody looks whether all is still as it was left
        filters.ensure(state.interfaces)
        writes = self._set_host_interface(loaded, state)
        places = _places(state)
        self._say_what_is_missing(state, places)
        try:
            todo = plan(state, places, self._tables)
        except TableFull as error:
            raise DriverError(f"the data plane's tables are full: {error}", retryable=False) from error
        try:
            tables.write(loaded.maps, todo)
        except DriverError:
            self._tables = tables.read(loaded.maps)
            raise
        self._tables = after(self._tables, todo)
        self._state = state
        if todo.freed:
            knock(loaded.maps["flows"], {entry.id for entry in todo.freed})
        loader.discard_older(self._pins)  # only now is everything attached ours
        self.last_writes = writes + todo.writes

    def _say_what_is_missing(self, state: DataPlaneState, places: Mapping[str, Place]) -> None:
        """A backend whose interface went away takes no flow; said once, until it changes."""
        missing = frozenset(backend for backend in _backends(state) if backend.interface not in places)
        if missing and missing != self._missing:
            log.warning("backends without their interface are left out", backends=sorted(map(str, missing)))
        self._missing = missing

    def _set_host_interface(self, loaded: loader.Loaded, state: DataPlaneState) -> int:
        """Where answers to this host's own processes enter. The number of writes it took."""
        names = {name: index for index, name in socket.if_nameindex()}
        host = next((i.name for i in state.interfaces if i.role == "host" and i.name in names), None)
        old = abi.Config.unpack(loaded.maps["config"].get(_FIRST) or b"")
        new = old._replace(host_ifindex=names[host] if host else 0, host_mac=_mac(host) if host else bytes(6))
        if new == old:
            return 0
        loaded.maps["config"].put(_FIRST, new.pack())
        return 1

    def _flows(self) -> dict[Backend, int]:
        counted = census.count_flows(self._running.maps["flows"]).by_backend
        known = {
            (entry.address, entry.port): entry.id for entry in self._tables.backends.values() if entry.state
        }
        return {backend: counted.get(known.get(_where(backend), 0), 0) for backend in _backends(self._state)}

    def _counters(self) -> dict[tuple[str, int, str], FrontendCounters]:
        maps = self._running.maps
        return census.frontend_counters(maps, self._tables, census.count_flows(maps["flows"]))

    def _close(self) -> None:
        if self._filters is not None:
            self._filters.close()
            self._filters = None
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _teardown(self) -> None:
        filters = self._filters or Filters({}, b"", 0, loader.owners(self._pins))
        filters.remove_hooks()
        filters.close()
        self._filters = None
        loader.discard(self._pins)
        self._close()
        self._tables, self._state = EMPTY, DataPlaneState()


def _backends(state: DataPlaneState) -> frozenset[Backend]:
    return state.draining | {w.backend for frontend in state.frontends for w in frontend.backends}


def _where(backend: Backend) -> tuple[bytes, bytes]:
    return socket.inet_aton(backend.address), backend.port.to_bytes(2, "big")


def _places(state: DataPlaneState) -> dict[str, Place]:
    tasks = {i.name for i in state.interfaces if i.role == "task"} | set(state.endpoints.values())
    return {name: Place(index, name in tasks) for index, name in socket.if_nameindex()}


def _mac(interface: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("256s", interface.encode())
        return fcntl.ioctl(any_socket.fileno(), _SIOCGIFHWADDR, request)[18:24]
