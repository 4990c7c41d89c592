"""Real TCP and UDP with IPv6 on either side, offloads on, through the programs at a host's interfaces.

The topology's IPv6 half stands beside the IPv4 one (``Topology.add_ipv6``): tasks have an address of each.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from tests.support.dataplane_world import TARGETS, World, world
from tests.support.netns_topology import CLIENT, IPV6, ROUTER, VIP, VIP2, VIP6, VIP6_2, run

pytestmark = pytest.mark.root

MEGABYTES = bytes(range(256)) * 4096 * 4
WIDE = {
    name: Backend(address=IPV6[name], port=8443, interface=TARGETS[name].interface)
    for name in ("task1", "task2")
}


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        made.topology.add_ipv6()
        yield made


def frontend(
    backend: Backend, vip: str = VIP6, keep: bool = True, proxy: bool = False, **more: object
) -> Frontend:
    others = {VIP6: VIP, VIP: VIP6, VIP6_2: VIP2, VIP2: VIP6_2}
    backends = (WeightedBackend(backend=backend, preserve_client_ip=keep, proxy_protocol=proxy),)
    return Frontend(vip=vip, counterpart=others[vip], backends=backends, **{"port": 443, **more})


async def apply(net: World, *frontends: Frontend) -> None:
    state = net.topology.state(*frontends)
    await net.plane.apply(
        DataPlaneState(
            vips=state.vips | {VIP6, VIP6_2},
            frontends=state.frontends,
            interfaces=state.interfaces,
            endpoints={**state.endpoints, IPV6["task1"]: "swt1", IPV6["task2"]: "swt2"},
        )
    )


WAYS = [
    pytest.param(VIP6, WIDE["task1"], True, id="6 to 6, kept"),
    pytest.param(VIP6, WIDE["task1"], False, id="6 to 6, hidden"),
    pytest.param(VIP6, TARGETS["task1"], True, id="6 to 4"),
    pytest.param(VIP6, TARGETS["box1"], True, id="6 to 4, bridge"),
    pytest.param(VIP, WIDE["task1"], True, id="4 to 6"),
]
FOUR = {"outside": CLIENT, "host": ROUTER, "task2": "10.1.2.12"}


@pytest.mark.parametrize(("vip", "backend", "keep"), WAYS)
async def test_large_transfers_both_ways(net: World, vip: str, backend: Backend, keep: bool) -> None:
    """From outside, from this host and from a task; then all of it ends, and nothing was dropped."""
    await apply(net, frontend(backend, vip, keep))
    across = (":" in vip) != (":" in backend.address)
    for client in ("outside", "host", "task2"):
        connection = await net.parts.connect(client, vip, 443)
        own = IPV6[client] if ":" in vip else FOUR[client]
        hidden = VIP6 if ":" in backend.address else VIP
        assert connection.seen_as == (hidden if across or not keep else own)
        assert await connection.echo(MEGABYTES) == MEGABYTES
        assert (await net.plane.flows())[backend] == 1
        await connection.finish()
    assert (await net.plane.flows())[backend] == 0
    assert await net.drops() == {}
    counters = (await net.plane.counters())[vip, 443, "tcp"]
    assert (counters.new_flows, counters.established, counters.active_flows) == (3, 3, 0)


@pytest.mark.parametrize("offload", ["tso", "gso", "gro", "tx"])
async def test_with_an_offload_off(net: World, offload: str) -> None:
    for name in ("outside", "task1"):
        with net.topology.enter(name):
            run("ethtool", "-K", "eth0", offload, "off")
    await apply(net, frontend(WIDE["task1"]), frontend(TARGETS["task1"], VIP6_2))
    for vip in (VIP6, VIP6_2):
        connection = await net.parts.connect("outside", vip, 443)
        assert await connection.echo(MEGABYTES) == MEGABYTES


async def test_a_hairpin(net: World) -> None:
    await apply(net, frontend(WIDE["task1"]))
    connection = await net.parts.connect("task1", VIP6, 443)
    assert connection.seen_as == VIP6
    assert await connection.echo(MEGABYTES) == MEGABYTES


async def test_both_versions_of_one_listener_share_a_target(net: World) -> None:
    """Each version's flows are carried by programs of their own, towards the same address of the target."""
    await apply(net, frontend(TARGETS["task1"]), frontend(TARGETS["task1"], VIP, keep=False))
    connections = [await net.parts.connect("outside", vip, 443) for vip in (VIP6, VIP) * 10]
    assert {connection.seen_as for connection in connections} == {VIP}
    assert len({connection.seen_port for connection in connections}) == len(connections)
    assert (await net.plane.flows())[TARGETS["task1"]] == len(connections)
    assert all([await connection.lives() for connection in connections])


