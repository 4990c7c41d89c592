"""Which listeners this host answers at addresses of its own, for clients that have no route to a VPC. Pure.

An address of the host's has no zone: each zone's node gives it its targets, in equal parts, as clients
would reach them who choose among the addresses of the load balancer's name.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ..drivers.contracts.dataplane import DataPlaneState, Frontend, WeightedBackend, XdpMode
from ..drivers.contracts.host_network import Port
from ..model.load_balancer import LoadBalancer
from .shares import combined

Nodes = list[Frontend]
"""One listener's frontends, one a zone."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A listener that is not answered at one of the host's addresses, and why."""

    address: str
    protocol: str
    port: int
    load_balancer: str
    reason: str


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered at the host's addresses, and what is not."""

    frontends: tuple[Frontend, ...] = ()
    refused: frozenset[Refusal] = frozenset()

    def added_to(self, state: DataPlaneState) -> DataPlaneState:
        """The state with these frontends too."""
        shared = frozenset(frontend.vip for frontend in self.frontends)
        return msgspec.structs.replace(state, frontends=state.frontends + self.frontends, shared=shared)


def dropping_early(state: DataPlaneState, exposed: Iterable[str], mode: XdpMode) -> DataPlaneState:
    """The state with XDP in that mode on these interfaces."""
    names = frozenset(exposed)
    interfaces = frozenset(
        msgspec.structs.replace(each, xdp=mode) if each.role == "uplink" and each.name in names else each
        for each in state.interfaces
    )
    return msgspec.structs.replace(state, interfaces=interfaces)


def exposure(
    balancers: Iterable[LoadBalancer], frontends: Iterable[Frontend], own: Mapping[str, frozenset[Port]]
) -> Exposure:
    """``own``: the host's addresses, and the ports that its own servers have taken there: those stay theirs.
    Where two load balancers have the same listener, the older one's is answered."""
    made: dict[tuple[str, Port], Frontend] = {}
    refused: set[Refusal] = set()
    for balancer, nodes in _listeners(balancers, list(frontends)):
        port = (nodes[0].protocol, nodes[0].port)
        for address, taken in own.items():
            why = "a server of this host listens there" if port in taken else ""
            why = why or ("an older load balancer has that listener" if (address, port) in made else "")
            if why:
                refused.add(
                    Refusal(
                        address=address,
                        protocol=port[0],
                        port=port[1],
                        load_balancer=balancer.name,
                        reason=why,
                    )
                )
            else:
                made[address, port] = msgspec.structs.replace(
                    nodes[0], vip=address, node=nodes[0].vip, backends=_together(nodes)
                )
    return Exposure(frontends=tuple(made.values()), refused=frozenset(refused))


def _listeners(
    balancers: Iterable[LoadBalancer], frontends: Sequence[Frontend]
) -> Iterable[tuple[LoadBalancer, Nodes]]:
    """Internet-facing ones, the oldest load balancer's first."""
    for balancer in sorted(balancers, key=lambda lb: (lb.created_at, lb.arn)):
        vips = {zone.vip for zone in balancer.zones} if balancer.scheme == "internet-facing" else set()
        by_port: dict[Port, Nodes] = {}
        for frontend in frontends:
            if frontend.vip in vips:
                by_port.setdefault((frontend.protocol, frontend.port), []).append(frontend)
        yield from ((balancer, nodes) for nodes in by_port.values())


def _together(nodes: Nodes) -> tuple[WeightedBackend, ...]:
    """The backends of all nodes that have any, each node with an equal share."""
    return combined((node.backends, 1) for node in nodes)
