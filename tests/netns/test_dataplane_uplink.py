"""Early drops on an uplink: XDP in front of tc, attached, swapped and taken off while clients are served.

The topology is drawn in tests/support/netns_topology.py.
"""

import os
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest
from structlog.testing import capture_logs

from sealway.drivers.contracts.dataplane import DataPlaneState, Interface, XdpMode
from sealway.drivers.dataplane import libbpf
from sealway.drivers.dataplane.driver import EbpfDataPlane
from sealway.drivers.dataplane.early_programs import programs_for
from sealway.model.guard import Guard, GuardRule, Guards
from tests.support.dataplane_world import World, frontend, pins, world
from tests.support.netns_topology import UPLINK, VIP, VIP6, run
from tests.support.tcp_parts import until

pytestmark = pytest.mark.root

MEGABYTE = bytes(range(256)) * 4096
EVERY = GuardRule(network="0.0.0.0/0")
OPEN = Guards()
SHUT = Guards(rules={"sg": Guard(egress=(EVERY,))}, of={VIP: "sg"}, balancers=frozenset({VIP}))


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        yield made


def state(net: World, mode: XdpMode, *more: Interface, guards: Guards = OPEN) -> DataPlaneState:
    made = net.topology.state(frontend("task1", "box1"), guards=guards)
    seen = {each for each in made.interfaces if each.role != "uplink"}
    seen |= {Interface(name="up0", role="uplink", xdp=mode), *more}
    return msgspec.structs.replace(made, interfaces=frozenset(seen))


def attached(net: World, name: str = "up0") -> str:
    """As the kernel has it: xdp, xdpgeneric or nothing."""
    words = net.topology.ip("host", f"link show {name}").split()
    return next((word for word in words if word.startswith("xdp")), "")


async def serves(net: World) -> None:
    connection = await net.parts.connect("outside", VIP, 443)
    assert await connection.echo(MEGABYTE) == MEGABYTE
    await connection.finish()


@pytest.mark.parametrize(("mode", "seen"), [("native", "xdp"), ("generic", "xdpgeneric"), ("", "")])
async def test_clients_are_served_all_the_same(net: World, mode: XdpMode, seen: str) -> None:
    with capture_logs() as told:
        await net.plane.apply(state(net, mode))
    assert attached(net) == seen
    said = [(one["event"], one["mode"]) for one in told if one.get("interface") == "up0"]
    assert said == ([("XDP drops early", mode)] if mode else [])
    await serves(net)
    assert await net.drops() == {}


async def test_what_groups_refuse_never_gets_to_tc(net: World) -> None:
    await net.plane.apply(state(net, "native", guards=SHUT))
    with net.topology.enter("host"):
        run("tc", "filter", "del", "dev", "up0", "ingress")
    client = net.parts.client("outside")
    client.socket.setblocking(False)
    client.socket.connect_ex((VIP, 443))

    async def refused() -> bool:
        return (await net.drops()).get("security_group", 0) > 0

    await until(refused)
    assert [one.destination for one in await net.plane.refusals()] == [VIP]
    await net.plane.apply(state(net, "native", guards=SHUT))
    assert "sealway_uplink" in run(
        "ip", "netns", "exec", f"{net.topology.prefix}-host", "tc", "filter", "show", "dev", "up0", "ingress"
    )


async def test_what_groups_refuse_of_ipv6_clients_neither(net: World) -> None:
    """To targets that speak IPv4; also once the next process has taken the program over."""
    net.topology.add_ipv6()
    of = {VIP: "sg", VIP6: "sg"}
    shut = Guards(rules={"sg": Guard(egress=(EVERY,))}, of=of, balancers=frozenset(of))
    there = frontend("task1", vip=VIP6, counterpart=VIP)
    wanted = state(net, "native", guards=shut)
    wanted = msgspec.structs.replace(wanted, frontends=(there,), vips=frozenset({VIP, VIP6}))
    refused = 0
    for _ in range(2):
        await net.plane.apply(wanted)
        with net.topology.enter("host"):
            run("tc", "filter", "del", "dev", "up0", "ingress")
        client = net.parts.client("outside", socket.AF_INET6)
        client.socket.setblocking(False)
        client.socket.connect_ex((VIP6, 443))

        async def more() -> bool:
            return (await net.drops()).get("security_group", 0) > refused  # noqa: B023 - asked at once

        await until(more)
        client.socket.close()
        refused = (await net.drops())["security_group"]
        await net.plane.stop()
        await net.plane.start()
    open_again = msgspec.structs.replace(wanted, guards=OPEN)
    await net.plane.apply(open_again)
    connection = await net.parts.connect("outside", VIP6, 443)
    assert await connection.echo(MEGABYTE) == MEGABYTE


