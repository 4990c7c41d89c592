"""What all services ask about the same things, kept between their turns: the room on container instances and
the zones of those that suit a task, who uses which target group, and the addresses of each subnet.

Nothing here is a fact of its own: every entry follows from the store, and is made again when somebody asks
for it and what it was made of has changed. So a service's turn costs what has changed since, not what there
is. A new task just takes its part of the room that is known.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..model.cluster import ContainerInstance
from ..model.load_balancer import Listener, LoadBalancer
from ..model.network import NetworkInterface
from ..model.placement import Held, Room, held, room_of
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from ..model.task_size import Needs, needs_of
from ..model.waiting import waits
from ..store import Change, Store
from .address_book import AddressBook, Given
from .usage import Usage, UsageBook


class Ledger:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watch = store.watch(Task, ContainerInstance, NetworkInterface, Listener, LoadBalancer)
        self._rooms: dict[str, dict[str, Room]] = defaultdict(dict)
        self._cluster_of: dict[str, str] = {}
        self._held: dict[str, dict[str, Held]] = defaultdict(dict)
        """Container instance -> its tasks, with what they take of it."""
        self._at: dict[str, str] = {}
        self._needs: dict[str, Needs] = {}
        self._addresses = AddressBook()
        self._zones: dict[str, dict[bytes, frozenset[str]]] = defaultdict(dict)
        self._waiting: dict[str, set[str]] = defaultdict(set)
        self._usage = UsageBook(store)
        self._behind: frozenset[Change] = frozenset()
        self._dirty = {instance.arn for instance in store.list(ContainerInstance)}
        for task in store.list(Task):
            self._take_task(task.arn)
        for interface in store.list(NetworkInterface):
            self._addresses.put_interface(interface.id, interface)

    def close(self) -> None:
        """Follows the store no longer."""
        self._watch.close()

    def rooms(self, cluster_arn: str) -> Sequence[Room]:
        """The room on each ACTIVE instance of the cluster; nobody's group is counted."""
        self._refresh()
        while self._dirty:
            self._take_instance(next(iter(self._dirty)))
        return list(self._rooms[cluster_arn].values())

    def last_given(self) -> Mapping[str, Given]:
        """Subnet id -> the newest address there, also when it is free again."""
        self._refresh()
        return self._addresses.last_given

    def taken(self) -> Mapping[str, set[str]]:
        """Subnet id -> the addresses in use; followed on at the next call."""
        self._refresh()
        return self._addresses.taken

    def zones(self, cluster_arn: str, of: bytes, work_out: Callable[[], frozenset[str]]) -> frozenset[str]:
        """The zones of the cluster's instances that suit a task, as worked out before for an equal ``of``, or
        now; anew once an instance has changed."""
        self._refresh()
        known = self._zones[cluster_arn]
        if of not in known:
            known[of] = work_out()
        return known[of]

    def waiting(self, cluster_arn: str) -> frozenset[str]:
        """The tasks of the cluster that wait for an instance."""
        self._refresh()
        return frozenset(self._waiting[cluster_arn])

    def usage(self) -> Usage:
        """The usage of all target groups."""
        self._refresh()
        return self._usage.usage

    def _refresh(self) -> None:
        """Notes what has been written since."""
        # Kept until all is noted: what fails half-way is done again.
        changes = self._behind = self._behind | self._watch.pending()
        for kind, key in changes:
            if kind is Task:
                self._take_task(key)
            elif kind is ContainerInstance:
                self._dirty.add(key)
                self._zones.clear()
            elif kind is NetworkInterface:
                self._addresses.put_interface(key, self._store.get(NetworkInterface, key))
            elif kind is Listener:
                self._usage.put_listener(key)
            else:
                self._usage.put_balancer(key)
        self._behind = frozenset()

    def _take_task(self, arn: str) -> None:
        task = self._store.get(Task, arn)
        if task is not None:  # one that is gone was STOPPED before, and waited for nothing
            wait = self._waiting[task.cluster_arn]
            (wait.add if waits(task) else wait.discard)(arn)
            self._addresses.put_task(task)
        there = self._at.pop(arn, "")
        before = self._held[there].pop(arn, None) if there else None
        at = (task.container_instance_arn or "") if task and task.last_status != "STOPPED" else ""
        after = held(task, self._needs_of(task)) if task is not None and at else None
        if after is not None:
            self._at[arn], self._held[at][arn] = at, after
        if (there, before) == (at, after):
            return
        if before is not None or task is None or not self._add(task, at):
            self._dirty |= {there, at} - {""}

    def _needs_of(self, task: Task) -> Needs:
        definition = self._store.get(TaskDefinition, task.task_definition_arn)
        if definition is None:
            return Needs()
        if task.overrides:
            return needs_of(definition, task.overrides)
        if definition.arn not in self._needs:
            self._needs[definition.arn] = needs_of(definition)
        return self._needs[definition.arn]

    def _add(self, task: Task, at: str) -> bool:
        """Puts a new task on the room that is known; whether that says everything."""
        room = self._rooms[self._cluster_of.get(at, "")].get(at)
        fresh = task.last_status == "PROVISIONING" and task.desired_status == "RUNNING"
        if room is None or not fresh or at in self._dirty:
            return False
        starts = [given.host_port for given in task.port_ranges]
        filled = room.after(self._needs_of(task), task.group, starts)
        self._rooms[self._cluster_of[at]][at] = msgspec.structs.replace(filled, group_tasks=0)
        return True

    def _take_instance(self, arn: str) -> None:
        instance = self._store.get(ContainerInstance, arn)
        self._rooms[self._cluster_of.pop(arn, "")].pop(arn, None)
        if instance is not None and instance.status == "ACTIVE":
            self._cluster_of[arn] = instance.cluster_arn
            self._rooms[instance.cluster_arn][arn] = room_of(instance, self._held[arn].values())
        self._dirty.discard(arn)
