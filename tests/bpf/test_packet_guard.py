"""Security groups in the programs: every verdict that can stand in a new flow's way, none in an old one's.

The load balancer 10.1.1.100 has group sg-edge in most tests; its target task1 has sg-app.
"""

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane import guard_maps
from sealway.drivers.dataplane.guard_maps import Refused
from sealway.model.guard import TCP, UDP, Guard, GuardRule, Guards
from tests.support.bpf_run import BOX, PASS, REDIRECT, SHOT, TASK1, TASK2, Machine
from tests.support.packets import ACK, SYN, Packet
from tests.support.packets import UDP as UDP_PACKET

pytestmark = pytest.mark.root

VIP, CLIENT, INSTANCE = "10.1.1.100", "203.0.113.2", "10.1.1.50"
HELLO = Packet(CLIENT, 40000, VIP, 443, flags=SYN)
CALL = Packet(TASK2, 40000, VIP, 443, flags=SYN)
"""A task's own connection."""
TARGETS = {
    TASK1: Backend(address=TASK1, port=8443, interface="swt1"),
    TASK2: Backend(address=TASK2, port=8443, interface="swt2"),
    BOX: Backend(address=BOX, port=8443, interface="sealway-br0"),
}
EVERY = GuardRule(network="0.0.0.0/0")
EDGE = Guard(ingress=(EVERY,), egress=(EVERY,))


def tcp(first: int, last: int | None = None, *, network: str = "", group: str = "") -> GuardRule:
    return GuardRule(protocol=TCP, first=first, last=last or first, network=network, group=group)


def frontend(target: str = TASK1, keep: bool = True, **more: object) -> Frontend:
    share = WeightedBackend(backend=TARGETS[target], preserve_client_ip=keep)
    return Frontend(vip=VIP, port=443, backends=(share,), **more)  # type: ignore[arg-type]


def guards(rules: dict[str, Guard], of: dict[str, str], **more: object) -> Guards:
    """One group an address, so that a guard's name is its group's."""
    members: dict[str, set[str]] = {}
    for address, group in of.items():
        members.setdefault(group, set()).add(address)
    return Guards(
        rules=rules,
        of=of,
        members={group: frozenset(addresses) for group, addresses in members.items()},
        balancers=frozenset({VIP} & of.keys()),
        **more,  # type: ignore[arg-type]
    )


def state(who: Guards, *frontends: Frontend, client: str = "") -> DataPlaneState:
    """``client``: the task that the ``task`` program sees packets of."""
    return DataPlaneState(
        vips=frozenset({VIP}),
        frontends=frontends or (frontend(),),
        interfaces=frozenset({Interface(name="lo", role="task", address=client)}),
        guards=who,
    )


def opens(kernel: Machine, packet: Packet = HELLO, program: str = "uplink") -> bool:
    verdict = kernel.run(program, packet).verdict
    assert verdict in (REDIRECT, SHOT)
    assert kernel.drops() == ({} if verdict == REDIRECT else {"security_group": 1})
    kernel.forget()
    return verdict == REDIRECT


def refusals(kernel: Machine) -> list[tuple[str, str, int, int]]:
    names = {number: name for name, number in kernel.tables.guards.names.items()}
    found = [one for one in guard_maps.refused(kernel.maps["refusals"], kernel.layout) if one.table in names]
    return [
        (f"{names[one.table][0]}/{names[one.table][1].name}", one.source, one.port, one.packets)
        for one in found
    ]


def test_who_has_no_groups_lets_everything_through(kernel: Machine) -> None:
    kernel.tell(state(Guards()))
    assert opens(kernel)


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        (EVERY, True),
        (tcp(443, network="203.0.113.0/24"), True),
        (tcp(400, 500, network="203.0.113.2/32"), True),
        (GuardRule(network="203.0.113.2/32", protocol=TCP), True),
        (tcp(443, network="203.0.113.3/32"), False),
        (tcp(444, network="203.0.113.0/24"), False),
        (tcp(8443, network="203.0.113.0/24"), False),
        (GuardRule(network="203.0.113.0/24", protocol=UDP), False),
        (GuardRule(network="::/0"), False),
        (GuardRule(group="sg-edge"), False),
    ],
)
def test_what_a_load_balancer_lets_in(kernel: Machine, rule: GuardRule, opened: bool) -> None:
    who = guards({"sg-edge": Guard(ingress=(rule,), egress=(EVERY,))}, {VIP: "sg-edge"})
    kernel.tell(state(who))
    assert opens(kernel) is opened


