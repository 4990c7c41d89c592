"""Tasks with IPv6 addresses: plumbed, reached, probed, and guarded as in IPv4. See ``test_host_network``.

the test's namespace (a whole host of its own)
  sealway0 ------ eth0  a namespace named for this test: the load balancer's two addresses
  swt... (web) -- eth0  a task of group sg-web, 10.77.2.30 and fd77:77:77:7702::30
  swt... (db) --- eth0  a task of group sg-db, 10.77.2.31 and fd77:77:77:7702::31
"""

import asyncio
import errno
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest

from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.drivers.network.fake import FakeNetwork
from sealway.drivers.network.host import LinuxNetwork
from sealway.drivers.network.netns import run_inside
from sealway.model.address_pool import mac_for
from sealway.model.guard import ICMPV6, TCP, Guard, GuardRule, Guards
from tests.support.netns import fresh_network, inside, output, stranger

pytestmark = pytest.mark.root

VPC, VPC6, ROUTER6 = "10.77.0.0/16", "fd77:77:77:7700::/56", "fd77:77:77:7700::1"
VIP, VIP6 = "10.77.1.10", "fd77:77:77:7701::a4d:10a"
WEB, WEB6 = "10.77.2.30", "fd77:77:77:7702::30"
DB, DB6 = "10.77.2.31", "fd77:77:77:7702::31"
OF = {WEB6: WEB, DB6: DB}
EVERY = tuple(GuardRule(network=each) for each in ("0.0.0.0/0", "::/0"))
OPEN = Guard(ingress=EVERY, egress=EVERY)


def endpoint(address6: str) -> TaskEndpoint:
    address = OF[address6]
    return TaskEndpoint(
        network_interface_id=f"eni-{int(address[-2:]):017x}",
        private_ip=address,
        ipv6_address=address6,
        mac=mac_for(address),
    )


def guards(**groups: Guard) -> Guards:
    """``sg_db=`` and the like; whose group is not told lets everything through."""
    told = {name.replace("_", "-"): guard for name, guard in groups.items()}
    people = {"sg-web": {WEB, WEB6}, "sg-db": {DB, DB6}, "sg-edge": {VIP, VIP6}}
    return Guards(
        rules={name: told.get(name, OPEN) for name in people},
        of={address: name for name, held in people.items() for address in held},
        members={name: frozenset(held) for name, held in people.items()},
        balancers=frozenset({VIP, VIP6}),
    )


class Stage:
    """A host with two tasks. Parts by their address; None: the host itself."""

    def __init__(self, network: LinuxNetwork, pids: dict[str, int]) -> None:
        self.network, self.pids = network, pids
        self.guards: Guards | None = None

    def within(self, who: str, work: Callable[[], socket.socket]) -> socket.socket:
        return run_inside(f"/proc/{self.pids[who]}/ns/net", work)

    def caller(self, who: str | None) -> socket.socket:
        if who == VIP6:
            return self.network.probe_socket(VIP6)
        return self.within(who, _six) if who else _six()

    def call(self, who: str | None, target: str, port: int = 8443) -> str:
        """Who the target sees."""
        with (
            self.within(
                target, lambda: socket.create_server((target, port), family=socket.AF_INET6)
            ) as server,
            self.caller(who) as client,
        ):
            client.settimeout(5)
            client.connect((target, port))
            server.settimeout(5)
            accepted, peer = server.accept()
            accepted.close()
            return str(peer[0])

    async def refused(
        self, who: str | None, target: str, port: int = 8443, reason: str = "security_group"
    ) -> None:
        """The first packet is dropped, and counted."""
        before = (await self.network.drops())[reason]
        with self.caller(who) as client:
            client.setblocking(False)
            assert client.connect_ex((target, port)) == errno.EINPROGRESS
            async with asyncio.timeout(10):
                while (await self.network.drops())[reason] == before:
                    await asyncio.sleep(0.01)
            assert client.connect_ex((target, port)) == errno.EALREADY


