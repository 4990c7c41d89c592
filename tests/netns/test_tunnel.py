"""Targets on another host: into the tunnel here, out of it there, and answered directly from there.

The topology is drawn in tests/support/two_hosts.py.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from itertools import product
from pathlib import Path

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.dataplane import loader
from sealway.model.guard import TCP, Guard, GuardRule, Guards
from tests.support.netns_topology import CLIENT, ROUTER, TASKS, VIP, VIP6, run
from tests.support.older_layout import of_another_digest
from tests.support.tcp_parts import Client, until
from tests.support.two_hosts import FAR_TASKS, NEAR_NETWORK, TARGETS, Hosts, frontend, two_hosts

pytestmark = pytest.mark.root

MEGABYTE = bytes(range(256)) * 4096
CLIENTS = {"outside": CLIENT, "task1": TASKS["task1"], "host": ROUTER, "far2": FAR_TASKS["far2"]}
IP_MTU_DISCOVER, IP_PMTUDISC_DONT, UDP_SEGMENT = 10, 0, 103
EVERYTHING, IP_IN_IP, DF = 0x0003, 4, 0x4000
_ONE_NUMBER = """
table netdev number {
    chain in {
        type filter hook ingress device p-outside priority 0
        ip protocol tcp ip id set 0
    }
}
"""


@pytest.fixture
async def hosts() -> AsyncIterator[Hosts]:
    async with two_hosts() as made:
        yield made


async def test_targets_of_both_hosts_serve_every_client(hosts: Hosts) -> None:
    for keep, (where, address) in product((True, False), CLIENTS.items()):
        await hosts.apply(frontend("task1", "far1", "far2", keep=keep))
        seen = set()
        for _ in range(40):
            connection = await hosts.parts.connect(where, VIP, 443)
            assert connection.seen_as == (address if keep and connection.server != where else VIP)
            assert await connection.echo(b"hello") == b"hello"
            seen.add(connection.server)
            await connection.finish()
        assert seen == {"task1", "far1", "far2"}
    assert await hosts.drops() == {}


@pytest.mark.parametrize("offloads", [True, False], ids=["offloads", "no offloads"])
@pytest.mark.parametrize("mtu", [1500, 1600])
async def test_large_transfers_both_ways(mtu: int, offloads: bool) -> None:
    async with two_hosts(mtu) as hosts:
        if not offloads:
            hosts.net.without_offloads()
        await hosts.apply(frontend("far1"))
        connection = await hosts.parts.connect("outside", VIP, 443)
        before = hosts.net.sent_bytes("host"), hosts.net.sent_bytes("far")
        for _ in range(5):
            assert await connection.echo(MEGABYTE) == MEGABYTE
        near, far = (hosts.net.sent_bytes(w) - b for w, b in zip(("host", "far"), before, strict=True))
        assert 5 << 20 < near < 6 << 20, "the uploads alone pass the load balancer's host"
        assert 5 << 20 < far < 6 << 20, "the answers go straight to the client"
        assert await hosts.drops() == {}


@pytest.mark.parametrize("offloads", [True, False], ids=["offloads", "no offloads"])
async def test_uploads_that_may_be_fragmented(hosts: Hosts, offloads: bool) -> None:
    if not offloads:
        hosts.net.without_offloads()
    await hosts.apply(frontend("far1"))
    client = hosts.parts.client("outside")
    client.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    await uploads(hosts, client)


async def test_uploads_whose_packets_all_have_one_number(hosts: Hosts) -> None:
    """The near host puts them together (GRO), and what goes into the tunnel is cut again (GSO): into
    packets that may not be fragmented, or kernels before 6.18 would refuse to."""
    with hosts.net.enter("switch"):
        run("ethtool", "-K", "p-host", "tso", "off")  # only then does GRO at its other end do anything
        run("nft", _ONE_NUMBER)
    with hosts.net.enter("host"):
        run("ethtool", "-K", "up0", "gro", "on", "tso", "off", "gso", "off")
    await hosts.apply(frontend("far1"))
    with hosts.net.enter("far"):
        frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
    with frames:
        frames.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
        frames.bind(("up0", EVERYTHING))  # ahead of tc, which takes the header away
        frames.setblocking(False)
        await uploads(hosts, hosts.parts.client("outside"))
        assert flags_of_tunnelled(frames) == {(DF, 64), (DF, 128 + 8443 % 128)}


async def uploads(hosts: Hosts, client: Client) -> None:
    await asyncio.get_running_loop().sock_connect(client.socket, (VIP, 443))
    await client.greet()
    for _ in range(3):
        assert await client.echo(MEGABYTE) == MEGABYTE
    assert await hosts.drops() == {}


def flags_of_tunnelled(frames: socket.socket) -> set[tuple[int, int]]:
    """Of IP in IP: flags with the place, and the time to live."""
    found = set()
    with suppress(BlockingIOError):
        while frame := frames.recv(64):
            if frame[23] == IP_IN_IP:
                found.add((int.from_bytes(frame[20:22], "big"), frame[22]))
    return found


async def test_both_ends_hear_at_once_that_a_target_is_gone(hosts: Hosts) -> None:
    await hosts.apply(frontend("far1"))
    idle, busy = [await hosts.parts.connect("outside", VIP, 443) for _ in range(2)]
    assert await busy.echo(MEGABYTE) == MEGABYTE
    await hosts.apply(frontend(), draining=frozenset({TARGETS["far1"]}))
    assert await idle.lives()
    assert await hosts.near.flows() == {TARGETS["far1"]: 2}
    await hosts.apply(frontend("far2"))
    for connection in (idle, busy):
        with pytest.raises(ConnectionResetError):
            await connection.read(1)

    async def target_heard() -> bool:
        with hosts.net.enter("far1"):
            return "ESTAB" not in run("ss", "-tn")

    await until(target_heard)
    await hosts.apply(frontend("task1", "far2"))
    last = [await hosts.parts.connect("outside", VIP, 443) for _ in range(20)]
    alone = msgspec.structs.replace(hosts.net.near_state(frontend("task1", "far2")), peers={})
    await hosts.near.apply(alone)
    for connection in last:
        assert await connection.lives() == (connection.server == "task1"), "no longer a peer's"


async def test_a_host_that_remembers_nothing_takes_flows_up_as_they_are(hosts: Hosts) -> None:
    await hosts.apply(frontend("far1"))
    connection = await hosts.parts.connect("outside", VIP, 443)
    with hosts.net.enter("far"):
        await hosts.far.teardown()
        await hosts.far.start()
        await hosts.far.apply(hosts.net.far_state())
    for _ in range(3):
        assert await connection.echo(MEGABYTE) == MEGABYTE
    await connection.finish()


async def test_another_process_takes_over_with_and_without_peers(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The programs for other hosts come with the first peers, of whichever object the others are."""
    everywhere = hosts.net.near_state(frontend("task1", "far1"))
    here = msgspec.structs.replace(hosts.net.near_state(frontend("task1")), peers={})

    async def restart(state: DataPlaneState, filters: int) -> None:
        await hosts.near.stop()
        with hosts.net.enter("host"):
            await hosts.near.start()
            assert all([await each.lives() for each in flows]), "until the state is known all is as it was"
            await hosts.near.apply(state)
            shown = run("tc", "filter", "show", "dev", "up0", "ingress")
        digest = sha256(loader.OBJECT.read_bytes()).hexdigest()
        assert (shown.count("direct-action"), shown.count(digest[:12])) == (filters, filters - 1), (
            "one for IPv6"
        )

    async def some(count: int) -> list[Client]:
        return [await hosts.parts.connect("outside", VIP, 443) for _ in range(count)]

    flows: list[Client] = []
    await hosts.near.apply(everywhere)
    flows += await some(20)
    assert {each.server for each in flows} == {"task1", "far1"}
    await restart(everywhere, 4)
    assert hosts.near.last_writes == 0
    monkeypatch.setattr(loader, "OBJECT", of_another_digest(tmp_path))
    await restart(everywhere, 4)
    assert hosts.near.last_writes == 0
    assert all([await each.lives() for each in flows]), "an upgrade with peers"
    await restart(here, 2)
    flows = [each for each in flows if each.server == "task1"]
    assert all([await each.lives() for each in flows]), "without peers"
    monkeypatch.undo()
    await restart(here, 2)
    assert all([await each.lives() for each in flows]), "an upgrade without peers"
    flows += await some(5)
    await restart(everywhere, 4)
    flows += await some(20)
    assert all([await each.lives() for each in flows]), "and with them again"
    assert "far1" in {each.server for each in flows}
    assert await hosts.drops() == {}


