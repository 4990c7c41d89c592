"""The XDP program never changes what becomes of a packet: what it drops, tc's would, for the same reason."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.drivers.dataplane import abi, early
from sealway.model.guard import UDP as UDP_RULE
from sealway.model.guard import Guard, GuardRule
from tests.bpf.test_malformed import NARROW, damaged
from tests.bpf.test_packet_flood import DONE, OPEN
from tests.bpf.test_packet_guard import EVERY, frontend, guards, state, tcp
from tests.support.bpf_run import REDIRECT, SHOT, TASK1, Machine, run_program
from tests.support.fragments import cut
from tests.support.handshakes import current_window, limit_of, set_uncompleted, use_up_the_rate
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet

pytestmark = pytest.mark.root

DROP, GO_ON = 1, 2
"""XDP_DROP, XDP_PASS."""
VIP, CLIENT, STRANGER = "10.1.1.100", "203.0.113.2", "198.51.100.7"
RULES = {
    "sg-edge": Guard(
        ingress=(
            tcp(443, network="203.0.113.0/24"),
            GuardRule(protocol=UDP_RULE, first=443, last=443, network="203.0.113.0/25"),
        ),
        egress=(EVERY,),
    ),
    "sg-app": Guard(ingress=(GuardRule(network="203.0.113.0/26"),)),
}
STATE = state(
    guards(RULES, {VIP: "sg-edge", TASK1: "sg-app"}), frontend(TASK1), frontend(TASK1, protocol="udp")
)


class Took(NamedTuple):
    """What became of a packet: the verdict, and what was counted."""

    verdict: int
    drops: dict[str, int]
    counters: abi.Counters
    refused: int


class Both:
    """The two programs over the same maps."""

    def __init__(self, kernel: Machine, program: int) -> None:
        self.kernel, self._program = kernel, program

    def early(self, packet: object) -> Took:
        frame = bytes(packet)  # type: ignore[call-overload]
        return self._took(lambda: run_program(self._program, frame), frame)

    def tc(self, packet: object) -> Took:
        return self._took(lambda: self.kernel.run("uplink", packet))

    def _took(self, run, unchanged: bytes | None = None) -> Took:  # type: ignore[no-untyped-def]
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
            abi.Counters(*(new - old for new, old in zip(after[1], counters, strict=True))),
            after[2] - refused,
        )

    def _counted(self) -> tuple[dict[str, int], abi.Counters, int]:
        both = [self.kernel.counters(number) for number in (0, 1)]
        refusals = [abi.Refusal.unpack(value).packets for _, value in self.kernel.maps["refusals"].items()]
        return self.kernel.drops(), abi.Counters(*map(sum, zip(*both, strict=True))), sum(refusals)

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
def program(loaded_machine: Machine) -> Iterator[int]:
    made = early.program_for(loaded_machine.maps)
    yield made
    os.close(made)


@pytest.fixture
def both(kernel: Machine, program: int) -> Both:
    kernel.tell(STATE)
    return Both(kernel, program)


class TestWhatIsDropped:
    @pytest.mark.parametrize("protocol", [UDP, 6])
    def test_what_the_load_balancers_groups_refuse(self, both: Both, protocol: int) -> None:
        assert both.agree_on(OPEN.but(source=STRANGER, protocol=protocol)) == "security_group"

    def test_what_makes_no_sense(self, both: Both) -> None:
        assert both.agree_on(bytes(OPEN)[:-12]) == "malformed"

    def test_what_is_beyond_the_listeners_rate(self, both: Both) -> None:
        for _ in range(100):
            both.kernel.forget()
            set_uncompleted(both.kernel, limit_of(both.kernel) + 100)
            assert both.agree_on(OPEN) == ""
            window = use_up_the_rate(both.kernel)
            reason = both.agree_on(OPEN)
            if window == current_window():
                break
        assert reason == "handshake_limit"

    def test_a_groups_refusal_comes_before_that(self, both: Both) -> None:
        set_uncompleted(both.kernel, limit_of(both.kernel) + 100)
        use_up_the_rate(both.kernel)
        assert both.agree_on(OPEN.but(source=STRANGER)) == "security_group"
        assert both.agree_on(OPEN.but(source="203.0.113.99")) in ("security_group", "")  # the target's


class TestWhatGoesOn:
    @pytest.mark.parametrize("flags", [ACK, RST, FIN | ACK, SYN | ACK])
    def test_what_opens_nothing(self, both: Both, flags: int) -> None:
        assert both.agree_on(OPEN.but(source=STRANGER, flags=flags)) == ""

    def test_what_the_groups_let_in(self, both: Both) -> None:
        assert both.agree_on(OPEN) == both.agree_on(OPEN.but(protocol=UDP)) == ""

    @pytest.mark.parametrize("changes", [{"destination": "10.1.1.99"}, {"destination_port": 80}])
    def test_what_is_for_nobody(self, both: Both, changes: dict[str, object]) -> None:
        assert both.agree_on(OPEN.but(source=STRANGER, **changes)) == ""

    def test_fragments(self, both: Both) -> None:
        for fragment in cut(OPEN.but(protocol=UDP, payload=bytes(64)), 24, 48)[1:]:
            assert both.early(fragment).verdict == GO_ON

    @pytest.mark.parametrize("protocol", [UDP, 6])
    def test_a_flow_that_stands_when_the_rules_change(self, both: Both, protocol: int) -> None:
        hello = OPEN.but(protocol=protocol)
        assert both.tc(hello).verdict == REDIRECT
        shut = {"sg-edge": Guard(egress=(EVERY,)), "sg-app": Guard()}
        frontends = (frontend(TASK1), frontend(TASK1, protocol="udp"))
        both.kernel.tell(state(guards(shut, {VIP: "sg-edge", TASK1: "sg-app"}), *frontends))
        assert both.agree_on(hello) == ""
        assert both.agree_on(hello.but(source_port=40001)) == "security_group"

    def test_what_is_not_ipv4(self, both: Both) -> None:
        assert both.agree_on(bytes(12) + b"\x86\xdd" + bytes(60)) == ""
        assert both.agree_on(bytes(12) + b"\x81\x00\x00\x05\x08\x00" + OPEN.ip()) == ""

    def test_a_listener_that_nobody_serves(self, both: Both) -> None:
        both.kernel.tell(state(STATE.guards, msgspec.structs.replace(frontend(TASK1), backends=())))
        assert both.agree_on(OPEN.but(source=STRANGER)) == ""


ADDRESSES = st.sampled_from([CLIENT, "203.0.113.70", "203.0.113.200", STRANGER])
packets = st.builds(
    Packet,
    source=ADDRESSES,
    source_port=st.integers(40000, 40003),
    destination=st.sampled_from([VIP, VIP, VIP, "10.1.1.99"]),
    destination_port=st.sampled_from([443, 443, 443, 80]),
    protocol=st.sampled_from([6, 6, UDP]),
    flags=st.sampled_from([SYN, SYN, ACK, RST, FIN | ACK]),
    ack=st.just(0),
    fragment=st.sampled_from([0, 0, 0, 0x2000, 3]),
    payload=st.sampled_from([b"", b"early"]),
)
PRESSURES = st.sampled_from([0, 1, 2])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pressure=PRESSURES,
    rate=st.booleans(),
    sent=st.lists(packets.map(bytes) | damaged([*NARROW, bytes(DONE)]), min_size=1, max_size=12),
)
def test_any_packets_in_any_order(both: Both, pressure: int, rate: bool, sent: list[bytes]) -> None:
    """With every packet that goes on, tc's program makes the state that the next one meets."""
    both.kernel.forget()
    set_uncompleted(both.kernel, pressure * limit_of(both.kernel) + 100 * bool(pressure))
    if rate:
        use_up_the_rate(both.kernel)
    for frame in sent:
        if not both.agree_on(frame):
            both.tc(frame)
