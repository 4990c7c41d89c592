"""IPv6 on one side or both: a packet in, verdict and packet out, every reason to drop."""

import struct

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import abi
from tests.support.bpf_run import BOX, CHECKSUM_COMPLETE, LOOPBACK, PASS, REDIRECT, SHOT, TASK1, Machine
from tests.support.handshakes import limit_of, set_uncompleted
from tests.support.netns_topology import run
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet, icmp_error
from tests.support.packets6 import (
    DESTINATION,
    HOP_BY_HOP,
    ICMP6,
    Packet6,
    error6,
    fragment,
    header6,
    options,
    parse,
    parse_error,
    routing,
)

pytestmark = pytest.mark.root

VIP, VIP4 = "fd00:1::100", "10.1.1.100"
CLIENT, CLIENT4, FAR = "2001:db8:1::2", "203.0.113.2", "2001:db8:2::2"
TASK, OTHER = "fd00:1::11", "fd00:2::12"
BACKENDS = {
    TASK: Backend(address=TASK, port=8443, interface="swt1"),
    OTHER: Backend(address=OTHER, port=8443, interface="swt2"),
    TASK1: Backend(address=TASK1, port=8443, interface="swt1"),
    BOX: Backend(address=BOX, port=8443, interface="sealway-br0"),
}
HELLO = Packet6(CLIENT, 40000, VIP, 443, flags=SYN)
HELLO4 = Packet(CLIENT4, 40000, VIP4, 443, flags=SYN)
QUERY = HELLO.but(protocol=UDP, flags=ACK, payload=b"question")


def frontend(
    *targets: str, vip: str = VIP, keep: bool = True, proxy: bool = False, **more: object
) -> Frontend:
    return Frontend(
        vip=vip,
        port=443,
        backends=tuple(
            WeightedBackend(backend=BACKENDS[target], preserve_client_ip=keep, proxy_protocol=proxy)
            for target in targets
        ),
        counterpart=VIP4 if vip == VIP else VIP,
        **more,
    )


def state(*frontends: Frontend, draining: tuple[str, ...] = ()) -> DataPlaneState:
    return DataPlaneState(
        vips=frozenset({VIP, VIP4}),
        frontends=frontends,
        draining=frozenset(BACKENDS[target] for target in draining),
    )


def carried(kernel: Machine, program: str, packet: Packet, flags: int = 0) -> Packet:
    result = kernel.run(program, packet, flags=flags)
    assert result.verdict == REDIRECT
    out = parse(result.frame)
    assert out.checksums_right
    return out


def passes(kernel: Machine, program: str, packet: object) -> None:
    result = kernel.run(program, packet)
    assert (result.verdict, result.frame) == (PASS, bytes(packet))  # type: ignore[call-overload]
    assert kernel.drops() == {}


def dropped(kernel: Machine, program: str, packet: object, reason: str) -> None:
    assert kernel.run(program, packet).verdict == SHOT
    assert kernel.drops() == {reason: 1}


def told(kernel: Machine, answer: Packet) -> tuple[int, int, int]:
    """What the target is told about an answer that is too large; as an error of whom it answered."""
    result = kernel.run("task", answer)
    assert (result.verdict, kernel.drops()) == (REDIRECT, {"too_big": 1})
    error = parse_error(result.frame)
    assert error.checksums_right
    assert (error.source, error.destination) == (answer.destination, answer.source)
    assert error.ends == answer.ends
    return error.kind, error.code, error.rest


