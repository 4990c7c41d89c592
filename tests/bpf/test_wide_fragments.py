"""Fragments where IPv6 is on either side: the later ones go where the first went, in the version it went in.

See ``test_packet_fragments`` for version 4 alone.
"""

import struct

import pytest

from tests.bpf.test_wide_paths import (
    CLIENT,
    HELLO4,
    OTHER,
    QUERY,
    TASK,
    TASK1,
    VIP,
    VIP4,
    WAYS,
    carried,
    dropped,
    frontend,
    seen_as,
    state,
)
from tests.support import fragments, packets
from tests.support.bpf_run import BOX, CHECKSUM_COMPLETE, PASS, REDIRECT, SHOT, Machine
from tests.support.fragments import MORE
from tests.support.packets import TCP, UDP, Packet
from tests.support.packets6 import DESTINATION, error6, fragment, header6, options, parse, parse_error

pytestmark = pytest.mark.root


def cut(packet: Packet, *places: int, identification: int = 7) -> list[bytes]:
    """Frames of the packet's fragments, in its version."""
    if ":" not in packet.source:
        return fragments.cut(packet, *places, identification=identification)
    body = packet.transport()  # type: ignore[attr-defined]
    bounds = zip([0, *places], [*places, len(body)], strict=True)
    return [
        bytes(12) + b"\x86\xdd"
        + header6(
            packet.but(extensions=(fragment(start, end < len(body), identification),)),  # type: ignore[arg-type]
            packet.protocol, body[start:end],
        )
        for start, end in bounds
    ]  # fmt: skip


def joined(frames: list[bytes]) -> Packet:
    if frames[0][12:14] == b"\x08\x00":
        return packets.parse(fragments.joined(frames))
    assert len({frame[20:21] + frame[54:55] + frame[58:62] for frame in frames}) == 1
    parts = sorted((int.from_bytes(frame[56:58], "big"), frame[62:]) for frame in frames)
    assert [place & 1 for place, _ in parts] == [1] * (len(parts) - 1) + [0]
    body = b""
    for place, part in parts:
        assert place & ~7 == len(body)
        body += part
    return parse(frames[0][:18] + struct.pack("!H", len(body)) + frames[0][54:55] + frames[0][21:54] + body)


def through(kernel: Machine, program: str, frames: list[bytes], flags: int = 0) -> Packet:
    results = [kernel.run(program, frame, flags=flags) for frame in frames]
    assert [result.verdict for result in results] == [REDIRECT] * len(frames)
    out = joined([result.frame for result in results])
    assert out.checksums_right
    return out


@pytest.mark.parametrize(("hello", "target", "keep"), WAYS)
@pytest.mark.parametrize("program", ["uplink", "host", "task"])
@pytest.mark.parametrize("flags", [0, CHECKSUM_COMPLETE], ids=["unsummed", "summed by the device"])
def test_a_datagram_in_pieces_and_its_answer(
    kernel6: Machine, hello: Packet, target: str, keep: bool, program: str, flags: int
) -> None:
    kernel6.tell(state(frontend(target, vip=hello.destination, keep=keep, protocol="udp")))
    query = hello.but(protocol=UDP, payload=bytes(range(200)))
    first, *later = cut(query, 64, 128, 160)
    there = through(kernel6, program, [first, *reversed(later)], flags)
    assert (there.source, there.destination, there.destination_port) == (
        seen_as(hello, target, keep), target, 8443,
    )  # fmt: skip
    assert there.payload == query.payload
    side = "bridge" if target == BOX else "task"
    back = through(kernel6, side, cut(there.back(payload=bytes(300)), 8, 160), flags)
    assert back.ends == (hello.destination, 443, hello.source, 40000)
    assert back.payload == bytes(300)


@pytest.mark.parametrize("target", [TASK, TASK1])
def test_datagrams_that_cross(kernel6: Machine, target: str) -> None:
    kernel6.tell(state(frontend(target, protocol="udp")))
    pairs = [cut(QUERY.but(source_port=port, payload=bytes(100)), 64, identification=port) for port in (1, 2)]
    frames = [kernel6.run("uplink", frame).frame for frame in (*pairs[0], *pairs[1])]
    ports = {joined(frames[at : at + 2]).source_port for at in (0, 2)}
    assert len(ports) == 2
    assert {frame[18:20] if target == TASK1 else frame[58:62] for frame in frames[:2]}.isdisjoint(
        {frame[18:20] if target == TASK1 else frame[58:62] for frame in frames[2:]}
    )


@pytest.mark.parametrize("target", [TASK, TASK1])
def test_a_tcp_segment_in_pieces(kernel6: Machine, target: str) -> None:
    kernel6.tell(state(frontend(target)))
    carried(kernel6, "uplink", QUERY.but(protocol=TCP, flags=packets.SYN, payload=b""))
    data = QUERY.but(protocol=TCP, payload=bytes(100))
    assert through(kernel6, "uplink", cut(data, 24, 64)).payload == bytes(100)


