"""Hosts that never speak to one another choose alike, so one that dies takes its own flows along and no more.

``tests/bpf/test_agreement.py`` holds the model's choice against the kernel's.
"""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sealway.drivers.dataplane.maglev import Share
from tests.support.ecmp import Host, Switch, Tuple5, switch_hash

HOSTS, FLOWS = 16, 20_000
TARGETS = [Share(f"10.1.{n // 250}.{n % 250 + 1}:8443") for n in range(100)]


def flows(chance: random.Random) -> list[Tuple5]:
    return [
        Tuple5(f"203.0.{chance.randrange(256)}.{chance.randrange(1, 255)}", 1024 + n, "10.1.1.100", 443)
        for n in range(FLOWS)
    ]


def hosts(targets: list[Share], chance: random.Random) -> list[Host]:
    """Each hears of the targets in an order of its own."""
    return [Host(chance.sample(targets, len(targets))) for _ in range(HOSTS)]


@settings(max_examples=30, deadline=None)
@given(
    shares=st.dictionaries(st.ip_addresses(v=4), st.integers(1, 9), min_size=1, max_size=40),
    seed=st.integers(0, 2**32),
)
def test_whoever_heard_of_what_first_all_choose_alike(shares: dict[object, int], seed: int) -> None:
    chance = random.Random(seed)
    known = [Share(f"{address}:8443", weight) for address, weight in shares.items()]
    one, other = Host(known), Host(chance.sample(known, len(known)))
    for flow in flows(chance)[:200]:
        assert one.target(flow) == other.target(flow)


def test_a_host_that_dies_moves_its_own_flows_alone_and_they_find_the_same_targets() -> None:
    chance = random.Random(1)
    switch, all_hosts, clients = Switch(HOSTS), hosts(TARGETS, chance), flows(chance)
    at = {flow: switch.host(flow) for flow in clients}
    to = {flow: all_hosts[host].target(flow) for flow, host in at.items()}
    dead = 5
    switch.withdraw(dead, chance)
    moved = [flow for flow in clients if switch.host(flow) != at[flow]]
    assert moved == [flow for flow in clients if at[flow] == dead]
    assert 0.04 < len(moved) / FLOWS < 0.09, "about a sixteenth"
    assert all(all_hosts[switch.host(flow)].target(flow) == to[flow] for flow in clients)
    assert max(Counter(map(switch.host, moved)).values()) < len(moved) / 5, "spread over all that are left"


def test_a_switch_that_moves_everybody_still_changes_no_target() -> None:
    """Without resilient hashing most flows meet another host."""
    chance = random.Random(2)
    all_hosts, clients = hosts(TARGETS, chance), flows(chance)
    moved = [flow for flow in clients if switch_hash(flow) % HOSTS != switch_hash(flow) % (HOSTS - 1)]
    assert len(moved) > FLOWS / 2
    for flow in moved:
        before, after = all_hosts[switch_hash(flow) % HOSTS], all_hosts[switch_hash(flow) % (HOSTS - 1)]
        assert before.target(flow) == after.target(flow)


def test_hosts_that_have_not_all_heard_yet_differ_for_few_flows() -> None:
    """While a target's end travels to them: its own flows, and at most one in a hundred of the others."""
    chance = random.Random(3)
    gone, *left = TARGETS
    told, untold = Host(left), Host(TARGETS)
    others = [flow for flow in flows(chance) if untold.target(flow) != gone.name]
    differ = sum(told.target(flow) != untold.target(flow) for flow in others)
    assert differ <= len(others) / 100