class TestWhatPasses:
    @pytest.mark.parametrize("program", ["uplink", "host", "task", "bridge"])
    def test_what_is_none_of_ours(self, kernel6: Machine, program: str) -> None:
        kernel6.tell(state(frontend(TASK)))
        passes(kernel6, program, HELLO.but(destination="2001:db8::99"))
        passes(kernel6, program, HELLO4.but(destination="192.0.2.1"))
        passes(kernel6, program, bytes(12) + b"\x08\x06" + bytes(28))

    @pytest.mark.parametrize("kind", [128, 133, 135, 136], ids=["echo", "router", "neighbour", "advert"])
    def test_neighbour_discovery_and_echo(self, kernel6: Machine, kind: int) -> None:
        kernel6.tell(state(frontend(TASK)))
        passes(kernel6, "uplink", error6(CLIENT, VIP, bytes(24), kind=kind))

    def test_ports_that_have_no_frontend_or_backend(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend()))
        passes(kernel6, "uplink", HELLO.but(destination_port=80))
        passes(kernel6, "uplink", HELLO)

    @pytest.mark.parametrize("flags", [ACK, SYN | ACK, FIN | ACK, RST, SYN | FIN])
    def test_what_opens_no_flow(self, kernel6: Machine, flags: int) -> None:
        kernel6.tell(state(frontend(TASK)))
        passes(kernel6, "uplink", HELLO.but(flags=flags))
        assert kernel6.flows() == {}

    @pytest.mark.parametrize("ends", [("::ffff:203.0.113.2", VIP), (CLIENT, "::ffff:10.1.1.100")])
    def test_our_own_notation_for_ipv4_is_nobodys_address(
        self, kernel6: Machine, ends: tuple[str, str]
    ) -> None:
        kernel6.tell(state(frontend(TASK), frontend(TASK, vip=VIP4)))
        source, destination = ends
        passes(kernel6, "uplink", HELLO.but(source=source, destination=destination))

    def test_what_is_routed_on_elsewhere(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        passes(kernel6, "uplink", HELLO.but(extensions=(routing(1),)))

    def test_a_protocol_without_ports(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        passes(kernel6, "uplink", bytes(12) + b"\x86\xdd" + header6(HELLO, 50, bytes(40)))


WAYS = [
    pytest.param(HELLO, TASK, True, id="6 to 6, kept"),
    pytest.param(HELLO, TASK, False, id="6 to 6, hidden"),
    pytest.param(HELLO, TASK1, True, id="6 to 4"),
    pytest.param(HELLO, BOX, True, id="6 to 4, bridge"),
    pytest.param(HELLO4, TASK, True, id="4 to 6"),
]


def seen_as(hello: Packet, target: str, keep: bool) -> str:
    """The client, as the target sees it."""
    across = (":" in hello.source) != (":" in target)
    vip = VIP if ":" in target else VIP4
    return vip if across or not keep else hello.source


class TestFlows:
    @pytest.mark.parametrize(("hello", "target", "keep"), WAYS)
    @pytest.mark.parametrize("protocol", ["tcp", "udp"])
    @pytest.mark.parametrize("program", ["uplink", "host", "task"])
    @pytest.mark.parametrize("flags", [0, CHECKSUM_COMPLETE], ids=["unsummed", "summed by the device"])
    def test_there_and_back(  # noqa: PLR0917 - each is a dimension
        self, kernel6: Machine, hello: Packet, target: str, keep: bool,
        protocol: str, program: str, flags: int,
    ) -> None:  # fmt: skip
        kernel6.tell(state(frontend(target, vip=hello.destination, keep=keep, protocol=protocol)))
        if protocol == "udp":
            hello = hello.but(protocol=UDP, payload=b"question")
        there = carried(kernel6, program, hello, flags)
        assert (there.source, there.destination, there.destination_port) == (
            seen_as(hello, target, keep), target, 8443,
        )  # fmt: skip
        assert there.payload == hello.payload
        assert len(kernel6.flows()) == 2
        again = carried(kernel6, program, hello.but(flags=ACK, payload=b"data"), flags)
        assert again == there.but(flags=ACK, payload=b"data")
        side = "bridge" if target == BOX else "task"
        back = carried(kernel6, side, there.back(flags=SYN | ACK, payload=b"answer"), flags)
        assert back.ends == (hello.destination, 443, hello.source, 40000)
        assert back.payload == b"answer"

    def test_a_task_client_is_remembered_by_its_interface(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        carried(kernel6, "task", HELLO.but(source=OTHER))
        assert {flow.client_ifindex for flow in kernel6.flows().values()} == {LOOPBACK}

    @pytest.mark.parametrize("target", [TASK, TASK1])
    def test_an_answer_to_this_host_goes_up_with_its_mac(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target)))
        there = carried(kernel6, "host", HELLO.but(source="fd00::1"))
        result = kernel6.run("task", there.back(flags=SYN | ACK))
        assert result.verdict == REDIRECT
        assert result.frame[:6] + result.frame[12:14] == b"\x02\0\0\0\0\x07\x86\xdd"

    def test_flows_spread_over_both_versions_and_stay(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK, OTHER, TASK1)))
        first = {port: carried(kernel6, "uplink", HELLO.but(source_port=port)) for port in range(2000, 2100)}
        assert {packet.destination for packet in first.values()} == {TASK, OTHER, TASK1}
        kernel6.tell(state(frontend(TASK), draining=(OTHER, TASK1)))
        for port, there in first.items():
            same = carried(kernel6, "uplink", HELLO.but(source_port=port, flags=ACK))
            assert same.destination == there.destination

    def test_a_hairpin_is_hidden(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        there = carried(kernel6, "task", HELLO.but(source=TASK))
        assert there.ends == (VIP, 40000, TASK, 8443)
        back = carried(kernel6, "task", there.back(flags=SYN | ACK))
        assert back.ends == (VIP, 443, TASK, 40000)

    def test_ports_towards_an_ipv4_target_are_not_the_narrow_programs(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK1)))
        ports = {
            carried(kernel6, "uplink", HELLO.but(source_port=port)).source_port for port in range(2000, 2300)
        }
        assert len(ports) == 300
        assert all(abi.Limit.LAST_PORT < port <= abi.Limit.LAST_WIDE_PORT for port in ports)

    def test_two_hidden_clients_with_one_port(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK, keep=False)))
        one = carried(kernel6, "uplink", HELLO)
        other = carried(kernel6, "uplink", HELLO.but(source="2001:db8:1::3"))
        assert one.source_port != other.source_port
        assert carried(kernel6, "task", other.back()).destination == "2001:db8:1::3"

    @pytest.mark.parametrize("target", [TASK, TASK1])
    def test_both_fins_and_their_acknowledgements_end_it(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target)))
        there = carried(kernel6, "uplink", HELLO.but(seq=100, ack=0))
        carried(kernel6, "task", there.back(flags=SYN | ACK, seq=500, ack=101))
        carried(kernel6, "uplink", HELLO.but(flags=FIN | ACK, seq=101, ack=501))
        carried(kernel6, "task", there.back(flags=FIN | ACK, seq=501, ack=102))
        assert len(kernel6.flows()) == 2
        carried(kernel6, "uplink", HELLO.but(flags=ACK, seq=102, ack=502))
        assert kernel6.flows() == {}

    def test_a_target_whose_only_way_is_missing_gets_no_flow(self, kernel6: Machine) -> None:
        lonely = Frontend(vip=VIP, port=443, backends=(WeightedBackend(backend=BACKENDS[TASK1]),))
        kernel6.tell(state(lonely))
        passes(kernel6, "uplink", HELLO)


