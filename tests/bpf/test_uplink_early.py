"""The XDP program never changes what becomes of a packet: what it drops, tc's would, for the same reason."""

import socket
from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.drivers.contracts.dataplane import (
    Backend,
    DataPlaneState,
    Frontend,
    Protocol,
    WeightedBackend,
)
from sealway.drivers.dataplane import libbpf
from sealway.drivers.dataplane.early_programs import programs_for
from sealway.drivers.dataplane.layouts import NARROW as NARROW_LAYOUT
from sealway.drivers.dataplane.layouts import WIDE as WIDE_LAYOUT
from sealway.drivers.dataplane.slots_plan import Place
from sealway.model.address_pool import is_ipv6
from sealway.model.guard import UDP as UDP_RULE
from sealway.model.guard import Guard, GuardRule
from tests.bpf.test_malformed import NARROW, damaged
from tests.bpf.test_malformed import WIDE as WIDE_FRAMES
from tests.bpf.test_packet_flood import DONE, OPEN
from tests.bpf.test_packet_guard import EVERY, frontend, guards, state, tcp
from tests.bpf.test_wide_guard import EVERY6
from tests.support import bpf_run
from tests.support.bpf_run import PASS, REDIRECT, SHOT, TASK1, Machine, Result, run_program
from tests.support.fragments import cut
from tests.support.handshakes import current_window, limit_of, set_uncompleted, use_up_the_rate
from tests.support.netns_topology import inside
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet
from tests.support.packets6 import DESTINATION, Packet6, fragment, options, routing

pytestmark = pytest.mark.root

DROP, GO_ON = 1, 2
"""XDP_DROP, XDP_PASS."""
VIP, CLIENT, STRANGER = "10.1.1.100", "203.0.113.2", "198.51.100.7"
VIP6, TASK6, CLIENT6, STRANGER6 = "fd00:1::100", "fd00:1::11", "2001:db8:1::2", "2001:db8:2::7"
OPEN6 = Packet6(CLIENT6, 40000, VIP6, 443, flags=SYN)
LISTENERS = range(5)
"""The numbers that any frontend of these tests may have."""
ACROSS = 8443
"""The port of an IPv4 listener whose target speaks IPv6."""
OPEN_ACROSS = OPEN.but(destination_port=ACROSS)
RULES = {
    "sg-edge": Guard(
        ingress=(
            tcp(443, network="203.0.113.0/24"),
            tcp(ACROSS, network="203.0.113.0/24"),
            tcp(443, network="2001:db8:1::/64"),
            GuardRule(protocol=UDP_RULE, first=443, last=443, network="203.0.113.0/25"),
            GuardRule(protocol=UDP_RULE, first=443, last=443, network="2001:db8:1::/65"),
        ),
        egress=(EVERY, EVERY6),
    ),
    "sg-app": Guard(
        ingress=(
            GuardRule(network="203.0.113.0/26"),
            GuardRule(network="2001:db8:1::/66"),
            GuardRule(network=f"{VIP6}/128"),
        )
    ),
}


def to_task6(vip: str, protocol: Protocol = "tcp", port: int = 443) -> Frontend:
    share = WeightedBackend(backend=Backend(address=TASK6, port=8443, interface="swt1"))
    other = VIP if vip == VIP6 else VIP6
    return Frontend(vip=vip, port=port, protocol=protocol, backends=(share,), counterpart=other)


FRONTENDS = (
    frontend(TASK1),
    frontend(TASK1, protocol="udp"),
    to_task6(VIP6),
    to_task6(VIP6, "udp"),
    to_task6(VIP, port=ACROSS),
)


def everything(rules: dict[str, Guard], *frontends: Frontend) -> DataPlaneState:
    """Both load balancer addresses are in sg-edge, both targets in sg-app."""
    of = {VIP: "sg-edge", VIP6: "sg-edge", TASK1: "sg-app", TASK6: "sg-app"}
    made = state(guards(rules, of), *(frontends or FRONTENDS))
    who = msgspec.structs.replace(made.guards, balancers=frozenset({VIP, VIP6}))
    return msgspec.structs.replace(made, vips=frozenset({VIP, VIP6}), guards=who)


STATE = everything(RULES)


class Took(NamedTuple):
    """What became of a packet: the verdict, and what was counted."""

    verdict: int
    drops: dict[str, int]
    counters: tuple[int, ...]
    refused: int


