"""Maglev: which backend each entry of a frontend's table names. Pure.

Every backend walks the table in an order of its own (a hash of its name gives start and stride) and takes
the first free entry, in turns according to weight, until the table is full. So shares follow the weights,
and when a backend comes or goes few entries change hands between the others.
Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016.

Entries are spread over ``ENTRIES_PER_SHARE`` times as many places as there are shares of the smallest weight,
which bounds the imbalance to about a percent. Table sizes are few and far apart, so that adding a backend
seldom changes the size, which would move everything.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import cycle, islice
from typing import NamedTuple

SIZES = (1021, 4093, 32749, 65521)
"""Primes, so that every stride visits every entry, that leave little of the kernel's chunks unused."""
ENTRIES_PER_SHARE = 100


class Share(NamedTuple):
    """``name`` decides the backend's places: the same name, the same places. ``weight`` above 0."""

    name: str
    weight: int = 1


def size_for(weights: Sequence[int]) -> int:
    """The smallest table in which the smallest weight still has its number of entries."""
    wanted = ENTRIES_PER_SHARE * sum(weights) / min(weights)
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def build(shares: Sequence[Share], size: int | None = None) -> list[int]:
    """The table: for each entry the index into ``shares``. Empty without shares."""
    if not shares:
        return []
    size = size or size_for([share.weight for share in shares])
    order = sorted(range(len(shares)), key=lambda index: shares[index].name)
    places = [_walk(shares[index].name, size) for index in order]
    weights = [shares[index].weight for index in order]
    table = _fill(places, weights, size)
    return [order[entry] for entry in table]


def _walk(name: str, size: int) -> tuple[int, int]:
    digest = blake2b(name.encode(), digest_size=16).digest()
    start = int.from_bytes(digest[:8], "little") % size
    stride = int.from_bytes(digest[8:], "little") % (size - 1) + 1
    return start, stride


def _fill(places: list[tuple[int, int]], weights: list[int], size: int) -> list[int]:
    """Most of a cold start's planning is in here."""
    table = [-1] * size
    at = [start for start, _ in places]
    strides = [stride for _, stride in places]
    for who in islice(_turns(weights), size):
        place, stride = at[who], strides[who]
        while table[place] >= 0:
            place += stride
            if place >= size:  # costs less than a division
                place -= size
        table[place] = who
        at[who] = place
    return table


def _turns(weights: list[int]) -> Iterator[int]:
    """Whose turn it is to take an entry, without end."""
    heaviest = max(weights)
    if min(weights) == heaviest:
        return cycle(range(len(weights)))
    return _weighted_turns(weights, heaviest)


def _weighted_turns(weights: list[int], heaviest: int) -> Iterator[int]:
    saved = [0] * len(weights)
    while True:
        for who, weight in enumerate(weights):
            saved[who] += weight
            if saved[who] >= heaviest:
                saved[who] -= heaviest
                yield who