class TestExtensionHeaders:
    @pytest.mark.parametrize(
        "extensions",
        [
            (options(HOP_BY_HOP),),
            (options(DESTINATION, 24),),
            (routing(0),),
            (options(HOP_BY_HOP), options(DESTINATION), routing(0), options(DESTINATION, 64)),
            (fragment(0, more=False),),
            (options(HOP_BY_HOP), fragment(0, more=False)),
        ],
    )
    def test_they_are_walked_and_kept(
        self, kernel6: Machine, extensions: tuple[tuple[int, bytes], ...]
    ) -> None:
        kernel6.tell(state(frontend(TASK)))
        there = carried(kernel6, "uplink", HELLO.but(extensions=extensions), CHECKSUM_COMPLETE)
        assert there.ends == (CLIENT, 40000, TASK, 8443)
        assert there.extensions == extensions  # type: ignore[attr-defined]

    @pytest.mark.parametrize("extensions", [(options(HOP_BY_HOP),), (routing(0), options(DESTINATION, 64))])
    def test_they_are_left_behind_on_the_way_to_ipv4(
        self, kernel6: Machine, extensions: tuple[tuple[int, bytes], ...]
    ) -> None:
        kernel6.tell(state(frontend(TASK1)))
        plain = carried(kernel6, "uplink", HELLO)
        assert carried(kernel6, "uplink", HELLO.but(extensions=extensions)) == plain
        with_payload = HELLO.but(extensions=extensions, flags=ACK, payload=bytes(range(200)))
        assert carried(kernel6, "uplink", with_payload, CHECKSUM_COMPLETE).payload == bytes(range(200))

    def test_ip_options_are_left_behind_on_the_way_to_ipv6(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK, vip=VIP4)))
        plain = carried(kernel6, "uplink", HELLO4)
        with_options = HELLO4.but(ip_options=b"\x07\x07\x04" + bytes(4) + b"\x00")
        assert carried(kernel6, "uplink", with_options, CHECKSUM_COMPLETE) == plain

    @pytest.mark.parametrize("count", [9, 20])
    def test_too_many(self, kernel6: Machine, count: int) -> None:
        kernel6.tell(state(frontend(TASK)))
        chain = tuple(options(DESTINATION) for _ in range(count))
        dropped(kernel6, "uplink", HELLO.but(extensions=chain), "malformed")

    def test_too_long(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        chain = (options(DESTINATION, 256),) * 5
        dropped(kernel6, "uplink", HELLO.but(extensions=chain), "malformed")

    def test_cut_short(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        frame = bytes(HELLO.but(extensions=(options(DESTINATION),)))
        dropped(kernel6, "uplink", frame[: 14 + 40 + 2], "malformed")


class TestDrops:
    @pytest.mark.parametrize("hello", [HELLO, HELLO4])
    def test_malformed(self, kernel6: Machine, hello: Packet) -> None:
        kernel6.tell(state(frontend(TASK), frontend(TASK, vip=VIP4)))
        frame = bytearray(bytes(hello))
        frame[14 + (40 if hello is HELLO else 20) + 12] = 0x40
        dropped(kernel6, "uplink", frame, "malformed")

    def test_backend_gone(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        empty = kernel6.maps["backends"]
        for slot, value in list(empty.items())[:64]:
            empty.put(slot, value[:18] + bytes([abi.BackendState.FREE]) + value[19:])
        dropped(kernel6, "uplink", HELLO, "backend_gone")
        kernel6.tell(DataPlaneState())

    @pytest.mark.parametrize("target", [TASK, TASK1])
    @pytest.mark.parametrize("payload", [b"", b"x", bytes(1400)])
    def test_a_target_whose_flow_was_cut_is_reset(
        self, kernel6: Machine, target: str, payload: bytes
    ) -> None:
        kernel6.tell(state(frontend(target)))
        there = carried(kernel6, "uplink", HELLO)
        kernel6.tell(state(frontend(OTHER)))
        late = there.back(flags=ACK, seq=500, ack=101, payload=payload)
        reset = carried(kernel6, "task", late)
        assert (reset.ends, reset.flags, reset.seq, reset.payload) == (there.ends, RST, 101, b"")
        assert kernel6.drops() == {"stale_flow": 1}
        assert carried(kernel6, "uplink", HELLO).destination == OTHER

    @pytest.mark.parametrize("target", [TASK, TASK1])
    def test_no_route(self, kernel6: Machine, target: str) -> None:
        kernel6.tell(state(frontend(target)))
        there = carried(kernel6, "uplink", HELLO.but(source="2001:db8:9::9"))
        dropped(kernel6, "task", there.back(), "no_route")

    def test_no_host_interface(self, kernel6: Machine) -> None:
        kernel6.set_host(0)
        kernel6.tell(state(frontend(TASK)))
        there = carried(kernel6, "host", HELLO.but(source="fd00::1"))
        dropped(kernel6, "task", there.back(), "no_host_interface")

    def test_too_big_for_the_way_back(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK)))
        kept = carried(kernel6, "uplink", HELLO.but(source=FAR))
        passes(kernel6, "task", kept.back(payload=bytes(1230)))
        kernel6.tell(state(frontend(TASK, keep=False)))
        hidden = carried(kernel6, "uplink", HELLO.but(source=FAR, source_port=40001))
        assert told(kernel6, hidden.back(payload=bytes(1230))) == (2, 0, 1280)

    @pytest.mark.parametrize(("payload", "fits"), [(1220, True), (1221, False)])
    def test_an_answer_grows_on_its_way_to_ipv6(self, kernel6: Machine, payload: int, fits: bool) -> None:
        kernel6.tell(state(frontend(TASK1)))
        there = carried(kernel6, "uplink", HELLO.but(source=FAR))
        answer = there.back(payload=bytes(payload))
        if fits:
            assert carried(kernel6, "task", answer).payload == bytes(payload)
        else:
            assert told(kernel6, answer) == (3, 4, 1280 - 28)

    def test_a_target_of_ipv6_is_told_of_the_other_versions_size(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK, vip=VIP4)))
        there = carried(kernel6, "uplink", HELLO4.but(source="198.51.100.2"))
        assert told(kernel6, there.back(payload=bytes(1241))) == (2, 0, 1300)
        assert carried(kernel6, "task", there.back(payload=bytes(1240))).payload == bytes(1240)

    def test_udp_without_a_checksum_has_no_word_in_ipv6(self, kernel6: Machine) -> None:
        kernel6.tell(state(frontend(TASK1, protocol="udp")))
        there = carried(kernel6, "uplink", QUERY)
        dropped(kernel6, "task", there.back(udp_checksum=False), "untranslatable")


