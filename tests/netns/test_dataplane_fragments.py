"""Large datagrams over real links: cut up by their sender's kernel, put together by the receiver's."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tests.support.dataplane_world import World, frontend, world
from tests.support.netns_topology import VIP

pytestmark = pytest.mark.root

SIZES = (1500, 9000, 60000)


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world(serve=()) as made:
        yield made


async def _exchange(net: World, client: str, target: str, size: int) -> tuple[bytes, bytes]:
    """What the target got and what came back, of datagrams of that size."""
    loop = asyncio.get_running_loop()
    with (
        net.topology.socket(target, socket.SOCK_DGRAM) as server,
        net.topology.socket(client, socket.SOCK_DGRAM) as asking,
    ):
        server.bind(("0.0.0.0", 8443))
        async with asyncio.timeout(10):
            await loop.sock_sendto(asking, b"?" * size, (VIP, 53))
            question, peer = await loop.sock_recvfrom(server, 65535)
            await loop.sock_sendto(server, b"!" * size, peer)
            answer, source = await loop.sock_recvfrom(asking, 65535)
    assert source == (VIP, 53)
    return question, answer


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
@pytest.mark.parametrize("target", ["task1", "box1"])
async def test_both_ways(net: World, target: str, keep: bool) -> None:
    await net.apply(frontend(target, protocol="udp", port=53, keep=keep))
    for client in ("outside", "host", "task2"):
        for size in SIZES:
            assert await _exchange(net, client, target, size) == (b"?" * size, b"!" * size)
    assert await net.drops() == {}


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
async def test_fragments_that_are_too_big_for_the_way_back(net: World, keep: bool) -> None:
    """Those of 1,500 bytes cannot leave by an uplink of 1,280: this host's kernel cuts them again."""
    net.topology.ip("host", "link set up0 mtu 1280")
    net.topology.ip("outside", "link set eth0 mtu 1280")
    await net.apply(frontend("task1", protocol="udp", port=53, keep=keep))
    assert await _exchange(net, "outside", "task1", 9000) == (b"?" * 9000, b"!" * 9000)
    assert await net.drops() == {}
