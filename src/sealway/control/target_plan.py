"""Who is registered in the target groups of a service, who drains, and which task may stop.

A RUNNING task is registered in every target group of its service. From the moment its desired status is
STOPPED its targets take no new flow; after the target group's deregistration delay they are deleted. At
once, if it is not in use; with the container behind dead, as soon as its last packets are out.
When its last target is gone, the task may stop. An address that comes again belongs to the new task.

Where the group lets connections outlive the delay, a target is not deleted then but *unused*: no longer
registered, nobody waits for it, and it goes with its last flow, or with its task.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..model.ids import IdSource
from ..model.lb_protocol import TRANSPORTS
from ..model.service import Service
from ..model.target_group import Target, TargetFlows, TargetGroup, target_key
from ..model.task import Task
from . import events
from .plan import Plan, earliest
from .snapshot import GONE, GroupSnapshot, ServiceSnapshot

LAST_PACKETS = timedelta(seconds=1)
"""How long a dead container's connections are still carried to their end (FIN, RST, what was in flight)."""


def plan(snapshot: ServiceSnapshot, now: datetime, ids: IdSource) -> Plan:
    """The targets of a service's tasks."""
    return _Step(snapshot, now).plan(ids)


def plan_group(snapshot: GroupSnapshot, now: datetime) -> Plan:
    """Targets that no task stands behind: registered by hand, or left by a task that is gone."""
    puts: list[Target] = []
    deletes: list[Target] = []
    wakes: list[datetime | None] = []
    for target in snapshot.targets:
        drains = target.draining_since is not None or _host_is(snapshot, target, *GONE)
        orphaned = target.task_arn is not None or _host_is(snapshot, target, "terminated")
        after: Target | None = target
        end: datetime | None = None
        if drains and snapshot.group:
            told = Told(snapshot.group, snapshot.usage.of(target), snapshot.ended.get(target.key))
            after, end = drain(drained_from(target, now), told, now)
        if orphaned or snapshot.group is None or after is None:
            deletes.append(target)
        else:
            puts += [after] if after is not target else []
            wakes.append(end)
    return Plan(puts=tuple(puts), deletes=tuple(deletes), wake_at=earliest(*wakes))


def drained_from(target: Target, now: datetime) -> Target:
    """The target as it drains, from now on unless it does so already. One that began in the future began
    before the clock was set back: it has its whole delay again, rather than none or that much more."""
    since = target.draining_since
    if target.unused_since is not None:
        return target
    return target.replace(draining_since=now) if since is None or since > now else target


class Told(NamedTuple):
    """What decides how a draining target goes on. ``ended``: what was last seen of its flows' end."""

    group: TargetGroup
    in_use: bool
    ended: TargetFlows | None = None


def drain(target: Target, told: Told, now: datetime) -> tuple[Target | None, datetime | None]:
    """A draining target as it goes on, None: deleted; and when that changes by time alone."""
    if target.unused_since is not None:
        over = told.ended is not None and told.ended.unused_since == target.unused_since
        return (None if over or told.group.cuts_deregistered else target), None
    delay = told.group.deregistration_delay if told.in_use else 0
    end = (target.draining_since or now) + timedelta(seconds=delay)
    if end > now:
        return target, end
    lives_on = told.in_use and not told.group.cuts_deregistered
    return (target.replace(unused_since=now) if lives_on else None), None


def endpoint(
    snapshot: ServiceSnapshot, task: Task, balancer: dict[str, object], group: TargetGroup
) -> tuple[str, int] | None:
    """Target id and port of a task behind one of its service's load balancers; None: not known yet."""
    port = int(str(balancer["containerPort"]))
    if group.target_type == "ip":
        address = _address(task, group)
        return (address, port) if address else None
    instance = snapshot.machines.instances.get(task.container_instance_arn or "")
    if instance is None:
        return None
    if snapshot.definitions[task.task_definition_arn].network_mode == "host":
        return instance.ec2_instance_id, port
    host_port = _host_port(task, str(balancer["containerName"]), port, TRANSPORTS[group.protocol])
    return None if host_port is None else (instance.ec2_instance_id, host_port)


def _address(task: Task, group: TargetGroup) -> str:
    """The task's own, of the group's IP version; empty: it has none."""
    if task.interface is None:
        return ""
    return task.interface.ipv6_address if group.ip_address_type == "ipv6" else task.interface.private_ip


def _has_none(task: Task, group: TargetGroup) -> bool:
    """Whether a task with an interface has, and will have, no address for the group."""
    return group.target_type == "ip" and task.interface is not None and not _address(task, group)


def _host_port(task: Task, container: str, port: int, transports: Sequence[str]) -> int | None:
    """Where the container's port is published for all of these protocols; else for the first of them."""
    ports = [
        {
            b.host_port
            for c in task.containers
            if c.name == container
            for b in c.bindings
            if b.container_port == port and b.protocol == transport
        }
        for transport in transports
    ]
    return min(set.intersection(*ports) or ports[0], default=None)


