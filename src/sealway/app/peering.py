"""Peers that cannot be: their networks are this host's own."""

from ..model.errors import SealwayError
from ..model.network import Vpc
from ..model.peer import Peers, overlap
from ..store import Store


class NetworksOverlap(SealwayError):
    """Two hosts cannot both have an address."""


def refuse_overlap(peers: Peers, store: Store) -> None:
    """Raises ``NetworksOverlap`` if a peer's network is one of a VPC here."""
    for vpc in store.list(Vpc):
        if found := overlap(peers, vpc.blocks):
            network, own = found
            raise NetworksOverlap(f"the peer's network {network} overlaps {own} of this host's {vpc.id}")