@pytest.mark.parametrize("target", [TASK, TASK1])
class TestWhatFollowsNothing:
    def test_a_later_one_without_its_first(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target, protocol="udp")))
        dropped(kernel6, "uplink", cut(QUERY.but(payload=bytes(100)), 64)[1], "fragment")

    def test_of_another_datagram(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target, protocol="udp")))
        query = QUERY.but(payload=bytes(100))
        assert kernel6.run("uplink", cut(query, 64)[0]).verdict == REDIRECT
        dropped(kernel6, "uplink", cut(query, 64, identification=8)[1], "fragment")

    def test_its_target_is_gone(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target, protocol="udp")))
        first, later = cut(QUERY.but(payload=bytes(100)), 64)
        kernel6.run("uplink", first)
        kernel6.tell(state(frontend(OTHER, protocol="udp")))
        dropped(kernel6, "uplink", later, "stale_flow")

    def test_a_flood_leaves_nothing_behind(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target, protocol="udp")))
        later = cut(QUERY.but(payload=bytes(100)), 64)[1]
        assert kernel6.run("uplink", later, repeat=500).verdict == SHOT
        assert kernel6.drops() == {"fragment": 500}
        assert list(kernel6.maps["fragments"].items()) == []


def test_a_targets_that_follows_nothing_is_the_kernels(kernel6: Machine) -> None:
    kernel6.tell(state(frontend(TASK1, protocol="udp")))
    there = carried(kernel6, "uplink", QUERY)
    later = cut(there.back(payload=bytes(100)), 64)[1]
    result = kernel6.run("task", later)
    assert (result.verdict, result.frame) == (PASS, later)


class TestWhatCannotBeSaid:
    def test_headers_that_a_fragments_place_counts(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK1, protocol="udp")))
        chain = (fragment(0, more=True), options(DESTINATION))
        first = bytes(12) + b"\x86\xdd" + header6(QUERY.but(extensions=chain), UDP, QUERY.transport())  # type: ignore[arg-type,attr-defined]
        dropped(kernel6, "uplink", first, "untranslatable")
        chain = (fragment(64, more=False),)
        later = bytes(12) + b"\x86\xdd" + header6(QUERY.but(extensions=chain), UDP, bytes(40))  # type: ignore[arg-type]
        assert kernel6.run("uplink", later).verdict == SHOT
        assert kernel6.drops() == {"untranslatable": 1, "fragment": 1}

    def test_an_ipv4_datagram_without_a_checksum(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK1, protocol="udp")))
        there = carried(kernel6, "uplink", QUERY)
        first = cut(there.back(payload=bytes(100), udp_checksum=False), 64)[0]
        dropped(kernel6, "task", first, "untranslatable")

    def test_ipv4s_among_targets_of_both(self, kernel6: Machine) -> None:
        """What stays IPv4 is no case for these programs, which IPv4 load balancers never meet."""
        kernel6.tell(state(frontend(TASK1, OTHER, vip=VIP4, protocol="udp")))
        found = [
            kernel6.run(
                "uplink", HELLO4.but(source_port=port, protocol=UDP, payload=bytes(40), fragment=MORE)
            )
            for port in range(2000, 2016)
        ]
        assert {result.verdict for result in found} == {SHOT, REDIRECT}
        assert kernel6.drops() == {"untranslatable": sum(result.verdict == SHOT for result in found)}


@pytest.mark.parametrize(("target", "told"), [(TASK, (2, 0, 1400)), (TASK1, (3, 4, 1400 - 28))])
def test_an_error_about_a_fragment_reaches_the_target(
    kernel6: Machine, target: str, told: tuple[int, int, int]
) -> None:
    """A router on the way to the client says which size it takes; fragments have one header more."""
    kernel6.tell(state(frontend(target, protocol="udp")))
    there = carried(kernel6, "uplink", QUERY)
    first, _ = cut(there.back(payload=bytes(1400)), 1200)
    answer = kernel6.run("task", first).frame
    error = parse_error(kernel6.run("uplink", error6("2001:db8:1::99", VIP, answer[14:][:1000])).frame)
    assert error.checksums_right
    assert (error.kind, error.code, error.rest, error.ends) == (*told, there.back().ends)


def test_an_error_about_a_later_fragment_is_nobodys(kernel6: Machine) -> None:
    kernel6.tell(state(frontend(TASK, protocol="udp")))
    there = carried(kernel6, "uplink", QUERY)
    frames = [kernel6.run("task", frame).frame for frame in cut(there.back(payload=bytes(1400)), 1200)]
    assert kernel6.run("uplink", error6(CLIENT, VIP, frames[1][14:])).verdict == PASS
