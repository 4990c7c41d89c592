"""Any packet at all: after the rewrite every checksum is right, by the plain-Python model, and nothing but
addresses, ports and checksums has changed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.drivers.dataplane import abi
from tests.bpf.test_packet_paths import TASK1, VIP, frontend, state
from tests.support.bpf_run import REDIRECT, Machine
from tests.support.packets import ACK, SYN, TCP, UDP, Packet, parse

pytestmark = pytest.mark.root

clients = st.builds(lambda low: f"203.0.113.{low}", st.integers(2, 254))
packets = st.builds(
    Packet,
    source=clients,
    source_port=st.integers(1, 65535),
    destination=st.just(VIP),
    destination_port=st.just(443),
    protocol=st.sampled_from([TCP, UDP]),
    flags=st.just(SYN),
    seq=st.integers(0, 2**32 - 1),
    ack=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    options=st.sampled_from([b"", b"\x01\x01\x01\x00", b"\x02\x04\x05\xb4\x04\x02\x01\x01"]),
    ip_options=st.sampled_from([b"", b"\x01\x01\x01\x00", b"\x07\x07\x04" + bytes(4) + b"\x00"]),
    tos=st.integers(0, 255),
    ttl=st.integers(1, 255),
    udp_checksum=st.booleans(),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packet=packets, keep=st.booleans(), answer=st.binary(max_size=200))
def test_any_packet(kernel: Machine, packet: Packet, keep: bool, answer: bytes) -> None:
    kernel.forget()
    kernel.tell(state(*(frontend(TASK1, keep=keep, protocol=name) for name in ("tcp", "udp"))))
    result = kernel.run("uplink", packet)
    there = parse(result.frame)
    assert result.verdict == REDIRECT
    assert there.checksums_right
    source = packet.source if keep else VIP
    expected = parse(bytes(packet)).but(
        source=source, source_port=there.source_port, destination=TASK1, destination_port=8443
    )
    assert there == expected
    if keep or 1024 <= packet.source_port <= abi.Limit.LAST_PORT:
        assert there.source_port == packet.source_port
    back = there.back(flags=SYN | ACK, payload=answer)
    result = kernel.run("task", back)
    assert result.verdict == REDIRECT
    assert parse(result.frame) == parse(bytes(back)).but(
        source=VIP, source_port=443, destination=packet.source, destination_port=packet.source_port
    )


def test_a_udp_checksum_that_becomes_zero_is_written_as_ones(kernel: Machine) -> None:
    """Zero would mean that there is none."""
    kernel.tell(state(frontend(TASK1, protocol="udp")))
    start = Packet("203.0.113.2", 40000, VIP, 443, protocol=UDP, payload=b"\0\0")
    there = parse(kernel.run("uplink", start).frame)
    for value in range(65536):
        frame = bytes(there.but(payload=value.to_bytes(2, "big")))
        if frame[14 + 26 : 14 + 28] == b"\xff\xff":
            out = kernel.run("uplink", start.but(payload=value.to_bytes(2, "big"))).frame
            assert out[14 + 26 : 14 + 28] == b"\xff\xff"
            return
    pytest.fail("no payload gave that checksum")
