"""A packet in, verdict and packet out: every way through the programs, and every reason to drop.

Two reasons cannot be provoked from here: ``flow_table`` (an LRU table evicts rather than refuse) and
``rewrite`` (the kernel would have to run out of memory).
"""

import struct

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import abi
from tests.support.bpf_run import BOX, LOOPBACK, PASS, REDIRECT, SHOT, TASK1, TASK2, Machine
from tests.support.flow_cells import put_all
from tests.support.netns_topology import run
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet, icmp_error, parse

pytestmark = pytest.mark.root

VIP, VIP2, CLIENT = "10.1.1.100", "10.1.2.100", "203.0.113.2"
BACKENDS = {
    TASK1: Backend(address=TASK1, port=8443, interface="swt1"),
    TASK2: Backend(address=TASK2, port=8443, interface="swt2"),
    BOX: Backend(address=BOX, port=8443, interface="sealway-br0"),
}
HELLO = Packet(CLIENT, 40000, VIP, 443, flags=SYN)


def frontend(
    *targets: str, vip: str = VIP, keep: bool = True, proxy: bool = False, **more: object
) -> Frontend:
    backends = tuple(
        WeightedBackend(backend=BACKENDS[target], preserve_client_ip=keep, proxy_protocol=proxy)
        for target in targets
    )
    return Frontend(**{"vip": vip, "port": 443, "backends": backends, **more})  # type: ignore[arg-type]


def state(*frontends: Frontend, draining: tuple[str, ...] = ()) -> DataPlaneState:
    return DataPlaneState(
        vips=frozenset({VIP, VIP2}),
        frontends=frontends,
        draining=frozenset(BACKENDS[target] for target in draining),
    )


def carried(kernel: Machine, program: str, packet: Packet) -> Packet:
    result = kernel.run(program, packet)
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


