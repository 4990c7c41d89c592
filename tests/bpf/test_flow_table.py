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
from tests.support.flow_cells import bucket_of, key_of, put_all, put_cycle
from tests.support.handshakes import set_uncompleted
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet

pytestmark = pytest.mark.root

ESTABLISHED = abi.FlowFlag.ESTABLISHED


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
        table.fill(bucket_of([flow] * abi.Limit.FLOWS_PER_BUCKET) * table.max_entries)
        assert config.bucket_mask == table.max_entries - 1
        before = small.counters().rejected
        dropped(small, "uplink", HELLO.but(source_port=50000), "flow_table")
        assert small.counters().rejected == before + 1

    def test_half_a_table_always_finds_a_place(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        for port in range(2000, 2000 + 1024):  # two entries each: half the table
            shake_hands(small, HELLO.but(source_port=port))
        assert small.drops() == {}
        assert len(small.flows()) == 2 * 1024
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

    def bucket_of_hello(self, kernel: Machine) -> tuple[int, abi.BucketHead, int]:
        """The bucket where the client's entry lies, its head, and the entry's way."""
        shake_hands(kernel)
        for number, (_, bucket) in enumerate(kernel.maps["flows"].items()):
            for way, entry in enumerate(abi.Entry.unpack_all(bucket[HEAD:])):
                if entry.protocol and not entry.flags & abi.FlowFlag.ANSWER:
                    return number, abi.BucketHead.unpack(bucket[:HEAD]), way
        raise AssertionError("no bucket has it")

    def rewrite(self, kernel: Machine, number: int, head: abi.BucketHead) -> None:
        at = number.to_bytes(4, "little")
        bucket = kernel.maps["flows"].get(at) or b""
        kernel.maps["flows"].put(at, head.pack() + bucket[HEAD:])

    def buckets_of_hello(self, kernel: Machine) -> list[tuple[int, int]]:
        """The bucket and the way of both entries."""
        return sorted(
            (number, way)
            for number, (_, bucket) in enumerate(kernel.maps["flows"].items())
            for way, entry in enumerate(abi.Entry.unpack_all(bucket[HEAD:]))
            if entry.protocol
        )

    def test_both_directions_of_a_flow_are_neighbours(self, small: Machine) -> None:
        small.forget()
        small.tell(state(frontend(TASK1)))
        shake_hands(small)
        [(one, first), (other, second)] = self.buckets_of_hello(small)
        assert one == other
        assert first ^ second == 1

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
        for port in range(2000, 2000 + 1024):
            shake_hands(small, HELLO.but(source_port=port))
        heads = [abi.BucketHead.unpack(bucket[:HEAD]) for _, bucket in small.maps["flows"].items()]
        assert any(head.spilled_until for head in heads)
        for port in range(2000, 2000 + 1024):
            carried(small, "uplink", HELLO.but(source_port=port, flags=ACK, seq=101, ack=501))

    def test_nobody_looks_there_for_what_can_only_be_long_over(self, small: Machine) -> None:
        self.test_a_key_that_spilled_is_found_in_its_second_bucket(small)
        for number, (_, bucket) in enumerate(list(small.maps["flows"].items())):
            head = abi.BucketHead.unpack(bucket[:HEAD])
            if head.spilled_until:
                self.rewrite(small, number, head._replace(spilled_until=1))
        found = [
            small.run("uplink", HELLO.but(source_port=port, flags=ACK, seq=101, ack=501)).verdict
            for port in range(2000, 2000 + 1024)
        ]
        assert set(found) == {REDIRECT, PASS}
