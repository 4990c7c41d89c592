"""Security groups where IPv6 is on either side: by IPv6 networks, and by what is known in IPv4."""

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.model.guard import TCP, Guard, GuardRule, Guards
from tests.support.bpf_run import REDIRECT, SHOT, TASK1, TASK2, Machine
from tests.support.packets import ACK, SYN, Packet
from tests.support.packets6 import Packet6

pytestmark = pytest.mark.root

VIP, VIP4 = "fd00:1::100", "10.1.1.100"
CLIENT, TASK = "2001:db8:1::2", "fd00:1::11"
BACKENDS = {
    TASK: Backend(address=TASK, port=8443, interface="swt1"),
    TASK1: Backend(address=TASK1, port=8443, interface="swt1"),
}
HELLO = Packet6(CLIENT, 40000, VIP, 443, flags=SYN)
EVERY = GuardRule(network="0.0.0.0/0")
EVERY6 = GuardRule(network="::/0")


def state(
    target: str, *, client: str = "", client6: str = "", keep: bool = True, **of: Guard
) -> DataPlaneState:
    """``edge``: the load balancer, known by its IPv4 address; ``app``: the target."""
    addresses = {"edge": (VIP4, VIP), "app": (target,)}
    return DataPlaneState(
        vips=frozenset({VIP, VIP4}),
        frontends=tuple(
            Frontend(
                vip=vip,
                port=443,
                backends=(WeightedBackend(backend=BACKENDS[target], preserve_client_ip=keep),),
                counterpart=other,
            )
            for vip, other in ((VIP, VIP4), (VIP4, VIP))
        ),
        interfaces=frozenset({Interface(name="lo", role="task", address=client, address6=client6)}),
        guards=Guards(
            rules={f"sg-{name}": guard for name, guard in of.items()},
            of={address: f"sg-{name}" for name in of for address in addresses[name]},
            members={f"sg-{name}": frozenset(addresses[name]) for name in of},
            balancers=frozenset({VIP4, VIP} if "edge" in of else ()),
        ),
    )


def opens(kernel: Machine, packet: Packet6 | Packet = HELLO, program: str = "uplink") -> bool:
    verdict = kernel.run(program, packet).verdict
    assert verdict in (REDIRECT, SHOT)
    assert kernel.drops() == ({} if verdict == REDIRECT else {"security_group": 1})
    kernel.forget()
    return verdict == REDIRECT


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        (EVERY6, True),
        (GuardRule(network="2001:db8:1::/48", protocol=TCP, first=443, last=443), True),
        (GuardRule(network="2001:db8:1::/48", protocol=TCP, first=444, last=444), False),
        (GuardRule(network="2001:db8:2::/48"), False),
        (EVERY, False),
    ],
)
def test_what_a_load_balancer_lets_in(kernel6: Machine, rule: GuardRule, opened: bool) -> None:
    kernel6.tell(state(TASK, edge=Guard(ingress=(rule,), egress=(EVERY6,))))
    assert opens(kernel6) is opened


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        (GuardRule(network=f"{VIP4}/32"), True),
        (GuardRule(group="sg-edge"), True),
        (EVERY6, False),
        (GuardRule(network="203.0.113.0/24"), False),
    ],
)
def test_an_ipv4_target_sees_the_load_balancer(kernel6: Machine, rule: GuardRule, opened: bool) -> None:
    edge = Guard(ingress=(EVERY6,), egress=(EVERY,))
    kernel6.tell(state(TASK1, edge=edge, app=Guard(ingress=(rule,))))
    assert opens(kernel6) is opened


def test_a_target_lets_in_the_address_that_it_sees(kernel6: Machine) -> None:
    for rule, opened in ((GuardRule(network=f"{CLIENT}/128"), True), (EVERY, False)):
        kernel6.tell(state(TASK, app=Guard(ingress=(rule,))))
        assert opens(kernel6) is opened


@pytest.mark.parametrize("hello", [HELLO, Packet("203.0.113.2", 40000, VIP4, 443, flags=SYN)])
@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        (GuardRule(network=f"{VIP}/128"), True),
        (GuardRule(group="sg-edge"), True),
        (GuardRule(network=f"{CLIENT}/128"), False),
        (EVERY, False),
    ],
)
def test_an_ipv6_target_sees_the_load_balancers_ipv6_address(
    kernel6: Machine, hello: Packet, rule: GuardRule, opened: bool
) -> None:
    """Where its clients are hidden, or speak IPv4."""
    edge = Guard(ingress=(EVERY6, EVERY), egress=(EVERY6,))
    kernel6.tell(state(TASK, keep=False, edge=edge, app=Guard(ingress=(rule,))))
    assert opens(kernel6, hello) is opened


def test_established_flows_go_on(kernel6: Machine) -> None:
    kernel6.tell(state(TASK, app=Guard(ingress=(EVERY6,))))
    assert kernel6.run("uplink", HELLO).verdict == REDIRECT
    kernel6.tell(state(TASK, app=Guard()))
    assert kernel6.run("uplink", HELLO.but(flags=ACK)).verdict == REDIRECT
    assert kernel6.run("uplink", HELLO.but(source_port=40001)).verdict == SHOT


def test_a_tasks_ipv4_packets_are_its_own(kernel6: Machine) -> None:
    kernel6.tell(state(TASK, client=TASK2))
    call = Packet(TASK2, 40000, VIP4, 443, flags=SYN)
    assert kernel6.run("task", call).verdict == REDIRECT
    assert kernel6.run("task", call.but(source=TASK1)).verdict == SHOT
    assert kernel6.drops() == {"spoofed_source": 1}


def test_a_tasks_ipv6_packets_are_its_own(kernel6: Machine) -> None:
    kernel6.tell(state(TASK, client=TASK2, client6="fd00:2::12"))
    assert kernel6.run("task", HELLO.but(source="fd00:2::12")).verdict == REDIRECT
    assert kernel6.run("task", HELLO.but(source=TASK)).verdict == SHOT
    assert kernel6.drops() == {"spoofed_source": 1}


def test_a_task_without_an_ipv6_address_sends_none(kernel6: Machine) -> None:
    kernel6.tell(state(TASK, client=TASK2))
    assert kernel6.run("task", HELLO.but(source="fd00:2::12")).verdict == SHOT
    assert kernel6.drops() == {"spoofed_source": 1}


def test_a_restart_finds_the_tables_as_they_are(kernel6: Machine) -> None:
    wanted = state(TASK1, edge=Guard(ingress=(EVERY6,), egress=(EVERY,)), app=Guard(ingress=(EVERY6, EVERY)))
    kernel6.tell(wanted)
    assert kernel6.after_restart(wanted).writes == 0
