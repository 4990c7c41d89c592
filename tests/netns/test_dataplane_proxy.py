"""Proxy Protocol v2 in the kernel: real TCP from every kind of client, whatever gets lost on the way."""

import asyncio
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import Frontend, WeightedBackend
from tests.support.dataplane_world import TARGETS, World, world
from tests.support.netns_topology import BRIDGE, CLIENT, ROUTER, TASKS, VIP, VIP2, run
from tests.support.tcp_parts import TIMEOUT, Client

pytestmark = pytest.mark.root

CLIENTS = {"outside": CLIENT, "host": ROUTER, **TASKS}
PORT = 9443
"""Where targets expect a header."""
MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        for name in ("task1", "box1"):
            made.parts.serve(name, proxy=True, port=PORT)
        yield made


def through(target: str, vip: str = VIP, keep: bool = True, port: int = PORT) -> Frontend:
    """A frontend to one target, which is sent a header."""
    backend = msgspec.structs.replace(TARGETS[target], port=port)
    share = WeightedBackend(backend=backend, preserve_client_ip=keep, proxy_protocol=True)
    return Frontend(vip=vip, port=443, backends=(share,))


async def both(net: World, keep: bool = True) -> None:
    """One address leads to a task, the other to a container behind the bridge."""
    await net.apply(through("task1", keep=keep), through("box1", vip=VIP2, keep=keep))


def lose(net: World, target: str, packets: int) -> None:
    """The target's side loses so many of its first packets that are no SYN."""
    with net.topology.enter(target):
        run("nft", "add table ip losses")
        run("nft", "add chain ip losses input { type filter hook input priority -300 ; }")
        rule = f"tcp dport {PORT} tcp flags & (syn | ack) == ack numgen inc mod 1000000 < {packets} drop"
        run("nft", f"add rule ip losses input {rule}")


async def spoken_at_once(net: World, where: str, vip: str, data: bytes, patience: float = TIMEOUT) -> Client:
    """A client whose first acknowledgement already carries data, as with some stacks."""
    client = net.parts.client(where)
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(patience):
        await loop.sock_connect(client.socket, (vip, 443))
        await loop.sock_sendall(client.socket, data)
        await client.greet()
        assert await client.read(len(data)) == data
    return client


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_the_header_tells_the_client_and_the_bytes_follow(net: World, client: str, keep: bool) -> None:
    await both(net, keep)
    for vip in (VIP, VIP2):
        for size in (1, 1400, 20_000, len(MEGABYTE)):
            connection = await net.parts.connect(client, vip, 443)
            assert connection.seen_as == CLIENTS[client]
            assert connection.seen_port == connection.socket.getsockname()[1]
            assert await connection.echo(MEGABYTE[:size]) == MEGABYTE[:size]
            await connection.finish()
    assert await net.drops() == {}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("size", [1, 500, 20_000])
async def test_a_client_that_acknowledges_with_its_first_data(net: World, client: str, size: int) -> None:
    await both(net)
    for vip in (VIP, VIP2):
        connection = await spoken_at_once(net, client, vip, MEGABYTE[:size])
        assert connection.seen_as == CLIENTS[client]
        assert await connection.echo(MEGABYTE) == MEGABYTE


@pytest.mark.parametrize("client", ["outside", "host"])
async def test_a_lost_header_of_a_client_that_waits(net: World, client: str) -> None:
    """The target's SYN-ACK comes again, and so does the acknowledgement."""
    await both(net)
    lose(net, "task1", 1)
    connection = await net.parts.connect(client, VIP, 443)
    assert connection.seen_as == CLIENTS[client]
    assert await connection.echo(MEGABYTE) == MEGABYTE


@pytest.mark.parametrize("packets", [1, 2, 3, 5])
@pytest.mark.parametrize("client", ["outside", "host"])
async def test_lost_packets_of_a_client_that_speaks_first(net: World, client: str, packets: int) -> None:
    await both(net)
    for target, vip in (("task1", VIP), ("box1", VIP2)):
        lose(net, target, packets)
        connection = await spoken_at_once(net, client, vip, b"x" * 3000)
        assert connection.seen_as == CLIENTS[client]
        assert await connection.echo(MEGABYTE) == MEGABYTE


@pytest.mark.parametrize("offloads", ["on", "off"])
async def test_offloads(net: World, offloads: str) -> None:
    interfaces = {"host": ["up0", "sealway0", "swt1", BRIDGE, "veth1"]}
    interfaces |= {name: ["eth0"] for name in ("outside", "task1", "task2", "box1")}
    for where, names in interfaces.items():
        with net.topology.enter(where):
            for name in names:
                for feature in ("tso", "gso", "gro", "tx", "rx"):
                    run("ethtool", "-K", name, feature, offloads, check=False)
    await both(net)
    for client in ("outside", "host", "task2"):
        for vip in (VIP, VIP2):
            for _ in range(3):
                connection = await net.parts.connect(client, vip, 443)
                assert await connection.echo(MEGABYTE) == MEGABYTE
            connection = await spoken_at_once(net, client, vip, b"y" * 5000)
            assert await connection.echo(MEGABYTE) == MEGABYTE


async def test_a_client_that_leaves_without_a_word(net: World) -> None:
    await both(net)
    for vip in (VIP, VIP2):
        connection = await net.parts.connect("outside", vip, 443)
        await connection.finish()
    assert sum((await net.plane.flows()).values()) == 0


async def test_hundreds_at_once(net: World) -> None:
    await both(net)
    wanted = [(client, vip) for client in CLIENTS for vip in (VIP, VIP2) for _ in range(30)]
    connections = await asyncio.gather(*(net.parts.connect(client, vip, 443) for client, vip in wanted))
    for (client, _), connection in zip(wanted, connections, strict=True):
        assert connection.seen_as == CLIENTS[client]
    answers = await asyncio.gather(*(each.echo(b"x" * 2000) for each in connections))
    assert all(answer == b"x" * 2000 for answer in answers)
    await asyncio.gather(*(each.finish() for each in connections))
    assert sum((await net.plane.flows()).values()) == 0
    assert await net.drops() == {}


async def test_a_refusal_reaches_the_client(net: World) -> None:
    """The reset acknowledges less than the client sent, as far as the target knows."""
    await net.apply(through("task1", port=PORT + 1))
    with pytest.raises(ConnectionRefusedError):
        await net.parts.connect("outside", VIP, 443)
