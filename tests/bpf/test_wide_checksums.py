"""Any packet at all, in either version: after the rewrite every checksum is right, by the plain-Python model.

Nothing but what must has changed. Each is also sent as a device sends it that summed the whole packet.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bpf.test_wide_paths import CLIENT4, TASK, TASK1, VIP, VIP4, frontend, seen_as, state
from tests.support.bpf_run import CHECKSUM_COMPLETE, REDIRECT, Machine
from tests.support.packets import ACK, SYN, TCP, UDP, Packet
from tests.support.packets6 import DESTINATION, HOP_BY_HOP, Packet6, options, parse, routing

pytestmark = pytest.mark.root

common = {
    "source_port": st.integers(1, 65535),
    "destination_port": st.just(443),
    "protocol": st.sampled_from([TCP, UDP]),
    "seq": st.integers(0, 2**32 - 1),
    "ack": st.integers(0, 2**32 - 1),
    "payload": st.binary(max_size=200),
    "options": st.sampled_from([b"", b"\x01\x01\x01\x00", b"\x02\x04\x05\xb4\x04\x02\x01\x01"]),
    "tos": st.integers(0, 255),
    "ttl": st.integers(1, 255),
    "flags": st.just(SYN),
}
chains = st.lists(
    st.sampled_from([options(HOP_BY_HOP), options(DESTINATION, 32), routing(0)]), max_size=4
).map(tuple)
wide = st.builds(
    Packet6,
    source=st.builds(lambda n: f"2001:db8:1::{n:x}", st.integers(2, 65535)),
    destination=st.just(VIP), label=st.integers(0, 2**20 - 1), extensions=chains, **common,
)  # fmt: skip
narrow = st.builds(
    Packet,
    source=st.builds(lambda n: f"203.0.113.{n}", st.integers(2, 254)),
    destination=st.just(VIP4),
    ip_options=st.sampled_from([b"", b"\x01\x01\x01\x00", b"\x07\x07\x04" + bytes(4) + b"\x00"]), **common,
)  # fmt: skip


def as_sent(packet: Packet, **changes: object) -> Packet:
    """As the packet's headers would tell it, without what another version does not say."""
    said = parse(bytes(packet))
    return Packet(
        said.source, said.source_port, said.destination, said.destination_port, said.protocol,
        flags=said.flags, seq=said.seq, ack=said.ack, payload=said.payload, options=said.options,
        tos=said.tos, ttl=said.ttl,
    ).but(**changes)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    packet=wide | narrow,
    target=st.sampled_from([TASK, TASK1]),
    keep=st.booleans(),
    answer=st.binary(max_size=200),
    flags=st.sampled_from([0, CHECKSUM_COMPLETE]),
)
def test_any_packet(
    kernel6: Machine, packet: Packet, target: str, keep: bool, answer: bytes, flags: int
) -> None:
    if packet.destination == VIP4:
        target = TASK  # from 4 to 4 goes through the other programs
    kernel6.forget()
    vip = packet.destination
    kernel6.tell(state(*(frontend(target, vip=vip, keep=keep, protocol=name) for name in ("tcp", "udp"))))
    result = kernel6.run("uplink", packet, flags=flags)
    assert result.verdict == REDIRECT
    there = parse(result.frame)
    assert there.checksums_right
    assert as_sent(there) == as_sent(
        packet,
        source=seen_as(packet, target, keep), source_port=there.source_port,
        destination=target, destination_port=8443,
    )  # fmt: skip
    if (":" in packet.source) == (":" in target):
        assert there.extensions == packet.extensions  # type: ignore[attr-defined]
        assert there.label == packet.label  # type: ignore[attr-defined]
    back = there.back(flags=SYN | ACK, payload=answer)
    result = kernel6.run("task", back, flags=flags)
    assert result.verdict == REDIRECT
    returned = parse(result.frame)
    assert returned.checksums_right
    assert as_sent(returned) == as_sent(
        back, source=vip, source_port=443, destination=packet.source, destination_port=packet.source_port
    )


@pytest.mark.parametrize("target", [TASK, TASK1])
def test_a_udp_checksum_that_becomes_zero_is_written_as_ones(kernel6: Machine, target: str) -> None:
    """Zero would mean that there is none, which IPv6 does not allow."""
    kernel6.tell(state(frontend(target, protocol="udp")))
    start = Packet6("2001:db8:1::2", 40000, VIP, 443, protocol=UDP, flags=ACK, payload=b"\0\0")
    there = parse(kernel6.run("uplink", start).frame)
    at = 14 + (40 if target == TASK else 20) + 6
    for value in range(65536):
        frame = bytes(there.but(payload=value.to_bytes(2, "big")))
        if frame[at : at + 2] == b"\xff\xff":
            out = kernel6.run("uplink", start.but(payload=value.to_bytes(2, "big"))).frame
            assert out[at : at + 2] == b"\xff\xff"
            return
    pytest.fail("no payload gave that checksum")


def test_from_4_to_4_among_targets_of_6(kernel6: Machine) -> None:
    """A frontend with targets of both versions is carried here as a whole."""
    kernel6.tell(state(frontend(TASK, TASK1, vip=VIP4)))
    seen = set()
    for port in range(2000, 2050):
        hello = Packet(CLIENT4, port, VIP4, 443, flags=SYN, ip_options=b"\x01\x01\x01\x00")
        there = parse(kernel6.run("uplink", hello, flags=CHECKSUM_COMPLETE).frame)
        assert there.checksums_right
        if there.destination == TASK1:
            assert there == hello.but(destination=TASK1, destination_port=8443)
            back = parse(kernel6.run("task", there.back(flags=SYN | ACK)).frame)
            assert back == there.back(flags=SYN | ACK).but(source=VIP4, source_port=443)
        seen.add(there.destination)
    assert seen == {TASK, TASK1}
