"""Which backend takes a new connection: weighted least connections. Pure."""

from collections.abc import Collection, Mapping, Sequence

from ..base import Backend, WeightedBackend


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
