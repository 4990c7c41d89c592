"""ICMP errors find the right end, with the packet they quote as that end knows it.

Behind ``outside`` stands another network, ``far``, over a link of 1,300 bytes:

    far 198.51.100.2 ──1500 / 1300── outside (router) ──1500── up0 host
"""

import errno
from collections.abc import AsyncIterator

import pytest

from tests.support.dataplane_world import World, frontend, world
from tests.support.netns_topology import CLIENT, VIP, VIP2, run

pytestmark = pytest.mark.root

MEGABYTE = bytes(1 << 20)
FAR = "198.51.100.2"


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        top = made.topology
        top.names.append("far")
        run("ip", "netns", "add", f"{top.prefix}-far")
        top.sysctl("outside", "net.ipv4.ip_forward", "1")
        run("ip", "-n", f"{top.prefix}-outside", "link", "add", "far0", "type", "veth",
            "peer", "name", "eth0", "netns", f"{top.prefix}-far")  # fmt: skip
        top.ip("outside", "addr add 198.51.100.1/24 dev far0")
        top.ip("outside", "link set far0 mtu 1300 up")
        top.ip("far", f"addr add {FAR}/24 dev eth0")
        top.ip("far", "link set eth0 up")
        top.ip("far", "route add default via 198.51.100.1")
        top.ip("host", f"route add 198.51.100.0/24 via {CLIENT}")
        yield made


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
@pytest.mark.parametrize("target", ["task1", "box1"])
async def test_fragmentation_needed_reaches_the_target(net: World, target: str, keep: bool) -> None:
    await net.apply(frontend(target, keep=keep))
    connection = await net.parts.connect("far", VIP, 443)
    assert await connection.echo(MEGABYTE) == MEGABYTE
    route = net.topology.ip(target, f"route get {FAR if keep else VIP}")
    assert "mtu 1300" in route


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
async def test_a_small_uplink_needs_no_icmp_at_all(net: World, keep: bool) -> None:
    """The client's SYN is clamped to what the uplink carries back."""
    net.topology.ip("host", "link set up0 mtu 1400")
    await net.apply(frontend("task1", keep=keep), frontend("box1", vip=VIP2, keep=keep))
    for vip in (VIP, VIP2):
        connection = await net.parts.connect("outside", vip, 443)
        assert await connection.echo(MEGABYTE) == MEGABYTE
    assert await net.drops() == {}


async def test_an_uplink_that_shrinks_under_a_flow(net: World) -> None:
    """What is too big is left to the kernel, which tells the target."""
    await net.apply(frontend("task1"))
    connection = await net.parts.connect("outside", VIP, 443)
    net.topology.ip("host", "link set up0 mtu 1280")
    net.topology.ip("host", "link set swt1 mtu 1500")
    assert await connection.echo(MEGABYTE) == MEGABYTE


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
@pytest.mark.parametrize("client", ["outside", "host", "task2"])
async def test_a_targets_refusal_reaches_the_client(net: World, client: str, keep: bool) -> None:
    with net.topology.enter("task1"):
        run("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "8443", "-j", "REJECT",
            "--reject-with", "icmp-host-prohibited")  # fmt: skip
    await net.apply(frontend("task1", keep=keep))
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the errno is looked at below
        await net.parts.connect(client, VIP, 443)
    assert refused.value.errno == errno.EHOSTUNREACH
