"""A container runtime in memory, for tests. Scripted from outside; passes the real one's contract tests.

What a container's program does is told by ``program``: it is given the specification when the container
starts. Afterwards ``die``, ``set_health`` and ``engine_stop``/``engine_start`` move things on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from ...model.errors import DriverError, ImageUnavailable, Unavailable
from ..contracts.container_runtime import (
    MANAGED_LABEL,
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ContainerSummary,
    PublishedPort,
)
from ..contracts.terminal import Terminal
from .fake_terminal import FakeTerminal

KILLED = 137
_FIRST_PID = 1_000_000
_FIRST_DYNAMIC_PORT = 49153
_STARTED = "2024-01-01T00:00:00.000000001Z"
_FINISHED = "2024-01-01T00:00:01.000000001Z"


class FakeProgram(msgspec.Struct, frozen=True, kw_only=True):
    """``exits``: ends at once with this code. ``on_stop``: ends with this code when asked to stop;
    None: ignores it, and is killed.
    """

    exits: int | None = None
    on_stop: int | None = 143
    fails_to_start: str | None = None


class FakeRuntime:
    """``contracts.container_runtime.ContainerRuntime`` in memory.

    ``images`` are here already; ``pullable`` come with a pull; any other fails with ``pull_errors``'s text.
    ``delays`` are seconds a call takes, by its name ("pull", "create", "start", "stop").
    """

    def __init__(
        self, images: set[str], program: Callable[[ContainerSpec], FakeProgram] | None = None
    ) -> None:
        self.images = set(images)
        self.pullable: set[str] = set()
        self.pull_errors: dict[str, str] = {}
        self.delays: dict[str, float] = {}
        self.calls: list[tuple[str, str]] = []
        self.specs: dict[str, ContainerSpec] = {}
        self.removed_volumes: list[str] = []
        self.terminals: list[FakeTerminal] = []
        self._program = program or (lambda _: FakeProgram())
        self._containers: dict[str, ContainerState] = {}
        self._ids: dict[str, str] = {}
        """By name."""
        self._listeners: set[asyncio.Queue[ContainerEvent | None]] = set()
        self._running = True
        self._count = 0

    # --- what a test says ---------------------------------------------------------------------

    def die(self, container: str, exit_code: int = KILLED, oom: bool = False) -> None:
        """The container (id or name) ends by itself."""
        state = self._get(container)
        if oom:
            self._tell(state, "oom")
        self._end(state, exit_code, oom)

    def set_health(self, container: str, health: str) -> None:
        """UNKNOWN, HEALTHY or UNHEALTHY."""
        self._put(self._get(container), health=health)
        self._tell(self._get(container), "health_status")

    def engine_stop(self) -> None:
        """The engine goes away: streams end, calls raise ``Unavailable``. Containers run on."""
        self._running = False
        for listener in self._listeners:
            listener.put_nowait(None)

    def engine_start(self) -> None:
        """The engine is back."""
        self._running = True

    def state(self, container: str) -> ContainerState:
        """The container by id or name; KeyError when there is none."""
        return self._get(container)

    # --- the contract -------------------------------------------------------------------------

    async def ping(self) -> None:
        await self._call("ping", "")

    async def ensure_image(self, image: str) -> None:
        await self._call("ensure_image", image)
        if image in self.images:
            return
        await asyncio.sleep(self.delays.get("pull", 0))
        if image not in self.pullable:
            raise ImageUnavailable(self.pull_errors.get(image, f"pull access denied for {image}"))
        self.images.add(image)

    async def create(self, spec: ContainerSpec) -> str:
        await self._call("create", spec.name)
        if spec.image not in self.images:
            raise ImageUnavailable(f"No such image: {spec.image}")
        existing = self._find(spec.name)
        if existing is not None:
            return existing.id
        self._count += 1
        container_id = f"{self._count:064x}"
        self.specs[container_id] = spec
        labels = {**spec.labels, MANAGED_LABEL: "true"}
        self._containers[container_id] = ContainerState(
            id=container_id, name=spec.name, labels=labels, status="created", image=spec.image
        )
        self._ids[spec.name] = container_id
        return container_id

    async def start(self, container_id: str) -> None:
        await self._call("start", container_id)
        state = self._find(container_id)
        if state is None:
            raise DriverError(f"No such container: {container_id}", retryable=False)
        if state.status == "running":
            return
        spec = self.specs[state.id]
        program = self._program(spec)
        if program.fails_to_start is not None:
            self._put(state, error=program.fails_to_start)
            raise DriverError(program.fails_to_start, retryable=False)
        self._begin(state, spec)
        if program.exits is not None:
            self._end(self._get(state.id), program.exits)

    async def stop(self, container_id: str, timeout: int) -> None:
        await self._call("stop", container_id)
        state = self._find(container_id)
        if state is None or state.status != "running":
            return
        code = self._program(self.specs[state.id]).on_stop
        if self._get(state.id).status == "running":
            self._end(state, KILLED if code is None else code)

    async def remove(self, container_id: str) -> None:
        await self._call("remove", container_id)
        state = self._find(container_id)
        if state is None:
            return
        if state.status == "running":
            self._end(state, KILLED)
        del self._containers[state.id], self._ids[state.name]
        self._tell(state, "destroy")

    async def inspect(self, container_id: str) -> ContainerState | None:
        await self._call("inspect", container_id)
        return self._find(container_id)

    async def list(self) -> list[ContainerSummary]:
        await self._call("list", "")
        return [
            ContainerSummary(id=s.id, name=s.name, labels=s.labels, status=s.status, health=s.health)
            for s in self._containers.values()
        ]

    def events(self) -> AsyncIterator[ContainerEvent]:
        queue: asyncio.Queue[ContainerEvent | None] = asyncio.Queue()
        self._listeners.add(queue)
        return self._events(queue)

    async def open_terminal(self, container_id: str, command: tuple[str, ...]) -> Terminal:
        await self._call("open_terminal", container_id)
        found = self._find(container_id)
        if found is None or found.status != "running":
            raise DriverError(f"container {container_id} is not running", retryable=False)
        self.terminals.append(FakeTerminal(command))
        return self.terminals[-1]

    async def remove_volume(self, name: str) -> None:
        await self._call("remove_volume", name)
        self.removed_volumes.append(name)

    async def teardown(self) -> None:
        await self._call("teardown", "")
        for container_id in list(self._containers):
            await self.remove(container_id)

    # --- inside -------------------------------------------------------------------------------

    async def _call(self, name: str, argument: str) -> None:
        self.calls.append((name, argument))
        await asyncio.sleep(self.delays.get(name, 0))
        if not self._running:
            raise Unavailable("Cannot connect to Docker Engine")

    async def _events(self, queue: "asyncio.Queue[ContainerEvent | None]") -> AsyncIterator[ContainerEvent]:
        try:
            await self._call("events", "")
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._listeners.discard(queue)

    def _find(self, container: str) -> ContainerState | None:
        return self._containers.get(self._ids.get(container, container))

    def _get(self, container: str) -> ContainerState:
        state = self._find(container)
        if state is None:
            raise KeyError(container)
        return state

    def _put(self, state: ContainerState, **changes: object) -> None:
        self._containers[state.id] = msgspec.structs.replace(state, **changes)

    def _tell(self, state: ContainerState, action: str) -> None:
        event = ContainerEvent(container_id=state.id, action=action, labels=state.labels)
        for listener in self._listeners:
            listener.put_nowait(event)

    def _begin(self, state: ContainerState, spec: ContainerSpec) -> None:
        self._count += 1
        self._put(
            state,
            status="running",
            pid=_FIRST_PID + self._count,
            exit_code=None,
            error="",
            health="UNKNOWN",
            bridge_ip=f"172.30.{self._count // 250}.{self._count % 250 + 2}"
            if spec.network == "bridge"
            else None,
            published_ports=tuple(self._publish(port) for port in spec.published_ports),
            started_at=_STARTED,
            finished_at=None,
        )
        self._tell(self._get(state.id), "start")

    def _publish(self, port: PublishedPort) -> PublishedPort:
        self._count += 1
        return msgspec.structs.replace(port, host_port=port.host_port or _FIRST_DYNAMIC_PORT + self._count)

    def _end(self, state: ContainerState, exit_code: int, oom: bool = False) -> None:
        self._put(
            state,
            status="exited",
            pid=0,
            exit_code=exit_code,
            oom_killed=oom,
            bridge_ip=None,
            published_ports=(),
            finished_at=_FINISHED,
        )
        self._tell(self._get(state.id), "die")