def _six() -> socket.socket:
    return socket.socket(socket.AF_INET6)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    with fresh_network(), ExitStack() as stack:
        network = LinuxNetwork(f"sealway-test-{uuid.uuid4().hex[:8]}")
        await network.ensure((VPC, VPC6))
        await network.set_vips(frozenset({VIP, VIP6}))
        pids = {address: stack.enter_context(stranger()) for address in OF}
        for address, pid in pids.items():
            await network.attach_task(endpoint(address), pid)
        yield Stage(network, pids)
        await network.teardown()


async def test_everybody_reaches_a_task(stage: Stage) -> None:
    assert stage.call(None, WEB6) == ROUTER6
    assert stage.call(DB6, WEB6) == DB6
    assert stage.call(VIP6, WEB6) == VIP6
    inside(stage.pids[WEB6], "ping", "-c1", "-W3", WEB6)
    inside(stage.pids[WEB6], "ping", "-c1", "-W3", VIP6)


async def test_a_task_has_the_addresses_it_is_given_and_no_others(stage: Stage) -> None:
    shown = inside(stage.pids[WEB6], "ip", "-6", "-o", "addr", "show", "scope", "global")
    assert [line.split()[3] for line in shown.splitlines()] == [f"{WEB6}/128"]
    settings = inside(stage.pids[WEB6], "cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra")
    assert settings == "0\n"
    without = TaskEndpoint(
        network_interface_id="eni-00000000000000009", private_ip="10.77.2.39", mac=mac_for("10.77.2.39")
    )
    with stranger() as pid:
        await stage.network.attach_task(without, pid)
        assert inside(pid, "ip", "-6", "-o", "addr", "show", "dev", "eth0") == ""


async def test_a_task_that_is_detached_leaves_nothing(stage: Stage) -> None:
    assert WEB6 in output("ip", "-6", "route")
    await stage.network.detach_task(endpoint(WEB6).network_interface_id)
    left = output("ip", "-6", "route") + output("ip", "-6", "neigh")
    assert WEB6 not in left
    assert DB6 in left


async def test_routes_come_back_with_the_routers_address(stage: Stage) -> None:
    """A route goes with the address that it names as source."""
    output("ip", "addr", "del", f"{ROUTER6}/128", "dev", "sealway0")
    await stage.network.ensure((VPC, VPC6))
    assert stage.call(None, WEB6) == ROUTER6


async def test_dockers_policy_for_ipv6_does_not_count(stage: Stage) -> None:
    output("ip6tables", "-P", "FORWARD", "DROP")
    assert stage.call(DB6, WEB6) == DB6
    await stage.network.teardown()
    assert "SEALWAY" not in output("ip6tables-save")


