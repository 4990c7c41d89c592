"""The data plane in the kernel: keeps eBPF maps and tc filters as the state says.

All kernel work is done by one thread, so calls never overlap and the event loop never waits. It works in the
network namespace of whoever called first, also when it is a new thread after ``stop``. What the maps hold is
read back at the start, so the same state after a restart writes nothing. ``endpoints`` needs no map: a flow
remembers the task interface it came from, and other answers follow the host's routes, where the same
interface stands.
"""

import asyncio
import fcntl
import itertools
import socket
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from ...model.address_pool import is_ipv6
from ...model.errors import DriverError
from ..contracts.dataplane import Backend, DataPlaneState, FlowEvent, FrontendCounters
from ..contracts.refusal import Refusal
from . import abi, census, early, loader
from .carry_over import CarryOver, Takeover, flags_of
from .early_programs import EarlyPrograms
from .filters import Edition, Filters
from .layouts import NARROW, WIDE
from .namespace import Namespace
from .peer_ways import ways_to
from .plane import Plane
from .slots_plan import Place
from .tables_plan import narrow_part, wide_part
from .tunnel_plan import where

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)

PINS = Path("/sys/fs/bpf/sealway")
_SIOCGIFHWADDR = 0x8927
_WIDE_SHARE = 2
"""The table of wide flows has this part of the other one's entries, which are half as large."""
_PARTS = ("_away", "_arrival")
"""Of the programs, for other hosts' targets, and for other hosts' load balancers; see ``bpf/lib``."""