class TestWhatPasses:
    @pytest.mark.parametrize("program", ["uplink", "host", "task", "bridge"])
    def test_what_is_none_of_ours(self, kernel: Machine, program: str) -> None:
        kernel.tell(state(frontend(TASK1)))
        passes(kernel, program, HELLO.but(destination="192.0.2.1"))
        passes(kernel, program, bytes(12) + b"\x86\xdd" + bytes(60))
        passes(kernel, program, bytes(12) + b"\x08\x06" + bytes(28))
        passes(kernel, program, HELLO.but(destination="192.0.2.1", fragment=0x2000))

    def test_echo_to_a_vip(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        passes(kernel, "uplink", icmp_error(CLIENT, VIP, bytes(28), kind=8, code=0))

    def test_a_port_without_a_frontend(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        passes(kernel, "uplink", HELLO.but(destination_port=80))

    def test_a_frontend_without_a_backend(self, kernel: Machine) -> None:
        kernel.tell(state(frontend()))
        passes(kernel, "uplink", HELLO)

    @pytest.mark.parametrize("flags", [ACK, SYN | ACK, FIN | ACK, RST, SYN | FIN])
    def test_what_opens_no_flow(self, kernel: Machine, flags: int) -> None:
        kernel.tell(state(frontend(TASK1)))
        passes(kernel, "uplink", HELLO.but(flags=flags))
        assert kernel.flows() == {}

    def test_a_bridge_decides_no_client(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        passes(kernel, "bridge", HELLO)

    @pytest.mark.parametrize("program", ["uplink", "host"])
    def test_only_targets_interfaces_rewrite_answers(self, kernel: Machine, program: str) -> None:
        kernel.tell(state(frontend(TASK1)))
        passes(kernel, program, carried(kernel, "uplink", HELLO).back(flags=SYN | ACK))


class TestFlows:
    @pytest.mark.parametrize("program", ["uplink", "host", "task"])
    @pytest.mark.parametrize("target", [TASK1, BOX])
    def test_a_new_flow_and_its_answer(self, kernel: Machine, program: str, target: str) -> None:
        kernel.tell(state(frontend(target)))
        there = carried(kernel, program, HELLO)
        assert there.ends == (CLIENT, 40000, target, 8443)
        assert len(kernel.flows()) == 2
        again = carried(kernel, program, HELLO.but(flags=ACK, payload=b"data"))
        assert again == there.but(flags=ACK, payload=b"data")
        answer = carried(kernel, "bridge" if target == BOX else "task", there.back(flags=SYN | ACK))
        assert answer.ends == (VIP, 443, CLIENT, 40000)

    def test_a_task_client_is_remembered_by_its_interface(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        carried(kernel, "task", HELLO.but(source=TASK2))
        assert {flow.client_ifindex for flow in kernel.flows().values()} == {LOOPBACK}
        kernel.forget()
        carried(kernel, "uplink", HELLO)
        assert {flow.client_ifindex for flow in kernel.flows().values()} == {0}

    def test_an_answer_to_this_host_goes_up_with_its_mac(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "host", HELLO.but(source="10.1.0.1"))
        result = kernel.run("task", there.back(flags=SYN | ACK))
        assert result.verdict == REDIRECT
        assert result.frame[:6] == b"\x02\0\0\0\0\x07"

    def test_flows_spread_and_stay(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, TASK2, BOX)))
        first = {port: carried(kernel, "uplink", HELLO.but(source_port=port)) for port in range(2000, 2100)}
        assert {packet.destination for packet in first.values()} == {TASK1, TASK2, BOX}
        kernel.tell(state(frontend(TASK1), draining=(TASK2, BOX)))
        for port, there in first.items():
            same = carried(kernel, "uplink", HELLO.but(source_port=port, flags=ACK))
            assert same.destination == there.destination

    def test_a_sticky_frontend_sends_a_client_to_one_target(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, TASK2, BOX, sticky=True)))
        targets = {}
        for host in range(2, 62):
            client = HELLO.but(source=f"203.0.113.{host}")
            ports = (client.but(source_port=port) for port in range(2000, 2010))
            (targets[host],) = {carried(kernel, "uplink", packet).destination for packet in ports}
        assert set(targets.values()) == {TASK1, TASK2, BOX}

    def test_a_syn_leaves_a_draining_target(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        assert carried(kernel, "uplink", HELLO).destination == TASK1
        kernel.tell(state(frontend(TASK2), draining=(TASK1,)))
        assert carried(kernel, "uplink", HELLO).destination == TASK2
        assert len(kernel.flows()) == 2

    def test_a_removed_target_cuts_its_flows(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO)
        kernel.tell(state(frontend(TASK2)))
        passes(kernel, "uplink", HELLO.but(flags=ACK))
        assert all(flow.flags & abi.FlowFlag.CUT for flow in kernel.flows().values())
        assert carried(kernel, "uplink", HELLO).destination == TASK2
        assert there.destination == TASK1

    def test_counters(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO)
        carried(kernel, "task", there.back(flags=SYN | ACK))
        (frontend_id,) = {flow.frontend for flow in kernel.flows().values()}
        parts = kernel.maps["counters"].get_per_cpu(frontend_id.to_bytes(4, "little"))
        total = [sum(values) for values in zip(*map(abi.Counters.unpack, parts), strict=True)]
        assert total == [1, 2, 80, 0, 0, 0, 0, 0, 0, 0, 0]

    def test_resets_are_counted_by_who_sent_them(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        before = kernel.counters()
        carried(kernel, "uplink", HELLO)
        carried(kernel, "uplink", HELLO.but(flags=RST))
        there = carried(kernel, "uplink", HELLO)
        carried(kernel, "task", there.back(flags=RST | ACK))
        there = carried(kernel, "uplink", HELLO)
        kernel.tell(state(frontend(TASK2)))
        assert kernel.run("task", there.back(flags=ACK)).verdict == REDIRECT
        after = kernel.counters()
        assert after.client_resets - before.client_resets == 1
        assert after.target_resets - before.target_resets == 1
        assert after.resets - before.resets == 1

    def test_udp_opens_a_flow_with_any_packet(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, protocol="udp")))
        query = HELLO.but(protocol=UDP, payload=b"?")
        there = carried(kernel, "uplink", query)
        assert there.ends == (CLIENT, 40000, TASK1, 8443)
        assert carried(kernel, "task", there.back(payload=b"!")).ends == (VIP, 443, CLIENT, 40000)


