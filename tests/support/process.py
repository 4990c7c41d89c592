"""Sealway's process on drivers in memory: API handlers, control and agent on one event loop, in virtual time.

What outlives a process is ``Outside`` and the files of the store. ``reach`` is told of every write just
before and just after it happens: a commit, or a call to a driver that changes something.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sealway.app.operations import bind_operations
from sealway.control.loop import ControlLoop
from sealway.drivers.contracts.container_runtime import PAUSE_IMAGE
from sealway.drivers.dataplane.fake import FakeDataPlane
from sealway.drivers.dns.fake import FakeDns
from sealway.drivers.docker.fake import FakeProgram, FakeRuntime
from sealway.drivers.network.fake import FakeNetwork
from sealway.model.ids import CountingIds
from sealway.model.request import Params, RequestContext
from sealway.model.resource import Resource
from sealway.node.agent import Agent
from sealway.node.settings import NodeSettings
from sealway.services.ec2.default_vpc import USUAL_CIDR, ensure_default_vpc
from sealway.store.base import Change
from sealway.store.sqlite import SqliteStore
from tests.support.node_world import ScriptedProber
from tests.support.virtual_time import START

ACCOUNT, REGION = "000000000000", "us-east-1"
ZONES = tuple(f"{REGION}{letter}" for letter in "abc")
Reach = Callable[[str], None]
CHANGES = {
    "runtime": ("ensure_image", "create", "start", "stop", "remove", "remove_volume"),
    "network": (
        "ensure",
        "set_vips",
        "set_host_addresses",
        "attach_task",
        "detach_task",
        "set_bridge_sources",
        "set_guards",
    ),
    "dataplane": ("apply",),
    "dns": ("start", "set_records"),
}
"""The calls to each driver that change something outside."""


PROGRAMS = {"deaf:1": FakeProgram(on_stop=None), "crash:1": FakeProgram(exits=3)}


class Outside:
    """The engine, the network, the kernel and the name server: what a dying process leaves as it is.

    Programs of ``deaf:1`` ignore the stop signal; ``nowhere:1`` cannot be pulled; ``crash:1`` ends at once.
    """

    def __init__(self) -> None:
        self.runtime = FakeRuntime({PAUSE_IMAGE}, lambda spec: PROGRAMS.get(spec.image, FakeProgram()))
        self.runtime.pullable = {"app:1", "app:2", *PROGRAMS}
        self.runtime.delays = {"pull": 0.3, "create": 0.02, "start": 0.05, "stop": 0.2}
        self.network, self.dataplane, self.dns = FakeNetwork(), FakeDataPlane(), FakeDns()

    def copied(self) -> "Outside":
        """The same, apart; nobody listens to the copy's events yet."""
        other = copy.copy(self)
        for name in CHANGES:
            driver = copy.copy(getattr(self, name))
            for field, value in vars(driver).items():
                if isinstance(value, dict | list | set):
                    setattr(driver, field, copy.copy(value))
            setattr(other, name, driver)
        other.runtime._listeners = set()
        return other


class WatchedStore(SqliteStore):
    """Tells ``reach`` of every commit; ``committed`` is what the disk holds, also before memory does."""

    def __init__(self, directory: Path, reach: Reach) -> None:
        super().__init__(directory)
        self._reach = reach
        self._database.execute("PRAGMA synchronous=OFF")  # the death of a process spares the page cache
        self._just_written: dict[Change, Resource | None] = {}

    @property
    def committed(self) -> dict[Change, Resource]:
        """Every resource."""
        indexes = self._memory.indexes.items()
        held: dict[Change, Resource | None] = {
            (kind, key): r for kind, index in indexes for key, r in index.by_key.items()
        }
        return {change: r for change, r in (held | self._just_written).items() if r is not None}

    def _write(self, writes: dict[Change, Resource | None]) -> None:
        kinds = "+".join(sorted({kind.__name__ for kind, _ in writes}))
        self._reach(f"before commit {kinds}")
        super()._write(writes)
        self._just_written = writes
        self._reach(f"after commit {kinds}")
        self._just_written = {}


class WatchedDriver:
    """A driver that tells ``reach`` of the calls in ``CHANGES``."""

    def __init__(self, name: str, driver: Any, reach: Reach) -> None:
        self._name, self._driver, self._reach = name, driver, reach

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._driver, attribute)
        if attribute not in CHANGES[self._name]:
            return found

        async def call(*arguments: Any) -> Any:
            self._reach(f"before {self._name}.{attribute}")
            answer = await found(*arguments)
            self._reach(f"after {self._name}.{attribute}")
            return answer

        return call


class Process:
    """One process, from its start to its end. ``number``: its ids are unlike another process's."""

    def __init__(
        self, directory: Path, outside: Outside, born: datetime = START, number: int = 0, reach: Reach = len
    ) -> None:
        self.outside, self._born, self._reach = outside, born, reach
        self.skew = timedelta()
        """What somebody has set the clock forward by."""
        self.store = WatchedStore(directory, reach)
        self.ids = CountingIds(f"process {number} ")
        self.prober = ScriptedProber()
        self._operations = bind_operations(self.store, self.ids)
        with self.store.transaction() as tx:
            ensure_default_vpc(tx, ACCOUNT, REGION, ZONES, USUAL_CIDR, self.ids)

    def clock(self) -> datetime:
        """The wall clock."""
        return self._born + timedelta(seconds=asyncio.get_running_loop().time()) + self.skew

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Control and agent, from ready until the block's end; then the files are closed."""
        ready = asyncio.Event()
        control = ControlLoop(self.store, self.clock, self.ids)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._agent().run(ready)), group.create_task(control.run())]
                await ready.wait()
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
        finally:
            self.store.close()

    def call(self, service: str, operation: str, params: Params) -> Params:
        """What a client would be answered; raises what ``wire`` would render."""
        caller = RequestContext(
            account_id=ACCOUNT,
            region=REGION,
            access_key_id="AKID",
            request_id="request",
            now=self.clock(),
        )
        return self._operations[service][operation](caller, params)

    def _agent(self) -> Agent:
        drivers: dict[str, Any] = {
            name: WatchedDriver(name, getattr(self.outside, name), self._reach) for name in CHANGES
        }
        return Agent(
            store=self.store,
            prober=self.prober,
            clock=self.clock,
            ids=self.ids,
            settings=NodeSettings(rest=0),
            **drivers,
        )
