"""Into a tunnel and out of it: which header, which packets, which reasons to drop."""

import socket
import struct
from collections.abc import Iterator

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.drivers.dataplane.census import count_flows
from sealway.drivers.dataplane.slots_plan import Place
from tests.support import bpf_run
from tests.support.bpf_run import PASS, REDIRECT, SHOT, TASK1, Machine
from tests.support.netns_topology import inside
from tests.support.packets import ACK, ETHERNET, FIN, RST, SYN, UDP, Packet, checksum, icmp_error, parse

pytestmark = pytest.mark.root

VIP, CLIENT, NEAR, FAR, THERE = "10.1.1.100", "203.0.113.2", "203.0.113.1", "203.0.113.3", "10.2.1.11"
WHOLE, PART, UNTOLD = 64, 128 + 8443 % 128, 127
"""Times to live: of a packet as it was sent, of one that was cut out of a larger one for port 8443, and of
one out of so large a one that it does not tell its port."""
MSS_1460 = b"\x02\x04\x05\xb4"
HELLO = Packet(CLIENT, 40000, VIP, 443, flags=SYN, options=MSS_1460)
SECOND = HELLO.but(flags=ACK, seq=1001, options=b"")
TARGET = Backend(address=THERE, port=8443, interface="")
HERE = Interface(name="swt1", role="task", address=TASK1)


