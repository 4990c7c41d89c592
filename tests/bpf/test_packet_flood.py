"""A listener with too many uncompleted handshakes: where its SYNs go, and what an acknowledgement opens."""

from collections.abc import Iterator

import pytest

from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.dataplane import abi, libbpf
from sealway.drivers.dataplane.tables import publish_frontends
from tests.bpf.test_packet_paths import (
    CLIENT,
    HELLO,
    TASK1,
    TASK2,
    VIP,
    VIP2,
    carried,
    dropped,
    frontend,
    passes,
    state,
)
from tests.support.bpf_run import PASS, Machine, machine
from tests.support.handshakes import (
    current_window,
    limit_of,
    set_uncompleted,
    uncompleted,
    use_up_the_rate,
)
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Packet

pytestmark = pytest.mark.root

ESTABLISHED = abi.FlowFlag.ESTABLISHED
OPEN = HELLO.but(seq=100, ack=0)
DONE = HELLO.but(flags=ACK, seq=101, ack=501)
SETTLED_AFTER = 16
"""Of handshakes.h: so far the count may be off, on one CPU."""


@pytest.fixture(scope="module")
def small_machine() -> Iterator[Machine]:
    """A table of 4,096 entries: 128 uncompleted handshakes are a listener's share."""
    with machine(flow_capacity=1 << 12) as made:
        yield made


@pytest.fixture
def kernel(small_machine: Machine) -> Machine:
    small_machine.tell(DataPlaneState())
    small_machine.forget()
    return small_machine


@pytest.fixture
def flooded(kernel: Machine) -> Machine:
    """With one listener, at its limit."""
    kernel.tell(state(frontend(TASK1, TASK2)))
    set_uncompleted(kernel, limit_of(kernel) + SETTLED_AFTER)
    return kernel


def forged(number: int) -> Packet:
    return OPEN.but(source=f"100.64.{number >> 8}.{number & 255}", source_port=1024 + number % 50000)


def answer(kernel: Machine, there: Packet, **changes: object) -> Packet:
    return carried(kernel, "task", there.back(**{"flags": SYN | ACK, "seq": 500, "ack": 101, **changes}))


def forget_pending(kernel: Machine) -> None:
    table = kernel.maps["pending"]
    table.fill(bytes(table.max_entries * table.value_size))


def established(kernel: Machine) -> set[bool]:
    return {bool(flow.flags & ESTABLISHED) for flow in kernel.flows().values()}


