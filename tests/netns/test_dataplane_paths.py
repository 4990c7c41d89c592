"""Real TCP through the data plane, from every kind of client to every kind of target.

The topology is drawn in tests/support/netns_topology.py.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sealway.drivers.dataplane import abi
from tests.support.dataplane_world import World, frontend, world
from tests.support.netns_topology import BRIDGE, CLIENT, ROUTER, TASKS, VIP, VIP2, run

pytestmark = pytest.mark.root

CLIENTS = {"outside": CLIENT, "host": ROUTER, **TASKS}
MEGABYTE = bytes(range(256)) * 4096
ENOUGH = 60
"""Connections after which no target of three is unvisited by chance: once in ten thousand million runs."""


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        yield made


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_targets_see_the_client_as_the_target_group_says(net: World, client: str, keep: bool) -> None:
    await net.apply(frontend("task1", "task2", keep=keep), frontend("box1", "box2", vip=VIP2, keep=keep))
    seen = set()
    for vip in (VIP, VIP2):
        for _ in range(ENOUGH):
            connection = await net.parts.connect(client, vip, 443)
            hairpin = connection.server == client
            assert connection.seen_as == (CLIENTS[client] if keep and not hairpin else vip)
            assert await connection.echo(b"hello") == b"hello"
            seen.add(connection.server)
    assert seen == {"task1", "task2", "box1", "box2"}
    assert await net.drops() == {}


@pytest.mark.parametrize("client", TASKS)
async def test_a_task_reaches_itself(net: World, client: str) -> None:
    await net.apply(frontend(client))
    connection = await net.parts.connect(client, VIP, 443)
    assert (connection.server, connection.seen_as) == (client, VIP)
    assert await connection.echo(MEGABYTE) == MEGABYTE


async def test_a_bridge_container_calls_through_its_instance_address(net: World) -> None:
    """Its connections leave by the stack, translated by conntrack; the answer comes back the same way."""
    with net.topology.enter("host"):
        run("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "sealway0", "-j", "SNAT", "--to", ROUTER)
    await net.apply(frontend("task1", "box1", "box2"))
    seen = set()
    for _ in range(ENOUGH):
        connection = await net.parts.connect("box1", VIP, 443)
        assert connection.seen_as == ROUTER
        assert await connection.echo(MEGABYTE) == MEGABYTE
        seen.add(connection.server)
    assert seen == {"task1", "box1", "box2"}


async def test_bridge_netfilter_and_a_closed_forward_chain_do_not_matter(net: World) -> None:
    net.topology.sysctl("host", "net.bridge.bridge-nf-call-iptables", "1")
    with net.topology.enter("host"):
        run("iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")
        run("iptables", "-P", "FORWARD", "DROP")
    await net.apply(frontend("box1", "box2"))
    for client in CLIENTS:
        connection = await net.parts.connect(client, VIP, 443)
        assert await connection.echo(MEGABYTE) == MEGABYTE


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
@pytest.mark.parametrize("offloads", ["on", "off"])
async def test_bulk_both_ways(net: World, offloads: str, keep: bool) -> None:
    interfaces = {"host": ["up0", "sealway0", "swt1", BRIDGE, "veth1"]}
    interfaces |= {name: ["eth0"] for name in ("outside", "task1", "task2", "box1")}
    for where, names in interfaces.items():
        with net.topology.enter(where):
            for name in names:
                for feature in ("tso", "gso", "gro", "tx", "rx"):
                    run("ethtool", "-K", name, feature, offloads, check=False)
    await net.apply(frontend("task1", keep=keep), frontend("box1", vip=VIP2, keep=keep))
    for client in ("outside", "host", "task2"):
        for vip in (VIP, VIP2):
            connection = await net.parts.connect(client, vip, 443)
            for _ in range(4):
                assert await connection.echo(MEGABYTE) == MEGABYTE
    assert await net.drops() == {}


async def test_hundreds_of_connections_all_succeed(net: World) -> None:
    await net.apply(frontend("task1", "task2", "box1", "box2"))
    wanted = [client for client in CLIENTS for _ in range(75)]
    connections = await asyncio.gather(*(net.parts.connect(client, VIP, 443) for client in wanted))
    answers = await asyncio.gather(*(each.echo(b"x" * 2000) for each in connections))
    assert all(answer == b"x" * 2000 for answer in answers)
    assert sum((await net.plane.flows()).values()) == len(wanted)
    await asyncio.gather(*(each.finish() for each in connections))
    assert sum((await net.plane.flows()).values()) == 0
    assert await net.drops() == {}


async def test_one_source_port_through_two_addresses_to_one_target(net: World) -> None:
    """The target tells connections by the client's address and port; ours keeps them apart."""
    await net.apply(frontend("task1"), frontend("task1", vip=VIP2))
    first = await net.parts.connect("outside", VIP, 443, bind=(CLIENT, 40000))
    second = await net.parts.connect("outside", VIP2, 443, bind=(CLIENT, 40000))
    assert (first.seen_as, first.seen_port) == (CLIENT, 40000)
    assert second.seen_as == CLIENT
    assert second.seen_port != 40000
    assert await first.echo(MEGABYTE) == await second.echo(MEGABYTE) == MEGABYTE