async def test_a_link_behind_the_client_that_carries_less(net: World) -> None:
    """The router there says so (packet too big): to a target of either version, in its words."""
    top = net.topology
    top.names.append("far")
    run("ip", "netns", "add", f"{top.prefix}-far")
    top.sysctl("outside", "net.ipv6.conf.all.forwarding", "1")
    run("ip", "-n", f"{top.prefix}-outside", "link", "add", "far0", "type", "veth",
        "peer", "name", "eth0", "netns", f"{top.prefix}-far")  # fmt: skip
    top.ip("outside", "addr add 2001:db8:2::1/64 dev far0 nodad")
    top.ip("outside", "link set far0 mtu 1300 up")
    top.ip("far", "addr add 2001:db8:2::2/64 dev eth0 nodad")
    top.ip("far", "link set eth0 up")
    # It may send what fits, and announces what its own interface takes.
    top.ip("far", "-6 route add default via 2001:db8:2::1 mtu 1300 advmss 1440")
    top.ip("host", f"-6 route add 2001:db8:2::/64 via {IPV6['outside']}")
    await apply(net, frontend(WIDE["task1"]), frontend(TARGETS["task2"], VIP6_2))
    for vip in (VIP6, VIP6_2):
        connection = await net.parts.connect("far", vip, 443)
        assert await connection.echo(MEGABYTES) == MEGABYTES
    assert "mtu 1300" in top.ip("task1", "-6 route get 2001:db8:2::2")
    assert "mtu 1280" in top.ip("task2", f"route get {VIP2}")


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
async def test_both_ends_of_a_cut_flow_are_reset_at_once(net: World, keep: bool) -> None:
    await apply(net, frontend(WIDE["task1"], keep=keep), frontend(TARGETS["task1"], VIP6_2))
    cut = [
        await net.parts.connect(client, vip, 443)
        for client in ("outside", "task2") for vip in (VIP6, VIP6_2) for _ in range(2)
    ]  # fmt: skip
    await apply(net, frontend(WIDE["task2"]), frontend(TARGETS["task2"], VIP6_2))
    for connection in cut:
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(3):
                await connection.read(1)
    with net.topology.enter("task1"):
        assert "ESTAB" not in run("ss", "-tn")


async def _received(
    net: World, receiver: socket.socket, sender: socket.socket, datagram: bytes, to: tuple[str, int]
) -> tuple[str, int]:
    """Whom the receiver saw. Sent once more where the first only taught its sender what fits."""
    loop = asyncio.get_running_loop()
    for patience in (0.3, 5):
        await loop.sock_sendto(sender, datagram, to)
        try:
            async with asyncio.timeout(patience):
                data, peer = await loop.sock_recvfrom(receiver, 65535)
        except TimeoutError:
            assert (await net.drops())["too_big"]
            continue
        assert data == datagram
        return peer[:2]
    raise AssertionError("it never came")


async def _asked_and_answered(net: World, client: str, vip: str, target: Backend, size: int) -> str:
    """Whom the target saw; datagrams of that size went both ways, whole."""
    name = "box1" if target == TARGETS["box1"] else "task1"
    wide, target_wide = (socket.AF_INET6 if ":" in each else socket.AF_INET for each in (vip, target.address))
    with (
        net.topology.socket(name, socket.SOCK_DGRAM, target_wide) as server,
        net.topology.socket(client, socket.SOCK_DGRAM, wide) as asking,
    ):
        server.bind(("::" if ":" in target.address else "0.0.0.0", 8443))
        peer = await _received(net, server, asking, b"?" * size, (vip, 53))
        assert await _received(net, asking, server, b"!" * size, peer) == (vip, 53)
    return peer[0]


