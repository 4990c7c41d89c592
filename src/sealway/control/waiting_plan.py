"""Places the tasks of a cluster that wait for an instance of their capacity provider, the oldest first.

Equal tasks are placed together, by the rules of every placement. What finds no place goes on waiting.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec

from ..model.account_setting import DUAL_STACK, AccountSetting, account_key, is_enabled
from ..model.ids import IdSource
from ..model.network import NetworkInterface, SecurityGroup, Subnet
from ..model.new_task import Stock, TaskRequest, board, place_all, subnet_ids
from ..model.placement import Room
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from ..model.waiting import request_of, seated
from ..store import Reader
from .ledger import Ledger
from .plan import Plan


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Equal tasks that wait, oldest first. ``stock``: without rooms; its tasks are those of their group."""

    request: TaskRequest
    tasks: tuple[Task, ...]
    stock: Stock


class WaitingSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The queues, the one with the oldest task first, and the room that all of them share."""

    queues: tuple[Queue, ...] = ()
    rooms: Sequence[Room] = ()


def read(reader: Reader, cluster_arn: str, ledger: Ledger) -> WaitingSnapshot:
    """The snapshot of a cluster."""
    found = [task for arn in ledger.waiting(cluster_arn) if (task := reader.get(Task, arn)) is not None]
    alike: dict[bytes, list[Task]] = defaultdict(list)
    for task in sorted(found, key=lambda task: (task.created_at, task.arn)):
        alike[_likeness(task)].append(task)
    queues = (_queue(reader, tasks, ledger) for tasks in alike.values())
    rooms = ledger.rooms(cluster_arn) if found else ()
    return WaitingSnapshot(queues=tuple(q for q in queues if q is not None), rooms=rooms)


def _likeness(task: Task) -> bytes:
    """What tasks agree in that are placed alike."""
    parts = (task.task_definition_arn, task.group, task.extra, task.wait, task.overrides)
    return msgspec.json.encode((*parts, task.network_configuration))


def _queue(reader: Reader, tasks: list[Task], ledger: Ledger) -> Queue | None:
    first = tasks[0]
    definition = reader.get(TaskDefinition, first.task_definition_arn)
    if definition is None:
        return None
    named = dict.fromkeys(subnet_ids(first.network_configuration))
    subnets = [subnet for key in named if (subnet := reader.get(Subnet, key)) is not None]
    vpcs = {subnet.vpc_id for subnet in subnets}
    group = reader.list(Task, service_arn=first.service_arn, cluster_arn=first.cluster_arn)
    stock = Stock(
        tasks=[task for task in group if task.group == first.group],
        last_given=ledger.last_given(),
        subnets=subnets,
        taken=ledger.taken(),
        security_groups=[g for vpc in vpcs for g in reader.list(SecurityGroup, vpc_id=vpc, name="default")],
        dual_stack=is_enabled(
            reader.get(AccountSetting, account_key(first.region, first.account_id, DUAL_STACK))
        ),
    )
    return Queue(request=request_of(first, definition), tasks=tuple(tasks), stock=stock)


def plan(snapshot: WaitingSnapshot, now: datetime, ids: IdSource) -> Plan:
    """The tasks that find a place, and their interfaces."""
    rooms: Sequence[Room] = snapshot.rooms
    placed: dict[str, Task] = {}
    interfaces: list[NetworkInterface] = []
    starved = False
    for queue in snapshot.queues:
        stock = msgspec.structs.replace(
            queue.stock,
            rooms=rooms,
            tasks=[placed.get(task.arn, task) for task in queue.stock.tasks],
            interfaces=[*queue.stock.interfaces, *interfaces],
        )
        made, on, refused = place_all(queue.request, board(queue.request, stock), len(queue.tasks), ids, now)
        for task, (like, interface) in zip(queue.tasks, made, strict=False):
            placed[task.arn] = seated(task, like)
            if interface is not None:
                interfaces.append(interface)
        rooms = [msgspec.structs.replace(room, group_tasks=0) for room in on.rooms]
        starved |= refused is not None
    return Plan(puts=(*placed.values(), *interfaces), starved=starved)
