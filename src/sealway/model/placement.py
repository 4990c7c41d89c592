"""On which container instance a task goes.

As ECS does it: drop the instances without room (CPU, memory, ports) or against a constraint, then let
each strategy in turn keep its best; what is left is a tie, and ``draw`` decides. Pure: everything that
is known of an instance is its ``Room``, and placing a task answers a new ``Room``.
Tasks whose desired status is STOPPED still hold their resources until they are STOPPED, but count
neither for spreading nor for ``distinctInstance``.
Source: ECS Developer Guide, "How Amazon ECS places tasks on container instances".
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from .. import __version__
from .cluster import ContainerInstance
from .placement_query import BadExpression, Predicate, compile_query
from .port_range import first_ports
from .task import Task
from .task_definition import TaskDefinition
from .task_size import Needs, needs_of

ZONE_ATTRIBUTE = "ecs.availability-zone"
SERVICE_DEFAULT_STRATEGY: tuple[dict[str, Any], ...] = (
    {"type": "spread", "field": f"attribute:{ZONE_ATTRIBUTE}"},
    {"type": "spread", "field": "instanceId"},
)
"""What the service scheduler does where the user names no strategy."""
NO_INSTANCES = "No Container Instances were found in your cluster."
NO_INSTANCES_OF_PROVIDER = "No Container Instances were found in your capacity provider."
MEMBER_OF = "MemberOf placement constraint unsatisfied."
DISTINCT_INSTANCE = "distinctInstance placement constraint unsatisfied."
_CLOSENESS = ("AGENT", MEMBER_OF, DISTINCT_INSTANCE, "RESOURCE:CPU", "RESOURCE:MEMORY", "RESOURCE:PORTS")
"""The order of the checks: the later one fails, the closer the instance was."""

_MOST_RESERVED_PORTS = 100
"""An instance, its own with those of its tasks. Source: ECS API Reference, PortMapping (``hostPort``)."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """An ACTIVE container instance, and what is free on it (units, MiB) and taken (ports)."""

    arn: str
    ec2_instance_id: str
    availability_zone: str
    cpu: int
    memory: int
    tcp_ports: frozenset[int] = frozenset()
    udp_ports: frozenset[int] = frozenset()
    reserved_ports: int = 0
    """How many of them are the instance's own or were asked for by number."""
    attributes: dict[str, str] = {}
    capacity_provider: str | None = None
    agent_connected: bool = True
    agent_version: str = ""
    registered_at: datetime | None = None
    running_tasks: int = 0
    groups: frozenset[str] = frozenset()
    """The groups of the tasks that run or are to run here."""
    group_tasks: int = 0
    """Tasks of the group being placed that run or are to run here."""

    def after(self, needs: Needs, group: str = "", ranges: Sequence[int] = ()) -> "Room":
        """The room left when one more task of the group being placed is placed here.

        ``ranges``: where each of its port ranges begins (``range_starts``).
        """
        taken = {"tcp": self.tcp_ports | needs.tcp_ports, "udp": self.udp_ports | needs.udp_ports}
        for wanted, first in zip(needs.port_ranges, ranges, strict=True):
            taken[wanted.protocol] |= frozenset(range(first, first + wanted.ports))
        return msgspec.structs.replace(
            self,
            cpu=self.cpu - needs.cpu,
            memory=self.memory - needs.memory,
            tcp_ports=taken["tcp"],
            udp_ports=taken["udp"],
            reserved_ports=self.reserved_ports + needs.static_ports,
            groups=self.groups | {group},
            group_tasks=self.group_tasks + 1,
        )

    def range_starts(self, needs: Needs, draw: int = 0) -> tuple[int, ...] | None:
        """The first host port of each port range of a task that goes here; None: they do not fit."""
        if not needs.port_ranges:
            return ()
        taken = {"tcp": self.tcp_ports | needs.tcp_ports, "udp": self.udp_ports | needs.udp_ports}
        return first_ports(needs.port_ranges, taken, draw)

    def facts(self) -> dict[str, str | frozenset[str]]:
        """What a cluster query can ask about."""
        facts: dict[str, str | frozenset[str]] = {f"attribute:{ZONE_ATTRIBUTE}": self.availability_zone}
        facts |= {f"attribute:{name}": value for name, value in self.attributes.items()}
        facts["ec2InstanceId"] = self.ec2_instance_id
        facts["agentConnected"] = str(self.agent_connected).lower()
        facts["agentVersion"] = self.agent_version
        facts["runningTasksCount"] = str(self.running_tasks)
        facts["task:group"] = self.groups
        if self.registered_at is not None:
            facts["registeredAt"] = self.registered_at.isoformat()
        return facts


