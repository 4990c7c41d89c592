"""The Proxy Protocol header packet by packet: which one carries it, with which numbers, when it is over."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.drivers.dataplane import abi
from tests.bpf.test_packet_paths import CLIENT, HELLO, TASK1, TASK2, VIP, carried, dropped, frontend, state
from tests.support.bpf_run import REDIRECT, SHOT, Machine
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Packet, parse
from tests.support.proxy_header import told

pytestmark = pytest.mark.root

BYTES = 28
START = HELLO.seq + 1
"""The client's first byte."""
BARE = HELLO.but(flags=ACK, seq=START)
DATA = BARE.but(flags=ACK | PSH, payload=b"hello")
CALLER = (CLIENT, 40000, VIP, 443)


@pytest.fixture
def there(kernel: Machine) -> Packet:
    """A client's SYN as the target had it."""
    kernel.tell(state(frontend(TASK1, proxy=True)))
    return carried(kernel, "uplink", HELLO)


def answer(kernel: Machine, there: Packet, ack: int, flags: int = ACK, **more: object) -> Packet:
    return carried(kernel, "task", there.back(flags=flags, seq=5000, ack=ack, **more))


def flags(kernel: Machine) -> set[int]:
    mask = abi.FlowFlag.PROXY | abi.FlowFlag.PROXY_SENT
    return {flow.flags & mask for flow in kernel.flows().values()}


def is_header(packet: Packet, seq: int = START - BYTES) -> bool:
    return packet.seq == seq and told(packet.payload) == CALLER


class TestHandshake:
    def test_the_target_hears_of_a_lower_number(self, kernel: Machine, there: Packet) -> None:
        assert there == HELLO.but(destination=TASK1, destination_port=8443, seq=HELLO.seq - BYTES)
        assert carried(kernel, "uplink", HELLO) == there

    def test_the_client_hears_of_its_own(self, kernel: Machine, there: Packet) -> None:
        assert answer(kernel, there, START - BYTES, SYN | ACK).ack == START

    def test_so_does_one_that_is_refused(self, kernel: Machine, there: Packet) -> None:
        assert answer(kernel, there, START - BYTES, RST | ACK).ack == START
        assert kernel.flows() == {}

    def test_a_client_that_gives_up(self, kernel: Machine, there: Packet) -> None:
        assert carried(kernel, "uplink", BARE.but(flags=RST)).seq == START - BYTES

    def test_another_attempt_of_the_same_port_counts_from_its_own_number(
        self, kernel: Machine, there: Packet
    ) -> None:
        again = HELLO.but(seq=900_000)
        assert carried(kernel, "uplink", again).seq == again.seq - BYTES
        assert answer(kernel, there, again.seq + 1 - BYTES, SYN | ACK).ack == again.seq + 1
        assert is_header(carried(kernel, "uplink", BARE.but(seq=again.seq + 1)), again.seq + 1 - BYTES)

    def test_a_syn_with_data_is_dropped(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, proxy=True)))
        dropped(kernel, "uplink", HELLO.but(payload=b"early"), "fast_open")
        assert kernel.flows() == {}

    def test_without_the_attribute_nothing_is_touched(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        assert carried(kernel, "uplink", HELLO.but(payload=b"early")).seq == HELLO.seq
        assert carried(kernel, "uplink", BARE).payload == b""


class TestHeader:
    @pytest.mark.parametrize("program", ["uplink", "host", "task"])
    def test_a_bare_acknowledgement_carries_it(self, kernel: Machine, program: str) -> None:
        kernel.tell(state(frontend(TASK1, proxy=True)))
        carried(kernel, program, HELLO)
        assert is_header(carried(kernel, program, BARE))

    def test_it_tells_a_hidden_client(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, proxy=True, keep=False)))
        carried(kernel, "uplink", HELLO)
        there = carried(kernel, "uplink", BARE)
        assert there.source == VIP
        assert is_header(there)

    def test_a_padded_frame(self, kernel: Machine, there: Packet) -> None:
        result = kernel.run("uplink", bytes(BARE) + bytes(6))
        assert result.verdict == REDIRECT
        assert is_header(parse(result.frame))

    def test_data_behind_it_is_left_alone(self, kernel: Machine, there: Packet) -> None:
        carried(kernel, "uplink", BARE)
        assert carried(kernel, "uplink", DATA) == there.but(flags=DATA.flags, seq=START, payload=b"hello")

    def test_data_that_comes_again_is_preceded_by_it(self, kernel: Machine, there: Packet) -> None:
        carried(kernel, "uplink", BARE)
        carried(kernel, "uplink", DATA)
        assert is_header(carried(kernel, "uplink", DATA))

    def test_later_data_goes_as_it_is(self, kernel: Machine, there: Packet) -> None:
        later = DATA.but(seq=START + 1400)
        assert carried(kernel, "uplink", later).payload == b"hello"

    @pytest.mark.parametrize("program", ["uplink", "host", "task"])
    def test_data_that_came_alone_waits_for_it(self, kernel: Machine, program: str) -> None:
        """It is put back in line; at an egress hook it went first."""
        kernel.tell(state(frontend(TASK1, proxy=True)))
        there = carried(kernel, program, HELLO)
        header = carried(
            kernel, program, DATA.but(payload=bytes(1000), options=b"\x01\x01\x08\x0a" + bytes(8))
        )
        assert is_header(header)
        assert header.flags == ACK
        assert header.options == b"\x01\x01\x08\x0a" + bytes(8)
        assert header.destination == there.destination

    def test_a_fin_goes_behind_it(self, kernel: Machine, there: Packet) -> None:
        end = carried(kernel, "uplink", BARE.but(flags=FIN | ACK))
        assert end.flags == FIN | ACK
        assert is_header(end)