async def test_only_peers_are_let_in_and_groups_judge_the_clients_own_address(hosts: Hosts) -> None:
    def only(network: str) -> Guards:
        rule = GuardRule(protocol=TCP, first=8443, last=8443, network=network)
        return Guards(rules={"sg-1": Guard(ingress=(rule,))}, of=dict.fromkeys(FAR_TASKS.values(), "sg-1"))

    await hosts.apply(frontend("far1"))
    await hosts.far.apply(hosts.net.far_state(guards=only(f"{CLIENT}/32")))
    assert await (await hosts.parts.connect("outside", VIP, 443)).lives()
    await hosts.far.apply(hosts.net.far_state(guards=only("198.51.100.0/24")))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await hosts.parts.connect("outside", VIP, 443)
    (refusal,) = await hosts.far.refusals()
    assert (refusal.source, refusal.destination, refusal.port) == (CLIENT, FAR_TASKS["far1"], 8443)
    assert "no_peer" not in await hosts.drops()
    await hosts.far.apply(hosts.net.far_state(peers={NEAR_NETWORK: "203.0.113.77"}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await hosts.parts.connect("outside", VIP, 443)
    assert "no_peer" in await hosts.drops()


async def test_a_proxy_header_tells_the_target_there(hosts: Hosts) -> None:
    hosts.parts.serve("far1", 9443, proxy=True)
    there = frontend("far1", proxy=True)
    backend = there.backends[0].backend.__class__(address=FAR_TASKS["far1"], port=9443, interface="")
    weighted = there.backends[0].__class__(backend=backend, proxy_protocol=True)
    await hosts.apply(there.__class__(vip=VIP, port=443, backends=(weighted,)))
    connection = await hosts.parts.connect("outside", VIP, 443)
    assert connection.seen_as == CLIENT
    assert await connection.echo(MEGABYTE) == MEGABYTE


async def test_clients_who_speak_ipv6(hosts: Hosts) -> None:
    """They are hidden behind the load balancer's IPv4 address, to which no IPv4 listener may belong."""
    hosts.net.sysctl("host", "net.ipv6.conf.all.forwarding", "1")
    hosts.net.ip("host", "addr add 2001:db8:1::1/64 dev up0 nodad")
    hosts.net.ip("outside", "addr add 2001:db8:1::2/64 dev eth0 nodad")
    hosts.net.ip("outside", f"-6 route add {VIP6} via 2001:db8:1::1")
    there = frontend("task1", "far1", "far2", vip=VIP6, counterpart=VIP)
    wanted = hosts.net.near_state(there)
    await hosts.near.apply(msgspec.structs.replace(wanted, vips=wanted.vips | {VIP6}))
    seen = set()
    for _ in range(30):
        connection = await hosts.parts.connect("outside", VIP6, 443)
        assert connection.seen_as == VIP
        seen.add(connection.server)
    assert seen == {"task1", "far1", "far2"}
    assert await connection.echo(MEGABYTE) == MEGABYTE
    assert await hosts.drops() == {}


async def test_datagrams_that_do_not_fit_are_refused_with_the_size_that_does(hosts: Hosts) -> None:
    """The client's kernel learns the size, and cuts the next ones to fit: also those become fragments."""
    loop = asyncio.get_running_loop()
    server = hosts.net.socket("far1", socket.SOCK_DGRAM)
    client = hosts.net.socket("outside", socket.SOCK_DGRAM)
    with server, client:
        server.bind(("0.0.0.0", 8443))
        await hosts.apply(frontend("far1", protocol="udp", port=53))
        await loop.sock_sendto(client, b"q" * 1400, (VIP, 53))
        assert await loop.sock_recvfrom(server, 9000) == (
            b"q" * 1400,
            client_end := (CLIENT, client.getsockname()[1]),
        )
        await loop.sock_sendto(client, b"q" * 4000, (VIP, 53))
        with hosts.net.enter("outside"):
            await until(lambda: _says("mtu 1480", "ip", "route", "get", VIP))
        await loop.sock_sendto(client, b"Q" * 4000, (VIP, 53))
        async with asyncio.timeout(3):
            data, peer = await loop.sock_recvfrom(server, 9000)
            assert (data, peer) == (b"Q" * 4000, client_end)
            await loop.sock_sendto(server, b"a" * 4000, peer)
            assert await loop.sock_recvfrom(client, 9000) == (b"a" * 4000, (VIP, 53))
    assert await hosts.drops() == {"too_big": 2, "fragment": 1}, "of the datagram that was cut to 1,500 bytes"


@pytest.mark.parametrize("where", ["outside", "task1"])
async def test_datagrams_that_are_handed_down_at_once(hosts: Hosts, where: str) -> None:
    """As QUIC does, from the first one on (UDP_SEGMENT). The near host's uplink cuts them."""
    with hosts.net.enter("host"):
        run("ethtool", "-K", "up0", "tso", "off", "gso", "off")
    loop = asyncio.get_running_loop()
    server = hosts.net.socket("far1", socket.SOCK_DGRAM)
    client = hosts.net.socket(where, socket.SOCK_DGRAM)
    with server, client:
        server.bind(("0.0.0.0", 8443))
        client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        await hosts.apply(frontend("far1", protocol="udp", port=53))
        await loop.sock_sendto(client, b"q" * 40_500, (VIP, 53))
        async with asyncio.timeout(3):
            sizes = [len((await loop.sock_recvfrom(server, 9000))[0]) for _ in range(41)]
    assert sizes == [1000] * 40 + [500]
    assert await hosts.drops() == {}


async def _says(what: str, *command: str) -> bool:
    return what in run(*command)
