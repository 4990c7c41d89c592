"""ICMP errors: to the end that sent the quoted packet, in the words that end knows; every checksum right."""

import pytest

from tests.bpf.test_packet_paths import BOX, CLIENT, HELLO, TASK1, VIP, carried, frontend, state
from tests.support.bpf_run import PASS, REDIRECT, Machine
from tests.support.packets import ACK, SYN, UDP, Packet, icmp_error, parse_icmp_error

pytestmark = pytest.mark.root

ROUTER = "203.0.113.99"


def opened(kernel: Machine, target: str = TASK1, keep: bool = True) -> tuple[Packet, Packet]:
    """A flow: what the target gets, and its answer as the client gets it."""
    kernel.tell(state(frontend(target, keep=keep)))
    there = carried(kernel, "uplink", HELLO)
    program = "bridge" if target == BOX else "task"
    return there, carried(kernel, program, there.back(flags=SYN | ACK, payload=bytes(100)))


@pytest.mark.parametrize("quoted", [28, 60, 140])
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "hidden"])
@pytest.mark.parametrize("source", [ROUTER, CLIENT])
def test_from_the_clients_side_to_the_target(kernel: Machine, source: str, keep: bool, quoted: int) -> None:
    there, answer = opened(kernel, keep=keep)
    result = kernel.run("uplink", icmp_error(source, VIP, answer.ip()[:quoted]))
    assert result.verdict == REDIRECT
    sender = there.source if source == CLIENT else source
    assert parse_icmp_error(result.frame) == (sender, TASK1, there.back().ends, True)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "hidden"])
@pytest.mark.parametrize("target", [TASK1, BOX])
def test_from_the_targets_side_to_the_client(kernel: Machine, target: str, keep: bool) -> None:
    there, _ = opened(kernel, target, keep)
    frame = icmp_error(target, there.source, there.ip()[:28], code=3)
    result = kernel.run("bridge" if target == BOX else "task", frame)
    assert result.verdict == REDIRECT
    assert parse_icmp_error(result.frame) == (VIP, CLIENT, HELLO.ends, True)


def test_udp_too(kernel: Machine) -> None:
    kernel.tell(state(frontend(TASK1, protocol="udp")))
    there = carried(kernel, "uplink", HELLO.but(protocol=UDP))
    result = kernel.run("task", icmp_error(TASK1, CLIENT, there.ip()[:28], code=3))
    assert parse_icmp_error(result.frame) == (VIP, CLIENT, HELLO.ends, True)


@pytest.mark.parametrize(
    "frame",
    [
        icmp_error(ROUTER, VIP, HELLO.back().but(source_port=80).ip()[:28]),
        icmp_error(ROUTER, "10.1.1.99", HELLO.back().ip()[:28]),
        icmp_error(ROUTER, VIP, b"\x45" + bytes(27)),
        icmp_error(ROUTER, VIP, HELLO.back().ip()[:22]),
        icmp_error(ROUTER, VIP, b""),
    ],
    ids=["no such flow", "quoting another's packet", "no transport", "cut short", "empty"],
)
def test_what_quotes_no_flow_passes(kernel: Machine, frame: bytes) -> None:
    opened(kernel)
    result = kernel.run("uplink", frame)
    assert (result.verdict, result.frame) == (PASS, frame)


def test_an_uplink_does_not_speak_for_targets(kernel: Machine) -> None:
    there, _ = opened(kernel)
    frame = icmp_error(TASK1, CLIENT, there.ip()[:28])
    assert kernel.run("uplink", frame).verdict == PASS


def test_a_cut_flow_hears_nothing(kernel: Machine) -> None:
    _, answer = opened(kernel)
    kernel.tell(state(frontend(BOX)))
    assert kernel.run("uplink", icmp_error(ROUTER, VIP, answer.ip()[:28])).verdict == PASS