class TestTranslation:
    def test_a_hidden_client(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, keep=False)))
        there = carried(kernel, "uplink", HELLO)
        assert there.ends == (VIP, 40000, TASK1, 8443)
        assert carried(kernel, "task", there.back(flags=SYN | ACK)).ends == (VIP, 443, CLIENT, 40000)

    @pytest.mark.parametrize("port", [80, abi.Limit.LAST_PORT + 1, 61000, 65535])
    def test_ports_that_are_not_ours_to_use(self, kernel: Machine, port: int) -> None:
        kernel.tell(state(frontend(TASK1, keep=False)))
        there = carried(kernel, "uplink", HELLO.but(source_port=port))
        assert 1024 <= there.source_port <= abi.Limit.LAST_PORT
        back = carried(kernel, "task", there.back(flags=SYN | ACK))
        assert back.ends == (VIP, 443, CLIENT, port)

    def test_two_hidden_clients_with_one_port(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, keep=False)))
        one = carried(kernel, "uplink", HELLO)
        other = carried(kernel, "uplink", HELLO.but(source="203.0.113.3"))
        assert one.source_port != other.source_port
        assert carried(kernel, "task", other.back()).destination == "203.0.113.3"

    def test_a_hairpin_is_always_hidden(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "task", HELLO.but(source=TASK1))
        assert there.ends == (VIP, 40000, TASK1, 8443)
        assert carried(kernel, "task", there.back(flags=SYN | ACK)).ends == (VIP, 443, TASK1, 40000)

    def test_one_source_port_through_two_vips(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1), frontend(TASK1, vip=VIP2)))
        one = carried(kernel, "uplink", HELLO)
        other = carried(kernel, "uplink", HELLO.but(destination=VIP2))
        assert one.ends == (CLIENT, 40000, TASK1, 8443)
        assert (other.source, other.source_port != 40000) == (CLIENT, True)
        assert carried(kernel, "task", one.back()).ends == (VIP, 443, CLIENT, 40000)
        assert carried(kernel, "task", other.back()).ends == (VIP2, 443, CLIENT, 40000)

    def test_no_port_left(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, keep=False)))
        there = carried(kernel, "uplink", HELLO)
        answer = next(flow for flow in kernel.flows().values() if flow.flags & abi.FlowFlag.ANSWER)
        others = answer._replace(destination=b"\xcb\0\x71\x09")
        ports = (port.to_bytes(2, "big") for port in range(1024, 61000))
        put_all(kernel.maps, (others._replace(key_destination_port=port) for port in ports))
        assert there.source == VIP
        before = kernel.counters().ports_exhausted
        dropped(kernel, "uplink", HELLO.but(source_port=50000), "ports_exhausted")
        assert kernel.counters().ports_exhausted == before + 1


class TestLife:
    """``there``: the client's packet as the target sees it; sequence numbers as a real exchange has them."""

    def open(self, kernel: Machine) -> tuple[Packet, Packet]:
        kernel.tell(state(frontend(TASK1), frontend(TASK1, vip=VIP2)))
        there = carried(kernel, "uplink", HELLO.but(seq=100, ack=0))
        carried(kernel, "task", there.back(flags=SYN | ACK, seq=500, ack=101))
        client = HELLO.but(flags=ACK, seq=101, ack=501)
        carried(kernel, "uplink", client)
        return client, there.back(flags=ACK, seq=501, ack=101)

    def test_both_fins_and_their_acknowledgements_end_it(self, kernel: Machine) -> None:
        client, target = self.open(kernel)
        carried(kernel, "uplink", client.but(flags=FIN | ACK, payload=b"bye"))
        carried(kernel, "task", target.but(ack=104))
        carried(kernel, "task", target.but(ack=105))
        carried(kernel, "task", target.but(flags=FIN | ACK, ack=105))
        assert len(kernel.flows()) == 2
        carried(kernel, "uplink", client.but(seq=105, ack=501))
        assert len(kernel.flows()) == 2, "that did not acknowledge the target's FIN"
        carried(kernel, "uplink", client.but(seq=105, ack=502))
        assert kernel.flows() == {}

    def test_fins_that_cross(self, kernel: Machine) -> None:
        client, target = self.open(kernel)
        carried(kernel, "uplink", client.but(flags=FIN | ACK))
        carried(kernel, "task", target.but(flags=FIN | ACK))
        carried(kernel, "uplink", client.but(seq=102, ack=502))
        assert len(kernel.flows()) == 2
        carried(kernel, "task", target.but(seq=502, ack=102))
        assert kernel.flows() == {}

    def test_a_half_closed_flow_lives(self, kernel: Machine) -> None:
        client, target = self.open(kernel)
        carried(kernel, "uplink", client.but(flags=FIN | ACK))
        for step in range(5):
            carried(kernel, "task", target.but(seq=501 + step * 10, ack=102, payload=bytes(10)))
            carried(kernel, "uplink", client.but(seq=102, ack=511 + step * 10))
        assert len(kernel.flows()) == 2

    def test_a_targets_reset_ends_it(self, kernel: Machine) -> None:
        _, target = self.open(kernel)
        carried(kernel, "task", target.but(flags=RST))
        assert kernel.flows() == {}

    def test_a_clients_reset_only_marks_it(self, kernel: Machine) -> None:
        client, _ = self.open(kernel)
        carried(kernel, "uplink", client.but(flags=RST))
        assert all(flow.flags & abi.FlowFlag.CLIENT_RESET for flow in kernel.flows().values())
        kernel.tell(state(frontend(TASK2), draining=(TASK1,)))
        assert carried(kernel, "uplink", HELLO).destination == TASK2

    def test_a_target_that_closed_first_holds_the_pair(self, kernel: Machine) -> None:
        client, target = self.open(kernel)
        carried(kernel, "task", target.but(flags=FIN | ACK))
        carried(kernel, "uplink", client.but(flags=FIN | ACK, ack=502))
        carried(kernel, "task", target.but(seq=502, ack=102))
        assert kernel.flows() == {}
        assert carried(kernel, "uplink", HELLO.but(destination=VIP2)).source_port != 40000
        assert carried(kernel, "uplink", HELLO).source_port == 40000, "its own successor may have it"

    def test_another_client_does_not_inherit_a_hidden_pair(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, keep=False)))
        there = carried(kernel, "uplink", HELLO.but(seq=100))
        carried(kernel, "task", there.back(flags=FIN | ACK, seq=500, ack=101))
        carried(kernel, "uplink", HELLO.but(flags=FIN | ACK, seq=101, ack=501))
        carried(kernel, "task", there.back(flags=ACK, seq=501, ack=102))
        assert kernel.flows() == {}
        assert carried(kernel, "uplink", HELLO.but(source="203.0.113.3")).source_port != 40000
        assert carried(kernel, "uplink", HELLO).source_port == 40000