class Both:
    """XDP's program and tc's over the same maps, of both widths."""

    def __init__(self, wide: Machine, program: int) -> None:
        assert wide.narrow is not None
        self.narrow, self.wide, self._program = wide.narrow, wide, program

    @property
    def kernels(self) -> tuple[Machine, Machine]:
        return self.narrow, self.wide

    def tell(self, wanted: DataPlaneState) -> None:
        for kernel in self.kernels:
            kernel.tell(wanted)

    def forget(self) -> None:
        for kernel in self.kernels:
            kernel.forget()

    def press(self, times: int, over: int = 0) -> None:
        """So many times the limit of uncompleted handshakes, at every listener."""
        for kernel, number in product(self.kernels, LISTENERS):
            set_uncompleted(kernel, times * limit_of(kernel) + over, number)

    def use_up_the_rate(self) -> int:
        """In this window, or in that of the first where they are several."""
        return min(use_up_the_rate(kernel, number) for kernel, number in product(self.kernels, LISTENERS))

    def early(self, packet: object) -> Took:
        frame = bytes(packet)  # type: ignore[call-overload]
        return self._took(lambda: run_program(self._program, frame), frame)

    def tc(self, packet: object) -> Took:
        return self._took(lambda: self._at_the_hook(packet))

    def _at_the_hook(self, packet: object) -> Result:
        """One program behind the other."""
        ways = [(self.narrow, "uplink"), (self.wide, "uplink"), (self.narrow, "uplink_away")]
        for kernel, name in ways:
            result = kernel.run(name, packet)
            if result.verdict != PASS:
                break
        return result

    def _took(self, run: Callable[[], Result], unchanged: bytes | None = None) -> Took:
        drops, counters, refused = self._counted()
        result = run()
        assert unchanged is None or result.frame == unchanged
        after = self._counted()
        return Took(
            result.verdict,
            {
                name: count - drops.get(name, 0)
                for name, count in after[0].items()
                if count != drops.get(name, 0)
            },
            tuple(new - old for new, old in zip(after[1], counters, strict=True)),
            after[2] - refused,
        )

    def _counted(self) -> tuple[dict[str, int], tuple[int, ...], int]:
        each = [kernel.counters(number) for kernel, number in product(self.kernels, LISTENERS)]
        packets = [
            layout.refusal.unpack(value).packets
            for kernel, layout in ((self.narrow, NARROW_LAYOUT), (self.wide, WIDE_LAYOUT))
            for _, value in kernel.maps["refusals"].items()
        ]
        return self.narrow.drops(), tuple(chain.from_iterable(each)), sum(packets)

    def agree_on(self, packet: object) -> str:
        """The reason for which the packet was dropped early, or nothing; then tc had its turn as if alone."""
        window = current_window()
        first = self.early(packet)
        if first.verdict == GO_ON:
            assert (first.drops, set(first.counters), first.refused) == ({}, {0}, 0)
            return ""
        assert first.verdict == DROP
        then = self.tc(packet)
        if "handshake_limit" in first.drops and window != current_window():
            return "handshake_limit"  # tc's turn was in the next one, in which others pass
        assert then.verdict == SHOT
        assert (then.drops, then.counters, then.refused) == (first.drops, first.counters, first.refused)
        ((reason, count),) = first.drops.items()
        assert count == 1
        return reason


@pytest.fixture(scope="module")
def program(loaded_wide_machine: Machine) -> Iterator[int]:
    wide, narrow = loaded_wide_machine, loaded_wide_machine.narrow
    assert narrow is not None
    with programs_for(narrow.maps, wide.maps) as made:
        yield made.program


@pytest.fixture
def both(kernel6: Machine, program: int, monkeypatch: pytest.MonkeyPatch) -> Both:
    with inside(f"/run/netns/{kernel6.namespace}"):
        uplink = socket.if_nametoindex("up0")
    monkeypatch.setitem(bpf_run.PLACES, FAR, Place(uplink, source=NEAR))
    made = Both(kernel6, program)
    made.tell(STATE)
    made.forget()
    return made


HELLOS = [OPEN, OPEN6, OPEN_ACROSS]
STRANGERS = [OPEN.but(source=STRANGER), OPEN6.but(source=STRANGER6), OPEN_ACROSS.but(source=STRANGER)]


