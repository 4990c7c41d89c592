"""Which listeners this host answers at addresses of its own, for clients that have no route to a VPC. Pure.

An address of the host's has no zone: each zone's node gives it its targets, in equal parts, as clients
would reach them who choose among the addresses of the load balancer's name.
"""

from collections.abc import Iterable, Mapping

import msgspec

from ..drivers.contracts.dataplane import DataPlaneState, Frontend, Interface, WeightedBackend, XdpMode
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
        if not self.frontends and not state.shared:
            return state
        shared = frozenset(frontend.vip for frontend in self.frontends)
        return msgspec.structs.replace(state, frontends=state.frontends + self.frontends, shared=shared)


def dropping_early(state: DataPlaneState, exposed: Iterable[str], mode: XdpMode) -> DataPlaneState:
    """The state with XDP in that mode on these interfaces."""
    without = state.interfaces.intersection(Interface(name=name, role="uplink") for name in exposed)
    if not mode or not without:
        return state
    dropping = {msgspec.structs.replace(each, xdp=mode) for each in without}
    return msgspec.structs.replace(state, interfaces=(state.interfaces - without) | dropping)


def exposure(
    balancers: Iterable[LoadBalancer], frontends: Iterable[Frontend], own: Mapping[str, frozenset[Port]]
) -> Exposure:
    """``own``: the host's addresses, and the ports that its own servers have taken there: those stay theirs.
    Where two load balancers have the same listener, the older one's is answered."""
    made: dict[tuple[str, Port], Frontend] = {}
    refused: set[Refusal] = set()
    for balancer, nodes in _listeners(balancers, frontends):
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
    balancers: Iterable[LoadBalancer], frontends: Iterable[Frontend]
) -> Iterable[tuple[LoadBalancer, Nodes]]:
    """Internet-facing ones, the oldest load balancer's first."""
    facing = sorted(
        (each for each in balancers if each.scheme == "internet-facing"),
        key=lambda lb: (lb.created_at, lb.arn),
    )
    whose = {zone.vip: balancer.arn for balancer in facing for zone in balancer.zones}
    of: dict[str, dict[Port, Nodes]] = {balancer.arn: {} for balancer in facing}
    for frontend in frontends:
        if frontend.vip in whose:
            by_port = of[whose[frontend.vip]]
            by_port.setdefault((frontend.protocol, frontend.port), []).append(frontend)
    for balancer in facing:
        yield from ((balancer, nodes) for nodes in of[balancer.arn].values())


def _together(nodes: Nodes) -> tuple[WeightedBackend, ...]:
    """The backends of all nodes that have any, each node with an equal share."""
    return combined((node.backends, 1) for node in nodes)
