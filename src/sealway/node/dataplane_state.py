"""From the store to what the kernel should do. Pure.

For each zone's VIP, and TCP and UDP of each listener: the healthy targets of the zone (of all zones, where
the target group crosses them). A zone without one sends to the healthy targets of the others, so that
clients holding its address are served; a group without any sends to all that are registered (fail
open), and so does a zone with fewer healthy ones than the group demands (``group_health``). A container that
has ended takes no new flow from the moment the node saw it.

Targets that take no new flow but may have old ones are *draining*: deregistered ones as long as they
exist (also unused ones), ended ones (their last packets are on the way), groups of weight 0, and
unhealthy ones where the group says their connections live on, for an interval or without an end. A backend
that is active anywhere is never draining.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

import msgspec

from ..drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from ..drivers.contracts.names import BRIDGE_INTERFACE, HOST_INTERFACE
from ..model.address_pool import is_ipv6
from ..model.lb_protocol import TRANSPORTS
from ..model.load_balancer import Listener, LoadBalancer
from ..model.peer import NO_PEERS, Peers, host_of
from ..model.target_group import Target, TargetGroup
from ..model.task import Task
from .group_health import is_enough
from .guards import guards
from .kept import Kept
from .shares import combined
from .snapshot import ADDRESSES, ANY_ZONE, BRIDGE, Snapshot, crosses_zones, in_zones

DEFAULT_IDLE_TIMEOUT = "350"


class Place(msgspec.Struct, frozen=True):
    """Where a target's packets go; ``alive``: whether its container runs."""

    backend: Backend
    alive: bool


Places = dict[tuple[str, str], Place]
"""(tcp or udp, target key) -> where it is; without targets that are nowhere on this host."""


Placed = Mapping[str, tuple[object, Places]]
"""Target group ARN -> what its places are made of, and its places."""


class Node(NamedTuple):
    """A zone's node of a load balancer."""

    balancer: LoadBalancer
    zone: str


class Candidate(NamedTuple):
    """A registered target that could take a load balancer's new flows."""

    target: Target
    backend: Backend
    healthy: bool


class Carried(NamedTuple):
    """A listener's frontends, and the backends that any of them sends to."""

    frontends: tuple[Frontend, ...]
    active: frozenset[Backend]


def dataplane_state(
    view: Snapshot,
    attached: Mapping[str, str],
    uplinks: tuple[str, ...],
    kept: Kept | None = None,
    peers: Peers = NO_PEERS,
) -> DataPlaneState:
    """The whole state. ``attached``: network interface id -> host-side interface, as the host has them.
    ``kept``: what the last pass made, with the same ``peers``; the answer is the same without."""
    kept = kept or Kept()
    endpoints = kept.take(
        ("endpoints",), (attached, view.stamp(ADDRESSES)), lambda: _endpoints(view, attached)
    )
    places = _all_places(view, endpoints, kept, peers)
    carried = [
        _carried(view, places, listener, kept)
        for balancer in view.balancers
        for listener in view.listeners_of[balancer.arn]
    ]
    keeping = [_keeping_of(view, places[arn], arn, kept) for arn in view.groups]
    active = frozenset[Backend]().union(*(each.active for each in carried))
    return DataPlaneState(
        vips=frozenset(
            address for balancer in view.balancers for zone in balancer.zones for address in zone.addresses
        ),
        frontends=tuple(frontend for each in carried for frontend in each.frontends),
        draining=frozenset[Backend]().union(*keeping) - active,
        interfaces=_all_interfaces(view, endpoints, uplinks, kept),
        endpoints=endpoints,
        guards=guards(view, kept),
        peers=peers,
    )


def _all_places(view: Snapshot, endpoints: dict[str, str], kept: Kept, peers: Peers) -> Placed:
    before: tuple[dict[str, str], dict[str, int]] = kept.last(("moved",), ({}, {}))
    moved = _moved(view, endpoints, *before)
    kept.take(("moved",), (object(),), lambda: (endpoints, moved))
    made = {}
    for arn in view.groups:
        inputs = (view.stamp(arn), moved.get(arn, 0))
        made[arn] = inputs, kept.take(("places", arn), inputs, partial(_places, view, endpoints, arn, peers))
    return made


def _moved(
    view: Snapshot, endpoints: dict[str, str], before: dict[str, str], moves: dict[str, int]
) -> dict[str, int]:
    """Target group ARN -> how often the interface behind one of its targets has come, gone or changed."""
    changed = {address for address, _ in endpoints.items() ^ before.items()}
    if not changed:
        return moves
    moves = dict(moves)
    for target in view.targets:
        instance = view.instances.get(target.id)
        if (instance.private_ip if instance else target.id) in changed:
            moves[target.target_group_arn] = moves.get(target.target_group_arn, 0) + 1
    return moves


