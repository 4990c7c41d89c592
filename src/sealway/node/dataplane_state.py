"""From the store to what the kernel should do: the parts of it, each of one listener, target group or task.
Pure. ``state_maker`` puts them together.

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
from itertools import product
from typing import NamedTuple

import msgspec

from ..drivers.contracts.dataplane import Backend, Frontend, Interface, WeightedBackend
from ..drivers.contracts.names import BRIDGE_INTERFACE
from ..model.address_pool import is_ipv6
from ..model.lb_protocol import TRANSPORTS
from ..model.load_balancer import Listener, LoadBalancer
from ..model.peer import Peers, host_of
from ..model.target_group import Target, TargetGroup
from ..model.task import Task
from .group_health import is_enough
from .shares import combined
from .snapshot import ANY_ZONE, Snapshot, crosses_zones, in_zones

DEFAULT_IDLE_TIMEOUT = "350"


class Place(msgspec.Struct, frozen=True):
    """Where a target's packets go; ``alive``: whether its container runs."""

    backend: Backend
    alive: bool


Places = dict[tuple[str, str], Place]
"""(tcp or udp, target key) -> where it is; without targets that are nowhere on this host."""


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

    frontends: tuple[Frontend, ...] = ()
    active: frozenset[Backend] = frozenset()


def carried(view: Snapshot, places: Mapping[str, Places], arn: str) -> Carried:
    """Of one listener; nothing, if it is gone or not carried."""
    listener = view.listener(arn)
    balancer = view.balancer(listener.load_balancer_arn) if listener else None
    if listener is None or balancer is None:
        return Carried()
    frontends = tuple(_frontends(view, places, balancer, listener))
    return Carried(frontends, frozenset(w.backend for each in frontends for w in each.backends))


def endpoints_of(view: Snapshot, task_arn: str, attached: Mapping[str, str]) -> dict[str, str]:
    """The task's addresses -> its interface on this host, if it lives and is attached."""
    task = view.living(task_arn)
    interface = task.interface if task else None
    name = attached.get(interface.network_interface_id) if interface else None
    return {} if interface is None or name is None else dict.fromkeys(interface.addresses, name)


def task_interfaces(endpoints: Mapping[str, str]) -> frozenset[Interface]:
    """Of a task with these endpoints: one, with its address and its IPv6 address if it has one."""
    wide = {name: address for address, name in endpoints.items() if is_ipv6(address)}
    return frozenset(
        Interface(name=name, role="task", address=address, address6=wide.get(name, ""))
        for address, name in endpoints.items()
        if not is_ipv6(address)
    )


def places_of(view: Snapshot, endpoints: Mapping[str, str], arn: str, peers: Peers) -> Places:
    """Of one target group."""
    group = view.group(arn)
    places: Places = {}
    for target in view.targets_of(arn) if group else ():
        for transport in TRANSPORTS.get(group.protocol, ()) if group else ():
            place = _place(view, endpoints, target, transport) or _place_elsewhere(target, peers)
            if place is not None:
                places[transport, target.key] = place
    return places


def keeping_flows(view: Snapshot, places: Places, arn: str) -> frozenset[Backend]:
    """The backends of a target group whose established flows go on, should they take no new ones."""
    targets = {target.key: target for target in view.targets_of(arn)}
    return frozenset(
        place.backend for (_, key), place in places.items() if _keeps_flows(view, targets[key], place)
    )


def _place(view: Snapshot, endpoints: Mapping[str, str], target: Target, transport: str) -> Place | None:
    """Where the target is on this host; None when there is nothing to send to."""
    address = view.address_of(target)
    task = view.task_at(address) if address in endpoints else None
    if task is not None:
        backend = Backend(address=address, port=target.port, interface=endpoints[address])
        return Place(backend, _runs(task))
    published = view.published((transport, address, target.port))
    if published is None or published[1].bridge_ip is None:
        return None
    task, container, port = published
    backend = Backend(address=published[1].bridge_ip, port=port, interface=BRIDGE_INTERFACE)
    return Place(backend, container.last_status == "RUNNING" and _runs(task))


def backends_of(view: Snapshot, attached: Mapping[str, str], target: Target) -> frozenset[Backend]:
    """What the data plane knows a target as; empty: it is nowhere on this host."""
    group, task = view.group(target.target_group_arn), view.task_at(view.address_of(target))
    endpoints = endpoints_of(view, task.arn, attached) if task else {}
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
    places: Mapping[str, Places],
    balancer: LoadBalancer,
    listener: Listener,
) -> list[Frontend]:
    given = {arn: weight for arn, weight in listener.target_group_weights.items() if weight > 0}
    groups = [group for arn in given if (group := view.group(arn)) is not None]
    weights = {group.arn: given[group.arn] for group in groups}
    transports = TRANSPORTS[listener.protocol]
    there = {
        (transport, group.arn): _there(view, places.get(group.arn, {}), balancer, group, transport)
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


def _keeps_flows(view: Snapshot, target: Target, place: Place) -> bool:
    """Whether a target's established flows go on, should it take no new ones."""
    if target.draining_since is not None or not place.alive:
        return True
    health = view.health(target)
    if health is None or health.state != "unhealthy":
        return True  # healthy (of a weight-0 group, or another zone's), not yet judged, or unhealthy.draining
    group = view.group(target.target_group_arn)
    return group is not None and not group.cuts_unhealthy and not group.unhealthy_draining
