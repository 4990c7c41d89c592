"""Backends with whole weights, made of parts that are to have a given weight together. Pure."""

from collections.abc import Iterable, Sequence
from math import gcd, lcm

import msgspec

from ..drivers.contracts.dataplane import WeightedBackend

Part = tuple[Sequence[WeightedBackend], int]
"""Backends with their weights among each other, and what they weigh together."""


def combined(parts: Iterable[Part]) -> tuple[WeightedBackend, ...]:
    """Each part gets its share however many backends it has; one without any counts for nothing. A backend of
    several parts has the sum of its shares, if they are the same but for the weight."""
    filled = [
        (backends, weight, sum(each.weight for each in backends)) for backends, weight in parts if backends
    ]
    if not filled:
        return ()
    common = lcm(*(total for _, _, total in filled))
    shares: dict[WeightedBackend, int] = {}
    for backends, weight, total in filled:
        for each in backends:
            alike = msgspec.structs.replace(each, weight=1)
            shares[alike] = shares.get(alike, 0) + weight * each.weight * common // total
    divisor = gcd(*shares.values())
    return tuple(msgspec.structs.replace(each, weight=share // divisor) for each, share in shares.items())