async def test_a_source_port_that_the_target_holds_in_time_wait(net: World) -> None:
    net.parts.serve("task1", 9443, close_first=True)
    once = frontend("task1")
    backend = once.backends[0].backend.__class__(address=TASKS["task1"], port=9443, interface="swt1")
    weighted = (once.backends[0].__class__(backend=backend),)
    await net.apply(
        once.__class__(vip=VIP, port=443, backends=weighted),
        once.__class__(vip=VIP2, port=443, backends=weighted),
    )
    for vip in (VIP, VIP2) * 4:
        started = asyncio.get_running_loop().time()
        connection = await net.parts.connect("outside", vip, 443, bind=(CLIENT, 40001))
        await connection.end()
        assert asyncio.get_running_loop().time() - started < 0.9, "a SYN was lost"
        assert (connection.seen_port == 40001) == (vip == VIP), "only its own predecessor's port is reused"


async def test_many_clients_on_one_hidden_address_get_ports_of_their_own(net: World) -> None:
    await net.apply(frontend("task1", keep=False))
    connections = [await net.parts.connect(client, VIP, 443) for client in CLIENTS for _ in range(20)]
    ports = {connection.seen_port for connection in connections}
    assert len(ports) == len(connections)
    assert all(1024 <= port <= abi.Limit.LAST_PORT for port in ports)


async def test_the_address_answers_ping(net: World) -> None:
    await net.apply(frontend("task1"))
    for client in CLIENTS:
        with net.topology.enter(client):
            run("ping", "-c", "1", "-W", "2", VIP)


async def test_udp(net: World) -> None:
    loop = asyncio.get_running_loop()
    server = net.topology.socket("task1", 2)
    client = net.topology.socket("outside", 2)
    try:
        server.bind(("0.0.0.0", 8443))
        await net.apply(frontend("task1", protocol="udp", port=53))
        async with asyncio.timeout(3):
            await loop.sock_sendto(client, b"question", (VIP, 53))
            data, peer = await loop.sock_recvfrom(server, 100)
            assert (data, peer[0]) == (b"question", CLIENT)
            await loop.sock_sendto(server, b"answer", peer)
            assert await loop.sock_recvfrom(client, 100) == (b"answer", (VIP, 53))
    finally:
        server.close()
        client.close()


async def test_a_small_table_serves_any_number_of_flows_that_end() -> None:
    async with world(serve=("task1", "box1"), flow_capacity=256) as net:
        await net.apply(frontend("task1", "box1"), frontend("box1", vip=VIP2, keep=False))
        standing = [await net.parts.connect("outside", vip, 443) for vip in (VIP, VIP2)]
        for number in range(600):
            connection = await net.parts.connect("outside", (VIP, VIP2)[number % 2], 443)
            await connection.finish()
        assert all([await connection.lives() for connection in standing])
        assert sum((await net.plane.flows()).values()) == len(standing)


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
async def test_both_ends_of_a_cut_flow_are_reset_at_once(net: World, keep: bool) -> None:
    """Nobody sends anything: client and target hear of it all the same."""
    await net.apply(frontend("task1", keep=keep), frontend("box1", vip=VIP2, keep=keep))
    cut = [
        await net.parts.connect(client, vip, 443)
        for client in ("outside", "task2") for vip in (VIP, VIP2) for _ in range(3)
    ]  # fmt: skip
    await net.apply(frontend("task2", keep=keep), frontend("box2", vip=VIP2, keep=keep))
    for connection in cut:
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(3):
                await connection.read(1)
    for where in ("task1", "box1"):
        with net.topology.enter(where):
            assert "ESTAB" not in run("ss", "-tn")
