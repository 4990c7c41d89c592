"""Fragments: the later ones go where the first went, and put together again every checksum is right.

What comes without its first one is counted.
"""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.drivers.dataplane import abi
from tests.bpf.test_packet_paths import (
    BOX,
    CLIENT,
    HELLO,
    TASK1,
    TASK2,
    VIP,
    VIP2,
    carried,
    dropped,
    frontend,
    state,
)
from tests.support.bpf_run import PASS, REDIRECT, SHOT, Machine
from tests.support.fragments import cut, identification_of, joined
from tests.support.packets import ACK, FIN, SYN, TCP, UDP, Packet, icmp_error, parse

pytestmark = pytest.mark.root

QUERY = HELLO.but(protocol=UDP, payload=bytes(range(200)))
DATAGRAMS = frontend(TASK1, protocol="udp")


def through(kernel: Machine, program: str, frames: list[bytes]) -> Packet:
    results = [kernel.run(program, frame) for frame in frames]
    assert [result.verdict for result in results] == [REDIRECT] * len(frames)
    out = parse(joined([result.frame for result in results]))
    assert out.checksums_right
    return out


def answering(target: str) -> str:
    return "bridge" if target == BOX else "task"


@pytest.mark.parametrize("target", [TASK1, BOX])
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "hidden"])
@pytest.mark.parametrize("program", ["uplink", "host", "task"])
def test_a_datagram_in_pieces_and_its_answer(kernel: Machine, program: str, keep: bool, target: str) -> None:
    kernel.tell(state(frontend(target, protocol="udp", keep=keep)))
    there = through(kernel, program, cut(QUERY, 64, 128))
    assert there.ends == (CLIENT if keep else VIP, 40000, target, 8443)
    assert there.payload == QUERY.payload
    back = through(kernel, answering(target), cut(there.back(payload=bytes(300)), 8, 296))
    assert (back.ends, back.payload) == ((VIP, 443, CLIENT, 40000), bytes(300))


def test_later_ones_in_any_order(kernel: Machine) -> None:
    kernel.tell(state(DATAGRAMS))
    first, *later = cut(QUERY, 64, 104, 160)
    assert through(kernel, "uplink", [first, *reversed(later)]).payload == QUERY.payload


def test_datagrams_that_cross(kernel: Machine) -> None:
    kernel.tell(state(DATAGRAMS, frontend(TASK2, vip=VIP2, protocol="udp")))
    one = cut(QUERY, 64, identification=1)
    two = cut(QUERY, 64, identification=2)
    other = cut(QUERY.but(destination=VIP2), 64, identification=1)
    results = [
        kernel.run("uplink", frame).frame for pair in zip(one, two, other, strict=True) for frame in pair
    ]
    assert [parse(joined(results[at::3])).destination for at in range(3)] == [TASK1, TASK1, TASK2]


def test_a_tcp_segment_in_pieces(kernel: Machine) -> None:
    kernel.tell(state(frontend(TASK1)))
    carried(kernel, "uplink", HELLO)
    data = HELLO.but(flags=ACK, payload=bytes(100))
    assert through(kernel, "uplink", cut(data, 24, 64)).payload == bytes(100)


def test_a_fin_in_pieces_does_not_end_the_flow_too_early(kernel: Machine) -> None:
    """Which number acknowledges it stands in the last fragment's length."""
    kernel.tell(state(frontend(TASK1)))
    there = carried(kernel, "uplink", HELLO.but(seq=100))
    carried(kernel, "task", there.back(flags=FIN | ACK, seq=500, ack=101))
    through(kernel, "uplink", cut(HELLO.but(flags=FIN | ACK, seq=101, ack=501, payload=bytes(100)), 24))
    carried(kernel, "task", there.back(flags=ACK, seq=501, ack=150))
    assert len(kernel.flows()) == 2


