"""Finds things from the end that the store has no index for: who has an address, who publishes a port, which
listeners forward to a target group. Follows the store change by change, and says what a change touches.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ..model.cluster import ContainerInstance
from ..model.instance import Instance
from ..model.load_balancer import Listener, LoadBalancer
from ..model.network import NetworkInterface, SecurityGroup
from ..model.resource import Resource
from ..model.shared import Givers, Shared
from ..model.target_group import Target, TargetGroup, TargetHealth
from ..model.task import Task
from ..store.base import Change, Reader
from .touched import Touched

Port = tuple[str, str, int]
"""tcp or udp, an instance's address, a host port."""


class Publisher(NamedTuple):
    """The container that a host port leads to. ``port`` is its own."""

    task: str
    container: str
    port: int


class Index:
    """Of everything that is in ``store``."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self._tasks: dict[str, _Print] = {}
        self._forwards: Givers[str] = Givers()
        """Target groups, and the listeners that name them."""
        self._balancers: Givers[str] = Givers()
        """Load balancers, and their listeners."""
        self._targets: Givers[tuple[str, int]] = Givers()
        """Ids and ports, and the targets that have them."""
        self._address_of: dict[str, str] = {}
        self._instances: dict[str, set[str]] = {}
        self.addresses: Shared[str, str] = Shared()
        """An address -> the living awsvpc task that has it."""
        self.attached: Shared[str, str] = Shared()
        """A network interface -> the living task that has it."""
        self.running: Shared[Port, Publisher] = Shared()
        self.ended: Shared[Port, Publisher] = Shared()
        self._on: Givers[str] = Givers()
        """Addresses, and the tasks that may be targets there."""
        self.bridged: set[str] = set()
        """The living tasks with a container on the bridge."""
        kinds: tuple[type[Resource], ...] = (Instance, Listener, Target, Task)
        for kind in kinds:
            self.follow((kind, each.key) for each in store.list(kind))

    def forwarding(self, group_arn: str) -> frozenset[str]:
        """The listeners that name the target group, with whatever weight."""
        return frozenset(self._forwards.of(group_arn))

    def tasks_on(self, address: str) -> frozenset[str]:
        """The tasks that publish ports at this address, or run on a container instance that has it."""
        return frozenset(self._on.of(address))

    def follow(self, changes: Iterable[Change]) -> Touched:
        """Takes these changes in; what they touch."""
        touched = Touched()
        for kind, key in changes:
            if (take := _TAKES.get(kind)) is not None:
                take(self, key, touched)
        return touched

    def _take_task(self, arn: str, touched: Touched) -> None:
        task, before = self._store.get(Task, arn), self._tasks.pop(arn, None)
        after = self._print_of(task) if task is not None else None
        if after is not None:
            self._tasks[arn] = after
        for each in (before, after):
            if each is not None:
                touched.groups |= self.groups_at(each.addresses, each.ports)
        self._on.give(arn, after.addresses if after else frozenset())
        touched.tasks.add(arn)
        living = task if task is not None and task.last_status != "STOPPED" else None
        interface = living.interface if living else None
        self.addresses.give(arn, dict.fromkeys(interface.addresses, arn) if interface else {})
        self.attached.give(arn, {interface.network_interface_id: arn} if interface else {})
        on_bridge = living is not None and any(container.bridge_ip for container in living.containers)
        (self.bridged.add if on_bridge else self.bridged.discard)(arn)
        for published, runs in ((self.running, True), (self.ended, False)):
            for port in published.give(arn, _published(living, runs) if living else {}):
                touched.tasks.update((*self.running.givers(port), *self.ended.givers(port)))

    def _take_listener(self, arn: str, touched: Touched) -> None:
        listener = self._store.get(Listener, arn)
        groups = frozenset(listener.target_group_weights) if listener else frozenset[str]()
        touched.listeners.add(arn)
        touched.groups |= self._forwards.given(arn) | groups
        touched.balancers |= self._balancers.given(arn)
        self._forwards.give(arn, groups)
        self._balancers.give(arn, {listener.load_balancer_arn} if listener else set[str]())
        touched.balancers |= self._balancers.given(arn)

    def _take_balancer(self, arn: str, touched: Touched) -> None:
        touched.balancers.add(arn)
        for listener in self._store.list(Listener, load_balancer_arn=arn):
            self._take_listener(listener.arn, touched)

    def _take_target(self, key: str, touched: Touched) -> None:
        target = self._store.get(Target, key)
        self._targets.give(key, {(target.id, target.port)} if target else set[tuple[str, int]]())
        _of_group(self, key, touched)

    def _take_instance(self, key: str, touched: Touched) -> None:
        found = self._store.get(Instance, key)
        address = found.private_ip if found else self._address_of.get(key, "")
        if found is None:
            self._instances.get(self._address_of.pop(key, ""), set()).discard(key)
        else:
            self._address_of[key] = address
            self._instances.setdefault(address, set()).add(key)
        touched.groups |= self.groups_at((key, address))

    def _take_registered(self, arn: str, touched: Touched) -> None:
        for task in self._store.list(Task, container_instance_arn=arn):
            self._take_task(task.arn, touched)

    def groups_at(self, addresses: Iterable[str], ports: frozenset[int] | None = None) -> set[str]:
        """The target groups with targets at these addresses, or on the instances that have them. ``ports``
        None: at whichever."""
        ids = {each for address in addresses for each in (address, *self._instances.get(address, ()))}
        if ports is None:
            return {target.target_group_arn for each in ids for target in self._store.list(Target, id=each)}
        places = ((each, port) for each in ids for port in ports)
        return {key.partition("|")[0] for place in places for key in self._targets.of(place)}

    def _print_of(self, task: Task) -> "_Print":
        interface, arn = task.interface, task.container_instance_arn
        if interface is not None:
            return _Print(frozenset(interface.addresses))
        bindings = [binding for container in task.containers for binding in container.bindings]
        ports = frozenset(binding.host_port for binding in bindings)
        registered = self._store.get(ContainerInstance, arn) if arn else None
        hosts = frozenset(binding.host_ip for binding in bindings)
        if registered is not None:
            hosts |= {registered.ec2_instance_id, registered.private_ip}
        return _Print(hosts, ports)


class _Print(NamedTuple):
    """Where a task may be registered as a target. ``ports``: of the host, in bridge mode, where other tasks
    have others."""

    addresses: frozenset[str]
    ports: frozenset[int] | None = None


def _published(task: Task, runs: bool) -> Mapping[Port, Publisher]:
    return {
        (binding.protocol, binding.host_ip, binding.host_port): Publisher(
            task.arn, container.name, binding.container_port
        )
        for container in task.containers
        if (container.last_status == "RUNNING") is runs
        for binding in container.bindings
    }


def _of_group(index: Index, key: str, touched: Touched) -> None:
    touched.groups.add(key.partition("|")[0])


def _of_interface(index: Index, key: str, touched: Touched) -> None:
    touched.interfaces.add(key)


def _of_security_group(index: Index, key: str, touched: Touched) -> None:
    touched.security_groups.add(key)


_TAKES: dict[type[Resource], Callable[[Index, str, Touched], None]] = {
    Task: Index._take_task,
    Listener: Index._take_listener,
    LoadBalancer: Index._take_balancer,
    Instance: Index._take_instance,
    ContainerInstance: Index._take_registered,
    TargetGroup: _of_group,
    Target: Index._take_target,
    TargetHealth: _of_group,
    NetworkInterface: _of_interface,
    SecurityGroup: _of_security_group,
}
WATCHED = tuple(_TAKES)
