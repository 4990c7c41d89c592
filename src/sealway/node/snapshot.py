"""The store as the data plane, the names and the probes need it: who listens, who is registered.

Nothing is copied: what is asked for is looked up, so that a pass costs what it asks for, not what there is. A
snapshot therefore follows the store, and what was read from it is one state only as long as nobody awaits.

A target group is in use when a listener of a network load balancer forwards to it with any weight. A
target in a zone that the load balancer is not enabled in is unused (ELBv2, Target.NotInUse).
"""

from collections.abc import Iterable, Iterator

from ..model.cluster import ContainerInstance
from ..model.instance import Instance
from ..model.lb_protocol import TRANSPORTS
from ..model.load_balancer import Listener, LoadBalancer
from ..model.target_group import Target, TargetGroup, TargetHealth
from ..model.task import ContainerStatus, Task
from ..store.base import Reader
from .health_state import known
from .index import Index, Port

ANY_ZONE = "all"


class Snapshot:
    """Committed state. ``index``: of the store, if there is one already."""

    def __init__(self, store: Reader, index: Index | None = None) -> None:
        self.store = store
        self._index = index

    @property
    def index(self) -> Index:
        """Of the store, following it or made for this look."""
        if self._index is None:
            self._index = Index(self.store)
        return self._index

    @property
    def balancers(self) -> list[LoadBalancer]:
        """All network load balancers that can be."""
        return [one for one in self.store.list(LoadBalancer) if _is_carried(one)]

    def balancer(self, arn: str) -> LoadBalancer | None:
        """One of ``balancers``."""
        found = self.store.get(LoadBalancer, arn)
        return found if found is not None and _is_carried(found) else None

    def listener(self, arn: str) -> Listener | None:
        """A listener that is carried; its load balancer may be another than ``balancers``."""
        found = self.store.get(Listener, arn)
        return found if found is not None and found.protocol in TRANSPORTS else None

    def listeners_of(self, balancer: LoadBalancer) -> list[Listener]:
        """Those that are carried."""
        listeners = self.store.list(Listener, load_balancer_arn=balancer.arn)
        return [one for one in listeners if one.protocol in TRANSPORTS]

    def balancers_of(self, group_arn: str) -> list[LoadBalancer]:
        """Those that forward to the target group, with whatever weight."""
        listeners = (self.listener(arn) for arn in self.index.forwarding(group_arn))
        found = {one.load_balancer_arn for one in listeners if one is not None}
        return [balancer for arn in sorted(found) if (balancer := self.balancer(arn)) is not None]

    def group(self, arn: str) -> TargetGroup | None:
        """One target group."""
        return self.store.get(TargetGroup, arn)

    def groups_of(self, balancer: LoadBalancer) -> list[TargetGroup]:
        """The target groups that its listeners forward to, once each."""
        arns = {arn for listener in self.listeners_of(balancer) for arn in listener.target_group_weights}
        return [group for arn in sorted(arns) if (group := self.group(arn)) is not None]

    def targets_of(self, group_arn: str) -> list[Target]:
        """Its targets, draining ones too."""
        return self.store.list(Target, target_group_arn=group_arn)

    def registered(self, balancer: LoadBalancer, group: TargetGroup) -> list[Target]:
        """Targets that may take the load balancer's new flows if they are well."""
        zones = {zone.availability_zone for zone in balancer.zones}
        targets = self.targets_of(group.arn)
        return [one for one in targets if one.draining_since is None and in_zones(one, zones)]

    def health(self, target: Target) -> TargetHealth | None:
        """What the prober last wrote of it."""
        return self.store.get(TargetHealth, target.key)

    def is_healthy(self, target: Target) -> bool:
        """Whether the prober has found it healthy since it was registered."""
        return known(target, self.health(target)).state == "healthy"

    def address_of(self, target: Target) -> str:
        """The target's, or that of the instance that it is."""
        found = self.store.get(Instance, target.id)
        return target.id if found is None or found.state == "terminated" else found.private_ip

    def living(self, task_arn: str) -> Task | None:
        """The task, if it is not STOPPED."""
        found = self.store.get(Task, task_arn)
        return None if found is None or found.last_status == "STOPPED" else found

    def task_at(self, address: str) -> Task | None:
        """The awsvpc task that has the private address, of either IP version."""
        return self.store.get(Task, self.index.addresses.values.get(address, ""))

    def published(self, at: Port) -> tuple[Task, ContainerStatus, int] | None:
        """Task, container and container port behind an instance's port. A container that runs wins over an
        ended one whose port it was given."""
        found = self.index.running.values.get(at) or self.index.ended.values.get(at)
        task = self.store.get(Task, found.task) if found else None
        if found is None or task is None:
            return None
        return task, next(each for each in task.containers if each.name == found.container), found.port

    def instance_of(self, task: Task) -> ContainerInstance | None:
        """The container instance that it runs on."""
        return self.store.get(ContainerInstance, task.container_instance_arn or "")

    def bridge_containers(self, task_arn: str) -> Iterator[tuple[ContainerStatus, ContainerInstance]]:
        """The task's running containers with an address on the bridge, and the instance that they run on."""
        task = self.living(task_arn)
        instance = self.instance_of(task) if task else None
        if task is not None and instance is not None:
            for container in task.containers:
                if container.bridge_ip and container.last_status == "RUNNING":
                    yield container, instance


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


def _is_carried(balancer: LoadBalancer) -> bool:
    return balancer.type == "network" and balancer.state != "failed"
