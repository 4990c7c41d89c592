"""ICMP and ICMPv6 errors where IPv6 is on either side: in the version and words of the end they go to."""

import pytest

from tests.bpf.test_wide_paths import (
    BOX,
    CLIENT,
    CLIENT4,
    HELLO,
    HELLO4,
    TASK,
    TASK1,
    VIP,
    VIP4,
    WAYS,
    carried,
    frontend,
    seen_as,
    state,
)
from tests.support.bpf_run import PASS, REDIRECT, Machine
from tests.support.packets import ACK, SYN, Packet, icmp_error
from tests.support.packets6 import Packet6, error6, options, parse_error

pytestmark = pytest.mark.root

ROUTER, ROUTER4 = "2001:db8:1::99", "203.0.113.99"


def opened(kernel: Machine, hello: Packet, target: str, keep: bool) -> tuple[Packet, Packet]:
    """A flow: what the target gets, and its answer as the client gets it."""
    kernel.tell(state(frontend(target, vip=hello.destination, keep=keep)))
    there = carried(kernel, "uplink", hello)
    side = "bridge" if target == BOX else "task"
    return there, carried(kernel, side, there.back(flags=SYN | ACK, payload=bytes(100)))


def too_big(source: str, destination: str, quoted: bytes) -> bytes:
    """As a router says it: 1,400 bytes, and nothing larger."""
    if ":" in source:
        return error6(source, destination, quoted, kind=2, code=0, rest=1400)
    frame = icmp_error(source, destination, quoted, kind=3, code=4)
    assert frame[40:42] == (1300).to_bytes(2, "big")
    return frame


@pytest.mark.parametrize(("hello", "target", "keep"), WAYS)
@pytest.mark.parametrize("more", [8, 60, 100])
@pytest.mark.parametrize("by_router", [True, False], ids=["router", "client"])
def test_too_big_reaches_the_target(
    kernel6: Machine, hello: Packet, target: str, keep: bool, more: int, by_router: bool
) -> None:
    there, answer = opened(kernel6, hello, target, keep)
    wide = ":" in hello.source
    router = (ROUTER if wide else ROUTER4) if by_router else hello.source
    frame = too_big(router, hello.destination, answer.ip()[: (40 if wide else 20) + more])
    result = kernel6.run("uplink", frame)
    assert result.verdict == REDIRECT
    error = parse_error(result.frame)
    to_ipv6 = ":" in target
    across = to_ipv6 != wide
    assert error.checksums_right
    assert error.destination == target
    assert error.source == (router if by_router and not across else there.source)
    assert error.ends == there.back().ends
    if to_ipv6:
        assert (error.kind, error.code, error.rest) == (2, 0, 1320 if across else 1400)
    else:
        assert (error.kind, error.code, error.rest) == (3, 4, 1380)


@pytest.mark.parametrize(("hello", "target", "keep"), WAYS)
def test_a_targets_refusal_reaches_the_client(
    kernel6: Machine, hello: Packet, target: str, keep: bool
) -> None:
    there, _ = opened(kernel6, hello, target, keep)
    if ":" in target:
        frame = error6(target, seen_as(hello, target, keep), there.ip()[:60], kind=1, code=4, rest=0)
    else:
        frame = icmp_error(target, there.source, there.ip()[:28], kind=3, code=3)
    result = kernel6.run("bridge" if target == BOX else "task", frame)
    assert result.verdict == REDIRECT
    error = parse_error(result.frame)
    port_unreachable = (1, 4) if ":" in hello.source else (3, 3)
    assert (error.kind, error.code) == port_unreachable
    assert (error.source, error.destination) == (hello.destination, hello.source)
    assert error.ends == hello.ends
    assert error.checksums_right


@pytest.mark.parametrize(
    ("four", "six"),
    [
        ((3, 0), (1, 0)),
        ((3, 1), (1, 0)),
        ((3, 10), (1, 1)),
        ((3, 13), (1, 1)),
        ((11, 0), (3, 0)),
        ((11, 1), (3, 1)),
    ],
)
def test_what_ipv4_calls_it(kernel6: Machine, four: tuple[int, int], six: tuple[int, int]) -> None:
    there, _ = opened(kernel6, HELLO, TASK1, True)
    frame = icmp_error(TASK1, VIP4, there.ip()[:28], kind=four[0], code=four[1])
    error = parse_error(kernel6.run("task", frame).frame)
    assert (error.kind, error.code) == six


@pytest.mark.parametrize(
    ("six", "four"),
    [((1, 0), (3, 1)), ((1, 1), (3, 10)), ((1, 3), (3, 1)), ((1, 4), (3, 3)), ((3, 0), (11, 0))],
)
def test_what_ipv6_calls_it(kernel6: Machine, six: tuple[int, int], four: tuple[int, int]) -> None:
    there, _ = opened(kernel6, HELLO4, TASK, True)
    frame = error6(TASK, VIP, there.ip()[:60], kind=six[0], code=six[1])
    error = parse_error(kernel6.run("task", frame).frame)
    assert (error.kind, error.code) == four


def test_what_has_no_counterpart_passes(kernel6: Machine) -> None:
    there, answer = opened(kernel6, HELLO, TASK1, True)
    for program, frame in [
        ("task", icmp_error(TASK1, VIP4, there.ip()[:28], kind=12, code=0)),
        ("uplink", error6(CLIENT, VIP, answer.ip()[:60], kind=4, code=1)),
    ]:
        result = kernel6.run(program, frame)
        assert (result.verdict, result.frame) == (PASS, frame)


def test_an_error_with_extension_headers(kernel6: Machine) -> None:
    there, answer = opened(kernel6, HELLO, TASK1, True)
    plain = error6(ROUTER, VIP, answer.ip()[:60])
    chain = options(60, 16)
    length = int.from_bytes(plain[18:20], "big") + 16
    frame = (
        plain[:18]
        + length.to_bytes(2, "big")
        + bytes([60])
        + plain[21:54]
        + bytes([58])
        + chain[1]
        + plain[54:]
    )
    error = parse_error(kernel6.run("uplink", frame).frame)
    assert (error.ends, error.checksums_right) == (there.back().ends, True)


@pytest.mark.parametrize(
    "frame",
    [
        error6(ROUTER, VIP, HELLO.back().but(source_port=80).ip()[:60]),
        error6(ROUTER, "fd00:1::99", HELLO.back().ip()[:60]),
        error6(ROUTER, VIP, b"\x60" + bytes(59)),
        error6(ROUTER, VIP, HELLO.back().ip()[:44]),
        error6(ROUTER, VIP, b""),
        error6(ROUTER, VIP, Packet6("::ffff:10.1.1.100", 443, CLIENT, 40000).ip()[:60]),
    ],
    ids=["no such flow", "quoting another's", "no transport", "cut short", "empty", "our notation"],
)
def test_what_quotes_no_flow_passes(kernel6: Machine, frame: bytes) -> None:
    opened(kernel6, HELLO, TASK, True)
    result = kernel6.run("uplink", frame)
    assert (result.verdict, result.frame) == (PASS, frame)


def test_an_uplink_does_not_speak_for_targets(kernel6: Machine) -> None:
    there, _ = opened(kernel6, HELLO, TASK, True)
    assert kernel6.run("uplink", error6(TASK, CLIENT, there.ip()[:60])).verdict == PASS
    assert CLIENT4