@pytest.mark.parametrize(("vip", "backend", "keep"), WAYS)
async def test_datagrams_small_and_in_fragments(net: World, vip: str, backend: Backend, keep: bool) -> None:
    """Who speaks IPv4 learns by the first datagram that is too large in IPv6 how large they may be."""
    await apply(net, frontend(backend, vip, keep, protocol="udp", port=53))
    across = (":" in vip) != (":" in backend.address)
    hidden = VIP6 if ":" in backend.address else VIP
    for client in ("outside", "host", "task2"):
        own = IPV6[client] if ":" in vip else FOUR[client]
        for size in (100, 1460, 1500, 60000):
            seen = await _asked_and_answered(net, client, vip, backend, size)
            assert seen == (hidden if across or not keep else own)
    lost = {"too_big", "fragment"} if ":" not in backend.address else {"too_big"}
    assert set(await net.drops()) <= (lost if across else set())


async def test_ping_and_a_refused_port_are_the_namespaces(net: World) -> None:
    await apply(net, frontend(WIDE["task1"]))
    with net.topology.enter("outside"):
        run("ping", "-6", "-c1", "-W3", VIP6)
    with pytest.raises(ConnectionRefusedError):
        await net.parts.connect("outside", VIP6, 80)


@pytest.mark.parametrize(
    "backend", [WIDE["task1"], TARGETS["task1"], TARGETS["box1"]], ids=["6", "4", "bridge"]
)
async def test_a_proxy_protocol_header_tells_the_ipv6_client(net: World, backend: Backend) -> None:
    """Also a target that speaks IPv4."""
    port = 9443
    for name in ("task1", "box1"):
        net.parts.serve(name, proxy=True, port=port)
    await apply(net, frontend(msgspec.structs.replace(backend, port=port), proxy=True))
    for client in ("outside", "host", "task2"):
        connection = await net.parts.connect(client, VIP6, 443)
        assert connection.seen_as == IPV6[client]
        assert connection.seen_port == connection.socket.getsockname()[1]
        assert await connection.echo(MEGABYTES) == MEGABYTES
        await connection.finish()
    assert await net.drops() == {}


async def test_a_proxy_protocol_header_tells_the_ipv4_client_of_an_ipv6_target(net: World) -> None:
    """As one of IPv4; it is filled up to the length of the other kind."""
    port = 9443
    net.parts.serve("task1", proxy=True, port=port)
    await apply(net, frontend(msgspec.structs.replace(WIDE["task1"], port=port), VIP, proxy=True))
    for client in ("outside", "host", "task2"):
        connection = await net.parts.connect(client, VIP, 443)
        assert connection.seen_as == FOUR[client]
        assert connection.seen_port == connection.socket.getsockname()[1]
        assert await connection.echo(MEGABYTES) == MEGABYTES
        await connection.finish()
    assert await net.drops() == {}


@pytest.mark.parametrize("offload", ["on", "off"])
@pytest.mark.parametrize("client", ["outside", "host", "task2"])
async def test_an_ipv6_client_that_acknowledges_with_its_first_data(
    net: World, client: str, offload: str
) -> None:
    for name in ("host", "outside", "task1", "task2", "box1"):
        with net.topology.enter(name):
            for _, interface in socket.if_nameindex():
                run("ethtool", "-K", interface, "tx", offload, check=False)
    net.parts.serve("task1", proxy=True, port=9443)
    await apply(net, frontend(msgspec.structs.replace(TARGETS["task1"], port=9443), proxy=True))
    caller = net.parts.client(client, socket.AF_INET6)
    caller.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        await loop.sock_connect(caller.socket, (VIP6, 443))
        await loop.sock_sendall(caller.socket, b"x" * 5000)
        await caller.greet()
        assert await caller.read(5000) == b"x" * 5000
    assert caller.seen_as == IPV6[client]
    assert await caller.echo(MEGABYTES) == MEGABYTES
