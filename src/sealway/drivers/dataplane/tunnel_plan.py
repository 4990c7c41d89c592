"""What the kernel must know of other hosts: the ways to their tasks, and who may send to those here. Pure.

Three small maps: ``tunnels`` (network -> interface and source address on the way there), ``hosts`` (who may
send here) and ``tasks`` (a task's address -> its backend for what they send; the port comes with a packet).
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING

import msgspec

from ...model.peer import Peers, host_of
from ..contracts.dataplane import Backend, DataPlaneState
from . import abi

if TYPE_CHECKING:
    from .slots_plan import Made, Place

MAPS = ("tunnels", "hosts", "tasks")
Tunnels = Mapping[str, Mapping[bytes, bytes]]
"""By the map's name."""
NO_TUNNELS: Tunnels = {name: {} for name in MAPS}
_PRESENT = (1).to_bytes(4, "little")


class TunnelPlan(msgspec.Struct, frozen=True):
    """Writes: ``put`` before anything leads to another host, ``gone`` once nothing does."""

    put: Sequence[tuple[str, bytes, bytes]] = ()
    gone: Sequence[tuple[str, bytes]] = ()
    then: Tunnels = msgspec.field(default_factory=lambda: NO_TUNNELS)

    def __len__(self) -> int:
        """How many writes it takes."""
        return len(self.put) + len(self.gone)


def where(backend: Backend, peers: Peers) -> str:
    """What leads to the backend: the name of its interface, or the address of its host."""
    return backend.interface or host_of(peers, backend.address)


def arrivals(state: DataPlaneState) -> Iterator[Backend]:
    """The tasks here as backends of other hosts' load balancers, at any port."""
    if state.peers:
        for each in state.interfaces:
            if each.role == "task" and each.address and ":" not in each.address:
                yield Backend(address=each.address, port=0, interface=each.name)


def tunnel_plan(
    state: DataPlaneState, places: Mapping[str, "Place"], made: "Made", now: Tunnels
) -> TunnelPlan:
    """The writes."""
    ids = {pair[0]: made.slots[pair].id for pair in made.arrivals}
    wanted = _entries(state, places, ids)
    return TunnelPlan(
        put=[
            (name, key, value)
            for name, entries in wanted.items()
            for key, value in entries.items()
            if now[name].get(key) != value
        ],
        gone=[(name, key) for name, entries in now.items() for key in entries.keys() - wanted[name].keys()],
        then=wanted,
    )


def _entries(state: DataPlaneState, places: Mapping[str, "Place"], ids: Mapping[Backend, int]) -> Tunnels:
    known = {network: host for network, host in state.peers.items() if host in places}
    return {
        "tunnels": {
            _key(network): abi.Tunnel(_packed(places[host].source), places[host].ifindex).pack()
            for network, host in known.items()
        },
        "hosts": {_packed(host): _PRESENT for host in state.peers.values()},
        "tasks": {_packed(backend.address): id_.to_bytes(4, "little") for backend, id_ in ids.items()},
    }


def _key(network: str) -> bytes:
    parsed = ip_network(network)
    return abi.TunnelKey(parsed.prefixlen, parsed.network_address.packed).pack()


def _packed(address: str) -> bytes:
    return socket.inet_aton(address)
