"""Security groups where no load balancer carries the packet: the fake remembers them, Linux enforces them.

the test's namespace (a whole host of its own)
  sealway0 ------ eth0  a namespace named for this test: the load balancer's address
  swt... (web) -- eth0  a task of group sg-web, 10.77.2.30
  swt... (db) --- eth0  a task of group sg-db, 10.77.2.31
  sealway-br0 --- eth0  a container, 172.30.0.5:80, published as 10.77.1.20:32768 (group sg-host)
"""

import asyncio
import errno
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest

from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.drivers.contracts.refusal import Refusal
from sealway.drivers.network.fake import FakeNetwork
from sealway.drivers.network.host import LinuxNetwork
from sealway.drivers.network.netns import run_inside
from sealway.model.address_pool import mac_for
from sealway.model.guard import ICMP, TCP, Guard, GuardRule, Guards
from tests.support.netns import fresh_network, inside, output, stranger

VPC, VPC_ROUTER, RESOLVER = "10.77.0.0/16", "10.77.0.1", "10.77.0.2"
VIP, INSTANCE = "10.77.1.10", "10.77.1.20"
WEB, DB, BOX = "10.77.2.30", "10.77.2.31", "172.30.0.5"
HOST_PORT = 32768
EVERY = GuardRule(network="0.0.0.0/0")
OPEN = Guard(ingress=(EVERY,), egress=(EVERY,))
PEOPLE = {WEB: "sg-web", DB: "sg-db", VIP: "sg-edge", INSTANCE: "sg-host"}


def tcp(port: int, *, network: str = "", group: str = "") -> GuardRule:
    return GuardRule(protocol=TCP, first=port, last=port, network=network, group=group)


def guards(**groups: Guard) -> Guards:
    """``sg_db=`` and the like; whose group is not told lets everything through."""
    told = {name.replace("_", "-"): guard for name, guard in groups.items()}
    return Guards(
        rules={name: told.get(name, OPEN) for name in PEOPLE.values()},
        of=PEOPLE,
        members={name: frozenset({address}) for address, name in PEOPLE.items()},
        balancers=frozenset({VIP}),
        published={(BOX, 80): (INSTANCE, HOST_PORT)},
        containers={BOX: INSTANCE},
    )


async def test_what_was_refused_is_told_by_both(network):
    await network.set_guards(guards())
    assert await network.refusals() == ()
    assert sum((await network.drops()).values()) == 0


@pytest.fixture(params=["fake", pytest.param("linux", marks=pytest.mark.root)])
async def network(request: pytest.FixtureRequest) -> AsyncIterator[FakeNetwork | LinuxNetwork]:
    if request.param == "fake":
        yield FakeNetwork()
        return
    with fresh_network():
        network = LinuxNetwork(f"sealway-test-{uuid.uuid4().hex[:8]}")
        yield network
        await network.teardown()


class Stage:
    """A host with two tasks and a container on it. Parts by their address; None: the host itself."""

    def __init__(self, network: LinuxNetwork, pids: dict[str, int], namespace: str) -> None:
        self.network, self.pids, self.namespace = network, pids, namespace

    def socket_of(self, who: str | None, kind: int = socket.SOCK_STREAM) -> socket.socket:
        if who == VIP:
            return self.network.probe_socket(VIP)
        where = f"/proc/{self.pids[who]}/ns/net" if who else "/proc/thread-self/ns/net"
        made = run_inside(where, lambda: socket.socket(type=kind))
        made.setblocking(False)
        return made

    @contextmanager
    def serving(self, who: str, port: int) -> Iterator[socket.socket]:
        def listen() -> socket.socket:
            return socket.create_server((who, port))

        with run_inside(f"/proc/{self.pids[who]}/ns/net", listen) as server:
            server.setblocking(False)
            yield server

    async def connected(self, who: str | None, address: str, port: int) -> socket.socket:
        client = self.socket_of(who)
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().sock_connect(client, (address, port))
        return client

    async def allowed(self, who: str | None, address: str, port: int) -> None:
        (await self.connected(who, address, port)).close()

    async def refused(self, who: str | None, address: str, port: int) -> None:
        """The first packet is dropped and counted; nothing comes back."""
        before = (await self.network.drops())["security_group"]
        with self.socket_of(who) as client:
            assert client.connect_ex((address, port)) == errno.EINPROGRESS

            async def counted() -> bool:
                return (await self.network.drops())["security_group"] > before

            await come_true("the packet is counted", counted)
            assert client.connect_ex((address, port)) == errno.EALREADY

    async def refusals(self) -> set[tuple[str, str, str, str, int]]:
        found: tuple[Refusal, ...] = await self.network.refusals()
        assert all(one.packets > 0 and 0 <= one.ago < 600 and one.protocol == TCP for one in found)
        return {(one.guard, one.direction, one.source, one.destination, one.port) for one in found}


