"""What a watcher is told of flows, beyond the contract of every data plane."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import FlowEvent, Frontend, WeightedBackend
from tests.support.dataplane_world import TARGETS, World, frontend, world
from tests.support.netns_topology import CLIENT, IPV6, VIP, VIP6

pytestmark = pytest.mark.root


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        made.topology.add_ipv6()
        yield made


async def heard(net: World, count: int) -> list[FlowEvent]:
    """So many events, as they come."""
    events: list[FlowEvent] = []
    async with asyncio.timeout(5):
        while len(events) < count:
            events += await net.plane.flow_events()
            await asyncio.sleep(0.01)
    return events


async def test_who_broke_off(net: World) -> None:
    """A hidden client is told by its own address, whichever direction the packet had."""
    await net.apply(frontend("task1", keep=False))
    await net.plane.flow_events()
    connection = await net.parts.connect("outside", VIP, 443)
    port = connection.socket.getsockname()[1]
    connection.reset()
    events = await heard(net, 2)
    assert [event.what for event in events] == ["start", "client reset"]
    assert {(e.client, e.client_port, e.vip, e.port, e.target) for e in events} == {
        (CLIENT, port, VIP, 443, TARGETS["task1"].address)
    }


async def test_a_target_that_refuses(net: World) -> None:
    share = WeightedBackend(backend=msgspec.structs.replace(TARGETS["task1"], port=1))
    await net.apply(Frontend(vip=VIP, port=443, backends=(share,)))
    await net.plane.flow_events()
    with pytest.raises(ConnectionRefusedError):
        await net.parts.connect("outside", VIP, 443)
    assert [event.what for event in await heard(net, 2)] == ["start", "target reset"]


async def test_an_ipv6_client(net: World) -> None:
    share = WeightedBackend(backend=TARGETS["task1"])
    state = net.topology.state(Frontend(vip=VIP6, port=443, backends=(share,), counterpart=VIP))
    await net.plane.apply(msgspec.structs.replace(state, vips=state.vips | {VIP6}))
    await net.plane.flow_events()
    connection = await net.parts.connect("outside", VIP6, 443)
    await connection.finish()
    start, end = await heard(net, 2)
    assert (start.what, start.client, start.vip) == ("start", IPV6["outside"], VIP6)
    assert (end.what, end.client, end.target) == ("finished", IPV6["outside"], TARGETS["task1"].address)