class TestWhatIsDropped:
    @pytest.mark.parametrize("hello", STRANGERS)
    def test_what_the_load_balancers_groups_refuse(self, both: Both, hello: Packet) -> None:
        assert both.agree_on(hello) == "security_group"
        if hello.destination_port != ACROSS:
            assert both.agree_on(hello.but(protocol=UDP)) == "security_group"

    @pytest.mark.parametrize("hello", HELLOS)
    def test_what_makes_no_sense(self, both: Both, hello: Packet) -> None:
        assert both.agree_on(bytes(hello)[:-12]) == "malformed"

    def test_more_extension_headers_than_are_walked(self, both: Both) -> None:
        endless = OPEN6.but(extensions=(options(DESTINATION),) * 9)
        assert both.agree_on(endless) == "malformed"

    @pytest.mark.parametrize("hello", HELLOS)
    def test_what_is_beyond_the_listeners_rate(self, both: Both, hello: Packet) -> None:
        for _ in range(100):
            both.forget()
            both.press(1, over=100)
            assert both.agree_on(hello) == ""
            window = both.use_up_the_rate()
            reason = both.agree_on(hello)
            if window == current_window():
                break
        assert reason == "handshake_limit"

    def test_a_groups_refusal_comes_before_that(self, both: Both) -> None:
        both.press(1, over=100)
        both.use_up_the_rate()
        for hello, elsewhere in ((OPEN, "203.0.113.99"), (OPEN6, "2001:db8:1:0:4000::1")):
            stranger = STRANGER6 if hello is OPEN6 else STRANGER
            assert both.agree_on(hello.but(source=stranger)) == "security_group"
            assert both.agree_on(hello.but(source=elsewhere)) in ("security_group", "")  # the target's


class TestWhatGoesOn:
    @pytest.mark.parametrize("flags", [ACK, RST, FIN | ACK, SYN | ACK])
    @pytest.mark.parametrize("hello", STRANGERS)
    def test_what_opens_nothing(self, both: Both, hello: Packet, flags: int) -> None:
        assert both.agree_on(hello.but(flags=flags)) == ""

    def test_what_the_groups_let_in(self, both: Both) -> None:
        for hello in HELLOS:
            assert both.agree_on(hello) == both.agree_on(hello.but(protocol=UDP)) == ""

    @pytest.mark.parametrize("changes", [{"destination": "10.1.1.99"}, {"destination_port": 80}])
    def test_what_is_for_nobody(self, both: Both, changes: dict[str, object]) -> None:
        assert both.agree_on(OPEN.but(source=STRANGER, **changes)) == ""

    @pytest.mark.parametrize("changes", [{"destination": "fd00:1::99"}, {"destination_port": 80}])
    def test_what_is_for_nobody_in_ipv6(self, both: Both, changes: dict[str, object]) -> None:
        assert both.agree_on(OPEN6.but(source=STRANGER6, **changes)) == ""

    def test_fragments(self, both: Both) -> None:
        for piece in cut(OPEN.but(protocol=UDP, payload=bytes(64)), 24, 48)[1:]:
            assert both.early(piece).verdict == GO_ON
        assert both.early(OPEN6.but(protocol=UDP, extensions=(fragment(64, more=False),))).verdict == GO_ON

    @pytest.mark.parametrize(
        "hello", [OPEN, OPEN.but(protocol=UDP), OPEN6, OPEN6.but(protocol=UDP), OPEN_ACROSS]
    )
    def test_a_flow_that_stands_when_the_rules_change(self, both: Both, hello: Packet) -> None:
        assert both.tc(hello).verdict == REDIRECT
        both.tell(everything({"sg-edge": Guard(egress=(EVERY, EVERY6)), "sg-app": Guard()}))
        assert both.agree_on(hello) == ""
        assert both.agree_on(hello.but(source_port=40001)) == "security_group"

    def test_a_flow_that_stands_when_its_listener_speaks_ipv6_to_targets(self, both: Both) -> None:
        assert both.tc(OPEN).verdict == REDIRECT
        shut = {"sg-edge": Guard(), "sg-app": Guard()}
        both.tell(everything(shut, msgspec.structs.replace(frontend(TASK1), port=80), to_task6(VIP)))
        assert both.agree_on(OPEN) == ""
        assert both.tc(OPEN).verdict == REDIRECT
        assert both.agree_on(OPEN.but(source_port=40001)) == "security_group"

    def test_what_is_neither(self, both: Both) -> None:
        assert both.agree_on(bytes(12) + b"\x86\xdd" + bytes(60)) == ""
        assert both.agree_on(bytes(12) + b"\x81\x00\x00\x05\x08\x00" + OPEN.ip()) == ""

    def test_a_listener_that_nobody_serves(self, both: Both) -> None:
        nobody = (msgspec.structs.replace(each, backends=()) for each in (frontend(TASK1), to_task6(VIP6)))
        both.tell(everything(RULES, *nobody))
        assert both.agree_on(STRANGERS[0]) == both.agree_on(STRANGERS[1]) == ""

    def test_where_the_other_program_is_not_there_any_more(self, both: Both) -> None:
        """Who took its pin away, did so before the link had another program."""
        with programs_for(both.narrow.maps, both.wide.maps) as made:
            libbpf.call("bpf_map_delete_elem", made.next, bytes(4))
            assert run_program(made.program, bytes(STRANGERS[1])).verdict == GO_ON
            assert run_program(made.program, bytes(STRANGERS[0])).verdict == DROP