def test_udp_and_tcp_have_rules_of_their_own(kernel: Machine) -> None:
    rule = GuardRule(network="0.0.0.0/0", protocol=UDP, first=443, last=443)
    who = guards({"sg-edge": Guard(ingress=(rule,), egress=(EVERY,))}, {VIP: "sg-edge"})
    kernel.tell(state(who, frontend(), frontend(protocol="udp")))
    assert opens(kernel, HELLO.but(protocol=UDP_PACKET, flags=0))
    assert not opens(kernel)


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        (tcp(8443, network=f"{TASK1}/32"), True),
        (tcp(443, network=f"{TASK1}/32"), False),
        (tcp(8443, group="sg-app"), True),
    ],
)
def test_what_a_load_balancer_lets_out_to_a_target(kernel: Machine, rule: GuardRule, opened: bool) -> None:
    rules = {"sg-edge": Guard(ingress=(EVERY,), egress=(rule,)), "sg-app": Guard(ingress=(EVERY,))}
    kernel.tell(state(guards(rules, {VIP: "sg-edge", TASK1: "sg-app"})))
    assert opens(kernel) is opened


@pytest.mark.parametrize(
    ("rule", "keep", "opened"),
    [
        (tcp(8443, network="203.0.113.0/24"), True, True),
        (tcp(8443, network="203.0.113.0/24"), False, False),
        (tcp(8443, network=f"{VIP}/32"), True, False),
        (tcp(8443, network=f"{VIP}/32"), False, True),
        (tcp(443, network="0.0.0.0/0"), True, False),
        (tcp(8443, group="sg-edge"), True, True),
        (tcp(8443, group="sg-edge"), False, True),
        (tcp(443, group="sg-edge"), True, False),
        (tcp(8443, group="sg-app"), True, False),
    ],
)
def test_what_a_target_lets_in(kernel: Machine, rule: GuardRule, keep: bool, opened: bool) -> None:
    """The address it will see counts; but a rule that names the load balancer's group lets its clients in."""
    rules = {"sg-edge": EDGE, "sg-app": Guard(ingress=(rule,))}
    kernel.tell(state(guards(rules, {VIP: "sg-edge", TASK1: "sg-app"}), frontend(keep=keep)))
    assert opens(kernel) is opened


def test_a_load_balancer_without_groups_is_a_member_of_none(kernel: Machine) -> None:
    rules = {"sg-app": Guard(ingress=(tcp(8443, group="sg-edge"),))}
    kernel.tell(state(guards(rules, {TASK1: "sg-app"})))
    assert not opens(kernel)


def test_a_bridge_container_stands_behind_its_instances_address_and_port(kernel: Machine) -> None:
    rules = {
        "sg-edge": Guard(ingress=(EVERY,), egress=(tcp(32768, network=f"{INSTANCE}/32"),)),
        "sg-host": Guard(ingress=(tcp(32768, 65535, network="203.0.113.0/24"),)),
    }
    for host_port, opened in ((32768, True), (32767, False)):
        who = guards(
            rules, {VIP: "sg-edge", INSTANCE: "sg-host"}, published={(BOX, 8443): (INSTANCE, host_port)}
        )
        kernel.tell(state(who, frontend(BOX)))
        assert opens(kernel) is opened


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        (tcp(443, network=f"{VIP}/32"), True),
        (tcp(443, group="sg-edge"), True),
        (tcp(8443, network="0.0.0.0/0"), False),
    ],
)
def test_what_a_task_lets_out_to_a_load_balancer(kernel: Machine, rule: GuardRule, opened: bool) -> None:
    rules = {"sg-edge": EDGE, "sg-client": Guard(egress=(rule,))}
    kernel.tell(state(guards(rules, {VIP: "sg-edge", TASK2: "sg-client"}), client=TASK2))
    assert opens(kernel, CALL, "task") is opened


