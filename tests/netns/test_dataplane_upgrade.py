"""Another layout of the maps: connections go on, or nothing begins."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sealway.drivers.contracts.dataplane import DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import loader
from sealway.drivers.dataplane.driver import EbpfDataPlane
from sealway.model.errors import DriverError
from tests.support.dataplane_world import TARGETS, World, frontend, pins, world
from tests.support.netns_topology import VIP, VIP6
from tests.support.older_layout import build, loaded_from
from tests.support.tcp_parts import Client

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("older")
    build(directory)
    return directory


@pytest.fixture
async def net(objects: Path) -> AsyncIterator[World]:
    """An older Sealway's data plane runs; its process has ended."""
    async with world() as made:
        await made.plane.teardown()
        made.topology.add_ipv6()
        older = EbpfDataPlane(pins=pins(), flow_capacity=4096)
        with loaded_from(objects), made.topology.enter("host"):
            await older.start()
            await older.apply(state_of(made))
            await older.stop()
        yield made


def state_of(net: World) -> DataPlaneState:
    """Clients' addresses kept, hidden, and across the versions of IP."""
    across = Frontend(
        vip=VIP6, port=443, counterpart=VIP, backends=(WeightedBackend(backend=TARGETS["task1"]),)
    )
    made = net.topology.state(frontend("task1", "task2", "box1"), frontend("box2", port=8443, keep=False))
    return DataPlaneState(
        vips=made.vips | {VIP6},
        frontends=(*made.frontends, across),
        interfaces=made.interfaces,
        endpoints=made.endpoints,
    )


async def some(net: World) -> list[Client]:
    ways = [("outside", VIP, 443), ("host", VIP, 443), ("task1", VIP, 443), ("outside", VIP, 8443),
            ("task2", VIP, 8443), ("outside", VIP6, 443)]  # fmt: skip
    return [await net.parts.connect(*way) for way in ways for _ in range(3)]


@asynccontextmanager
async def process(net: World, **options: bool) -> AsyncIterator[EbpfDataPlane]:
    """A newer Sealway's, from its start to its end."""
    plane = EbpfDataPlane(pins=pins(), flow_capacity=4096, **options)
    try:
        with net.topology.enter("host"):
            await plane.start()
        yield plane
    finally:
        await plane.stop()


async def test_connections_of_an_older_layout_go_on(net: World) -> None:
    before = await some(net)
    stop = asyncio.Event()

    async def busy(connection: Client) -> int:
        turns = 0
        while not stop.is_set():
            assert await connection.echo(b"x" * 1000) == b"x" * 1000
            turns += 1
        return turns

    async with process(net) as plane, asyncio.TaskGroup() as group:
        loads = [group.create_task(busy(connection)) for connection in before[::3]]
        await plane.apply(state_of(net))
        stop.set()
    assert all(load.result() for load in loads)
    async with process(net) as plane:
        await plane.apply(state_of(net))
        assert plane.last_writes == 0
        assert all([await connection.lives() for connection in before])
        assert [place.name for place in pins().iterdir()] == [f"v{loader.LAYOUT}"]
        assert sum((await plane.flows()).values()) == len(before)
        counters = await plane.counters()
        assert counters[VIP, 443, "tcp"].new_flows == 9
        assert counters[VIP, 443, "tcp"].established == 9
        assert counters[VIP6, 443, "tcp"].established == 3
        for connection in before:
            await connection.finish()
        assert sum((await plane.flows()).values()) == 0
        assert await (await net.parts.connect("outside", VIP, 443)).lives()


async def test_what_the_older_programs_change_meanwhile_is_taken_over_too(net: World) -> None:
    ending, *before = await some(net)
    async with process(net) as plane:
        before += await some(net)
        await ending.finish()
        await plane.apply(state_of(net))
        assert all([await connection.lives() for connection in before])
        assert sum((await plane.flows()).values()) == len(before)


async def test_a_process_that_dies_meanwhile_is_followed_by_one_that_begins_again(net: World) -> None:
    before = await some(net)
    for _ in range(2):
        async with process(net):
            before += await some(net)
    async with process(net) as plane:
        await plane.apply(state_of(net))
        assert all([await connection.lives() for connection in before])
        assert sum((await plane.flows()).values()) == len(before)


async def test_what_cannot_be_taken_over_is_not_lost_unasked(
    net: World, objects: Path, tmp_path: Path
) -> None:
    build(tmp_path, "idle_timeout=patience", names=["nlb"])
    shutil.copy(objects / "nlb6.o", tmp_path)
    with loaded_from(tmp_path):
        async with process(net) as older:
            await older.teardown()
            with net.topology.enter("host"):
                await older.start()
            await older.apply(state_of(net))
    before = await some(net)
    lost = r"lacks flows\.idle_timeout, so 18 established connections .*--replace-dataplane"
    with pytest.raises(DriverError, match=lost):
        async with process(net):
            pass
    assert [place.name for place in pins().iterdir()] == [f"v{loader.LAYOUT - 1}"], "nothing has changed"
    assert all([await connection.lives() for connection in before])
    async with process(net, replace=True) as plane:
        await plane.apply(state_of(net))
        assert not await before[0].lives()
        assert await (await net.parts.connect("outside", VIP, 443)).lives()
        assert [place.name for place in pins().iterdir()] == [f"v{loader.LAYOUT}"]