FAR, NEAR, THERE = "203.0.113.3", "203.0.113.1", "10.2.1.11"


def elsewhere(keep: bool) -> DataPlaneState:
    """The target is another host's."""
    there = WeightedBackend(backend=Backend(address=THERE, port=8443, interface=""), preserve_client_ip=keep)
    moved = (
        msgspec.structs.replace(each, backends=(there,), counterpart=VIP if is_ipv6(each.vip) else "")
        for each in FRONTENDS
    )
    return msgspec.structs.replace(everything(RULES, *moved), peers={"10.2.0.0/16": FAR})


packets = st.builds(
    Packet,
    source=st.sampled_from([CLIENT, "203.0.113.70", "203.0.113.200", STRANGER]),
    source_port=st.integers(40000, 40003),
    destination=st.sampled_from([VIP, VIP, VIP, "10.1.1.99"]),
    destination_port=st.sampled_from([443, 443, ACROSS, 80]),
    protocol=st.sampled_from([6, 6, UDP]),
    flags=st.sampled_from([SYN, SYN, ACK, RST, FIN | ACK]),
    ack=st.just(0),
    fragment=st.sampled_from([0, 0, 0, 0x2000, 3]),
    payload=st.sampled_from([b"", b"early"]),
)
EXTENSIONS = [
    (),
    (),
    (),
    (options(DESTINATION),),
    (routing(1),),
    (fragment(0, more=True),),
    (fragment(8, more=False),),
]
packets6 = st.builds(
    Packet6,
    source=st.sampled_from([CLIENT6, "2001:db8:1:0:7000::1", "2001:db8:1:0:9000::1", STRANGER6]),
    source_port=st.integers(40000, 40003),
    destination=st.sampled_from([VIP6, VIP6, VIP6, "fd00:1::99"]),
    destination_port=st.sampled_from([443, 443, 443, 80]),
    protocol=st.sampled_from([6, 6, UDP]),
    flags=st.sampled_from([SYN, SYN, ACK, RST, FIN | ACK]),
    ack=st.just(0),
    extensions=st.sampled_from(EXTENSIONS),
    payload=st.sampled_from([b"", b"early"]),
)
OLD = [*NARROW, *WIDE_FRAMES, bytes(DONE), bytes(OPEN6), bytes(OPEN_ACROSS)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    targets=st.sampled_from([STATE, STATE, elsewhere(keep=True), elsewhere(keep=False)]),
    pressure=st.sampled_from([0, 1, 2]),
    rate=st.booleans(),
    sent=st.lists((packets | packets6).map(bytes) | damaged(OLD), min_size=1, max_size=12),
)
def test_any_packets_in_any_order(
    both: Both, targets: DataPlaneState, pressure: int, rate: bool, sent: list[bytes]
) -> None:
    """With every packet that goes on, tc's programs make the state that the next one meets."""
    both.tell(targets)
    both.forget()
    both.press(pressure, over=100 * bool(pressure))
    if rate:
        both.use_up_the_rate()
    for frame in sent:
        if not both.agree_on(frame):
            both.tc(frame)
