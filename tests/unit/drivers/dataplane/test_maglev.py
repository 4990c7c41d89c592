"""Maglev tables: full, fair, and steady when backends come and go."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sealway.drivers.dataplane import abi
from sealway.drivers.dataplane.maglev import ENTRIES_PER_SHARE, SIZES, Share, build, size_for

names = st.lists(
    st.tuples(st.ip_addresses(v=4), st.integers(1, 65535)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    min_size=2, max_size=10, unique=True,
)  # fmt: skip


def table_of(backends: list[str], size: int | None = None) -> list[str]:
    return [backends[index] for index in build([Share(name) for name in backends], size)]


def test_no_backend_no_table() -> None:
    assert build([]) == []


def test_sizes_are_prime_and_what_the_kernels_chunks_hold() -> None:
    assert all(all(size % d for d in range(2, int(size**0.5) + 1)) for size in SIZES)
    assert max(SIZES) <= abi.Maglev.CHUNK * abi.Maglev.CHUNKS


def test_the_size_follows_the_shares() -> None:
    assert size_for([1, 1]) == SIZES[0]
    assert size_for([1] * 100) >= 100 * ENTRIES_PER_SHARE
    assert size_for([1, 999]) == SIZES[-1]


@given(names)
def test_every_backend_gets_its_even_share(backends: list[str]) -> None:
    table = table_of(backends)
    counts = Counter(table)
    assert max(counts.values()) - min(counts.get(name, 0) for name in backends) <= 1


@given(names, st.data())
def test_shares_follow_weights(backends: list[str], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 20), min_size=len(backends), max_size=len(backends)))
    shares = [Share(name, weight) for name, weight in zip(backends, weights, strict=True)]
    table = build(shares)
    counts = Counter(table)
    for index, share in enumerate(shares):
        expected = len(table) * share.weight / sum(weights)
        assert abs(counts[index] - expected) <= max(2, 0.05 * expected)


@given(names)
def test_a_removal_moves_few_entries_between_those_who_stay(backends: list[str]) -> None:
    """Only what the leaver had must move; among the others Maglev moves a little more."""
    before, after = table_of(backends), table_of(backends[1:])
    others = sum(a != b for a, b in zip(before, after, strict=True) if a != backends[0])
    assert others / len(before) <= 0.25


def test_the_disruption_is_small_on_average() -> None:
    moved = []
    for seed in range(40):
        backends = [f"10.0.{seed}.{n}:8443" for n in range(10)]
        before, after = table_of(backends), table_of(backends[1:])
        moved.append(
            sum(a != b for a, b in zip(before, after, strict=True) if a != backends[0]) / len(before)
        )
    assert sum(moved) / len(moved) < 0.08


def test_when_one_of_a_hundred_goes_at_most_one_percent_of_the_others_flows_move() -> None:
    backends = [f"10.0.{n % 4}.{n}:8443" for n in range(100)]
    before = table_of(backends)
    for gone in (0, 37, 99):
        after = table_of(backends[:gone] + backends[gone + 1 :])
        kept = [(a, b) for a, b in zip(before, after, strict=True) if a != backends[gone]]
        assert sum(a != b for a, b in kept) / len(kept) <= 0.01


@given(names, st.randoms())
def test_the_order_they_are_named_in_does_not_matter(backends: list[str], random: object) -> None:
    shuffled = list(backends)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert table_of(backends) == table_of(shuffled)