class TestDrops:
    def test_malformed(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        frame = bytearray(bytes(HELLO))
        frame[14 + 20 + 12] = 0x40
        dropped(kernel, "uplink", frame, "malformed")

    def test_truncated(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        dropped(kernel, "uplink", bytes(HELLO)[: 14 + 20 + 12], "malformed")

    @pytest.mark.parametrize("fragment", [0x2010, 0x0010])
    def test_fragment(self, kernel: Machine, fragment: int) -> None:
        kernel.tell(state(frontend(TASK1)))
        dropped(kernel, "uplink", HELLO.but(fragment=fragment), "fragment")

    def test_backend_gone(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        for slot, value in list(kernel.maps["backends"].items())[:64]:
            entry = abi.Backend.unpack(value)
            kernel.maps["backends"].put(slot, entry._replace(state=abi.BackendState.FREE).pack())
        dropped(kernel, "uplink", HELLO, "backend_gone")
        kernel.tell(DataPlaneState())

    def test_stale_flow(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO)
        kernel.tell(state(frontend(TASK2)))
        dropped(kernel, "task", there.back(flags=SYN), "stale_flow")

    @pytest.mark.parametrize("payload", [b"", b"x", bytes(1400)])
    @pytest.mark.parametrize("options", [b"", b"\x01\x01\x08\x0a" + bytes(8)])
    def test_a_target_whose_flow_was_cut_is_reset(
        self, kernel: Machine, payload: bytes, options: bytes
    ) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO)
        kernel.tell(state(frontend(TASK2)))
        late = there.back(flags=ACK, seq=500, ack=101, payload=payload, options=options)
        reset = carried(kernel, "task", late)
        assert reset == there.but(flags=RST, seq=101, ack=0, options=b"", payload=b"")
        assert kernel.drops() == {"stale_flow": 1}

    def test_no_route(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO.but(source="192.0.2.9"))
        dropped(kernel, "task", there.back(), "no_route")

    def test_no_host_interface(self, kernel: Machine) -> None:
        kernel.set_host(0)
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "host", HELLO.but(source="10.1.0.1"))
        dropped(kernel, "task", there.back(), "no_host_interface")

    def test_too_big_for_the_way_back(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, keep=False), frontend(TASK1, vip=VIP2)))
        far = HELLO.but(source="198.51.100.2")
        kept = carried(kernel, "uplink", far.but(destination=VIP2))
        passes(kernel, "task", kept.back(payload=bytes(1400)))
        hidden = carried(kernel, "uplink", far)
        dropped(kernel, "task", hidden.back(payload=bytes(1400)), "too_big")


class TestSegmentSize:
    @pytest.fixture
    def small(self, kernel: Machine):  # type: ignore[no-untyped-def]
        run("ip", "-n", kernel.namespace, "link", "set", "lo", "mtu", "1400")
        yield kernel
        run("ip", "-n", kernel.namespace, "link", "set", "lo", "mtu", "65536")

    @pytest.mark.parametrize(
        "before", [b"", b"\x01\x01", b"\x04\x02\x01\x01", b"\x08\x0a" + bytes(8) + b"\x01\x01"]
    )
    def test_it_is_lowered(self, small: Machine, before: bytes) -> None:
        small.tell(state(frontend(TASK1)))
        options = before + b"\x02\x04" + struct.pack("!H", 1460)
        options += b"\0" * (-len(options) % 4)
        there = carried(small, "uplink", HELLO.but(options=options))
        assert there.options == options.replace(b"\x05\xb4", b"\x05\x50")
        assert carried(small, "uplink", HELLO.but(options=options)) == there, "sent again"

    @pytest.mark.parametrize(
        "options", [b"", b"\x02\x04\x02\x18", b"\x01\x02\x04\x05\xb4\0\0\0", b"\x03\0\0\0"]
    )
    def test_what_is_small_odd_or_absent_stays(self, small: Machine, options: bytes) -> None:
        small.tell(state(frontend(TASK1)))
        assert carried(small, "uplink", HELLO.but(options=options)).options == options