def _carried(view: Snapshot, places: Placed, listener: Listener, kept: Kept) -> Carried:
    balancer = view.balancer_of[listener.load_balancer_arn]
    behind = tuple(places[arn][0] if arn in places else None for arn in listener.target_group_weights)

    def make() -> Carried:
        frontends = tuple(_frontends(view, places, balancer, listener))
        return Carried(frontends, frozenset(w.backend for each in frontends for w in each.backends))

    return kept.take(("carried", listener.arn), (listener, balancer, behind), make)


def _keeping_of(view: Snapshot, placed: tuple[object, Places], arn: str, kept: Kept) -> frozenset[Backend]:
    inputs, places = placed
    return kept.take(("keeping", arn), (inputs,), lambda: _keeping_flows(view, places, arn))


def _all_interfaces(
    view: Snapshot, endpoints: dict[str, str], uplinks: tuple[str, ...], kept: Kept
) -> frozenset[Interface]:
    bridged = kept.take(("bridged",), (view.stamp(BRIDGE),), lambda: _bridged(view))
    return kept.take(
        ("interfaces",), (endpoints, uplinks, bridged), lambda: _interfaces(endpoints, uplinks, bridged)
    )


def bridge_sources(view: Snapshot) -> dict[str, str]:
    """Running bridge containers' own addresses -> the address of the instance they run on."""
    return {
        container.bridge_ip: instance.private_ip
        for task in view.tasks
        if (instance := view.container_instances.get(task.container_instance_arn or ""))
        for container in task.containers
        if container.bridge_ip and container.last_status == "RUNNING"
    }


def _endpoints(view: Snapshot, attached: Mapping[str, str]) -> dict[str, str]:
    return {
        address: attached[task.interface.network_interface_id]
        for address, task in sorted(view.tasks_by_address.items())
        if task.interface and task.interface.network_interface_id in attached
    }


def _bridged(view: Snapshot) -> bool:
    return any(c.bridge_ip for task in view.tasks for c in task.containers)


def _interfaces(
    endpoints: Mapping[str, str], uplinks: tuple[str, ...], bridged: bool
) -> frozenset[Interface]:
    return frozenset(
        (
            Interface(name=HOST_INTERFACE, role="host"),
            *([Interface(name=BRIDGE_INTERFACE, role="bridge")] if bridged else []),
            *_task_interfaces(endpoints),
            *(Interface(name=name, role="uplink") for name in uplinks),
        )
    )


def _task_interfaces(endpoints: Mapping[str, str]) -> Iterable[Interface]:
    """Each with its address, and its IPv6 address if it has one."""
    wide = {name: address for address, name in endpoints.items() if is_ipv6(address)}
    for address, name in endpoints.items():
        if not is_ipv6(address):
            yield Interface(name=name, role="task", address=address, address6=wide.get(name, ""))


def _places(view: Snapshot, endpoints: Mapping[str, str], arn: str, peers: Peers) -> Places:
    """Of one target group."""
    places: Places = {}
    for target in view.targets_of.get(arn, ()):
        for transport in TRANSPORTS.get(view.groups[arn].protocol, ()):
            place = _place(view, endpoints, target, transport) or _place_elsewhere(target, peers)
            if place is not None:
                places[transport, target.key] = place
    return places


def _place(view: Snapshot, endpoints: Mapping[str, str], target: Target, transport: str) -> Place | None:
    """Where the target is on this host; None when there is nothing to send to."""
    instance = view.instances.get(target.id)
    address = instance.private_ip if instance else target.id
    if address in endpoints:
        alive = _runs(view.tasks_by_address[address])
        return Place(Backend(address=address, port=target.port, interface=endpoints[address]), alive)
    published = view.published.get((transport, address, target.port))
    if published is None or published[1].bridge_ip is None:
        return None
    task, container, port = published
    backend = Backend(address=published[1].bridge_ip, port=port, interface=BRIDGE_INTERFACE)
    return Place(backend, container.last_status == "RUNNING" and _runs(task))


def backends_of(view: Snapshot, attached: Mapping[str, str], target: Target) -> frozenset[Backend]:
    """What the data plane knows a target as; empty: it is nowhere on this host."""
    group, endpoints = view.groups.get(target.target_group_arn), _endpoints(view, attached)
    transports = TRANSPORTS.get(group.protocol, ()) if group else ()
    places = (_place(view, endpoints, target, transport) for transport in transports)
    return frozenset(place.backend for place in places if place is not None)