def test_a_task_calling_itself_is_seen_as_the_load_balancer(kernel: Machine) -> None:
    for rule, opened in ((tcp(8443, network=f"{VIP}/32"), True), (tcp(8443, group="sg-app"), False)):
        kernel.tell(
            state(
                guards({"sg-app": Guard(ingress=(rule,), egress=(EVERY,))}, {TASK1: "sg-app"}), client=TASK1
            )
        )
        assert opens(kernel, CALL.but(source=TASK1), "task") is opened


def test_a_task_speaks_only_for_itself(kernel: Machine) -> None:
    kernel.tell(state(Guards(), client=TASK2))
    assert kernel.run("task", CALL.but(source=TASK1)).verdict == SHOT
    assert kernel.drops() == {"spoofed_source": 1}
    assert kernel.run("task", CALL).verdict == REDIRECT


def test_an_interface_not_written_down_is_left_to_the_kernel(kernel: Machine) -> None:
    kernel.tell(state(Guards()))
    assert kernel.maps["interfaces"].delete((1).to_bytes(4, "little"))
    assert kernel.run("task", CALL).verdict == PASS
    assert kernel.flows() == {}
    kernel.maps["interfaces"].put((1).to_bytes(4, "little"), bytes(8))


def test_a_rules_end_stops_new_flows_and_no_old_one(kernel: Machine) -> None:
    def told(*ingress: GuardRule) -> DataPlaneState:
        return state(guards({"sg-app": Guard(ingress=ingress)}, {TASK1: "sg-app"}))

    kernel.tell(told(EVERY))
    assert kernel.run("uplink", HELLO).verdict == REDIRECT
    kernel.tell(told())
    assert kernel.run("uplink", HELLO.but(flags=ACK)).verdict == REDIRECT
    answer = Packet(TASK1, 8443, CLIENT, 40000, flags=SYN | ACK)
    assert kernel.run("task", answer).verdict == REDIRECT
    assert kernel.run("uplink", HELLO.but(source_port=40001)).verdict == SHOT
    kernel.tell(told(EVERY))
    assert kernel.run("uplink", HELLO.but(source_port=40001)).verdict == REDIRECT


def test_refusals_are_remembered_by_guard_and_destination(kernel: Machine) -> None:
    rules = {"sg-edge": EDGE, "sg-app": Guard()}
    kernel.tell(state(guards(rules, {VIP: "sg-edge", TASK1: "sg-app"})))
    before = kernel.counters().blocked
    for port in range(40000, 40003):
        assert kernel.run("uplink", HELLO.but(source_port=port)).verdict == SHOT
    assert kernel.counters().blocked == before + 3
    assert refusals(kernel) == [("sg-app/INGRESS", CLIENT, 8443, 3)]
    assert kernel.drops() == {"security_group": 3}
    assert kernel.flows() == {}
    (one,) = guard_maps.refused(kernel.maps["refusals"], kernel.layout)
    assert isinstance(one, Refused)
    assert (one.destination, one.protocol) == (TASK1, TCP)
    assert 0 <= one.ago < 60


def test_a_refusal_tells_the_address_that_the_target_would_see(kernel: Machine) -> None:
    kernel.tell(state(guards({"sg-app": Guard()}, {TASK1: "sg-app"}), frontend(keep=False)))
    assert kernel.run("uplink", HELLO).verdict == SHOT
    assert refusals(kernel) == [("sg-app/INGRESS", VIP, 8443, 1)]


def test_a_restart_finds_the_tables_as_they_are(kernel: Machine) -> None:
    rules = {
        "sg-edge": Guard(
            ingress=(tcp(443, network="203.0.113.0/24"), tcp(80, group="sg-app")), egress=(EVERY,)
        ),
        "sg-app": Guard(),
    }
    wanted = state(guards(rules, {VIP: "sg-edge", TASK1: "sg-app"}))
    kernel.tell(wanted)
    assert kernel.after_restart(wanted).writes == 0
