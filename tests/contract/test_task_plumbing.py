"""The Docker driver and the host network together, with a Docker Engine in a namespace of its own.

the test's namespace, a host of its own
  sealway0 ------ eth0  a namespace named for this test, with the VIP
  swt... -------- eth0  a pause container, whose network the application's container joins
  sealway-br0 --- eth0  a container with a published port on the instance's address
"""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sealway.drivers.contracts.container_runtime import (
    PAUSE_IMAGE,
    ContainerSpec,
    ContainerState,
    PublishedPort,
)
from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.drivers.contracts.prober import Probe
from sealway.drivers.docker.engine import DockerRuntime
from sealway.drivers.network.host import LinuxNetwork
from sealway.drivers.network.netns import run_inside
from sealway.drivers.network.prober import LbProber
from sealway.model.address_pool import mac_for
from sealway.model.errors import Unavailable
from tests.support import images
from tests.support.netns import fresh_network
from tests.support.private_docker import PrivateDocker

pytestmark = [pytest.mark.root, pytest.mark.docker]

VPC, ROUTER, VIP, INSTANCE, TASK_IP = "10.77.0.0/16", "10.77.0.1", "10.77.1.10", "10.77.1.20", "10.77.2.30"
TASK = TaskEndpoint(network_interface_id="eni-0123456789abcdef0", private_ip=TASK_IP, mac=mac_for(TASK_IP))


@pytest.fixture
def engine() -> Iterator[PrivateDocker]:
    images.build_pause()
    box = images.build_testbox()
    # A short path: a Unix socket's has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="swd", dir="/tmp"))
    with fresh_network():
        engine = PrivateDocker(folder)
        try:
            engine.start()
            engine.copy_images(PAUSE_IMAGE, box)
            yield engine
        finally:
            engine.close()


@pytest.fixture
async def runtime(engine: PrivateDocker) -> AsyncIterator[DockerRuntime]:
    async with DockerRuntime(engine.url) as runtime:
        yield runtime
        with contextlib.suppress(Unavailable):
            await runtime.teardown()


@pytest.fixture
async def network(engine: PrivateDocker) -> AsyncIterator[LinuxNetwork]:
    network = LinuxNetwork(f"sealway-test-{uuid.uuid4().hex[:8]}")
    await network.ensure((VPC,))
    await network.set_vips(frozenset({VIP}))
    await network.set_host_addresses(frozenset({INSTANCE}))
    yield network
    await network.teardown()


async def run(runtime: DockerRuntime, name: str, *command: str, **fields: object) -> ContainerState:
    words = {"name": name, "image": images.build_testbox(), "labels": {}, "command": command}
    container_id = await runtime.create(ContainerSpec(**words | fields))
    await runtime.start(container_id)
    state = await runtime.inspect(container_id)
    assert state is not None
    return state


async def run_bridge(runtime: DockerRuntime, network: LinuxNetwork) -> ContainerState:
    port = PublishedPort(container_port=8080, host_ip=INSTANCE)
    state = await run(runtime, "web", "listen", "8080", network="bridge", published_ports=(port,))
    await network.set_bridge_sources({state.bridge_ip: INSTANCE})
    return state


async def run_task(runtime: DockerRuntime, network: LinuxNetwork) -> ContainerState:
    pause = await run(runtime, "pause", image=PAUSE_IMAGE, command=None)
    await network.attach_task(TASK, pause.pid)
    await run(runtime, "app", "listen", "443", network="container:pause")
    return pause


async def answer(address: str, port: int, maker=socket.socket) -> str:
    """What the program answers: the address that it saw. Tried until it listens."""

    def call() -> str:
        with maker() as client:
            client.settimeout(10)
            client.connect((address, port))
            return client.recv(100).decode().strip()

    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.to_thread(call)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)


def in_network_of(state: ContainerState):
    return lambda: run_inside(Path(f"/proc/{state.pid}/ns/net"), socket.socket)


async def test_tasks_of_both_kinds_are_reached_from_everywhere(runtime, network):
    task = await run_task(runtime, network)
    web = await run_bridge(runtime, network)
    place = (INSTANCE, web.published_ports[0].host_port)

    def probe():
        return network.probe_socket(VIP)

    assert await answer(TASK_IP, 443) == ROUTER
    assert await answer(TASK_IP, 443, probe) == VIP
    assert await answer(TASK_IP, 443, in_network_of(web)) == INSTANCE
    assert await answer(*place) == INSTANCE
    assert await answer(*place, probe) == VIP
    assert await answer(*place, in_network_of(task)) == TASK_IP
    assert await answer(web.bridge_ip, 8080, in_network_of(task)) == TASK_IP

    prober = LbProber(network)
    for address, port in ((TASK_IP, 443), place):
        result = await prober.probe(Probe(source=VIP, address=address, port=port, protocol="TCP", timeout=5))
        assert result.passed


async def test_an_engine_that_restarts_is_met_again(engine, runtime, network):
    """Killed and started again: streams end, calls say so, containers and their traffic go on."""
    events = runtime.events()
    await run_task(runtime, network)
    web = await run_bridge(runtime, network)
    assert (await anext(events)).action == "start"

    await asyncio.to_thread(engine.stop, signal.SIGKILL)
    async with asyncio.timeout(10):
        async for _ in events:
            pass
    with pytest.raises(Unavailable):
        await runtime.list()
    assert await answer(TASK_IP, 443) == ROUTER

    await asyncio.to_thread(engine.start)
    assert {state.name for state in await runtime.list() if state.status == "running"} == {
        "pause",
        "app",
        "web",
    }
    await network.ensure((VPC,))  # Docker has put its rules on top
    await network.set_bridge_sources({web.bridge_ip: INSTANCE})
    assert await answer(TASK_IP, 443, in_network_of(await runtime.inspect("web"))) == INSTANCE
    await runtime.remove("web")


async def test_a_container_that_died_while_the_engine_was_away_is_told(engine, runtime):
    state = await run(runtime, "app", "sleep")
    await asyncio.to_thread(engine.stop, signal.SIGKILL)
    os.kill(state.pid, signal.SIGKILL)
    await asyncio.to_thread(engine.start)
    async with asyncio.timeout(20):
        while (found := await runtime.inspect(state.id)).status == "running":
            await asyncio.sleep(0.05)
    assert found.status == "exited"