class TestSecurityGroups:
    async def test_a_task_lets_in_whom_its_group_names(self, stage: Stage) -> None:
        rules = [
            GuardRule(protocol=TCP, first=8443, last=8443, group="sg-web"),
            GuardRule(protocol=TCP, first=8443, last=8443, network=f"{WEB6}/128"),
            GuardRule(protocol=TCP, first=8443, last=8443, network="fd77:77:77:7702::/64"),
        ]
        for rule in rules:
            await stage.network.set_guards(guards(sg_db=Guard(ingress=(rule,))))
            assert stage.call(WEB6, DB6) == WEB6
            await stage.refused(WEB6, DB6, 8444)
            await stage.refused(None, DB6)
        told = {(one.source, one.destination, one.port) for one in await stage.network.refusals()}
        assert told >= {(WEB6, DB6, 8444), (ROUTER6, DB6, 8443)}

    async def test_ipv4_rules_are_not_for_ipv6(self, stage: Stage) -> None:
        await stage.network.set_guards(guards(sg_db=Guard(ingress=(GuardRule(network="0.0.0.0/0"),))))
        await stage.refused(WEB6, DB6)

    async def test_a_task_reaches_what_its_group_lets_out(self, stage: Stage) -> None:
        rule = GuardRule(network=f"{DB6}/128")
        await stage.network.set_guards(guards(sg_web=Guard(ingress=EVERY, egress=(rule,))))
        assert stage.call(WEB6, DB6) == WEB6
        await stage.network.set_guards(guards(sg_web=Guard(ingress=EVERY)))
        await stage.refused(WEB6, DB6)

    async def test_a_health_probe_needs_the_load_balancers_rule_and_the_targets(self, stage: Stage) -> None:
        rule = GuardRule(group="sg-edge")
        await stage.network.set_guards(guards(sg_web=Guard(ingress=(rule,))))
        assert stage.call(VIP6, WEB6) == VIP6
        await stage.network.set_guards(guards(sg_web=Guard(ingress=(rule,)), sg_edge=Guard(ingress=EVERY)))
        await stage.refused(VIP6, WEB6)

    async def test_ping_has_rules_of_its_own_and_neighbours_are_always_found(self, stage: Stage) -> None:
        pings = Guard(ingress=(GuardRule(protocol=ICMPV6, network="::/0"),))
        await stage.network.set_guards(guards(sg_db=pings, sg_web=Guard()))
        await stage.refused(None, DB6)
        output("ping", "-c1", "-W3", DB6)
        name = output("ip", "-o", "link").split("swt")[1].split("@")[0]
        output("ip", "-6", "neigh", "flush", "dev", f"swt{name}")
        before = await stage.network.drops()
        inside(stage.pids[DB6], "ip", "-6", "neigh", "flush", "dev", "eth0")
        assert await stage.network.drops() == before

    async def test_a_task_whose_groups_are_not_known_yet_lets_nobody_in(self, stage: Stage) -> None:
        known = guards()
        without = {address: name for address, name in known.of.items() if address not in OF}
        await stage.network.set_guards(Guards(rules=known.rules, of=without, members=known.members))
        await stage.refused(DB6, WEB6)

    async def test_a_task_speaks_for_itself_alone(self, stage: Stage) -> None:
        """IPv6 has no reverse path filter but this one."""
        await stage.network.set_guards(guards())
        pid = stage.pids[WEB6]
        inside(pid, "ip", "addr", "add", "fd77:77:77:7702::99/128", "dev", "eth0")

        def forged() -> socket.socket:
            made = _six()
            made.bind(("fd77:77:77:7702::99", 0))
            return made

        stage.caller = lambda _: stage.within(WEB6, forged)  # type: ignore[method-assign]
        await stage.refused(WEB6, DB6, reason="spoofed_source")

    async def test_the_table_goes_with_the_last_address(self, stage: Stage) -> None:
        await stage.network.set_guards(guards())
        assert "table ip6 sealway" in output("nft", "list", "tables")
        narrow = guards()
        await stage.network.set_guards(Guards(rules=narrow.rules, of={WEB: "sg-web"}, members=narrow.members))
        assert "table ip6 sealway" not in output("nft", "list", "tables")


async def test_a_process_that_is_started_again_changes_nothing(stage: Stage) -> None:
    await stage.network.set_guards(guards())

    def everything() -> str:
        return output("ip", "-6", "route") + output("nft", "-a", "list", "table", "ip6", "sealway")

    before = everything()
    again = LinuxNetwork(stage.network._namespace)
    await again.ensure((VPC, VPC6))
    await again.set_vips(frozenset({VIP, VIP6}))
    await again.set_guards(guards())
    assert everything() == before


async def test_the_fakes_probes_have_the_version_of_their_source() -> None:
    fake = FakeNetwork()
    await fake.ensure((VPC, VPC6))
    await fake.set_vips(frozenset({VIP, VIP6}))
    with fake.probe_socket(VIP6) as probe:
        assert probe.family == socket.AF_INET6
