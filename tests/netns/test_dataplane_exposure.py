"""Listeners at the host's own address, for outside clients that have no route to a VPC.

The topology is drawn in tests/support/netns_topology.py.
"""

from collections.abc import AsyncIterator

import pytest

from tests.support.dataplane_world import World, frontend, world
from tests.support.netns_topology import CLIENT, TASKS, UPLINK, run

pytestmark = pytest.mark.root

MEGABYTE = bytes(range(256)) * 4096
ENOUGH = 60
SHARED = frozenset({UPLINK})


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        made.topology.ip("outside", f"route del 10.1.0.0/16 via {UPLINK}")
        yield made


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
async def test_an_outside_client_reaches_every_target(net: World, keep: bool) -> None:
    await net.apply(frontend("task1", "task2", "box1", "box2", vip=UPLINK, keep=keep), shared=SHARED)
    seen = set()
    for _ in range(ENOUGH):
        connection = await net.parts.connect("outside", UPLINK, 443)
        assert connection.seen_as == (CLIENT if keep else UPLINK)
        assert await connection.echo(b"hello") == b"hello"
        seen.add(connection.server)
    assert seen == {"task1", "task2", "box1", "box2"}
    assert await connection.echo(MEGABYTE) == MEGABYTE
    assert await net.drops() == {}


async def test_a_task_finds_them_there_too(net: World) -> None:
    await net.apply(frontend("task2", vip=UPLINK), shared=SHARED)
    connection = await net.parts.connect("task1", UPLINK, 443)
    assert (connection.server, connection.seen_as) == ("task2", TASKS["task1"])


async def test_all_else_is_still_the_hosts(net: World) -> None:
    """Its own servers, its ping, packets in fragments, and a reset where nobody listens."""
    net.parts.serve("host", 22)
    await net.apply(frontend("task1", vip=UPLINK), shared=SHARED)
    assert (await net.parts.connect("outside", UPLINK, 22)).server == "host"
    with pytest.raises(ConnectionRefusedError):
        await net.parts.connect("outside", UPLINK, 23)
    with net.topology.enter("outside"):
        run("ping", "-c", "1", "-W", "5", "-s", "4000", UPLINK)
    assert await net.drops() == {}


async def test_no_longer_exposed(net: World) -> None:
    await net.apply(frontend("task1", vip=UPLINK), shared=SHARED)
    await net.parts.connect("outside", UPLINK, 443)
    await net.apply(frontend("task1"))
    with pytest.raises(ConnectionRefusedError):
        await net.parts.connect("outside", UPLINK, 443)
