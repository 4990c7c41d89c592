"""What all services ask about the same things, kept between their turns: the room on container instances,
who uses which target group, and the address given out last in each subnet.

Nothing here is a fact of its own: every entry follows from the store, and is made again when somebody asks
for it and what it was made of has changed. So a service's turn costs what has changed since, not what there
is. A new task just takes its part of the room that is known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import NamedTuple

import msgspec

from ..model.cluster import ContainerInstance
from ..model.load_balancer import Listener, LoadBalancer
from ..model.placement import Room, rooms
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from ..model.task_size import needs_of
from ..model.waiting import waits
from ..store import Change, Store
from .usage import Usage, read_usage

Given = tuple[datetime, int]
"""When a task with an address was made, and the address as a number."""


class Ledger:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watch = store.watch(Task, ContainerInstance, Listener, LoadBalancer)
        self._rooms: dict[str, dict[str, Room]] = defaultdict(dict)
        self._cluster_of: dict[str, str] = {}
        self._prints: dict[str, _Print] = {}
        self._last_given: dict[str, Given] = {}
        self._waiting: dict[str, set[str]] = defaultdict(set)
        self._usage: Usage | None = None
        self._behind: frozenset[Change] = frozenset()
        self._dirty = {instance.arn for instance in store.list(ContainerInstance)}
        for task in store.list(Task):
            self._take_task(task.arn)

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
        """Subnet id -> the address of its newest task, also when that is gone."""
        self._refresh()
        return self._last_given

    def waiting(self, cluster_arn: str) -> frozenset[str]:
        """The tasks of the cluster that wait for an instance."""
        self._refresh()
        return frozenset(self._waiting[cluster_arn])

    def usage(self) -> Usage:
        """The usage of all target groups."""
        self._refresh()
        if self._usage is None:
            self._usage = read_usage(self._store)
        return self._usage

    def _refresh(self) -> None:
        """Notes what has been written since."""
        # Kept until all is noted: what fails half-way is done again.
        changes = self._behind = self._behind | self._watch.pending()
        for kind, key in changes:
            if kind is Task:
                self._take_task(key)
            elif kind is ContainerInstance:
                self._dirty.add(key)
            else:
                self._usage = None
        self._behind = frozenset()

    def _take_task(self, arn: str) -> None:
        task, before = self._store.get(Task, arn), self._prints.get(arn)
        after = _print_of(task) if task is not None else None
        if task is not None:  # one that is gone was STOPPED before, and waited for nothing
            wait = self._waiting[task.cluster_arn]
            (wait.add if waits(task) else wait.discard)(arn)
        if task is not None and task.interface is not None:
            given = (task.created_at, int(IPv4Address(task.interface.private_ip)))
            subnet = task.interface.subnet_id
            self._last_given[subnet] = max(given, self._last_given.get(subnet, given))
        if before == after:
            return
        if before is not None or task is None or not self._add(task):
            self._dirty |= {p.instance for p in (before, after) if p is not None and p.instance}
        if after is None:
            del self._prints[arn]
        else:
            self._prints[arn] = after

    def _add(self, task: Task) -> bool:
        """Puts a new task on the room that is known; whether that says everything."""
        at = task.container_instance_arn or ""
        room = self._rooms[self._cluster_of.get(at, "")].get(at)
        definition = self._store.get(TaskDefinition, task.task_definition_arn)
        fresh = task.last_status == "PROVISIONING" and task.desired_status == "RUNNING"
        if room is None or definition is None or not fresh or at in self._dirty:
            return False
        starts = [given.host_port for given in task.port_ranges]
        filled = room.after(needs_of(definition, task.overrides), task.group, starts)
        self._rooms[self._cluster_of[at]][at] = msgspec.structs.replace(filled, group_tasks=0)
        return True

    def _take_instance(self, arn: str) -> None:
        instance = self._store.get(ContainerInstance, arn)
        self._rooms[self._cluster_of.pop(arn, "")].pop(arn, None)
        if instance is not None and instance.status == "ACTIVE":
            tasks = self._store.list(Task, container_instance_arn=arn)
            wanted = {task.task_definition_arn for task in tasks}
            found = ((key, self._store.get(TaskDefinition, key)) for key in wanted)
            definitions = {key: definition for key, definition in found if definition is not None}
            (room,) = rooms([instance], tasks, definitions)
            self._cluster_of[arn] = instance.cluster_arn
            self._rooms[instance.cluster_arn][arn] = room
        self._dirty.discard(arn)


class _Print(NamedTuple):
    """What of a task says how much room its instance has."""

    instance: str
    status: str
    ports: frozenset[tuple[str, int]]


def _print_of(task: Task) -> _Print:
    status = task.last_status if task.last_status in ("RUNNING", "STOPPED") else "between"
    bound = (binding for container in task.containers for binding in container.bindings)
    return _Print(
        task.container_instance_arn or "",
        f"{task.desired_status} {status}",
        frozenset((binding.protocol, binding.host_port) for binding in bound),
    )
