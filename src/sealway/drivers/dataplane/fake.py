"""A data plane in memory, for tests of what stands above it. Passes the real one's contract suite.

``connect`` plays a client: it chooses as the kernel would, and the flow lives until it is closed or its
backend is neither in a frontend nor draining.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from ...model.errors import DriverError
from ..contracts.dataplane import Backend, DataPlaneState, FlowEvent, Frontend, FrontendCounters
from ..contracts.refusal import Refusal
from .drop_reasons import DROP_REASONS
from .flow_watch import FlowWatch
from .maglev import Share, build
from .tunnel_plan import where

_BYTES_TO_OPEN = 180
"""SYN, SYN-ACK and ACK with the options Linux sends."""


@dataclass(eq=False)
class FakeFlow:
    """A client's connection. ``alive`` turns False when the data plane cuts it."""

    frontend: tuple[str, int, str]
    backend: Backend
    alive: bool = True
    source: tuple[str, int] = ("", 0)


@dataclass(eq=False)
class FakeDataPlane:
    """``DataPlane`` in memory. ``applied``: every state given, in order. ``refused``: what it shall say that
    security groups refused; itself it lets everything through."""

    applied: list[DataPlaneState] = field(default_factory=list)
    refused: tuple[Refusal, ...] = ()
    _started: bool = False
    _flows: list[FakeFlow] = field(default_factory=list)
    _opened: dict[tuple[str, int, str], int] = field(default_factory=dict)
    _connects: int = 0
    _watch: FlowWatch = field(default_factory=lambda: FlowWatch(lambda: 0.0))

    @property
    def state(self) -> DataPlaneState:
        """The last state applied."""
        return self.applied[-1] if self.applied else DataPlaneState()

    async def start(self) -> None:
        self._started = True

    async def apply(self, state: DataPlaneState) -> None:
        self._check()
        self.applied.append(state)
        known = _backends(state)
        for flow in self._flows:
            if flow.backend not in known:
                flow.alive = False
                self._tell(flow, "cut")
        self._flows = [flow for flow in self._flows if flow.alive]
        self._opened = {_key(f): self._opened.get(_key(f), 0) for f in state.frontends}

    async def flows(self, backends: Collection[Backend] | None = None) -> Mapping[Backend, int]:
        self._check()
        known = _backends(self.state)
        asked = known if backends is None else known & set(backends)
        return {backend: sum(flow.backend == backend for flow in self._flows) for backend in asked}

    async def counters(self) -> Mapping[tuple[str, int, str], FrontendCounters]:
        self._check()
        return {
            key: FrontendCounters(
                new_flows=opened,
                active_flows=sum(flow.frontend == key for flow in self._flows),
                packets=3 * opened,
                bytes=_BYTES_TO_OPEN * opened,
            )
            for key, opened in self._opened.items()
        }

    async def drops(self) -> Mapping[str, int]:
        self._check()
        return dict.fromkeys(DROP_REASONS, 0)

    async def refusals(self) -> tuple[Refusal, ...]:
        self._check()
        return self.refused

    async def flow_events(self) -> tuple[FlowEvent, ...]:
        self._check()
        return self._watch.read()

    async def stop(self) -> None:
        self._started = False

    async def teardown(self) -> None:
        self._started = False
        self.applied.clear()
        self._opened.clear()
        for flow in self._flows:
            flow.alive = False
        self._flows.clear()

    def connect(self, vip: str, port: int, protocol: str = "tcp") -> FakeFlow | None:
        """A new connection; None when it is refused."""
        frontend = next((f for f in self.state.frontends if _key(f) == (vip, port, protocol)), None)
        leading = partial(where, peers=self.state.peers)
        usable = [w for w in frontend.backends if w.weight > 0 and leading(w.backend)] if frontend else []
        if frontend is None or not usable:
            return None
        shares = [Share(f"{w.backend.address}:{w.backend.port}", w.weight) for w in usable]
        table = build(shares)
        turn = 0 if frontend.sticky else self._connects % len(table)  # all come from one client
        backend = usable[table[turn]].backend
        self._connects += 1
        flow = FakeFlow(_key(frontend), backend, source=("203.0.113.2", 40000 + self._connects))
        self._flows.append(flow)
        self._opened[flow.frontend] += 1
        self._tell(flow, "start")
        return flow

    def close(self, flow: FakeFlow) -> None:
        """The client or the target ends the connection."""
        flow.alive = False
        self._flows = [each for each in self._flows if each is not flow]
        self._tell(flow, "finished")

    def _tell(self, flow: FakeFlow, what: str) -> None:
        vip, port, protocol = flow.frontend
        event = FlowEvent(
            what=what,  # type: ignore[arg-type]
            protocol=protocol,  # type: ignore[arg-type]
            client=flow.source[0],
            client_port=flow.source[1],
            vip=vip,
            port=port,
            target=flow.backend.address,
            target_port=flow.backend.port,
        )
        self._watch.tell(event)

    def _check(self) -> None:
        if not self._started:
            raise DriverError("the data plane is not started", retryable=False)


def _key(frontend: Frontend) -> tuple[str, int, str]:
    return frontend.vip, frontend.port, frontend.protocol


def _backends(state: DataPlaneState) -> frozenset[Backend]:
    return state.draining | {w.backend for f in state.frontends for w in f.backends}
