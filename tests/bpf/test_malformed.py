"""Any bytes at all: they pass as they came, or are dropped and counted once, or go on; nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bpf import test_packet_paths as narrow
from tests.bpf import test_wide_paths as wide
from tests.support.bpf_run import PASS, REDIRECT, SHOT, Machine
from tests.support.fragments import cut
from tests.support.packets import ACK, UDP, icmp_error
from tests.support.packets6 import DESTINATION, HOP_BY_HOP, error6, fragment, options, routing

pytestmark = pytest.mark.root

QUERY = narrow.HELLO.but(protocol=UDP, payload=bytes(64))
NARROW = [
    bytes(narrow.HELLO),
    bytes(narrow.HELLO.but(ip_options=b"\x07\x07\x04" + bytes(4) + b"\x00", options=b"\x02\x04\x05\xb4")),
    bytes(narrow.HELLO.but(source=narrow.TASK1, source_port=8443, destination=narrow.CLIENT, flags=ACK)),
    *cut(QUERY, 24, 48),
    icmp_error(narrow.CLIENT, narrow.VIP, narrow.HELLO.back().ip()[:28]),
]
CHAIN = (options(HOP_BY_HOP), routing(0), options(DESTINATION, 24))
WIDE = [
    bytes(wide.HELLO.but(extensions=CHAIN)),
    bytes(wide.HELLO.but(options=b"\x02\x04\x05\xb4")),
    bytes(wide.HELLO.but(protocol=UDP, extensions=(fragment(0, more=True),), payload=bytes(64))),
    bytes(wide.HELLO.but(protocol=UDP, extensions=(fragment(64, more=False),))),
    error6(wide.CLIENT, wide.VIP, wide.HELLO.back().ip()[:60]),
    bytes(wide.HELLO4),
    icmp_error(wide.TASK1, wide.VIP4, wide.HELLO4.back().ip()[:28]),
]
PROGRAMS = st.sampled_from(["uplink", "host", "task", "bridge"])


@st.composite
def damaged(draw: st.DrawFn, frames: list[bytes]) -> bytes:
    """Some bytes are others, and the end may be missing. Nothing shorter than a header ever comes."""
    frame = bytearray(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(0, 4))):
        frame[draw(st.integers(14, len(frame) - 1))] = draw(st.integers(0, 255))
    shortest = 14 + (40 if frame[12:14] == b"\x86\xdd" else 20)
    return bytes(frame[: draw(st.integers(shortest, len(frame)) | st.just(len(frame)))])


def take(kernel: Machine, program: str, frame: bytes) -> None:
    before = sum(kernel.drops().values())
    result = kernel.run(program, frame)
    counted = sum(kernel.drops().values()) - before
    assert result.verdict in {PASS, SHOT, REDIRECT}
    if result.verdict == PASS:
        assert (result.frame, counted) == (frame, 0)
    if result.verdict == SHOT:
        assert counted == 1


many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(program=PROGRAMS, frame=damaged(NARROW))
def test_ipv4(kernel: Machine, program: str, frame: bytes) -> None:
    frontends = (narrow.frontend(narrow.TASK1), narrow.frontend(narrow.BOX, keep=False, protocol="udp"))
    kernel.tell(narrow.state(*frontends))
    take(kernel, program, frame)


@many
@given(program=PROGRAMS, frame=damaged(WIDE))
def test_ipv6_and_between_the_versions(kernel6: Machine, program: str, frame: bytes) -> None:
    frontends = (
        wide.frontend(wide.TASK, wide.TASK1),
        wide.frontend(wide.TASK, wide.BOX, protocol="udp"),
        wide.frontend(wide.TASK, vip=wide.VIP4),
    )
    kernel6.tell(wide.state(*frontends))
    take(kernel6, program, frame)