@pytest.fixture
def near(kernel: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """The host with the load balancer; its one target is on the other."""
    with inside(f"/run/netns/{kernel.namespace}"):
        uplink = socket.if_nametoindex("up0")
    monkeypatch.setitem(bpf_run.PLACES, FAR, Place(uplink, source=NEAR))
    kernel.tell(near_state())
    return kernel


@pytest.fixture
def far(kernel: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The host with the target, 10.1.1.11."""
    monkeypatch.setitem(bpf_run.PLACES, NEAR, Place(1, source=FAR))
    kernel.tell(DataPlaneState(interfaces=frozenset({HERE}), peers={"10.9.0.0/16": NEAR}))
    return kernel


def near_state(backend: Backend = TARGET, **peers: str) -> DataPlaneState:
    share = WeightedBackend(backend=backend)
    return DataPlaneState(
        vips=frozenset({VIP}),
        frontends=(Frontend(vip=VIP, port=443, backends=(share,)),),
        peers={"10.2.0.0/16": FAR} if not peers else {},
    )


def outer(frame: bytes) -> tuple[str, str, int, bool]:
    """Source, destination, identification, and whether it may not be fragmented, of IP in IP."""
    ip = frame[14:34]
    assert (ip[0], ip[9], checksum(ip)) == (0x45, 4, 0)
    assert int.from_bytes(ip[2:4], "big") == len(frame) - 14
    ends = socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20])
    return *ends, int.from_bytes(ip[4:6], "big"), ip[6:8] == b"\x40\0"


def tunnelled(inner: Packet, port: int = 8443, flags: int = 0x4000, ttl: int = WHOLE, **ends: str) -> bytes:
    packet = inner.ip()
    source, target = ends.get("source", NEAR), ends.get("target", TASK1)
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(packet), port, flags, ttl, 4)
    header = start + struct.pack("!H", checksum(start + b"\0\0" + addresses)) + addresses
    return ETHERNET + header + packet


def sent(kernel: Machine, packet: Packet) -> Packet:
    result = kernel.run("uplink_away", packet)
    assert result.verdict == REDIRECT
    assert outer(result.frame) == (NEAR, THERE, 8443, True)
    inner = parse(ETHERNET + result.frame[34:])
    assert inner.checksums_right
    return inner


def arrives(kernel: Machine, frame: bytes) -> Packet:
    result = kernel.run("uplink_arrival", frame)
    assert result.verdict == REDIRECT
    inner = parse(result.frame)
    assert inner.checksums_right
    return inner


class TestIntoIt:
    def test_the_packet_is_as_it_came(self, near: Machine) -> None:
        for packet in (HELLO.but(options=b"", tos=8), SECOND, SECOND.but(payload=b"x" * 1000)):
            assert near.run("uplink", packet).verdict == PASS, "is nobody else's"
            assert sent(near, packet) == packet
        counters = near.counters()
        assert (counters.new_flows, counters.established, counters.packets) == (1, 1, 3)

    def test_one_entry_a_flow(self, near: Machine) -> None:
        sent(near, HELLO)
        sent(near, SECOND)
        (flow,) = near.flows().values()
        assert (socket.inet_ntoa(flow.destination), flow.destination_port) == (
            THERE,
            (8443).to_bytes(2, "big"),
        )

    def test_what_opens_nothing_passes(self, near: Machine) -> None:
        assert near.run("uplink_away", SECOND).verdict == PASS
        assert near.run("uplink_away", HELLO.but(destination_port=80)).verdict == PASS
        assert near.flows() == {}

    def test_the_largest_that_fits(self, near: Machine) -> None:
        sent(near, HELLO)
        whole = SECOND.but(payload=b"x" * 1440)
        assert sent(near, whole) == whole

    @pytest.mark.parametrize("fragment", [0x4000, 0x2000])
    def test_the_sender_of_a_larger_one_hears_what_fits(self, near: Machine, fragment: int) -> None:
        sent(near, HELLO)
        large = SECOND.but(payload=b"x" * 1441, fragment=fragment)
        result = near.run("uplink_away", large)
        assert result.verdict == REDIRECT
        ip, error, quoted = result.frame[14:34], result.frame[34:], result.frame[42:]
        assert (ip[9], checksum(ip), checksum(error)) == (1, 0, 0)
        assert (error[0], error[1], int.from_bytes(error[4:8], "big")) == (3, 4, 1480)
        assert (socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20])) == (VIP, CLIENT)
        assert quoted == large.ip()[:28]
        assert near.drops() == {"too_big": 1}

    def test_errors_of_the_clients_way_go_along(self, near: Machine) -> None:
        sent(near, HELLO)
        quoted = HELLO.back(flags=ACK, options=b"").ip()[:28]
        result = near.run("uplink_away", icmp_error(CLIENT, VIP, quoted))
        assert result.verdict == REDIRECT
        assert outer(result.frame)[1] == THERE

    def test_a_client_that_finishes_may_still_be_answered(self, near: Machine) -> None:
        sent(near, HELLO)
        sent(near, SECOND)
        sent(near, SECOND.but(flags=FIN | ACK))
        sent(near, SECOND.but(seq=1002))
        assert sum(count_flows(near.maps["flows"]).by_frontend.values()) == 0, "it is over for whoever counts"
        again = HELLO.but(seq=9000, options=b"")
        assert sent(near, again) == again
        assert near.counters().new_flows == 2

    def test_a_removed_target_is_reset_with_the_clients_own_number(self, near: Machine) -> None:
        sent(near, HELLO)
        sent(near, SECOND)
        near.tell(near_state(Backend(address="10.2.1.12", port=8443, interface="")))
        reset = sent(near, SECOND.but(payload=b"lost"))
        assert (reset.flags, reset.seq, reset.payload) == (RST, SECOND.seq, b"")
        assert near.run("uplink_away", SECOND).verdict == PASS, "the namespace resets the client"
        assert sent(near, SECOND.but(flags=RST, seq=1005)).seq == 1005, "which the target may ask for"
        near.run("uplink_away", HELLO.but(seq=5000))
        assert near.counters().new_flows == 2

    def test_a_flow_to_a_host_that_is_no_peer_any_more(self, near: Machine) -> None:
        sent(near, HELLO)
        near.tell(near_state(none=""))
        assert near.run("uplink_away", SECOND).verdict == SHOT
        assert set(near.drops()) == {"no_tunnel"}


class TestOutOfIt:
    def test_the_target_gets_the_clients_packet(self, far: Machine) -> None:
        inner = arrives(far, tunnelled(HELLO.but(options=b"")))
        assert inner.ends == (CLIENT, 40000, TASK1, 8443)
        answer = inner.back(flags=SYN | ACK, seq=7000, ack=1001)
        out = parse(far.run("task", answer).frame)
        assert (out.ends, out.checksums_right) == ((VIP, 443, CLIENT, 40000), True)

    def test_the_answer_tells_a_size_that_fits_the_tunnel(self, far: Machine) -> None:
        """The packets come by the loopback interface here, of 65,536 bytes."""
        inner = arrives(far, tunnelled(HELLO))
        answer = inner.back(flags=SYN | ACK, seq=7000, ack=1001, options=b"\x02\x04\xff\xff")
        out = parse(far.run("task", answer).frame)
        assert int.from_bytes(out.options[2:], "big") == 65536 - 20 - 40
        assert out.checksums_right

    def test_a_flow_that_is_not_known_any_more(self, far: Machine) -> None:
        inner = arrives(far, tunnelled(SECOND.but(payload=b"hello")))
        assert inner.ends == (CLIENT, 40000, TASK1, 8443)
        assert inner.payload == b"hello"
        assert {flow.idle_timeout for flow in far.flows().values()} == {6000}

    @pytest.mark.parametrize("number", [0, 1, 45, 127])
    def test_a_part_of_a_larger_packet_tells_the_port_too(self, far: Machine, number: int) -> None:
        for _ in range(2):
            there = arrives(far, tunnelled(SECOND, 8443 + number, ttl=PART))
            assert there.destination_port == 8443

    def test_but_not_of_the_largest(self, far: Machine) -> None:
        assert far.run("uplink_arrival", tunnelled(SECOND, 8450, ttl=UNTOLD)).verdict == SHOT
        assert far.drops() == {"tunnelled_port": 1}
        arrives(far, tunnelled(HELLO))
        assert arrives(far, tunnelled(SECOND, 8450, ttl=UNTOLD)).destination_port == 8443

    def test_another_target_is_another_flow(self, far: Machine) -> None:
        arrives(far, tunnelled(HELLO))
        assert arrives(far, tunnelled(HELLO.but(seq=5), 9443)).destination_port == 9443
        assert len(far.flows()) == 2

    def test_only_out_of_the_tunnel(self, far: Machine) -> None:
        arrives(far, tunnelled(HELLO))
        assert far.run("task", SECOND).verdict == PASS, "it is on its way to the other host"

    def test_strangers(self, far: Machine) -> None:
        assert far.run("uplink_arrival", tunnelled(HELLO, source="203.0.113.9")).verdict == SHOT
        assert far.drops() == {"no_peer": 1}

    def test_other_tunnels_are_not_touched(self, far: Machine) -> None:
        for frame in (
            tunnelled(HELLO, target="203.0.113.3"),
            bytes(HELLO),
            bytes(12) + b"\x86\xdd" + bytes(60),
        ):
            result = far.run("uplink_arrival", frame)
            assert (result.verdict, result.frame) == (PASS, frame)

    def test_nonsense_inside(self, far: Machine) -> None:
        whole = tunnelled(HELLO)
        for frame in (whole[:38], whole[:34] + b"\x60" + whole[35:], tunnelled(HELLO, flags=0x2000)):
            assert far.run("uplink_arrival", frame).verdict == SHOT
        assert far.drops() == {"malformed": 3}

    def test_fragments_follow_their_first_one(self, far: Machine) -> None:
        first = Packet(CLIENT, 40000, VIP, 53, protocol=UDP, payload=b"x" * 64, fragment=0x2000)
        later = first.but(fragment=9, payload=b"y" * 16)
        assert far.run("uplink_arrival", tunnelled(later)).verdict == SHOT
        assert far.drops() == {"fragment": 1}
        assert far.run("uplink_arrival", tunnelled(first)).verdict == REDIRECT
        frame = far.run("uplink_arrival", tunnelled(later, 0, ttl=UNTOLD)).frame
        assert socket.inet_ntoa(frame[30:34]) == TASK1

    def test_errors_reach_the_target(self, far: Machine) -> None:
        arrives(far, tunnelled(HELLO))
        quoted = HELLO.back(flags=ACK, options=b"").ip()[:28]
        error = icmp_error(CLIENT, VIP, quoted)
        packet = tunnelled(HELLO)
        length = struct.pack("!H", 20 + len(error) - 14)
        header = packet[14:16] + length + packet[18:24] + b"\0\0" + packet[26:34]
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        result = far.run("uplink_arrival", ETHERNET + header + error[14:])
        assert result.verdict == REDIRECT
        assert socket.inet_ntoa(result.frame[30:34]) == TASK1
        assert socket.inet_ntoa(result.frame[54:58]) == TASK1, "as the target sent it"

    def test_a_task_that_went(self, far: Machine) -> None:
        arrives(far, tunnelled(HELLO))
        far.tell(DataPlaneState(peers={"10.9.0.0/16": NEAR}))
        assert far.run("uplink_arrival", tunnelled(SECOND)).verdict == PASS
        answer = Packet(TASK1, 8443, CLIENT, 40000, flags=ACK)
        assert far.run("task", answer).verdict == REDIRECT, "a reset"
        assert far.drops() == {"stale_flow": 1}

    def test_a_restart_writes_nothing(self, far: Machine) -> None:
        state = DataPlaneState(interfaces=frozenset({HERE}), peers={"10.9.0.0/16": NEAR})
        assert far.after_restart(state).writes == 0
