"""What managed scaling looks at: the room on the group's instances, and the tasks that wait for more."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ..model.auto_scaling import AutoScalingGroup
from ..model.capacity import NAME
from ..model.capacity_provider import CapacityProvider
from ..model.cluster import AGENT_PORTS
from ..model.instance_type import find
from ..model.placement import Room
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from ..model.task_size import Needs, needs_of
from ..store import Reader
from .auto_scaling_snapshot import GroupSnapshot
from .ledger import Ledger


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` equal tasks of a group that wait."""

    needs: Needs
    group: str
    constraints: tuple[dict[str, Any], ...]
    count: int


class DemandSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """``rooms``: of the members' container instances, by the members' ids; ``empty``: a new instance's."""

    provider: CapacityProvider
    group: AutoScalingGroup
    alive: tuple[str, ...]
    """The ids of the instances that are not leaving."""
    busy: frozenset[str]
    """Those of them that have tasks."""
    unusable: frozenset[str] = frozenset()
    """Those of them that take no tasks (DRAINING or deregistered)."""
    coming: Mapping[str, datetime] = {}
    """Those of them that no cluster has seen yet, with when they joined the group."""
    rooms: Mapping[str, Room] = {}
    empty: Room | None = None
    demands: tuple[Demand, ...] = ()


def read(reader: Reader, found: GroupSnapshot, ledger: Ledger) -> DemandSnapshot:
    """The snapshot of a group whose provider some cluster has."""
    provider = found.provider
    assert provider is not None, "a group without a provider has no managed scaling"
    alive = [member for member in found.members if not member.membership.leaving]
    clusters = [cluster.arn for cluster in found.clusters]
    known = {room.arn: room for arn in clusters for room in ledger.rooms(arn)}
    rooms: dict[str, Room] = {}
    unusable: set[str] = set()
    coming: dict[str, datetime] = {}
    for member in alive:
        if member.deregistered:
            unusable.add(member.membership.instance_id)
        elif not member.containers:
            coming[member.membership.instance_id] = member.membership.joined_at
        for container in member.containers:
            if container.arn in known:
                rooms[member.membership.instance_id] = known[container.arn]
            elif container.cluster_arn in clusters:
                unusable.add(member.membership.instance_id)
    return DemandSnapshot(
        provider=provider,
        group=found.group,
        alive=tuple(member.membership.instance_id for member in alive),
        busy=frozenset(member.membership.instance_id for member in alive if member.busy),
        unusable=frozenset(unusable),
        coming=coming,
        rooms=rooms,
        empty=_empty(found.version.recipe.instance_type) if found.version else None,
        demands=_demands(reader, provider, clusters, ledger),
    )


def _empty(type_name: str) -> Room | None:
    kind = find(type_name)
    if kind is None:
        return None
    return Room(
        arn="",
        ec2_instance_id="",
        availability_zone="",
        cpu=kind.cpu_units,
        memory=kind.registered_memory_mib,
        tcp_ports=frozenset(AGENT_PORTS),
        reserved_ports=len(AGENT_PORTS),
    )


def _demands(
    reader: Reader, provider: CapacityProvider, clusters: list[str], ledger: Ledger
) -> tuple[Demand, ...]:
    waiting = (reader.get(Task, arn) for cluster in clusters for arn in ledger.waiting(cluster))
    own = [task for task in waiting if task is not None and task.extra.get(NAME) == provider.name]
    alike: dict[bytes, list[Task]] = defaultdict(list)
    for task in sorted(own, key=lambda task: (task.created_at, task.arn)):
        likeness = (task.task_definition_arn, task.group, task.wait, task.overrides)
        alike[msgspec.json.encode(likeness)].append(task)
    demands = (_demand(reader, tasks) for tasks in alike.values())
    return tuple(demand for demand in demands if demand is not None)


def _demand(reader: Reader, tasks: list[Task]) -> Demand | None:
    first = tasks[0]
    definition = reader.get(TaskDefinition, first.task_definition_arn)
    if definition is None or first.wait is None:
        return None
    return Demand(
        needs=needs_of(definition, first.overrides),
        group=first.group,
        constraints=(*first.wait.constraints, *(definition.spec.get("placementConstraints") or ())),
        count=len(tasks),
    )
