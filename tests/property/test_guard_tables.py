"""The kernel's tables of security groups say what AWS's rules say, at every moment of every change."""

import itertools
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from sealway.drivers.dataplane import abi
from sealway.drivers.dataplane.guard_plan import GuardPlan, GuardTables, guard_plan
from sealway.drivers.dataplane.guard_tables import (
    EVERYTHING,
    PortRange,
    network,
    peer_key,
    port_keys,
    shortened,
)
from sealway.model.guard import Direction, Guard, GuardRule, Guards
from tests.support.guard_model import PACKETS, allowed, allowed_through, some_guards

Packet = tuple[str, int, int]


class Kernel:
    """Two tries, looked up as bpf/lib/guard.h does."""

    def __init__(self) -> None:
        self.peers: dict[abi.PeerKey, int] = {}
        self.ranges: set[abi.PortKey] = set()

    def steps(self, plan: GuardPlan) -> Iterator[None]:
        """Carries a plan out, and stops after each write."""
        for port in plan.ranges:
            self.ranges.add(port)
            yield
        for peer, ranges in plan.peers.items():
            self.peers[peer] = ranges
            yield
        for peer in plan.gone_peers:
            del self.peers[peer]
            yield
        for port in plan.gone_ranges:
            self.ranges.remove(port)
            yield

    def allows(self, table: int, peer: str, protocol: int, port: int) -> bool:
        if table == EVERYTHING:
            return True
        keys = (peer_key(table, shortened(network(peer), bits)) for bits in range(32, -1, -1))
        ranges = next((self.peers[key] for key in keys if key in self.peers), None)
        if ranges is None or ranges == EVERYTHING:
            return ranges is not None
        return any(
            key.ranges == ranges
            and (key.protocol << 16 | int.from_bytes(key.port, "big")) >> (56 - key.prefix)
            == (protocol << 16 | port) >> (56 - key.prefix)
            for key in self.ranges
        )


def verdicts(
    kernel: Kernel, names: GuardTables, guards: Guards, packet: Packet
) -> dict[tuple[str, str], bool]:
    found = {}
    for own, guard in guards.of.items():
        for direction in Direction:
            table = names.names[guard, direction]
            found[own, direction.name] = kernel.allows(table, *packet)
    return found


def expected(guards: Guards, packet: Packet) -> dict[tuple[str, str], bool]:
    found = {}
    for own in guards.of:
        found[own, "INGRESS"] = allowed(guards, own, "ingress", *packet)
        found[own, "EGRESS"] = allowed(guards, own, "egress", *packet)
        found[own, "THROUGH"] = allowed_through(guards, own, *packet)
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(some_guards(), min_size=1, max_size=4), st.lists(PACKETS, min_size=1, max_size=8))
def test_after_any_changes_the_tables_say_what_the_rules_say(
    every: list[Guards], packets: list[Packet]
) -> None:
    kernel, now = Kernel(), GuardTables()
    for guards in every:
        plan = guard_plan(guards, now)
        assert sum(1 for _ in kernel.steps(plan)) == len(plan)
        now = plan.then
        for packet in packets:
            assert verdicts(kernel, now, guards, packet) == expected(guards, packet)
        assert len(guard_plan(guards, now)) == 0


@settings(max_examples=100, deadline=None)
@given(some_guards(), some_guards(), st.lists(PACKETS, min_size=1, max_size=4))
def test_a_verdict_changes_once_from_the_old_to_the_new(
    before: Guards, after: Guards, packets: list[Packet]
) -> None:
    kernel = Kernel()
    old = guard_plan(before, GuardTables())
    list(kernel.steps(old))
    new = guard_plan(after, old.then)
    lasting = {
        number
        for name, number in old.then.names.items()
        if new.then.names.get(name) == number and number in new.then.tables
    }
    seen = [{(n, p): kernel.allows(n, *p) for n in lasting for p in packets}]
    for _ in kernel.steps(new):
        seen.append({(n, p): kernel.allows(n, *p) for n in lasting for p in packets})
    for key in seen[0]:
        changes = sum(a[key] != b[key] for a, b in itertools.pairwise(seen))
        assert changes <= 1, key


@settings(max_examples=100, deadline=None)
@given(some_guards())
def test_tables_read_back_after_a_restart_need_no_write(guards: Guards) -> None:
    now = guard_plan(guards, GuardTables()).then
    again = guard_plan(guards, GuardTables(now.tables, now.ranges))
    assert len(again) == 0
    assert {n for n in again.then.names.values()} == {n for n in now.names.values()}


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_a_range_is_made_of_few_powers_of_two(one: int, other: int) -> None:
    first, last = sorted((one, other))
    keys = port_keys(7, frozenset({PortRange(6, first, last)}))
    spans = sorted((int.from_bytes(k.port, "big"), 1 << (56 - k.prefix)) for k in keys)
    assert len(spans) <= 30
    assert spans[0][0] == first
    assert sum(spans[-1]) - 1 == last
    assert all(a + size == b for (a, size), (b, _) in itertools.pairwise(spans))


def test_a_change_of_one_member_writes_one_entry() -> None:
    def guards(count: int) -> Guards:
        addresses = [f"10.{n >> 8}.{n & 255}.7" for n in range(count)]
        return Guards(
            rules={"sg-a": Guard(ingress=(GuardRule(group="sg-a", protocol=6, first=80, last=80),))},
            of=dict.fromkeys(addresses, "sg-a"),
            members={"sg-a": frozenset(addresses)},
        )

    now = guard_plan(guards(1000), GuardTables()).then
    assert len(guard_plan(guards(1001), now)) == 1
    assert len(guard_plan(guards(999), now)) == 1