class TestSegmentSize:
    @pytest.fixture
    def small(self, kernel6: Machine):  # type: ignore[no-untyped-def]
        run("ip", "-n", kernel6.namespace, "link", "set", "lo", "mtu", "1400")
        yield kernel6
        run("ip", "-n", kernel6.namespace, "link", "set", "lo", "mtu", "65536")

    @pytest.mark.parametrize(("hello", "target", "limit"), [
        (HELLO, TASK, 1340), (HELLO, TASK1, 1340), (HELLO4, TASK, 1360),
    ])  # fmt: skip
    def test_a_clients(self, small: Machine, hello: Packet, target: str, limit: int) -> None:
        small.tell(state(frontend(target, vip=hello.destination)))
        there = carried(small, "uplink", hello.but(options=b"\x02\x04\x05\xb4"), CHECKSUM_COMPLETE)
        assert there.options == b"\x02\x04" + struct.pack("!H", limit)

    @pytest.mark.parametrize(("hello", "target", "limit"), [
        (HELLO, TASK, 1460), (HELLO, TASK1, 1360), (HELLO4, TASK, 1340),
    ])  # fmt: skip
    def test_a_targets_where_the_header_becomes_another(
        self, small: Machine, hello: Packet, target: str, limit: int
    ) -> None:
        small.tell(state(frontend(target, vip=hello.destination)))
        there = carried(small, "uplink", hello)
        back = carried(small, "task", there.back(flags=SYN | ACK, options=b"\x02\x04\x05\xb4"))
        assert back.options == b"\x02\x04" + struct.pack("!H", limit)


