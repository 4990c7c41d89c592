"""Which backend takes a new connection: weighted least connections, or its client's own. Pure.

A sticky frontend's clients each have an order of all backends: every pair of client and backend draws a
number, by a hash, and the weights say how often which backend's is the best (rendezvous hashing). So a client
goes to the same backend for as long as that one serves, also after a restart and by every zone that has it;
when one goes, its clients alone move.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from ..contracts.dataplane import Backend, WeightedBackend


def choose(
    shares: Sequence[WeightedBackend],
    active: Mapping[Backend, int],
    served: Mapping[Backend, int],
    tried: Collection[Backend] = (),
) -> WeightedBackend | None:
    """The backend with the fewest connections for its weight; among equals, that served least so far.

    ``active`` and ``served`` count connections (now, ever). Weight 0 takes none, nor do those in ``tried``.
    None: nobody is left.
    """
    usable = [share for share in shares if share.weight > 0 and share.backend not in tried]

    def pressure(share: WeightedBackend) -> tuple[float, float]:
        backend, weight = share.backend, share.weight
        return (active.get(backend, 0) + 1) / weight, served.get(backend, 0) / weight

    return min(usable, key=pressure) if usable else None


def choose_for(
    client: str, shares: Sequence[WeightedBackend], tried: Collection[Backend] = ()
) -> WeightedBackend | None:
    """The backend of this client's address; of those in ``tried``, the next one in the client's order."""
    usable = [share for share in shares if share.weight > 0 and share.backend not in tried]
    return max(usable, key=lambda share: share.weight * _draw(client, share.backend)) if usable else None


def _draw(client: str, backend: Backend) -> float:
    """The inverse of an exponential variate: times its weight, the best is each one's by weight."""
    name = f"{client} {backend.address} {backend.port}".encode()
    number = int.from_bytes(blake2b(name, digest_size=8).digest(), "big")
    return -1 / math.log((number + 0.5) / 2**64)