class EbpfDataPlane:
    """``DataPlane`` over eBPF. ``flow_capacity``: entries of the flow table, one or two a flow; a new table
    has a power of two of them. ``replace``: what runs in an older layout may be lost where it cannot be taken
    over."""

    def __init__(
        self,
        pins: Path = PINS,
        flow_capacity: int = abi.Limit.DEFAULT_FLOWS,
        *,
        replace: bool = False,
    ) -> None:
        self._pins = pins
        self._replace = replace
        self._takeover: Takeover | None = None
        self._flow_capacity = int(flow_capacity)
        self._namespace: Namespace | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._planes: tuple[Plane, ...] = ()
        self._elsewhere: Mapping[str, int] = {}
        """Programs for other hosts' part in it: none before there are peers."""
        self._filters: Filters | None = None
        self._early: early.EarlyDrops | None = None
        self._outcomes: Mapping[str, early.Outcome] = {}
        self._state = DataPlaneState()
        self._missing: frozenset[Backend] = frozenset()
        self.last_writes = 0
        """How many map updates the last ``apply`` took."""

    async def start(self) -> None:
        await self._run(self._start)

    async def apply(self, state: DataPlaneState) -> None:
        await self._run(self._apply, state)

    async def flows(self, backends: Collection[Backend] | None = None) -> Mapping[Backend, int]:
        return await self._run(self._flows, backends)

    async def counters(self) -> Mapping[tuple[str, int, str], FrontendCounters]:
        return await self._run(self._counters)

    async def drops(self) -> Mapping[str, int]:
        return await self._run(lambda: census.drops(self._running[0].loaded.maps["drops"]))

    async def refusals(self) -> tuple[Refusal, ...]:
        return await self._run(lambda: tuple(one for plane in self._running for one in plane.refusals()))

    async def flow_events(self) -> tuple[FlowEvent, ...]:
        return await self._run(lambda: tuple(one for plane in self._running for one in plane.events.read()))

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
    def _running(self) -> tuple[Plane, ...]:
        if not self._planes:
            raise DriverError("the data plane is not started", retryable=False)
        return self._planes

    def _start(self) -> None:
        if self._planes:
            return
        with ExitStack() as unless_done:
            loaded = [loader.load(self._pins, self._flow_capacity)]
            unless_done.callback(loaded[0].close)
            loaded.append(loader.load6(self._pins, self._flow_capacity // _WIDE_SHARE, loaded[0]))
            unless_done.callback(loaded[1].close)
            filters = Filters(loader.owners(self._pins))
            unless_done.callback(filters.close)
            self._take_over(loaded, filters)
            self._planes = Plane(loaded[0], NARROW), Plane(loaded[1], WIDE)
            self._filters = filters
            self._early = early.EarlyDrops(self._pins, _early_programs(self._pins, *loaded))
            unless_done.pop_all()

    def _take_over(self, loaded: Sequence[loader.Loaded], filters: Filters) -> None:
        """What an older layout carries, if there is one. Its programs stay until the state is applied."""
        found = [loader.older(self._pins, suffix) for suffix in ("", "6")]
        if found[0] is None:
            return
        layout, flags = found[0][0], flags_of(found[0][1]["flows"])
        pairs = zip(found, loaded, strict=True)
        parts = [CarryOver(each[1], ours, flags) for each, ours in pairs if each is not None]
        live = filters.stand_for([each.maps["config"].id for each in loaded])
        takeover = Takeover(layout, parts, live=live)
        try:
            if not self._replace:
                takeover.check()
            takeover.begin()
        except DriverError:
            takeover.close()
            if not live:
                loader.discard_ours(self._pins)
            raise
        self._takeover = takeover

    def _apply(self, state: DataPlaneState) -> None:
        planes, filters = self._running, self._filters
        assert filters is not None
        editions = self._editions(state)
        if state == self._state:
            filters.refresh()  # the same again: somebody looks whether all is still as it was left
        if self._takeover is None:
            filters.ensure(state.interfaces, editions)
        host = _host_interface(state)
        writes = sum(plane.set_host_interface(*host) for plane in planes)
        places = _places(state)
        self._say_what_is_missing(state, places)
        for plane, part in zip(planes, (narrow_part(state), wide_part(state)), strict=True):
            writes += plane.apply(part, places)
        self._state = state
        if self._takeover is not None:
            self._takeover.catch_up()
            filters.ensure(state.interfaces, editions)
            self._takeover.finish()
            self._takeover = None
        self._drop_early(state)
        loader.discard_older(self._pins)  # only now is everything attached ours
        self.last_writes = writes

    def _editions(self, state: DataPlaneState) -> list[Edition]:
        """What stands at every hook, in this order."""
        editions = [plane.edition for plane in self._running]
        if state.peers:
            narrow = self._running[0].loaded
            self._elsewhere = self._elsewhere or loader.load_elsewhere(self._pins, narrow)
            owner = narrow.maps["config"].id
            editions += [Edition(self._elsewhere, narrow.digest, owner, part) for part in _PARTS]
        return editions

    def _drop_early(self, state: DataPlaneState) -> None:
        """Says of each interface what became of it, once, until it changes."""
        assert self._early is not None
        outcomes = self._early.ensure(state.interfaces)
        for name, one in sorted(outcomes.items()):
            if one == self._outcomes.get(name):
                continue
            if one.mode:
                log.info("XDP drops early", interface=name, mode=one.mode)
            else:
                log.info("no XDP: tc alone decides", interface=name, reason=one.why)
        self._outcomes = outcomes

    def _say_what_is_missing(self, state: DataPlaneState, places: Mapping[str, Place]) -> None:
        """A backend whose interface went away takes no flow; said once, until it changes."""
        shares = (share.backend for frontend in state.frontends for share in frontend.backends)
        named = itertools.chain(state.draining, shares)
        missing = frozenset(each for each in named if where(each, state.peers) not in places)
        if missing and missing != self._missing:
            log.warning("backends to which nothing leads are left out", backends=sorted(map(str, missing)))
        self._missing = missing

    def _flows(self, asked: Collection[Backend] | None) -> dict[Backend, int]:
        known = _backends(self._state)
        backends = known if asked is None else known & set(asked)
        narrow, wide = self._running
        counted = wide.flows(backends)
        counted_narrow = narrow.flows([backend for backend in backends if not is_ipv6(backend.address)])
        return {backend: count + counted_narrow.get(backend, 0) for backend, count in counted.items()}

    def _counters(self) -> dict[tuple[str, int, str], FrontendCounters]:
        return {key: counters for plane in self._running for key, counters in plane.counters().items()}

    def _close(self) -> None:
        if self._takeover is not None:
            self._takeover.close()
            self._takeover = None
        if self._filters is not None:
            self._filters.close()
            self._filters = None
        if self._early is not None:
            self._early.close()
            self._early = None
        loader.close_programs(self._elsewhere)
        self._elsewhere = {}
        for plane in self._planes:
            plane.close()
        self._planes = ()

    def _teardown(self) -> None:
        filters = self._filters or Filters(loader.owners(self._pins))
        filters.remove_hooks()
        filters.close()
        self._filters = None
        early.discard(self._pins)
        loader.discard(self._pins)
        self._close()
        self._state = DataPlaneState()


def _early_programs(pins: Path, narrow: loader.Loaded, wide: loader.Loaded) -> EarlyPrograms:
    return EarlyPrograms(loader.place_of(pins), narrow.maps, {**narrow.maps, **wide.maps})


def _backends(state: DataPlaneState) -> frozenset[Backend]:
    return state.draining | {w.backend for frontend in state.frontends for w in frontend.backends}


def _host_interface(state: DataPlaneState) -> tuple[int, bytes]:
    """Index and MAC of where answers to this host's own processes enter; zeros: it is not there."""
    names = {name: index for index, name in socket.if_nameindex()}
    host = next((i.name for i in state.interfaces if i.role == "host" and i.name in names), None)
    return (names[host], _mac(host)) if host else (0, bytes(6))


def _places(state: DataPlaneState) -> dict[str, Place]:
    tasks = {i.name for i in state.interfaces if i.role == "task"} | set(state.endpoints.values())
    here = {name: Place(index, name in tasks) for index, name in socket.if_nameindex()}
    return here | ways_to(state.peers.values())


def _mac(interface: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("256s", interface.encode())
        return fcntl.ioctl(any_socket.fileno(), _SIOCGIFHWADDR, request)[18:24]