def test_an_ipv4_error_about_nobody_passes(kernel6: Machine) -> None:
    kernel6.tell(state(frontend(TASK1)))
    passes(kernel6, "task", icmp_error(TASK1, VIP4, HELLO4.back().ip()[:28]))
    assert ICMP6 == 58


class TestOverTheHandshakeLimit:
    """As for IPv4: see test_packet_flood.py."""

    OPEN = HELLO.but(seq=100, ack=0)
    DONE = HELLO.but(flags=ACK, seq=101, ack=501)

    @pytest.mark.parametrize("target", [TASK, TASK1])
    @pytest.mark.parametrize("remembered", [True, False])
    def test_a_client_that_waits_for_the_answer_is_served(
        self, kernel6: Machine, target: str, remembered: bool
    ) -> None:
        kernel6.tell(state(frontend(target)))
        set_uncompleted(kernel6, 2 * limit_of(kernel6) - 100)
        there = carried(kernel6, "uplink", self.OPEN)
        assert kernel6.flows() == {}
        back = carried(kernel6, "task", there.back(flags=SYN | ACK, seq=500, ack=101))
        assert back.ends == self.OPEN.back().ends
        if not remembered:
            table = kernel6.maps["pending"]
            table.fill(bytes(table.max_entries * table.value_size))
        assert carried(kernel6, "uplink", self.DONE).ends == there.ends
        established = {bool(flow.flags & abi.FlowFlag.ESTABLISHED) for flow in kernel6.flows().values()}
        assert established == {remembered}
        carried(kernel6, "task", there.back(flags=ACK, seq=501, ack=101))
        assert all(flow.flags & abi.FlowFlag.ESTABLISHED for flow in kernel6.flows().values())
        assert kernel6.drops() == {}