def _place_elsewhere(target: Target, peers: Peers) -> Place | None:
    """On another host, where nobody but its health checks says whether it lives."""
    if target.availability_zone != ANY_ZONE or not host_of(peers, target.id):
        return None
    return Place(Backend(address=target.id, port=target.port, interface=""), True)


def _runs(task: Task) -> bool:
    """Whether the task still does its work: no essential container has ended, and one at least runs."""
    running = any(container.last_status == "RUNNING" for container in task.containers)
    return running and task.execution_stopped_at is None


def _frontends(
    view: Snapshot,
    places: Placed,
    balancer: LoadBalancer,
    listener: Listener,
) -> list[Frontend]:
    weights = {arn: w for arn, w in listener.target_group_weights.items() if w > 0 and arn in view.groups}
    groups = [view.groups[arn] for arn in weights]
    transports = TRANSPORTS[listener.protocol]
    there = {
        (transport, group.arn): _there(view, places[group.arn][1], balancer, group, transport)
        for transport, group in product(transports, groups)
    }
    made = []
    for zone, transport in product(balancer.zones, transports):
        node = Node(balancer, zone.availability_zone)
        chosen = {
            group.arn: _shares(group, _chosen(there[transport, group.arn], node, group)) for group in groups
        }
        frontend = Frontend(
            vip=zone.vip,
            port=listener.port,
            protocol=transport,  # type: ignore[arg-type]
            backends=combined((chosen[arn], weight) for arn, weight in weights.items()),
            sticky=any(group.attributes.get("stickiness.enabled") == "true" for group in groups),
            idle_timeout=int(listener.attributes.get("tcp.idle_timeout.seconds", DEFAULT_IDLE_TIMEOUT)),
            counterpart=zone.vip6,
        )
        made.append(frontend)
        if zone.vip6:
            made.append(msgspec.structs.replace(frontend, vip=zone.vip6, counterpart=zone.vip))
    return made


def _there(
    view: Snapshot, places: Places, balancer: LoadBalancer, group: TargetGroup, transport: str
) -> list[Candidate]:
    return [
        Candidate(target, place.backend, view.is_healthy(target))
        for target in view.registered(balancer, group)
        if (place := places.get((transport, target.key))) and place.alive
    ]


def _chosen(there: Sequence[Candidate], node: Node, group: TargetGroup) -> list[Backend]:
    """The group's backends for the node's new flows."""
    local = there
    if not crosses_zones(node.balancer, group):
        local = [each for each in there if in_zones(each.target, (node.zone,))]
    well: Sequence[Candidate] = [each for each in local if each.healthy]
    if well and not is_enough(group, "unhealthy_state_routing", len(well), len(local)):
        well = local
    candidates = well or [each for each in there if each.healthy] or local or there
    return sorted({each.backend for each in candidates}, key=lambda b: (b.address, b.port))


def _shares(group: TargetGroup, backends: Iterable[Backend]) -> list[WeightedBackend]:
    proxy = group.attributes.get("proxy_protocol_v2.enabled") == "true"
    return [
        WeightedBackend(backend=backend, preserve_client_ip=_preserves(group), proxy_protocol=proxy)
        for backend in backends
    ]


def _preserves(group: TargetGroup) -> bool:
    """AWS's defaults: hidden for ip targets of TCP groups, kept for all others."""
    default = "false" if group.target_type == "ip" and group.protocol == "TCP" else "true"
    return group.attributes.get("preserve_client_ip.enabled", default) == "true"


def _keeping_flows(view: Snapshot, places: Places, arn: str) -> frozenset[Backend]:
    targets = {target.key: target for target in view.targets_of.get(arn, ())}
    return frozenset(
        place.backend for (_, key), place in places.items() if _keeps_flows(view, targets[key], place)
    )


def _keeps_flows(view: Snapshot, target: Target, place: Place) -> bool:
    """Whether a target's established flows go on, should it take no new ones."""
    if target.draining_since is not None or not place.alive:
        return True
    health = view.healths.get(target.key)
    if health is None or health.state != "unhealthy":
        return True  # healthy (of a weight-0 group, or another zone's), not yet judged, or unhealthy.draining
    group = view.groups.get(target.target_group_arn)
    return group is not None and not group.cuts_unhealthy and not group.unhealthy_draining