class TestCount:
    def test_a_flood_takes_its_listeners_share_of_the_table(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1), frontend(TASK2, vip=VIP2)))
        cpus = len(kernel.maps["handshakes"].get_per_cpu(bytes(4)))
        for number in range(1000):
            carried(kernel, "uplink", forged(number))
        assert limit_of(kernel) == 128
        assert 128 <= len(kernel.flows()) / 2 <= 128 + SETTLED_AFTER * cpus
        assert kernel.counters().over_limit == 1000 - len(kernel.flows()) / 2
        assert kernel.counters().new_flows == len(kernel.flows()) / 2
        before = len(kernel.flows())
        carried(kernel, "uplink", OPEN.but(destination=VIP2))
        assert len(kernel.flows()) == before + 2
        assert kernel.counters(1).over_limit == 0

    def test_who_completes_them_has_no_limit(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        for port in range(2000, 2500):
            answer(kernel, carried(kernel, "uplink", OPEN.but(source_port=port)))
            carried(kernel, "uplink", DONE.but(source_port=port))
        assert kernel.counters().over_limit == 0
        assert uncompleted(kernel) <= SETTLED_AFTER

    def test_nor_has_a_target_that_refuses_them(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        for port in range(2000, 2500):
            answer(kernel, carried(kernel, "uplink", OPEN.but(source_port=port)), flags=RST | ACK)
        assert kernel.counters().over_limit == 0
        assert kernel.flows() == {}

    @pytest.mark.parametrize(("ago", "left"), [(0, 1.0), (1, 63 / 64), (16, 3 / 4), (64, 0), (100, 0)])
    def test_what_is_never_completed_is_forgotten(self, kernel: Machine, ago: int, left: float) -> None:
        kernel.tell(state(frontend(TASK1)))
        set_uncompleted(kernel, 6400, ago=ago)
        carried(kernel, "uplink", OPEN)
        assert uncompleted(kernel) == pytest.approx(6400 * left, abs=102)  # a second's more or less

    def test_another_listener_in_the_same_place_begins_anew(self, flooded: Machine) -> None:
        flooded.tell(DataPlaneState())
        flooded.tell(state(frontend(TASK1)))
        carried(flooded, "uplink", OPEN)
        assert len(flooded.flows()) == 2


class TestOverTheLimit:
    @pytest.mark.parametrize("program", ["uplink", "host", "task"])
    @pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
    def test_a_client_that_waits_for_the_answer_is_served(
        self, kernel: Machine, program: str, keep: bool
    ) -> None:
        kernel.tell(state(frontend(TASK1, TASK2, keep=keep)))
        set_uncompleted(kernel, limit_of(kernel) + SETTLED_AFTER)
        there = carried(kernel, program, OPEN)
        assert kernel.flows() == {}
        assert there.source == (CLIENT if keep else VIP)
        back = answer(kernel, there)
        assert back.ends == OPEN.back().ends
        assert (back.flags, back.seq, back.ack) == (SYN | ACK, 500, 101)
        assert carried(kernel, program, DONE).ends == there.ends
        assert len(kernel.flows()) == 2
        assert established(kernel) == {True}
        assert kernel.counters().established == kernel.counters().new_flows == 1
        assert carried(kernel, "task", there.back(payload=b"hello")).ends == OPEN.back().ends
        assert kernel.drops() == {}

    def test_a_syn_that_comes_again_finds_the_same_target(self, flooded: Machine) -> None:
        there = carried(flooded, "uplink", OPEN)
        forget_pending(flooded)
        assert carried(flooded, "uplink", OPEN) == there
        answer(flooded, there)

    def test_a_targets_refusal_reaches_the_client(self, flooded: Machine) -> None:
        back = answer(flooded, carried(flooded, "uplink", OPEN), flags=RST | ACK)
        assert (back.flags, back.ends) == (RST | ACK, OPEN.back().ends)
        assert flooded.flows() == {}

    def test_what_answers_no_such_syn_passes(self, flooded: Machine) -> None:
        there = carried(flooded, "uplink", OPEN)
        stranger = there.back().but(destination_port=41000)
        for flags in (SYN | ACK, RST, ACK):
            passes(flooded, "task", stranger.but(flags=flags))
        passes(flooded, "task", there.back(flags=ACK))

    def test_the_flow_keeps_its_target_when_others_come(self, flooded: Machine) -> None:
        there = carried(flooded, "uplink", OPEN)
        answer(flooded, there)
        for number in range(1000):
            carried(flooded, "uplink", forged(number))
        assert carried(flooded, "uplink", DONE).ends == there.ends

    def test_beyond_the_rate_it_is_dropped(self, flooded: Machine) -> None:
        for _ in range(100):
            flooded.forget()
            set_uncompleted(flooded, limit_of(flooded) + SETTLED_AFTER)
            window = use_up_the_rate(flooded)
            before = flooded.counters().rejected
            flooded.run("uplink", OPEN)
            if window == current_window():
                break
        assert flooded.drops() == {"handshake_limit": 1}
        assert flooded.counters().rejected == before + 1

    def test_security_groups_hold_all_the_same(self, flooded: Machine) -> None:
        frontends = flooded.maps["frontends"]
        for key, value in frontends.items():
            entry = abi.Frontend.unpack(value)
            frontends.put(key, entry._replace(ingress=abi.Table.NOTHING).pack())
        publish_frontends(flooded.maps)
        try:
            dropped(flooded, "uplink", OPEN, "security_group")
        finally:
            frontends.put(key, entry.pack())
            publish_frontends(flooded.maps)


class TestAcknowledgements:
    def test_one_that_nobody_remembers_is_the_targets_to_judge(self, flooded: Machine) -> None:
        there = carried(flooded, "uplink", OPEN)
        answer(flooded, there)
        forget_pending(flooded)
        assert carried(flooded, "uplink", DONE).ends == there.ends
        assert established(flooded) == {False}
        assert answer(flooded, there, flags=ACK, seq=501).ends == OPEN.back().ends
        assert established(flooded) == {True}

    @pytest.mark.parametrize("guess", [500, 502, 0])
    def test_one_with_a_wrong_number_too(self, flooded: Machine, guess: int) -> None:
        there = carried(flooded, "uplink", OPEN)
        answer(flooded, there)
        carried(flooded, "uplink", DONE.but(ack=guess))
        assert established(flooded) == {False}
        assert answer(flooded, there, flags=RST, seq=guess).flags == RST
        assert flooded.flows() == {}

    def test_a_flood_of_them_has_a_limit(self, flooded: Machine) -> None:
        set_uncompleted(flooded, 2 * limit_of(flooded) + SETTLED_AFTER)
        dropped(flooded, "uplink", DONE, "handshake_limit")

    def test_one_that_is_remembered_has_none(self, flooded: Machine) -> None:
        answer(flooded, carried(flooded, "uplink", OPEN))
        set_uncompleted(flooded, 2 * limit_of(flooded) + SETTLED_AFTER)
        carried(flooded, "uplink", DONE)
        assert established(flooded) == {True}

    def test_they_are_let_in_for_a_while_after_the_flood(self, flooded: Machine) -> None:
        there = carried(flooded, "uplink", OPEN)
        answer(flooded, there)
        set_uncompleted(flooded, limit_of(flooded) // 2 + SETTLED_AFTER)
        assert carried(flooded, "uplink", DONE).ends == there.ends

    def test_without_a_flood_they_are_nobodys(self, flooded: Machine) -> None:
        set_uncompleted(flooded, limit_of(flooded) // 2 - 1)
        passes(flooded, "uplink", DONE)

    @pytest.mark.parametrize("flags", [RST, RST | ACK, FIN | ACK, FIN, SYN | ACK])
    def test_nothing_else_opens_a_flow(self, flooded: Machine, flags: int) -> None:
        passes(flooded, "uplink", DONE.but(flags=flags))

    def test_a_flow_that_is_over_is_not_opened_again(self, flooded: Machine) -> None:
        answer(flooded, carried(flooded, "uplink", OPEN))
        carried(flooded, "uplink", DONE)
        flooded.tell(state())
        flooded.tell(state(frontend(TASK1, TASK2)))
        set_uncompleted(flooded, limit_of(flooded))
        assert flooded.run("uplink", DONE).verdict == PASS  # the namespace resets it


class TestProxyHeader:
    BYTES = 28

    @pytest.fixture
    def there(self, kernel: Machine) -> Packet:
        kernel.tell(state(frontend(TASK1, proxy=True)))
        set_uncompleted(kernel, limit_of(kernel) + SETTLED_AFTER)
        return carried(kernel, "uplink", OPEN)

    def test_it_comes_with_the_acknowledgement(self, kernel: Machine, there: Packet) -> None:
        assert there.seq == 100 - self.BYTES
        assert answer(kernel, there, ack=there.seq + 1).ack == 101
        first = carried(kernel, "uplink", DONE)
        assert (first.seq, len(first.payload)) == (101 - self.BYTES, self.BYTES)
        assert established(kernel) == {True}

    def test_so_it_does_where_the_handshake_is_forgotten(self, kernel: Machine, there: Packet) -> None:
        forget_pending(kernel)
        first = carried(kernel, "uplink", DONE)
        assert (first.seq, len(first.payload)) == (101 - self.BYTES, self.BYTES)

    def test_but_not_ahead_of_bytes_whose_place_nobody_knows(self, kernel: Machine, there: Packet) -> None:
        forget_pending(kernel)
        dropped(kernel, "uplink", DONE.but(flags=ACK | PSH, payload=b"later"), "handshake_limit")


def test_the_port_of_another_flow_is_not_taken(kernel: Machine) -> None:
    """One client port by two ways to the same target: the second one gets another port, flood or not."""
    kernel.tell(state(frontend(TASK1), frontend(TASK1, vip=VIP2)))
    first = carried(kernel, "uplink", OPEN)
    set_uncompleted(kernel, limit_of(kernel) + SETTLED_AFTER, frontend=1)
    hello, done = OPEN.but(destination=VIP2), DONE.but(destination=VIP2)
    second = carried(kernel, "uplink", hello)
    assert second.source_port != first.source_port
    assert answer(kernel, second).ends == hello.back().ends
    assert carried(kernel, "uplink", done).ends == second.ends
    assert established(kernel) == {True, False}


def test_no_flow_ends_that_never_began(kernel: Machine) -> None:
    kernel.tell(state(frontend(TASK1)))
    set_uncompleted(kernel, limit_of(kernel) + SETTLED_AFTER)
    config = abi.Config.unpack(kernel.maps["config"].get(bytes(4)) or b"")
    kernel.maps["config"].put(bytes(4), config._replace(watched_until=2**32 - 1).pack())
    events = libbpf.RingBuffer(kernel.maps["events"])
    try:
        answer(kernel, carried(kernel, "uplink", OPEN), flags=RST | ACK)
        assert events.records() == []
        answer(kernel, carried(kernel, "uplink", OPEN))
        carried(kernel, "uplink", DONE)
        assert [abi.Event.unpack(each).kind for each in events.records()] == [abi.EventKind.START]
    finally:
        events.close()
        kernel.maps["config"].put(bytes(4), config.pack())