def test_hidden_senders_of_one_identification_stay_apart(kernel: Machine) -> None:
    kernel.tell(state(frontend(TASK1, protocol="udp", keep=False)))
    seen = set()
    for number in range(2, 102):
        frames = cut(QUERY.but(source=f"203.0.113.{number}", source_port=40000 + number), 64)
        seen.add(identification_of(kernel.run("uplink", frames[0]).frame))
    assert len(seen) > 95


def test_fragments_count_for_their_frontend(kernel: Machine) -> None:
    kernel.tell(state(DATAGRAMS))
    through(kernel, "uplink", cut(QUERY, 64, 128))
    (frontend_id,) = {flow.frontend for flow in kernel.flows().values()}
    parts = kernel.maps["counters"].get_per_cpu(frontend_id.to_bytes(4, "little"))
    total = [sum(values) for values in zip(*map(abi.Counters.unpack, parts), strict=True)]
    assert total[:3] == [1, 3, 3 * 20 + 208]


class TestWhatFollowsNothing:
    @pytest.mark.parametrize("program", ["uplink", "host"])
    def test_a_later_one_without_its_first(self, kernel: Machine, program: str) -> None:
        kernel.tell(state(DATAGRAMS))
        dropped(kernel, program, cut(QUERY, 64)[1], "fragment")
        assert kernel.flows() == {}

    def test_a_tasks_may_be_the_wide_programs(self, kernel: Machine) -> None:
        """An answer to an IPv6 client. What is not is routed to the host's interface, and ends there."""
        kernel.tell(state(DATAGRAMS))
        later = cut(QUERY, 64)[1]
        result = kernel.run("task", later)
        assert (result.verdict, result.frame, kernel.drops()) == (PASS, later, {})

    def test_of_another_datagram(self, kernel: Machine) -> None:
        kernel.tell(state(DATAGRAMS))
        kernel.run("uplink", cut(QUERY, 64)[0])
        dropped(kernel, "uplink", cut(QUERY, 64, identification=8)[1], "fragment")

    def test_of_another_protocol(self, kernel: Machine) -> None:
        kernel.tell(state(DATAGRAMS, frontend(TASK1)))
        kernel.run("uplink", cut(QUERY, 64)[0])
        dropped(kernel, "uplink", cut(HELLO.but(payload=bytes(200)), 64)[1], "fragment")

    def test_too_late(self, kernel: Machine) -> None:
        kernel.tell(state(DATAGRAMS))
        first, later = cut(QUERY, 64)
        kernel.run("uplink", first)
        ((key, value),) = list(kernel.maps["fragments"].items())
        kernel.maps["fragments"].put(key, abi.Fragment.unpack(value)._replace(expires=1).pack())
        dropped(kernel, "uplink", later, "fragment")

    def test_its_target_is_gone(self, kernel: Machine) -> None:
        kernel.tell(state(DATAGRAMS))
        first, later = cut(QUERY, 64)
        kernel.run("uplink", first)
        kernel.tell(state(frontend(TASK2, protocol="udp")))
        dropped(kernel, "uplink", later, "stale_flow")

    def test_its_first_was_refused(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(protocol="udp")))
        first, later = cut(QUERY, 64)
        assert kernel.run("uplink", first).verdict == PASS
        dropped(kernel, "uplink", later, "fragment")

    @pytest.mark.parametrize("program", ["uplink", "host", "task", "bridge"])
    def test_other_peoples_fragments_pass(self, kernel: Machine, program: str) -> None:
        kernel.tell(state(DATAGRAMS))
        for frame in cut(QUERY.but(destination="192.0.2.1"), 64):
            assert kernel.run(program, frame)[:2] == (PASS, frame)
        assert kernel.drops() == {}

    def test_an_uplink_rewrites_no_answers(self, kernel: Machine) -> None:
        kernel.tell(state(DATAGRAMS))
        there = through(kernel, "uplink", cut(QUERY, 64))
        frames = cut(there.back(), 64)
        through(kernel, "task", frames)
        assert kernel.run("uplink", frames[1]).verdict == PASS

    def test_over_the_first_ones_header(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        dropped(kernel, "uplink", HELLO.but(fragment=1), "malformed")

    def test_a_first_one_without_ports(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        dropped(kernel, "uplink", cut(HELLO.but(payload=bytes(8)), 8)[0], "malformed")


class TestFloods:
    def test_later_ones_leave_nothing_behind(self, kernel: Machine) -> None:
        kernel.tell(state(DATAGRAMS))
        frame = cut(QUERY, 64)[1]
        assert kernel.run("uplink", frame, repeat=1000).verdict == SHOT
        assert kernel.drops() == {"fragment": 1000}
        assert list(kernel.maps["fragments"].items()) == []

    def test_first_ones_evict_no_flow(self, kernel: Machine) -> None:
        """More datagrams than the table holds, from one flow: only the table of fragments takes turns."""
        kernel.tell(state(DATAGRAMS, frontend(TASK1)))
        carried(kernel, "uplink", HELLO)
        for identification in range(0, 65536, 3):
            kernel.run("uplink", cut(QUERY, 64, identification=identification)[0])
        assert len(kernel.flows()) == 4
        assert len(list(kernel.maps["fragments"].items())) <= abi.Limit.MAX_FRAGMENTED


class TestTheWayBack:
    def test_what_may_be_cut_is_rewritten_and_left_to_the_kernel(self, kernel: Machine) -> None:
        """Too big for the way, and its sender does not forbid fragments."""
        for keep in (True, False):
            kernel.forget()
            kernel.tell(state(frontend(TASK1, protocol="udp", keep=keep)))
            there = carried(kernel, "uplink", QUERY.but(source="198.51.100.2"))
            frame = cut(there.back(payload=bytes(1400)))[0]
            result = kernel.run("task", frame)
            assert (result.verdict, result.frame[:6]) == (REDIRECT, b"\x02\0\0\0\0\x07")
            assert parse(result.frame).ends == (VIP, 443, "198.51.100.2", 40000)

    def test_an_error_that_quotes_a_later_one_passes(self, kernel: Machine) -> None:
        """What stands where the ports would be are none."""
        kernel.tell(state(DATAGRAMS))
        there = through(kernel, "uplink", cut(QUERY, 64))
        quoted = there.but(fragment=8).ip()[:28]
        assert kernel.run("task", icmp_error(TASK1, CLIENT, quoted, kind=11, code=1)).verdict == PASS


@dataclass(frozen=True)
class Cut:
    packet: Packet
    places: tuple[int, ...]
    identification: int


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    protocol = draw(st.sampled_from([TCP, UDP]))
    packet = QUERY.but(
        protocol=protocol,
        payload=draw(st.binary(min_size=64, max_size=600)),
        ip_options=draw(st.sampled_from([b"", b"\x01\x01\x01\x00", b"\x07\x07\x04" + bytes(4) + b"\x00"])),
        udp_checksum=draw(st.booleans()),
    )
    places = sorted(draw(st.sets(st.integers(3, 8), min_size=1, max_size=4)))
    return Cut(packet, tuple(place * 8 for place in places), draw(st.integers(0, 65535)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(whole=cuts(), keep=st.booleans(), data=st.data())
def test_any_cut(kernel: Machine, whole: Cut, keep: bool, data: st.DataObject) -> None:
    kernel.forget()
    kernel.tell(state(*(frontend(TASK1, keep=keep, protocol=name) for name in ("tcp", "udp"))))
    if whole.packet.protocol == TCP:
        carried(kernel, "uplink", whole.packet.but(flags=SYN, payload=b""))
    first, *later = cut(whole.packet, *whole.places, identification=whole.identification)
    there = through(kernel, "uplink", [first, *data.draw(st.permutations(later))])
    expected = parse(joined([first, *later]))
    source = CLIENT if keep else VIP
    assert there == expected.but(source=source, destination=TASK1, destination_port=8443)