class TestEnd:
    def test_less_than_the_header_is_not_told(self, kernel: Machine, there: Packet) -> None:
        carried(kernel, "uplink", BARE)
        assert answer(kernel, there, START - BYTES, payload=b"banner").ack == START
        assert flags(kernel) == {abi.FlowFlag.PROXY | abi.FlowFlag.PROXY_SENT}

    def test_the_targets_acknowledgement_ends_it(self, kernel: Machine, there: Packet) -> None:
        carried(kernel, "uplink", BARE)
        assert answer(kernel, there, START).ack == START
        assert flags(kernel) == {0}
        assert carried(kernel, "uplink", BARE).payload == b""
        assert carried(kernel, "uplink", DATA).seq == START
        assert answer(kernel, there, START + 5).ack == START + 5

    def test_numbers_that_wrap(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, proxy=True)))
        there = carried(kernel, "uplink", HELLO.but(seq=10))
        assert there.seq == 2**32 + 10 - BYTES
        assert answer(kernel, there, 2**32 + 11 - BYTES, SYN | ACK).ack == 11
        assert is_header(carried(kernel, "uplink", BARE.but(seq=11)), 2**32 + 11 - BYTES)
        answer(kernel, there, 11)
        assert flags(kernel) == {0}

    def test_a_changed_attribute_is_for_new_flows(self, kernel: Machine, there: Packet) -> None:
        kernel.tell(state(frontend(TASK1)))
        assert is_header(carried(kernel, "uplink", BARE))
        assert carried(kernel, "uplink", HELLO.but(source_port=40001)).seq == HELLO.seq


def test_groups_that_differ_under_one_listener(kernel: Machine) -> None:
    plain, wrapped = frontend(TASK1), frontend(TASK2, proxy=True)
    kernel.tell(state(frontend(backends=plain.backends + wrapped.backends)))
    seen = {}
    for port in range(2000, 2040):
        there = carried(kernel, "uplink", HELLO.but(source_port=port))
        seen[there.destination] = there.seq
    assert seen == {TASK1: HELLO.seq, TASK2: HELLO.seq - BYTES}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(0, 2**32 - 1),
    port=st.integers(1, 65535),
    keep=st.booleans(),
    options=st.tuples(
        st.sampled_from([b"", b"\x01\x01\x01\x00"]),
        st.sampled_from([b"", b"\x01\x01\x01\x00", b"\x01\x01\x08\x0a" + bytes(range(8))]),
    ),
    data=st.one_of(st.binary(max_size=BYTES), st.binary(min_size=BYTES, max_size=300)),
)
def test_checksums(
    kernel: Machine, seq: int, port: int, keep: bool, options: tuple[bytes, bytes], data: bytes
) -> None:
    """Of every packet with a header. (A device's sum of the whole packet is forgotten by the kernel itself
    when the length changes.)"""
    kernel.forget()
    kernel.tell(state(frontend(TASK1, proxy=True, keep=keep)))
    ip_options, tcp_options = options
    hello = HELLO.but(seq=seq, source_port=port, options=tcp_options, ip_options=ip_options)
    there = carried(kernel, "uplink", hello)
    first = hello.but(flags=ACK, seq=(seq + 1) % 2**32, payload=data)
    result = kernel.run("uplink", first)
    assert result.verdict != SHOT
    header = parse(result.frame)
    assert header.checksums_right
    assert told(header.payload) == (CLIENT, port, VIP, 443)
    assert (header.options, header.ip_options, header.ends) == (tcp_options, ip_options, there.ends)