async def test_by_itself_only_in_front_of_a_device(net: World) -> None:
    with capture_logs() as told:
        await net.plane.apply(state(net, "auto"))
    assert attached(net) == ""
    assert [one["interface"] for one in told if one["event"] == "no XDP: tc alone decides"] == ["up0"]
    await serves(net)


async def test_a_driver_that_cannot_says_so(net: World) -> None:
    net.topology.ip("host", "link add plain0 type bridge")
    with capture_logs() as told:
        await net.plane.apply(state(net, "native", Interface(name="plain0", role="uplink", xdp="native")))
    (reason,) = (one["reason"] for one in told if one.get("interface") == "plain0")
    assert "its driver does not take it" in reason
    assert (attached(net, "plain0"), attached(net)) == ("", "xdp")


async def test_frames_of_several_buffers(net: World) -> None:
    """A veth of 9,000 bytes takes natively only a program that knows of those."""
    for where, name in (("host", "up0"), ("outside", "eth0")):
        net.topology.ip(where, f"link set {name} mtu 9000")
    await net.plane.apply(state(net, "native"))
    assert attached(net) == "xdp"
    await serves(net)


async def test_somebody_elses_program_stays(net: World) -> None:
    await net.plane.apply(state(net, ""))
    narrow, wide = (plane.loaded.maps for plane in net.plane._running)
    with net.topology.enter("host"), programs_for(narrow, {**narrow, **wide}) as foreign:
        link = libbpf.call("bpf_link_create", foreign.program, index_of(net, "up0"), 37, None)
        try:
            with capture_logs() as told:
                await net.plane.apply(state(net, "native"))
            assert "another XDP program is there" in next(o["reason"] for o in told if "reason" in o)
        finally:
            os.close(link)


def index_of(net: World, name: str) -> int:
    """In the host's namespace."""
    with net.topology.enter("host"):
        return socket.if_nametoindex(name)


async def test_modes_follow_one_another_and_an_end(net: World) -> None:
    for mode, seen in (("native", "xdp"), ("generic", "xdpgeneric"), ("native", "xdp"), ("", "")):
        await net.plane.apply(state(net, mode))
        assert attached(net) == seen
    await net.plane.apply(state(net, "native"))
    await net.plane.teardown()
    assert attached(net) == ""
    assert not pins().exists()


async def test_it_outlives_the_process_and_is_taken_over(net: World) -> None:
    await net.plane.apply(state(net, "native"))
    before = run("bpftool", "-j", "link", "show", "pinned", str(next((pins() / "uplinks").iterdir())))
    await net.plane.stop()
    assert attached(net) == "xdp"
    await serves(net)
    await net.plane.start()
    await net.plane.apply(state(net, "native"))
    assert run("bpftool", "-j", "link", "show", "pinned", str(next((pins() / "uplinks").iterdir()))) == before


async def test_another_program_takes_its_place_on_the_same_link(net: World) -> None:
    """An upgrade: at no moment is there none."""
    await net.plane.apply(state(net, "native"))
    (pin,) = (pins() / "uplinks").iterdir()
    old = msgspec.json.decode(run("bpftool", "-j", "link", "show", "pinned", str(pin)))
    await net.plane.stop()
    for program in pins().glob("v*/sealway_early_*"):
        program.unlink()
    newer = EbpfDataPlane(pins=pins(), flow_capacity=4096)
    await newer.start()
    await newer.apply(state(net, "native"))
    new = msgspec.json.decode(run("bpftool", "-j", "link", "show", "pinned", str(pin)))
    assert (new["id"], new["prog_id"] != old["prog_id"]) == (old["id"], True)
    await serves(net)
    await newer.stop()
    await net.plane.start()


async def test_an_interface_that_is_made_again_has_it_again(net: World) -> None:
    net.topology.ip("host", "link add name one0 type veth peer name one1")
    one = Interface(name="one0", role="uplink", xdp="native")
    await net.plane.apply(state(net, "native", one))
    index = index_of(net, "one0")
    net.topology.ip("host", "link del one0")
    net.topology.ip("host", f"link add name one0 index {index} type veth peer name one1")
    await net.plane.apply(state(net, "native", one))
    assert attached(net, "one0") == "xdp"


@pytest.mark.parametrize("mode", ["native", "generic"])
async def test_at_the_hosts_own_address(net: World, mode: XdpMode) -> None:
    made = net.topology.state(frontend("task1", vip=UPLINK), shared=frozenset({UPLINK}))
    seen = {each for each in made.interfaces if each.role != "uplink"}
    seen |= {Interface(name="up0", role="uplink", xdp=mode)}
    await net.plane.apply(msgspec.structs.replace(made, interfaces=frozenset(seen)))
    net.parts.serve("host", 22)
    for port, server in ((443, "task1"), (22, "host")):
        assert (await net.parts.connect("outside", UPLINK, port)).server == server