class Held(NamedTuple):
    """What one task takes of its instance. ``group``: None of one that is to stop: it counts for none."""

    cpu: int
    memory: int
    tcp_ports: frozenset[int]
    udp_ports: frozenset[int]
    reserved: int
    group: str | None
    runs: bool


class Refusal(msgspec.Struct, frozen=True):
    """Why one container instance cannot take the task; ``reason`` as RunTask's ``failures`` word it."""

    arn: str
    reason: str


class Unplaced(msgspec.Struct, frozen=True):
    """Nobody takes the task. No refusals: there is no instance at all."""

    refusals: tuple[Refusal, ...] = ()

    @property
    def closest(self) -> Refusal | None:
        """The instance that failed last in the order of the checks."""
        return max(self.refusals, key=lambda r: _closeness(r.reason), default=None)


def problem(strategies: Sequence[Mapping[str, Any]], constraints: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with a user's strategies and constraints, or None: for handlers to refuse."""
    for strategy in strategies:
        if strategy.get("type") == "spread" and not _is_spread_field(strategy.get("field") or ""):
            return f"Invalid placement strategy field '{strategy.get('field')}' for type spread."
        if strategy.get("type") == "binpack" and (strategy.get("field") or "").lower() not in _BINPACK:
            return f"Invalid placement strategy field '{strategy.get('field')}' for type binpack."
    for constraint in constraints:
        if constraint.get("type") == "distinctInstance" and constraint.get("expression"):
            return "An expression cannot be specified for the distinctInstance placement constraint."
        if constraint.get("type") == "memberOf":
            compiled = compile_query(constraint.get("expression") or "")
            if isinstance(compiled, BadExpression):
                return compiled.reason
    return None


def rooms(
    instances: Iterable[ContainerInstance],
    tasks: Iterable[Task],
    definitions: Mapping[str, TaskDefinition],
    group: str = "",
) -> list[Room]:
    """The room on each ACTIVE instance, given the tasks of their cluster (STOPPED ones take nothing).

    ``definitions`` by ARN, at least those of the tasks that are placed on instances.
    """
    known: dict[str, Needs] = {}
    here: dict[str, list[Held]] = defaultdict(list)
    for task in tasks:
        if task.container_instance_arn is not None and task.last_status != "STOPPED":
            here[task.container_instance_arn].append(held(task, _needs(task, definitions, known)))
    active = (instance for instance in instances if instance.status == "ACTIVE")
    return [room_of(instance, here[instance.arn], group) for instance in active]


def meeting(instances: Iterable[ContainerInstance], constraints: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ARNs of the ACTIVE instances that meet every ``memberOf`` constraint, whatever room they have."""
    queries = needed_queries(constraints)
    empty = ((i.arn, room_of(i).facts()) for i in instances if i.status == "ACTIVE")
    return [arn for arn, facts in empty if all(query(facts) for query in queries)]


def place(
    needs: Needs,
    candidates: Sequence[Room],
    strategies: Sequence[Mapping[str, Any]],
    constraints: Sequence[Mapping[str, Any]],
    draw: int,
) -> Room | Unplaced:
    """The instance a task goes to, or why none takes it. ``draw``: any number, decides between equals."""
    queries = needed_queries(constraints)
    distinct = any(c.get("type") == "distinctInstance" for c in constraints)
    refusals, fitting = [], []
    for room in candidates:
        reason = refusal(room, needs, queries, distinct)
        if reason is None:
            fitting.append(room)
        else:
            refusals.append(Refusal(room.arn, reason))
    if not fitting:
        return Unplaced(tuple(refusals))
    for strategy in strategies:
        fitting = _best(strategy, fitting, candidates)
    return sorted(fitting, key=lambda room: room.arn)[draw % len(fitting)]


def held(task: Task, needs: Needs) -> Held:
    """What a task that is not STOPPED takes."""
    ports = {"tcp": set(needs.tcp_ports), "udp": set(needs.udp_ports)}
    for given in task.port_ranges:
        ports["udp" if given.protocol == "udp" else "tcp"].update(given.host_ports)
    for container in task.containers:
        for binding in container.bindings:
            ports["udp" if binding.protocol == "udp" else "tcp"].add(binding.host_port)
    wanted = task.desired_status != "STOPPED"
    return Held(
        cpu=needs.cpu,
        memory=needs.memory,
        tcp_ports=frozenset(ports["tcp"]),
        udp_ports=frozenset(ports["udp"]),
        reserved=needs.static_ports,
        group=task.group if wanted else None,
        runs=wanted and task.last_status == "RUNNING",
    )


def room_of(instance: ContainerInstance, tasks: Collection[Held] = (), group: str = "") -> Room:
    """The room that these tasks leave on the instance. ``group``: that of the tasks being placed."""
    tcp, udp = frozenset(instance.reserved_tcp_ports), frozenset(instance.reserved_udp_ports)
    return Room(
        arn=instance.arn,
        ec2_instance_id=instance.ec2_instance_id,
        availability_zone=instance.availability_zone,
        cpu=instance.cpu_units - sum(each.cpu for each in tasks),
        memory=instance.memory_mib - sum(each.memory for each in tasks),
        tcp_ports=tcp.union(*(each.tcp_ports for each in tasks)),
        udp_ports=udp.union(*(each.udp_ports for each in tasks)),
        reserved_ports=len(tcp) + len(udp) + sum(each.reserved for each in tasks),
        attributes=instance.attributes,
        capacity_provider=instance.capacity_provider,
        agent_connected=instance.agent_connected,
        agent_version=__version__,
        registered_at=instance.registered_at,
        running_tasks=sum(each.runs for each in tasks),
        groups=frozenset(each.group for each in tasks if each.group is not None),
        group_tasks=sum(each.group == group for each in tasks),
    )


def _needs(task: Task, definitions: Mapping[str, TaskDefinition], known: dict[str, Needs]) -> Needs:
    if task.overrides:
        return needs_of(definitions[task.task_definition_arn], task.overrides)
    if task.task_definition_arn not in known:
        known[task.task_definition_arn] = needs_of(definitions[task.task_definition_arn])
    return known[task.task_definition_arn]


def needed_queries(constraints: Sequence[Mapping[str, Any]]) -> list[Predicate]:
    """The ``memberOf`` constraints as predicates.

    An expression that cannot be read holds nowhere: handlers refuse it, so it is not placed by guess.
    """
    compiled = [compile_query(c.get("expression") or "") for c in constraints if c.get("type") == "memberOf"]
    return [(lambda _: False) if isinstance(query, BadExpression) else query for query in compiled]


def fits(room: Room, needs: Needs, queries: Sequence[Predicate], distinct: bool) -> bool:
    """Whether nothing speaks against the task going there."""
    return refusal(room, needs, queries, distinct) is None


def refusal(room: Room, needs: Needs, queries: Sequence[Predicate], distinct: bool) -> str | None:
    """What speaks against the task going there; ``distinct``: its group has one task an instance."""
    facts = room.facts() if queries else {}
    checks = (
        room.agent_connected,
        all(query(facts) for query in queries),
        not (distinct and room.group_tasks),
        needs.cpu <= room.cpu,
        needs.memory <= room.memory,
        _has_ports(room, needs),
    )
    return next((reason for reason, holds in zip(_CLOSENESS, checks, strict=True) if not holds), None)


def _has_ports(room: Room, needs: Needs) -> bool:
    if needs.tcp_ports & room.tcp_ports or needs.udp_ports & room.udp_ports:
        return False
    if needs.static_ports and room.reserved_ports + needs.static_ports > _MOST_RESERVED_PORTS:
        return False
    return room.range_starts(needs) is not None


def _closeness(reason: str) -> int:
    return _CLOSENESS.index(reason) if reason in _CLOSENESS else -1


_BINPACK = {"cpu": "cpu", "memory": "memory"}


def _is_spread_field(field: str) -> bool:
    return field.lower() in ("instanceid", "host") or field.startswith("attribute:")


def _best(strategy: Mapping[str, Any], fitting: list[Room], every: Sequence[Room]) -> list[Room]:
    """Those of ``fitting`` that the strategy likes most."""
    kind = strategy.get("type")
    if kind == "spread":
        tasks: Counter[str] = Counter()
        for room in every:
            tasks[field_value(room, strategy)] += room.group_tasks
        fewest = min(tasks[field_value(room, strategy)] for room in fitting)
        return [room for room in fitting if tasks[field_value(room, strategy)] == fewest]
    if kind == "binpack":
        left = {room.arn: remaining(room, strategy) for room in fitting}
        return [room for room in fitting if left[room.arn] == min(left.values())]
    return fitting  # random: the draw decides


def remaining(room: Room, strategy: Mapping[str, Any]) -> int:
    """What is left there of what a binpack strategy packs."""
    left: int = getattr(room, _BINPACK[(strategy.get("field") or "").lower()])
    return left


def field_value(room: Room, strategy: Mapping[str, Any]) -> str:
    """What an instance is spread by."""
    field = strategy.get("field") or ""
    if field.lower() in ("instanceid", "host"):
        return room.arn
    name = field.removeprefix("attribute:")
    return room.attributes.get(name, room.availability_zone if name == ZONE_ATTRIBUTE else "")
