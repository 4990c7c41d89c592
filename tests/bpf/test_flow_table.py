"""The flow table: how long flows live, and who gives way to whom when it is full."""

import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from sealway.drivers.dataplane import abi, census, libbpf
from sealway.drivers.dataplane.flow_table import HEAD, entries
from tests.bpf.test_packet_paths import HELLO, TASK1, TASK2, VIP2, carried, dropped, frontend, passes, state
from tests.support.bpf_run import PASS, REDIRECT, SHOT, Machine, machine
from tests.support.flow_cells import bucket_of, entry_of, key_of, put_all, put_cycle
from tests.support.handshakes import set_uncompleted
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet

pytestmark = pytest.mark.root

ESTABLISHED = abi.FlowFlag.ESTABLISHED
SIDES = abi.FlowFlag.FORWARD | abi.FlowFlag.ANSWER


def now() -> int:
    return int(time.clock_gettime(time.CLOCK_MONOTONIC))


def shake_hands(kernel: Machine, hello: Packet = HELLO) -> tuple[Packet, Packet]:
    """Established: the client's next packet, and the target's."""
    there = carried(kernel, "uplink", hello.but(seq=100, ack=0))
    carried(kernel, "task", there.back(flags=SYN | ACK, seq=500, ack=101))
    client = hello.but(flags=ACK, seq=101, ack=501)
    carried(kernel, "uplink", client)
    return client, there.back(flags=ACK, seq=501, ack=101)


def later(kernel: Machine, seconds: int) -> None:
    """As if nothing had come for so long."""
    found = list(entries(kernel.maps["flows"]))
    put_all(kernel.maps, [flow._replace(expires=max(1, flow.expires - seconds)) for flow in found])


class TestHandshake:
    def test_a_flow_is_established_by_the_clients_acknowledgement(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO.but(seq=100, ack=0))
        carried(kernel, "task", there.back(flags=SYN | ACK, seq=500, ack=101))
        assert not any(flow.flags & ESTABLISHED for flow in kernel.flows().values())
        carried(kernel, "uplink", HELLO.but(flags=ACK, seq=101, ack=501))
        assert all(flow.flags & ESTABLISHED for flow in kernel.flows().values())

    @pytest.mark.parametrize("guess", [500, 0, 501 - 2**30 & 0xFFFFFFFF])
    def test_who_did_not_see_the_answer_cannot_establish_it(self, kernel: Machine, guess: int) -> None:
        kernel.tell(state(frontend(TASK1)))
        there = carried(kernel, "uplink", HELLO.but(seq=100, ack=0))
        carried(kernel, "uplink", HELLO.but(flags=ACK, seq=101, ack=guess))
        carried(kernel, "task", there.back(flags=SYN | ACK, seq=500, ack=101))
        carried(kernel, "uplink", HELLO.but(flags=ACK, seq=101, ack=guess))
        assert not any(flow.flags & ESTABLISHED for flow in kernel.flows().values())

    def test_a_udp_flow_is_established_by_the_targets_answer(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, protocol="udp")))
        there = carried(kernel, "uplink", HELLO.but(protocol=UDP))
        assert not any(flow.flags & ESTABLISHED for flow in kernel.flows().values())
        carried(kernel, "task", there.back())
        assert all(flow.flags & ESTABLISHED for flow in kernel.flows().values())