async def come_true(what: str, ready: Callable[[], Awaitable[bool]]) -> None:
    """Waits for it, generously."""
    try:
        async with asyncio.timeout(20):
            while not await ready():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{what}: not within 20 s")


def endpoint(address: str) -> TaskEndpoint:
    number = int(address.rpartition(".")[2])
    return TaskEndpoint(network_interface_id=f"eni-{number:017x}", private_ip=address, mac=mac_for(address))


def bridge(pid: int) -> None:
    """As Docker has it: a bridge, a container on it, a published port."""
    for command in (
        "ip link add sealway-br0 type bridge",
        "ip addr add 172.30.0.1/24 dev sealway-br0",
        "ip link set sealway-br0 up",
        f"ip link add box0 type veth peer name eth0 netns {pid}",
        "ip link set box0 master sealway-br0 up",
        *(
            f"iptables -t nat -A {where} -d {INSTANCE} -p tcp --dport {HOST_PORT} -j DNAT --to {BOX}:80"
            for where in ("PREROUTING", "OUTPUT")
        ),
    ):
        output(*command.split())
    for command in (
        "ip link set lo up",
        f"ip addr add {BOX}/24 dev eth0",
        "ip link set eth0 up",
        "ip route add default via 172.30.0.1",
    ):
        inside(pid, *command.split())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    namespace = f"sealway-test-{uuid.uuid4().hex[:8]}"
    with fresh_network(), ExitStack() as stack:
        network = LinuxNetwork(namespace)
        pids = {who: stack.enter_context(stranger()) for who in (WEB, DB, BOX)}
        await network.ensure((VPC,))
        await network.set_vips(frozenset({VIP}))
        await network.set_host_addresses(frozenset({INSTANCE, RESOLVER}))
        await network.set_bridge_sources({BOX: INSTANCE})
        bridge(pids[BOX])
        for who in (WEB, DB):
            await network.attach_task(endpoint(who), pids[who])
        yield Stage(network, pids, namespace)
        await network.teardown()


root = pytest.mark.root


@root
async def test_a_task_lets_in_whom_its_group_names(stage):
    await stage.network.set_guards(guards(sg_db=Guard(ingress=(tcp(5432, group="sg-web"),), egress=(EVERY,))))
    with stage.serving(DB, 5432), stage.serving(DB, 22):
        await stage.allowed(WEB, DB, 5432)
        await stage.refused(WEB, DB, 22)
        await stage.refused(None, DB, 5432)
        await stage.refused(VIP, DB, 5432)
    assert await stage.refusals() == {
        ("sg-db", "ingress", WEB, DB, 22),
        ("sg-db", "ingress", VPC_ROUTER, DB, 5432),
        ("sg-db", "ingress", VIP, DB, 5432),
    }


@root
async def test_a_task_reaches_what_its_group_lets_out_and_always_the_resolver(stage):
    await stage.network.set_guards(guards(sg_web=Guard(egress=(tcp(5432, network=f"{DB}/32"),))))
    with stage.serving(DB, 5432), stage.serving(DB, 5433), socket.create_server((RESOLVER, 53)):
        await stage.allowed(WEB, DB, 5432)
        await stage.refused(WEB, DB, 5433)
        await stage.allowed(WEB, RESOLVER, 53)
        await stage.refused(WEB, RESOLVER, 54)
        await stage.refused(WEB, VIP, 443)
    assert ("sg-web", "egress", WEB, DB, 5433) in await stage.refusals()


@root
async def test_what_is_established_goes_on_when_its_rule_goes(stage):
    await stage.network.set_guards(guards())
    with stage.serving(DB, 5432) as server:
        with await stage.connected(WEB, DB, 5432) as client:
            accepted, _ = server.accept()
            await stage.network.set_guards(guards(sg_db=Guard(), sg_web=Guard()))
            await stage.refused(WEB, DB, 5432)
            loop = asyncio.get_running_loop()
            with accepted:
                accepted.setblocking(False)
                await loop.sock_sendall(client, b"still here")
                assert await loop.sock_recv(accepted, 100) == b"still here"
                await loop.sock_sendall(accepted, b"so am I")
                assert await loop.sock_recv(client, 100) == b"so am I"
        await stage.network.set_guards(guards())
        await stage.allowed(WEB, DB, 5432)


@root
async def test_a_health_probe_needs_the_load_balancers_rule_and_the_targets(stage):
    with stage.serving(DB, 80):
        for rule in (tcp(80, network=f"{VIP}/32"), tcp(80, group="sg-edge")):
            await stage.network.set_guards(guards(sg_db=Guard(ingress=(rule,))))
            await stage.allowed(VIP, DB, 80)
        await stage.network.set_guards(guards(sg_edge=Guard(ingress=(EVERY,))))
        await stage.refused(VIP, DB, 80)
        await stage.network.set_guards(guards(sg_edge=Guard(egress=(tcp(80, group="sg-db"),))))
        await stage.allowed(VIP, DB, 80)


