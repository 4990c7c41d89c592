"""Backends with whole weights, made of parts that are to have a given weight together. Pure."""

from collections.abc import Iterable, Mapping
from math import gcd, lcm

from ..drivers.base import Backend, WeightedBackend

Part = tuple[Mapping[Backend, int], int]
"""Backends with their weights among each other, and what they weigh together."""


def combined(parts: Iterable[Part]) -> tuple[WeightedBackend, ...]:
    """Each part gets its share however many backends it has; one without any counts for nothing. A backend of
    several parts has the sum of its shares."""
    filled = [(backends, weight, sum(backends.values())) for backends, weight in parts if backends]
    if not filled:
        return ()
    common = lcm(*(total for _, _, total in filled))
    shares: dict[Backend, int] = {}
    for backends, weight, total in filled:
        for backend, own in backends.items():
            shares[backend] = shares.get(backend, 0) + weight * own * common // total
    divisor = gcd(*shares.values())
    return tuple(WeightedBackend(backend=b, weight=share // divisor) for b, share in shares.items())