class TestTime:
    def lives(self, kernel: Machine) -> list[int]:
        return [flow.expires - now() for flow in kernel.flows().values()]

    def test_what_an_end_is_worth(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, idle_timeout=90)))
        carried(kernel, "uplink", HELLO)
        assert self.lives(kernel) == [pytest.approx(60, abs=2)] * 2
        kernel.forget()
        client, target = shake_hands(kernel)
        assert self.lives(kernel) == [pytest.approx(91, abs=2)] * 2
        carried(kernel, "uplink", client.but(flags=RST))
        assert self.lives(kernel) == [pytest.approx(5, abs=2)] * 2
        carried(kernel, "uplink", client)
        assert self.lives(kernel) == [pytest.approx(91, abs=2)] * 2
        carried(kernel, "uplink", client.but(flags=FIN | ACK))
        carried(kernel, "task", target.but(flags=FIN | ACK))
        assert self.lives(kernel) == [pytest.approx(60, abs=2)] * 2

    def test_udp_lives_two_minutes(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1, protocol="udp")))
        carried(kernel, "task", carried(kernel, "uplink", HELLO.but(protocol=UDP)).back())
        assert self.lives(kernel) == [pytest.approx(122, abs=3)] * 2

    def test_a_packet_keeps_it_alive(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        client, target = shake_hands(kernel)
        for _ in range(3):
            later(kernel, 300)
            carried(kernel, "uplink", client)
            assert self.lives(kernel) == [pytest.approx(355, abs=6)] * 2
            later(kernel, 300)
            carried(kernel, "task", target)
            assert self.lives(kernel) == [pytest.approx(355, abs=6)] * 2

    def test_an_idle_flow_is_none(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        client, _ = shake_hands(kernel)
        later(kernel, 362)
        assert not census.count_flows(kernel.maps["flows"]).by_backend
        passes(kernel, "uplink", client)
        assert all(flow.flags & abi.FlowFlag.CUT for flow in kernel.flows().values())

    def test_both_ends_of_an_idle_flow_are_reset(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        client, target = shake_hands(kernel)
        for first, second in ((client, target), (target, client)):
            kernel.forget()
            shake_hands(kernel)
            later(kernel, 362)
            for packet in (first, second):
                if packet is client:
                    assert kernel.run("uplink", packet).verdict == PASS  # refused by the VIP's namespace
                else:
                    assert carried(kernel, "task", packet).flags == RST
            assert kernel.flows() == {}

    def test_a_syn_after_the_idle_timeout_is_decided_anew(self, kernel: Machine) -> None:
        kernel.tell(state(frontend(TASK1)))
        shake_hands(kernel)
        kernel.tell(state(frontend(TASK2), draining=(TASK1,)))
        later(kernel, 362)
        assert carried(kernel, "uplink", HELLO).destination == TASK2


@pytest.fixture(scope="module")
def small() -> Iterator[Machine]:
    """A table of 4,096 entries."""
    with machine(flow_capacity=1 << 12) as made:
        yield made


class TestRoom:
    def flood(self, kernel: Machine, count: int, start: int = 0) -> dict[int, int]:
        """So many SYNs from nowhere; verdicts and how often."""
        frame = bytearray(bytes(HELLO))
        verdicts: dict[int, int] = {}
        for number in range(start, start + count):
            frame[26:30] = struct.pack("!I", 0x64400000 + number // 50000)
            frame[34:36] = struct.pack("!H", 1024 + number % 50000)
            verdict = kernel.run("uplink", frame).verdict
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
        return verdicts

    def test_a_flood_evicts_no_established_flow(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1), frontend(TASK2, vip=VIP2)))
        living = [
            shake_hands(small, HELLO.but(source_port=port, destination=VIP2)) for port in range(2000, 3000)
        ]
        assert set(self.flood(small, 300_000)) <= {REDIRECT, SHOT}
        for client, target in living:
            assert small.run("uplink", client).verdict == REDIRECT
            assert small.run("task", target).verdict == REDIRECT
        for port in range(3000, 3100):
            shake_hands(small, HELLO.but(source_port=port, destination=VIP2))

    def test_a_full_table_refuses_and_says_so(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        shake_hands(small)
        flow = next(iter(small.flows().values()))
        config = abi.Config.unpack(small.maps["config"].get(bytes(4)) or b"")
        table = small.maps["flows"]
        table.fill(bucket_of([entry_of(flow)] * abi.Limit.FLOWS_PER_BUCKET) * table.max_entries)
        assert config.bucket_mask == table.max_entries - 1
        before = small.counters().rejected
        dropped(small, "uplink", HELLO.but(source_port=50000), "flow_table")
        assert small.counters().rejected == before + 1

    def test_half_a_table_always_finds_a_place(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        for port in range(2000, 2000 + 2048):
            shake_hands(small, HELLO.but(source_port=port))
        assert small.drops() == {}
        assert len(small.flows()) == 2 * 2048
        assert all(key == key_of(flow) for key, flow in small.flows().items())

    def test_readers_meet_writers(self, small: Machine) -> None:
        """On one CPU each packet becomes the next flow's, so that one miss breaks the chain for good; on the
        other, new flows come and take each other's places in the same buckets."""
        small.forget()
        small.tell(state(frontend(TASK1)))
        shake_hands(small)
        value = next(flow for flow in small.flows().values() if not flow.flags & abi.FlowFlag.ANSWER)
        first = put_cycle(small.maps, value, bytes(map(int, HELLO.destination.split("."))), 1500)
        packet = Packet(
            ".".join(map(str, first.source)), int.from_bytes(first.source_port, "big"), HELLO.destination,
            443, flags=ACK,
        )  # fmt: skip
        with ThreadPoolExecutor(1) as other:
            chain = other.submit(small.run, "uplink", packet, 3_000_000)
            for start in count(step=100):
                set_uncompleted(small, 0)  # or the listener's limit would stop the writers
                self.flood(small, 100, start)
                if chain.done():
                    break
        assert chain.result().verdict == REDIRECT
        assert sum(1 for flow in entries(small.maps["flows"]) if not flow.flags & ESTABLISHED) > 1000

    def test_writers_meet_writers(self, small: Machine) -> None:
        """Two CPUs that open flows in the same few buckets at once: each flow has its entry, and one only."""
        small.tell(state(frontend(TASK1)))

        def some(first: int) -> set[int]:
            seen: set[int] = set()
            for start in range(first, first + 700, 20):
                set_uncompleted(small, 0)  # or the listener's limit would leave them without flows
                # Once more each: who did not get a lock, its holder being interrupted, comes again.
                seen |= self.flood(small, 20, start).keys() | self.flood(small, 20, start).keys()
            return seen

        for turn in range(5):
            small.forget()
            with ThreadPoolExecutor(2) as both:
                done = [both.submit(some, 2000 * turn + at) for at in (0, 1000)]
            assert all(REDIRECT in each.result() for each in done)
            found = [key_of(flow) for flow in entries(small.maps["flows"])]
            assert len(found) == len(set(found)) == 2 * 1400


def test_the_programs_tell_the_time_as_user_space_does(kernel: Machine) -> None:
    kernel.tell(state(frontend(TASK1)))
    config = abi.Config.unpack(kernel.maps["config"].get(bytes(4)) or b"")
    kernel.maps["config"].put(bytes(4), config._replace(first_tick=0).pack())
    assert libbpf.run_program(kernel.loaded.programs["sealway_clock"], bytes(64)) == 1
    earliest = now()
    carried(kernel, "uplink", HELLO)
    ends = {flow.expires - abi.Limit.HANDSHAKE_TIMEOUT for flow in kernel.flows().values()}
    assert len(kernel.flows()) == 2
    assert ends <= set(range(earliest - 1, now() + 1))


class TestBuckets:
    """One bucket's worth of what only chance would show otherwise."""

    def entries_in(self, kernel: Machine) -> list[tuple[int, int, abi.Entry]]:
        """Bucket, way and entry of all in use, as they stand in the table."""
        return [
            (number, way, entry)
            for number, (_, bucket) in enumerate(kernel.maps["flows"].items())
            for way, entry in enumerate(abi.Entry.unpack_all(bucket[HEAD:]))
            if entry.protocol
        ]

    def bucket_of_hello(self, kernel: Machine) -> tuple[int, abi.BucketHead, int]:
        """The bucket where a client's flow lies, its head, and the entry's way."""
        shake_hands(kernel)
        [(number, way, _)] = self.entries_in(kernel)
        bucket = kernel.maps["flows"].get(number.to_bytes(4, "little")) or b""
        return number, abi.BucketHead.unpack(bucket[:HEAD]), way

    def rewrite(self, kernel: Machine, number: int, head: abi.BucketHead) -> None:
        at = number.to_bytes(4, "little")
        bucket = kernel.maps["flows"].get(at) or b""
        kernel.maps["flows"].put(at, head.pack() + bucket[HEAD:])

    def sides(self, kernel: Machine) -> list[int]:
        """Of which directions the entries are."""
        return [entry.flags & SIDES for _, _, entry in self.entries_in(kernel)]

    def test_one_entry_is_for_both_directions(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1), frontend(TASK2, vip=VIP2)))
        shake_hands(small)
        assert self.sides(small) == [SIDES]
        shake_hands(small, HELLO.but(destination=VIP2))
        assert self.sides(small) == [SIDES, SIDES], "also from a port that has a flow already"
        assert len(small.flows()) == 4

    def test_a_hidden_clients_flow_has_two(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1, keep=False)))
        shake_hands(small)
        assert sorted(self.sides(small)) == [abi.FlowFlag.ANSWER, abi.FlowFlag.FORWARD]

    def test_two_flows_that_a_target_could_not_tell_apart_have_two_each_but_the_first(
        self, small: Machine
    ) -> None:
        small.forget()
        small.tell(state(frontend(TASK1), frontend(TASK1, vip=VIP2)))
        shake_hands(small)
        shake_hands(small, HELLO.but(destination=VIP2))
        assert sorted(self.sides(small)) == [abi.FlowFlag.ANSWER, abi.FlowFlag.FORWARD, SIDES]

    def test_a_direction_can_be_over_before_the_other(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        client, target = shake_hands(small)
        later(small, 362)
        passes(small, "uplink", client)  # idle too long: the VIP's namespace resets the client
        assert self.sides(small) == [abi.FlowFlag.ANSWER]
        carried(small, "uplink", HELLO.but(seq=7000, ack=0))
        assert self.sides(small) == [SIDES], "the client connects anew"
        small.forget()
        client, target = shake_hands(small)
        carried(small, "task", target.but(flags=FIN | ACK))
        carried(small, "uplink", client.but(flags=FIN | ACK, ack=target.seq + 1))
        carried(small, "task", target.but(seq=target.seq + 1, ack=client.seq + 1))
        assert self.sides(small) == [abi.FlowFlag.ANSWER], "the target holds it in TIME_WAIT"

    def test_what_is_over_makes_room_for_the_same_client(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        shake_hands(small)
        small.tell(state(frontend(TASK2), draining=(TASK1,)))
        later(small, 362)
        shake_hands(small)
        assert sorted(self.sides(small)) == [abi.FlowFlag.ANSWER, SIDES], "the first target is yet to be told"
        small.tell(state(frontend(TASK1)))
        later(small, 362)
        shake_hands(small)
        assert sorted(self.sides(small)) == [abi.FlowFlag.ANSWER, SIDES], (
            "the second one, but the first no more"
        )

    def test_a_lock_that_nobody_lets_go_stops_no_established_flow(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        client, target = shake_hands(small)
        locks = small.maps["locks"]
        locks.fill((1).to_bytes(8, "little") * locks.max_entries)
        try:
            carried(small, "uplink", client)
            carried(small, "task", target)
            dropped(small, "uplink", HELLO.but(source_port=50000), "flow_table")
        finally:
            locks.fill(bytes(8) * locks.max_entries)
        carried(small, "uplink", HELLO.but(source_port=50000))

    def test_an_entry_that_changes_hands_is_nobodys(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        number, head, way = self.bucket_of_hello(small)
        client = HELLO.but(flags=ACK, seq=101, ack=501)
        carried(small, "uplink", client)
        tenants = bytearray(head.tenants)
        assert tenants[way] % 2 == 0
        tenants[way] += 1
        self.rewrite(small, number, head._replace(tenants=bytes(tenants)))
        passes(small, "uplink", client)
        dropped(small, "uplink", HELLO.but(seq=100), "flow_table")

    def test_a_key_that_spilled_is_found_in_its_second_bucket(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        for port in range(2000, 2000 + 2048):
            shake_hands(small, HELLO.but(source_port=port))
        heads = [abi.BucketHead.unpack(bucket[:HEAD]) for _, bucket in small.maps["flows"].items()]
        assert any(head.spilled_until for head in heads)
        for port in range(2000, 2000 + 2048):
            carried(small, "uplink", HELLO.but(source_port=port, flags=ACK, seq=101, ack=501))

    def test_nobody_looks_there_for_what_can_only_be_long_over(self, small: Machine) -> None:
        self.test_a_key_that_spilled_is_found_in_its_second_bucket(small)
        for number, (_, bucket) in enumerate(list(small.maps["flows"].items())):
            head = abi.BucketHead.unpack(bucket[:HEAD])
            if head.spilled_until:
                self.rewrite(small, number, head._replace(spilled_until=1))
        found = [
            small.run("uplink", HELLO.but(source_port=port, flags=ACK, seq=101, ack=501)).verdict
            for port in range(2000, 2000 + 2048)
        ]
        assert set(found) == {REDIRECT, PASS}
