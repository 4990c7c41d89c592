"""The store as the data plane, the names and the probes need it: who listens, who is registered. Pure.

A target group is in use when a listener of a network load balancer forwards to it with any weight. A
target in a zone that the load balancer is not enabled in is unused (ELBv2, Target.NotInUse).
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from ..model.cluster import ContainerInstance
from ..model.instance import Instance
from ..model.lb_protocol import TRANSPORTS
from ..model.load_balancer import Listener, LoadBalancer
from ..model.network import NetworkInterface, SecurityGroup
from ..model.target_group import Target, TargetGroup, TargetHealth
from ..model.task import ContainerStatus, Task
from ..store.base import Reader
from .health_state import known

WATCHED = (
    LoadBalancer,
    Listener,
    TargetGroup,
    Target,
    TargetHealth,
    Task,
    Instance,
    ContainerInstance,
    NetworkInterface,
    SecurityGroup,
)
ANY_ZONE = "all"
ADDRESSES, BRIDGE = "addresses", "bridge"
"""Stamps of what all tasks show together: which addresses they have, and what runs in bridge mode."""


class Snapshot:
    """Committed state, read once. ``stamps``: see ``stamp``."""

    def __init__(self, store: Reader, stamps: Mapping[str, int] | None = None) -> None:
        self._stamps = stamps
        balancers = store.list(LoadBalancer)
        self.balancers = [b for b in balancers if b.type == "network" and b.state != "failed"]
        self.listeners = [one for one in store.list(Listener) if one.protocol in TRANSPORTS]
        self.groups = {group.arn: group for group in store.list(TargetGroup)}
        self.targets = store.list(Target)
        self.healths = {health.key: health for health in store.list(TargetHealth)}
        self.tasks = [task for task in store.list(Task) if task.last_status != "STOPPED"]
        self.instances = {i.id: i for i in store.list(Instance) if i.state != "terminated"}
        self.container_instances = {c.arn: c for c in store.list(ContainerInstance)}
        self.network_interfaces = store.list(NetworkInterface)
        self.security_groups = store.list(SecurityGroup)

    def stamp(self, of: str) -> object:
        """Equal to an earlier snapshot's if nothing of it has changed since: of a target group (its ARN) with
        its targets, their health, and the tasks and instances behind them; of a kind; of ``ADDRESSES`` or
        ``BRIDGE``. A snapshot without stamps is unlike every other."""
        return self if self._stamps is None else self._stamps.get(of, 0)

    @cached_property
    def balancer_of(self) -> dict[str, LoadBalancer]:
        """By ARN."""
        return {balancer.arn: balancer for balancer in self.balancers}

    @cached_property
    def listeners_of(self) -> dict[str, list[Listener]]:
        """Load balancer ARN -> those of its listeners that are carried."""
        found: dict[str, list[Listener]] = {balancer.arn: [] for balancer in self.balancers}
        for listener in self.listeners:
            if listener.load_balancer_arn in found:
                found[listener.load_balancer_arn].append(listener)
        return found

    @cached_property
    def targets_of(self) -> dict[str, list[Target]]:
        """Target group ARN -> its targets, draining ones too."""
        found: dict[str, list[Target]] = {}
        for target in self.targets:
            found.setdefault(target.target_group_arn, []).append(target)
        return found

    @cached_property
    def tasks_by_address(self) -> dict[str, Task]:
        """Private address, of either IP version -> the awsvpc task that has it."""
        return {
            address: task for task in self.tasks if task.interface for address in task.interface.addresses
        }

    @cached_property
    def published(self) -> dict[tuple[str, str, int], tuple[Task, ContainerStatus, int]]:
        """(tcp or udp, instance address, host port) -> task, container, container port.

        A container that runs wins over an ended one whose port it was given.
        """
        ended: dict[tuple[str, str, int], tuple[Task, ContainerStatus, int]] = {}
        running: dict[tuple[str, str, int], tuple[Task, ContainerStatus, int]] = {}
        for task in self.tasks:
            for container in task.containers:
                found = running if container.last_status == "RUNNING" else ended
                for binding in container.bindings:
                    place = (binding.protocol, binding.host_ip, binding.host_port)
                    found[place] = (task, container, binding.container_port)
        return ended | running

    def groups_of(self, balancer: LoadBalancer) -> list[TargetGroup]:
        """The target groups that its listeners forward to, once each."""
        arns = {a for listener in self.listeners_of[balancer.arn] for a in listener.target_group_weights}
        return [self.groups[arn] for arn in sorted(arns) if arn in self.groups]

    def registered(self, balancer: LoadBalancer, group: TargetGroup) -> list[Target]:
        """Targets that may take the load balancer's new flows if they are well."""
        zones = {zone.availability_zone for zone in balancer.zones}
        return [
            target
            for target in self.targets_of.get(group.arn, ())
            if target.draining_since is None and in_zones(target, zones)
        ]

    def is_healthy(self, target: Target) -> bool:
        """Whether the prober has found it healthy since it was registered."""
        return known(target, self.healths.get(target.key)).state == "healthy"


def in_zones(target: Target, zones: Iterable[str]) -> bool:
    """Whether the target belongs to one of the zones; ``all`` belongs to each."""
    return target.availability_zone == ANY_ZONE or target.availability_zone in zones


def crosses_zones(balancer: LoadBalancer, group: TargetGroup) -> bool:
    """Whether a zone's VIP sends to other zones' targets: the group's attribute, else the balancer's."""
    name = "load_balancing.cross_zone.enabled"
    own = group.attributes.get(name, "use_load_balancer_configuration")
    if own == "use_load_balancer_configuration":
        return balancer.attributes.get(name) == "true"
    return own == "true"
