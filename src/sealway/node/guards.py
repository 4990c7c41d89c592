"""From the store to who may reach whom: every network interface's security groups. Pure.

A task's, an instance's and a load balancer's interface alike. A load balancer without groups has no guard,
and lets everything through, as on AWS. Containers in bridge mode stand behind their instance's guard.
"""

from ..model.cluster import ContainerInstance
from ..model.guard import Guard, Guards, guard_name, guard_rule
from ..model.load_balancer import LoadBalancer
from ..model.network import NetworkInterface, SecurityGroup
from .kept import Kept
from .snapshot import BRIDGE, Snapshot


def guards(view: Snapshot, kept: Kept | None = None) -> Guards:
    """The guards of this host. ``kept``: what the last pass made."""
    kept = kept or Kept()
    kinds = (LoadBalancer, NetworkInterface, SecurityGroup, ContainerInstance)
    stamps = (*(view.stamp(kind.__name__) for kind in kinds), view.stamp(BRIDGE))
    return kept.take(("guards",), stamps, lambda: _guards(view))


def _guards(view: Snapshot) -> Guards:
    groups = {group.id: group for group in view.security_groups}
    interfaces = [each for each in view.network_interfaces if each.security_groups]
    names = {guard_name(each.security_groups): each.security_groups for each in interfaces}
    members: dict[str, set[str]] = {}
    for each in interfaces:
        for group in each.security_groups:
            members.setdefault(group, set()).update(each.addresses)
    guarded = {address for each in interfaces for address in each.addresses}
    vips = {address for balancer in view.balancers for zone in balancer.zones for address in zone.addresses}
    return Guards(
        rules={
            name: _guard([groups[one] for one in ids if one in groups]) for name, ids in sorted(names.items())
        },
        of={address: guard_name(each.security_groups) for each in interfaces for address in each.addresses},
        members={group: frozenset(addresses) for group, addresses in members.items()},
        balancers=frozenset(vips & guarded),
        published={
            (container.bridge_ip, port): (address, host_port)
            for (protocol, address, host_port), (_, container, port) in view.published.items()
            if container.bridge_ip and address in guarded
        },
        containers=_containers(view, guarded),
    )


def _guard(groups: list[SecurityGroup]) -> Guard:
    """What one of the groups allows is allowed."""
    return Guard(
        ingress=tuple(sorted({guard_rule(rule) for group in groups for rule in group.ingress}, key=repr)),
        egress=tuple(sorted({guard_rule(rule) for group in groups for rule in group.egress}, key=repr)),
    )


def _containers(view: Snapshot, guarded: set[str]) -> dict[str, str]:
    return {
        container.bridge_ip: instance.private_ip
        for task in view.tasks
        if (instance := view.container_instances.get(task.container_instance_arn or ""))
        and instance.private_ip in guarded
        for container in task.containers
        if container.bridge_ip and container.last_status == "RUNNING"
    }
