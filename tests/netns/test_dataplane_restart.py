"""The process that loaded the data plane may die at any moment; traffic does not notice."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.dataplane import abi, loader
from sealway.drivers.dataplane.driver import EbpfDataPlane
from sealway.model.errors import DriverError
from tests.support.dataplane_world import World, frontend, pins, world
from tests.support.netns_topology import run
from tests.support.older_layout import of_another_digest

pytestmark = pytest.mark.root

PROCESS = """
import asyncio, sys
from pathlib import Path
import msgspec
from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.dataplane.driver import EbpfDataPlane

async def main():
    plane = EbpfDataPlane(pins=Path(sys.argv[1]), flow_capacity=4096)
    await plane.start()
    await plane.apply(msgspec.json.decode(sys.argv[2], type=DataPlaneState))
    print(plane.last_writes, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
async def net() -> AsyncIterator[World]:
    """Nothing is loaded yet: the processes of the test do that."""
    async with world() as made:
        await made.plane.teardown()
        yield made


async def process(net: World, state: DataPlaneState) -> tuple[asyncio.subprocess.Process, int]:
    """A process of its own that applied the state; and how many writes that took."""
    started = await asyncio.create_subprocess_exec(
        "nsenter", f"--net={net.topology.path('host')}", sys.executable, "-c", PROCESS,
        str(pins()), msgspec.json.encode(state).decode(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert started.stdout is not None
    async with asyncio.timeout(20):
        return started, int(await started.stdout.readline())


async def kill(victim: asyncio.subprocess.Process) -> None:
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    victim._transport.close()  # type: ignore[attr-defined]  # or its pipe outlives the loop


async def test_kill_9_interrupts_nothing_and_the_same_state_writes_nothing(net: World) -> None:
    state = net.topology.state(frontend("task1", "task2", "box1"), frontend("box2", port=8443, keep=False))
    first, writes = await process(net, state)
    assert writes > 0
    living = [await net.parts.connect("outside", "10.1.1.100", 443) for _ in range(8)]
    await kill(first)
    for connection in living:
        assert await connection.echo(b"x" * 100_000) == b"x" * 100_000
    for client in ("outside", "host", "task1"):
        assert await (await net.parts.connect(client, "10.1.1.100", 8443)).lives()
    second, writes = await process(net, state)
    assert writes == 0
    assert all([await connection.lives() for connection in living])
    await kill(second)


async def test_new_connections_never_fail_while_processes_die_and_come_back(net: World) -> None:
    states = [net.topology.state(frontend("task1", "box1")), net.topology.state(frontend("task2", "box2"))]
    running, _ = await process(net, states[0])
    done = asyncio.Event()
    served = 0

    async def load() -> None:
        nonlocal served
        while not done.is_set():
            connection = await net.parts.connect("outside", "10.1.1.100", 443)
            await connection.finish()
            served += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        for turn in range(1, 4):
            await kill(running)
            kept = {w.backend for w in states[(turn + 1) % 2].frontends[0].backends}
            state = msgspec.structs.replace(states[turn % 2], draining=frozenset(kept))
            running, _ = await process(net, state)
        done.set()
    await kill(running)
    assert served > 50


async def test_changed_programs_take_over_without_a_gap(net: World, monkeypatch: pytest.MonkeyPatch,
                                                        tmp_path: Path) -> None:  # fmt: skip
    state = net.topology.state(frontend("task1"))
    running, _ = await process(net, state)
    connection = await net.parts.connect("outside", "10.1.1.100", 443)
    await kill(running)
    changed = of_another_digest(tmp_path)
    monkeypatch.setattr(loader, "OBJECT", changed)
    plane = EbpfDataPlane(pins=pins())
    with net.topology.enter("host"):
        await plane.start()
    await plane.apply(state)
    assert plane.last_writes == 0
    assert await connection.lives()
    with net.topology.enter("host"):
        names = run("tc", "filter", "show", "dev", "up0", "ingress")
    assert loader.sha256(changed.read_bytes()).hexdigest()[:12] in names
    assert names.count("direct-action") == 2, "one of each width"
    await plane.stop()


async def test_a_filter_that_somebody_took_away_is_put_back(net: World) -> None:
    await net.plane.start()
    await net.apply(frontend("task1"))
    run("tc", "filter", "del", "dev", "up0", "ingress")
    run("tc", "qdisc", "del", "dev", "sealway0", "clsact")
    for client in ("outside", "host"):
        with pytest.raises(ConnectionRefusedError):
            await net.parts.connect(client, "10.1.1.100", 443)
    await net.apply(frontend("task1"))
    assert net.plane.last_writes == 0
    for client in ("outside", "host"):
        assert await (await net.parts.connect(client, "10.1.1.100", 443)).lives()


async def test_a_stranger_leaves_our_filters_alone(net: World) -> None:
    """Another Sealway's data plane in the same namespace knows only the filters over its own pins."""
    await net.plane.start()
    await net.apply(frontend("task1"))
    stranger = EbpfDataPlane(pins=Path(f"{pins()}-other"), flow_capacity=1024)
    await stranger.teardown()
    await stranger.start()
    await stranger.apply(DataPlaneState())
    await stranger.teardown()
    assert await (await net.parts.connect("outside", "10.1.1.100", 443)).lives()


async def test_it_stays_in_the_namespace_it_was_started_in(net: World) -> None:
    with net.topology.enter("outside"):
        await net.plane.start()
        await net.plane.stop()
        await net.plane.start()
    await net.apply(frontend("task1"))
    assert await (await net.parts.connect("outside", "10.1.1.100", 443)).lives()
    await net.plane.stop()
    with net.topology.enter("outside"):
        await net.plane.teardown()
    assert "sealway" not in run("tc", "filter", "show", "dev", "up0", "ingress")


async def test_maps_of_a_newer_layout_are_refused(net: World) -> None:
    newer = pins() / f"v{abi.Limit.LAYOUT + 1}"
    loader.mount(pins())
    newer.mkdir(parents=True)
    try:
        with pytest.raises(DriverError, match="newer Sealway"):
            await net.plane.start()
    finally:
        newer.rmdir()


async def test_after_teardown_nothing_is_left(net: World) -> None:
    with net.topology.enter("host"):
        await net.plane.start()
    await net.apply(frontend("task1"))
    await net.plane.teardown()
    assert not pins().exists()
    with net.topology.enter("host"):
        for device, hook in (("up0", "ingress"), ("swt1", "ingress"), ("sealway0", "egress")):
            assert "sealway" not in run("tc", "filter", "show", "dev", device, hook, check=False)
            assert "clsact" not in run("tc", "qdisc", "show", "dev", device)