class _Step:
    """One call of ``plan``: gathers what changes."""

    def __init__(self, snapshot: ServiceSnapshot, now: datetime) -> None:
        self.snapshot, self.now = snapshot, now
        self.puts: dict[str, Target] = {}
        self.deletes: dict[str, Target] = {}
        self.released: list[Task] = []
        self.registered: Counter[str] = Counter()
        self.deregistered: Counter[str] = Counter()
        self.draining: set[str] = set()
        self.without_address: set[str] = set()
        self.wakes: list[datetime | None] = []
        self.known = {t.arn for t in snapshot.tasks}
        self.active = {t.arn for t in snapshot.tasks if t.desired_status != "STOPPED"}

    def plan(self, ids: IdSource) -> Plan:
        for task in self.snapshot.tasks:
            if task.desired_status == "STOPPED":
                self._withdraw(task)
        for task in self.snapshot.tasks:
            if task.desired_status != "STOPPED" and task.last_status == "RUNNING":
                self._register(task)
        service = events.add(self.snapshot.service, self._messages(), ids, self.now)
        own: tuple[Service, ...] = () if service is self.snapshot.service else (service,)
        deletes = tuple(target for key, target in self.deletes.items() if key not in self.puts)
        return Plan(
            puts=(*self.puts.values(), *self.released, *own),
            deletes=deletes,
            wake_at=earliest(*self.wakes),
        )

    def _messages(self) -> list[str]:
        said = [events.registered(n, group) for group, n in sorted(self.registered.items())]
        said += [events.deregistered(n, group) for group, n in sorted(self.deregistered.items())]
        if self.draining:
            said.append(events.draining(len(self.draining)))
        failed = [events.without_ipv6(group) for group in sorted(self.without_address)]
        new = (each for each in failed if not events.said_since_last_start(self.snapshot.service, each))
        return [*said, *new]

    def _withdraw(self, task: Task) -> None:
        left = [self._drain(task, target) for target in self.snapshot.targets.get(task.arn, ())]
        if not any(left) and not task.may_stop:
            self.released.append(task.replace(may_stop=True))

    def _drain(self, task: Task, target: Target) -> bool:
        """Moves a target towards its end; whether it is still there."""
        stored, begins = target, target.draining_since is None
        if begins:
            self.deregistered[target.target_group_arn] += 1
        after, end = self._drained(task, drained_from(target, self.now))
        if after is None:
            self.deletes[stored.key] = stored
            return False
        if after is not stored:
            self.puts[after.key] = after
        if after.unused_since is not None:
            return False
        if begins:
            self.draining.add(task.arn)
        self.wakes.append(end)
        return True

    def _drained(self, task: Task, target: Target) -> tuple[Target | None, datetime | None]:
        """As ``drain``; with the task, or what it has behind the target, ended there is less to wait for."""
        group = self.snapshot.target_groups.get(target.target_group_arn)
        if group is None or task.last_status == "STOPPED":
            return None, None
        told = Told(group, self.snapshot.usage.of(target), self.snapshot.ended.get(target.key))
        after, end = drain(target, told, self.now)
        if target.unused_since is not None or not self._is_dead(task, target):
            return after, end
        last = (target.draining_since or self.now) + LAST_PACKETS
        over = end is None or min(end, last) <= self.now
        return (None, None) if over else (after, min(end or last, last))

    def _is_dead(self, task: Task, target: Target) -> bool:
        """Whether the container behind the target runs no more."""
        names = {
            balancer.get("containerName")
            for balancer in self.snapshot.service.balancers_of(task.deployment_id)
            if balancer.get("targetGroupArn") == target.target_group_arn
        }
        behind = [c for c in task.containers if c.name in names] or task.containers
        return bool(behind) and all(c.last_status == "STOPPED" for c in behind)

    def _register(self, task: Task) -> None:
        targets = self.snapshot.targets.get(task.arn, ())
        own = {target.key for target in targets if target.unused_since is None}
        wanted = set()
        for balancer in self.snapshot.service.balancers_of(task.deployment_id):
            group = self.snapshot.target_groups.get(balancer.get("targetGroupArn", ""))
            place = endpoint(self.snapshot, task, balancer, group) if group else None
            if group is not None and place is None and _has_none(task, group):
                self.without_address.add(group.arn)
            if group is None or place is None:
                continue
            key = target_key(group.arn, *place)
            wanted.add(key)
            if key not in own and key not in self.puts:
                self._put_target(task, group, place, self.snapshot.occupied.get(key))
        for target in targets:
            if target.key in self.puts:
                continue  # registered again, from unused
            if target.key not in wanted or target.draining_since is not None:
                left = self._drain(task, target)
                if not left and target.key in wanted:
                    self.wakes.append(self.now)  # drained by hand: now registered again

    def _put_target(self, task: Task, group: TargetGroup, place: tuple[str, int], old: Target | None) -> None:
        if old is not None and self._holds(old):
            return
        target = Target(
            version=old.version if old else 0,
            target_group_arn=group.arn,
            id=place[0],
            port=place[1],
            availability_zone=task.availability_zone,
            task_arn=task.arn,
            registered_at=self.now,
        )
        self.puts[target.key] = target
        self.registered[group.arn] += 1

    def _holds(self, target: Target) -> bool:
        """Whether a target is another task's that still runs (another service drains its own in time)."""
        if target.unused_since is not None:
            return False
        foreign = target.task_arn is not None and target.task_arn not in self.known
        return target.task_arn in self.active or (foreign and target.draining_since is None)


def _host_is(snapshot: GroupSnapshot, target: Target, *states: str) -> bool:
    """Whether an instance target's instance is in one of these states; a forgotten one is terminated."""
    if not target.id.startswith("i-"):
        return False
    host = snapshot.hosts.get(target.id)
    return (host.state if host else "terminated") in states
