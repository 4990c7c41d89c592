"""``sealway up`` and ``sealway down``: everything on this machine, in one process on one event loop.

Whatever carries traffic lives outside this process (containers, pinned programs, the name server's own
process), so that stopping it, or killing it, interrupts nothing.
"""

import asyncio
import os
import platform
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from ..control.loop import ControlLoop
from ..drivers.contracts.dataplane import DataPlane, XdpMode
from ..drivers.contracts.names import LB_NAMESPACE
from ..drivers.dataplane.driver import EbpfDataPlane
from ..drivers.dataplane.relay import RelayDataPlane
from ..drivers.dataplane.relay_sockets import listen_in_namespace
from ..drivers.dns.driver import DnsServerProcess
from ..drivers.docker.engine import DockerRuntime
from ..drivers.network.host import LinuxNetwork
from ..drivers.network.host_routes import default_interfaces, host_networks, interface_towards
from ..drivers.network.prober import LbProber
from ..model.address_pool import resolver_address
from ..model.architecture import architecture_of
from ..model.clock import system_clock
from ..model.credential import Credential
from ..model.ids import RandomIds
from ..model.peer import Peers
from ..node.agent import Agent
from ..node.exec_gateway import PATH as EXEC_PATH
from ..node.exec_gateway import ExecGateway
from ..node.settings import NodeSettings
from ..store.sqlite import SqliteStore
from ..wire.admin import make_admin_app
from ..wire.connections import serving
from ..wire.server import make_app
from .admin import RunInfo, admin_operations
from .metrics import metrics
from .operations import bind_operations
from .paths import ADMIN_SOCKET
from .peering import refuse_overlap
from .seed import default_vpc, seed


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line chose. ``uplinks``: interfaces on which outside clients come in."""

    data_dir: Path
    api_host: str = "127.0.0.1"
    api_port: int = 4566
    dataplane: str = "ebpf"
    region: str = "us-east-1"
    uplinks: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    """Interfaces at whose addresses outside clients find the listeners too; they are uplinks as well."""
    xdp: XdpMode = "auto"
    """How those drop early."""
    metrics: tuple[str, int] | None = None
    """Where a collector may ask."""
    replace_dataplane: bool = False
    """Connections may be lost that an older layout of the data plane carries and ours cannot take over."""
    peers: Peers = {}
    """Networks of other hosts -> the host: see ``DataPlaneState``."""


class Drivers(msgspec.Struct, frozen=True):
    """The outside world of one machine."""

    runtime: DockerRuntime
    network: LinuxNetwork
    dataplane: DataPlane
    dns: DnsServerProcess


def make_drivers(data_dir: Path, dataplane: str, *, replace: bool = False) -> Drivers:
    """The real ones. ``dataplane``: ebpf or relay. ``replace``: see ``Settings``."""
    network = LinuxNetwork()
    plane: DataPlane = EbpfDataPlane(replace=replace)
    if dataplane == "relay":
        plane = RelayDataPlane(listen_in_namespace(LB_NAMESPACE))
    return Drivers(DockerRuntime(), network, plane, DnsServerProcess(data_dir / "dns"))


class Machine:
    """One running Sealway. Opening it takes the data directory's lock and makes what a first start makes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ids = RandomIds()
        self._ready = asyncio.Event()
        self.store = SqliteStore(settings.data_dir)
        seed(self.store, self._ids, settings.region, settings.peers)
        refuse_overlap(settings.peers, self.store)
        replace = settings.replace_dataplane
        self._drivers = make_drivers(settings.data_dir, settings.dataplane, replace=replace)
        self.info = RunInfo(
            pid=os.getpid(),
            api=f"{settings.api_host}:{settings.api_port}",
            region=settings.region,
            resolver=f"{resolver_address(default_vpc(self.store, settings.region).cidr)}:53",
            dataplane=settings.dataplane,
        )

    async def run(
        self,
        stop: asyncio.Event,
        on_ready: Callable[[RunInfo], None],
        on_begin: Callable[[], None] = lambda: None,
    ) -> None:
        """Runs until ``stop`` is set; raises what made it impossible to start or to go on. ``on_begin`` comes
        before anything is made on this machine, and after what a start may fail at for nothing."""
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            stack.push_async_callback(self._drivers.runtime.close)
            if self._settings.dataplane == "relay":
                await EbpfDataPlane().teardown()  # what an earlier run left in the kernel would come first
            await self._serve_api(stack)
            await self._serve_admin(stack)
            await self._serve_metrics(stack)
            on_begin()
            async with asyncio.TaskGroup() as group:
                control = ControlLoop(self.store, system_clock, self._ids)
                running = [
                    group.create_task(self._agent().run(self._ready)),
                    group.create_task(control.run()),
                    group.create_task(self._announce(on_ready)),
                ]
                await stop.wait()
                for task in running:
                    task.cancel()

    def _agent(self) -> Agent:
        drivers = self._drivers
        return Agent(
            store=self.store,
            runtime=drivers.runtime,
            network=drivers.network,
            dataplane=drivers.dataplane,
            dns=drivers.dns,
            prober=LbProber(drivers.network),
            clock=system_clock,
            ids=self._ids,
            settings=self._node_settings(),
        )

    def _node_settings(self) -> NodeSettings:
        exposed = self._settings.exposed
        peers = self._settings.peers
        towards = sorted({interface_towards(host) for host in peers.values()} - {""})
        uplinks = dict.fromkeys((*(self._settings.uplinks or default_interfaces()), *exposed, *towards))
        relayed = self._settings.dataplane == "relay"
        return NodeSettings(
            uplinks=tuple(uplinks),
            exposed=exposed,
            peers=peers,
            xdp=self._settings.xdp,
            architecture=architecture_of(platform.machine()),
            relayed=relayed,
        )

    async def _announce(self, on_ready: Callable[[RunInfo], None]) -> None:
        await self._ready.wait()
        on_ready(self.info)

    async def _serve_api(self, stack: AsyncExitStack) -> None:
        streams = f"ws://{self.info.api}{EXEC_PATH}"
        operations = bind_operations(self.store, self._ids, host_networks, streams, self._settings.peers)
        lookup = partial(self.store.get, Credential)
        app = make_app(operations, lookup, system_clock, self._ids, self._ready.is_set)
        ExecGateway(self.store, self._drivers.runtime, system_clock, self._ids).add_to(app)
        await stack.enter_async_context(serving(app, self._settings.api_host, self._settings.api_port))

    async def _serve_metrics(self, stack: AsyncExitStack) -> None:
        if self._settings.metrics is None:
            return
        drivers = self._drivers

        async def answer(_: web.Request) -> web.Response:
            text = await metrics(self.store, drivers.dataplane, drivers.network)
            return web.Response(text=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

        app = web.Application()
        app.router.add_get("/metrics", answer)
        await stack.enter_async_context(serving(app, *self._settings.metrics))

    async def _serve_admin(self, stack: AsyncExitStack) -> None:
        drivers = self._drivers
        operations = admin_operations(self.store, self._ids, self.info, drivers.dataplane, drivers.network)
        runner = web.AppRunner(make_admin_app(operations), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        path = self._settings.data_dir / ADMIN_SOCKET
        path.unlink(missing_ok=True)
        await web.UnixSite(runner, str(path)).start()
        path.chmod(0o600)


async def teardown(data_dir: Path, say: Callable[[str], None]) -> None:
    """Removes everything Sealway made on this machine, the stored state excepted. Safe to run twice."""
    drivers = make_drivers(data_dir, "ebpf")
    for what, remove in (
        ("containers and their network", drivers.runtime.teardown),
        ("eBPF programs and maps", drivers.dataplane.teardown),
        ("the name server", drivers.dns.teardown),
        ("interfaces, namespaces, routes and rules", drivers.network.teardown),
    ):
        say(f"removing {what}")
        await remove()
    await drivers.runtime.close()
    (data_dir / ADMIN_SOCKET).unlink(missing_ok=True)