@root
async def test_an_instances_published_port_is_judged_as_such(stage):
    rule = tcp(HOST_PORT, group="sg-web")
    await stage.network.set_guards(guards(sg_host=Guard(ingress=(rule,))))
    with stage.serving(BOX, 80), socket.create_server((INSTANCE, 51678)):
        await stage.allowed(WEB, INSTANCE, HOST_PORT)
        await stage.refused(DB, INSTANCE, HOST_PORT)
        await stage.refused(None, INSTANCE, HOST_PORT)
        await stage.refused(WEB, INSTANCE, 51678)
        await stage.refused(WEB, BOX, 80)
        await stage.network.set_guards(guards(sg_host=Guard(ingress=(tcp(80, network="0.0.0.0/0"),))))
        await stage.refused(WEB, INSTANCE, HOST_PORT)
    assert ("sg-host", "ingress", DB, INSTANCE, HOST_PORT) in await stage.refusals()


@root
async def test_a_container_leaves_as_its_instance(stage):
    for rule in (tcp(5432, group="sg-host"), tcp(5432, network="10.77.1.0/24")):
        await stage.network.set_guards(guards(sg_db=Guard(ingress=(rule,))))
        with stage.serving(DB, 5432), stage.serving(DB, 22):
            await stage.allowed(BOX, DB, 5432)
            await stage.refused(BOX, DB, 22)
    assert await stage.refusals() == {("sg-db", "ingress", INSTANCE, DB, 22)}
    await stage.network.set_guards(guards(sg_host=Guard(egress=(tcp(80, network="0.0.0.0/0"),))))
    with stage.serving(DB, 5432), stage.serving(DB, 80):
        await stage.refused(BOX, DB, 5432)
        await stage.allowed(BOX, DB, 80)


@root
async def test_ping_has_rules_of_its_own(stage):
    def ping(who: str, address: str) -> bool:
        return "1 received" in inside(stage.pids[who], "sh", "-c", f"ping -c 1 -W 1 {address} || true")

    echo = GuardRule(network=f"{WEB}/32", protocol=ICMP, first=8 << 8, last=(8 << 8) + 255)
    await stage.network.set_guards(guards(sg_db=Guard(ingress=(echo,))))
    assert ping(WEB, DB)
    await stage.network.set_guards(
        guards(sg_db=Guard(ingress=(msgspec.structs.replace(echo, protocol=TCP),)))
    )
    assert not ping(WEB, DB)


@root
async def test_an_error_about_what_was_let_out_comes_back(stage):
    """A port that nobody serves: told by ICMP, which no rule of either task lets in or out."""
    udp = GuardRule(network="0.0.0.0/0", protocol=socket.IPPROTO_UDP)
    await stage.network.set_guards(guards(sg_web=Guard(egress=(udp,)), sg_db=Guard(ingress=(udp,))))
    with stage.socket_of(WEB, socket.SOCK_DGRAM) as client:
        client.connect((DB, 9))

        async def told() -> bool:
            """Asks again: the kernel sends only so many errors a second."""
            try:
                client.send(b"anybody?")
            except ConnectionRefusedError:
                return True
            return False

        await come_true("the sender is told", told)


@root
async def test_a_task_whose_groups_are_not_known_yet_lets_nobody_in(stage):
    known = msgspec.structs.replace(guards(), of={WEB: "sg-web"}, containers={}, published={})
    await stage.network.set_guards(known)
    with stage.serving(DB, 80), stage.serving(WEB, 80):
        await stage.refused(WEB, DB, 80)
        await stage.refused(None, DB, 80)
        await stage.allowed(None, WEB, 80)


@root
async def test_this_host_passes_where_it_stands_for_others(stage):
    await stage.network.set_guards(guards(sg_db=Guard()), host_passes=True)
    with stage.serving(DB, 80):
        await stage.allowed(None, DB, 80)
        await stage.refused(WEB, DB, 80)


@root
async def test_a_new_process_changes_nothing_and_a_change_keeps_what_was_counted(stage):
    told = guards(sg_db=Guard(ingress=(tcp(80, group="sg-web"),)))
    await stage.network.set_guards(told)
    await stage.refused(None, DB, 80)
    before = output("nft", "-a", "list", "table", "ip", "sealway").partition("refused.")[0]
    successor = LinuxNetwork(stage.namespace)
    await successor.ensure((VPC,))
    await successor.set_guards(told)
    assert output("nft", "-a", "list", "table", "ip", "sealway").partition("refused.")[0] == before
    assert len(await successor.refusals()) == 1
    counted = (await successor.drops())["security_group"]
    await successor.set_guards(guards(sg_db=Guard(ingress=(tcp(81, group="sg-edge"),))))
    assert (await successor.drops())["security_group"] >= counted > 0
    assert len(await successor.refusals()) == 1
    await successor.set_guards(Guards())
    assert await successor.refusals() == ()
    output("nft", "flush", "ruleset")
    await successor.set_guards(told)
    await stage.refused(None, DB, 80)
