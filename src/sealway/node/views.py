"""The snapshot that the agent's loops look at: one for every state of the store, not one for each loop.

Its stamps tell the loops what has changed from one snapshot to the next, so that they need not make all of it
anew. A stamp is a number: that of the snapshot in which something of what it stands for was last another.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..model.cluster import ContainerInstance
from ..model.instance import Instance
from ..model.target_group import Target, TargetGroup, TargetHealth
from ..model.task import Task
from ..store import Change, Store
from .snapshot import ADDRESSES, BRIDGE, WATCHED, Snapshot


class Views:
    """``current`` makes the snapshot anew only when something that it shows has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watch = store.watch(*WATCHED)
        self._tasks = {task.arn: _print_of(store, task) for task in store.list(Task)}
        self._stamps: dict[str, int] = {}
        self._number = 0
        self._view: Snapshot | None = None

    def current(self) -> Snapshot:
        """The committed state; nobody changes it."""
        changes = self._watch.pending()
        if changes or self._view is None:
            self._number += 1
            self._stamps |= dict.fromkeys(self._touched(changes), self._number)
            self._view = Snapshot(self._store, dict(self._stamps))
        return self._view

    def _touched(self, changes: Iterable[Change]) -> set[str]:
        """The stamps that these changes are of."""
        touched: set[str] = set()
        for kind, key in changes:
            if kind is Task:
                touched |= self._by_task(key)
            elif kind is TargetGroup:
                touched.add(key)
            elif kind in (Target, TargetHealth):
                touched.add(key.partition("|")[0])
            elif kind is Instance:
                found = self._store.get(Instance, key)
                touched |= self._groups_with((key, found.private_ip) if found else (key,))
            else:
                touched.add(kind.__name__)
        return touched

    def _by_task(self, arn: str) -> set[str]:
        task, before = self._store.get(Task, arn), self._tasks.pop(arn, None)
        after = _print_of(self._store, task) if task is not None else None
        if after is not None:
            self._tasks[arn] = after
        prints = [each for each in (before, after) if each is not None]
        touched = {arn for each in prints for arn in self._groups_with(each.target_ids, each.ports)}
        if any(each.bridge for each in prints):
            touched.add(BRIDGE)
        if before is None or after is None or before.address != after.address:
            touched.add(ADDRESSES)
        return touched

    def _groups_with(self, target_ids: Iterable[str], ports: frozenset[int] | None = None) -> set[str]:
        """The target groups of these targets; None: at whichever port."""
        found = (target for each in target_ids for target in self._store.list(Target, id=each))
        return {target.target_group_arn for target in found if ports is None or target.port in ports}


class _Print(NamedTuple):
    """What of a task says which stamps it counts for. ``ports``: of the host, in bridge mode, where other
    tasks have others. ``address``: its interface and what that holds, as long as it lives."""

    target_ids: frozenset[str]
    ports: frozenset[int] | None = None
    address: tuple[str, ...] | None = None

    @property
    def bridge(self) -> bool:
        return self.ports is not None


def _print_of(store: Store, task: Task) -> _Print:
    interface, arn = task.interface, task.container_instance_arn
    if interface is not None:
        lives = task.last_status != "STOPPED"
        address = (interface.network_interface_id, *interface.addresses) if lives else None
        return _Print(frozenset(interface.addresses), address=address)
    bindings = [binding for container in task.containers for binding in container.bindings]
    ports = frozenset(binding.host_port for binding in bindings)
    registered = store.get(ContainerInstance, arn) if arn else None
    if registered is not None:
        return _Print(frozenset({registered.ec2_instance_id, registered.private_ip}), ports)
    hosts = {binding.host_ip for binding in bindings}
    instances = {i.id for i in store.list(Instance) if i.private_ip in hosts} if hosts else set[str]()
    return _Print(frozenset(hosts | instances), ports)
