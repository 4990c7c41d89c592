"""A new task: where it goes, its network interface, and what is known of it before it runs.

Shared by RunTask and the service planner, so that both place and number tasks alike. A ``Board`` is what
placement looks at; every task placed answers the board with that task on it, so several can be placed
before anything is written. Addresses follow one another: a freed one is given out again as late as possible.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import msgspec

from . import arn, capacity, placement
from .address_pool import RESERVED_AT_START, Addresses, first_free, mac_for, wide_address
from .cluster import ContainerInstance
from .ids import IdSource, uuid
from .network import InterfaceAttachment, NetworkInterface, SecurityGroup, Subnet
from .placement import Refusal, Room, Unplaced
from .port_range import publish
from .shortlist import Shortlist
from .task import ContainerStatus, Task, TaskInterface, Wait
from .task_definition import TaskDefinition
from .task_size import needs_of

LATEST_PLATFORM = "1.4.0"
ECS_REQUESTER = "578734482556"
"""The account whose name ECS's network interfaces carry as their requester."""
NO_ADDRESS = "RESOURCE:ENI"
"""No subnet of the task has a free address (on EC2: none in the instance's zone)."""


class TaskRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is wanted. Unset ``strategies`` mean any instance with room (RunTask's default)."""

    definition: TaskDefinition
    cluster_arn: str
    launch_type: str
    group: str
    service_arn: str | None = None
    deployment_id: str | None = None
    started_by: str | None = None
    platform_version: str | None = None
    network_configuration: dict[str, Any] | None = None
    overrides: dict[str, Any] = {}
    strategies: tuple[dict[str, Any], ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()
    container_instance_arn: str | None = None
    """The only instance it may go to, when set."""
    zone: str | None = None
    """The only Availability Zone it may go to, when set."""
    capacity: tuple[dict[str, Any], ...] = ()
    """The capacity provider strategy, by which the tasks are divided."""
    provider: str | None = None
    """The only capacity provider whose instances it may go to, when set."""
    extra: dict[str, Any] = {}
    tags: dict[str, str] = {}
    client_token: str = ""
    client_request: str = ""


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What a placement looks at: room on instances, addresses of subnets, tasks of the group by zone."""

    rooms: tuple[Room, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    taken: dict[str, Addresses] = {}
    """Subnet id -> addresses in use."""
    last_given: dict[str, str] = {}
    """Subnet id -> the address given out last: the search goes on behind it."""
    zone_tasks: dict[str, int] = {}
    security_groups: dict[str, tuple[str, ...]] = {}
    """VPC id -> its default security group, for tasks that name none."""
    dual_stack: bool = True
    """Whether a task has an IPv6 address where its subnet has any."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A task ready to be written, its interface (awsvpc), and the board with it on."""

    task: Task
    interface: NetworkInterface | None
    board: Board


New = tuple[Task, NetworkInterface | None]
"""A task ready to be written, and its interface (awsvpc)."""


def subnet_ids(network_configuration: Mapping[str, Any] | None) -> list[str]:
    """The subnets an ``awsvpcConfiguration`` names."""
    subnets: list[str] = ((network_configuration or {}).get("awsvpcConfiguration") or {}).get("subnets") or []
    return subnets


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds that a board is made of.

    ``instances`` and ``tasks``: all of the cluster's; ``definitions`` by ARN, those of its tasks;
    ``subnets``: those of the request's network configuration; ``interfaces``: all in these subnets.
    With ``rooms`` worked out before (nobody's group counted), the tasks of the request's group suffice, no
    instance is needed, nor an interface whose address is ``taken``, and ``last_given`` says by subnet what
    was given out last, and when.
    """

    instances: Sequence[ContainerInstance] = ()
    tasks: Sequence[Task] = ()
    definitions: Mapping[str, TaskDefinition] = {}
    subnets: Sequence[Subnet] = ()
    interfaces: Sequence[NetworkInterface] = ()
    taken: Mapping[str, Set[str]] = {}
    """Subnet id -> addresses in use, beside those of ``interfaces``."""
    security_groups: Sequence[SecurityGroup] = ()
    rooms: Sequence[Room] | None = None
    last_given: Mapping[str, tuple[datetime, int]] = {}
    growing: frozenset[str] = frozenset()
    """Capacity providers whose groups grow as tasks need: those wait there that find no place."""
    dual_stack: bool = True
    """The account's ``dualStackIPv6``."""


def board(request: TaskRequest, stock: Stock) -> Board:
    """The board for one request."""
    wanted = tuple(stock.subnets)
    own: dict[str, set[str]] = {subnet.id: set() for subnet in wanted}
    latest = dict(stock.last_given)
    for interface in stock.interfaces:
        if interface.subnet_id in own:
            own[interface.subnet_id].add(interface.private_ip)
            _note(latest, interface.subnet_id, interface.created_at, interface.private_ip)
    for task in stock.tasks:
        if task.interface is not None and task.interface.subnet_id in own:
            _note(latest, task.interface.subnet_id, task.created_at, task.interface.private_ip)
    return Board(
        rooms=_rooms_of(stock, request) if request.launch_type != "FARGATE" else (),
        subnets=wanted,
        taken={id_: Addresses(stock.taken.get(id_, frozenset())).plus(more) for id_, more in own.items()},
        last_given={subnet: str(IPv4Address(given[1])) for subnet, given in latest.items()},
        zone_tasks=Counter(
            t.availability_zone
            for t in stock.tasks
            if t.group == request.group and t.desired_status != "STOPPED"
        ),
        security_groups={g.vpc_id: (g.id,) for g in stock.security_groups if g.name == "default"},
        dual_stack=stock.dual_stack,
    )


def _rooms_of(stock: Stock, request: TaskRequest) -> tuple[Room, ...]:
    if stock.rooms is None:
        return tuple(placement.rooms(stock.instances, stock.tasks, stock.definitions, request.group))
    here = Counter(
        task.container_instance_arn
        for task in stock.tasks
        if task.group == request.group and task.desired_status != "STOPPED" and task.last_status != "STOPPED"
    )
    return tuple(
        msgspec.structs.replace(room, group_tasks=here[room.arn]) if room.arn in here else room
        for room in stock.rooms
    )


def parted(
    request: TaskRequest, count: int, has: Mapping[str, int] | None = None
) -> list[tuple[TaskRequest, int]]:
    """The request for each of one's own capacity providers, and how many tasks go there; itself where none
    divides it (on Fargate providers make no difference to placement). ``has``: how many each has."""
    if not request.capacity or request.launch_type == "FARGATE":
        return [(request, count)]
    shares = capacity.parts(count, request.capacity, has or {})
    return [(msgspec.structs.replace(request, provider=name), number) for name, number in shares]


def place_task(request: TaskRequest, on: Board, ids: IdSource, now: datetime) -> Placed | Unplaced:
    """Chooses instance, zone and address, and builds the task; or says why that cannot be."""
    room: Room | None = None
    ranges: tuple[int, ...] = ()
    subnets = [s for s in on.subnets if request.zone in (None, s.availability_zone)]
    if request.launch_type != "FARGATE":
        draw = int(ids.hex(8), 16)
        chosen = _choose_room(request, on, draw)
        if isinstance(chosen, Unplaced):
            return chosen
        room = chosen
        ranges = room.range_starts(needs_of(request.definition, request.overrides), draw) or ()
        subnets = [subnet for subnet in subnets if subnet.availability_zone == room.availability_zone]
    seat: tuple[Subnet, str] | None = None
    if request.definition.network_mode == "awsvpc":
        seat = _choose_address(on, subnets)
        if seat is None:
            return Unplaced((Refusal(room.arn if room else "", NO_ADDRESS),))
    task, interface = _build(request, on, (room, ranges), seat, (ids, now))
    return Placed(task=task, interface=interface, board=_with(on, request, room, task, seat))


def place_all(
    request: TaskRequest, on: Board, count: int, ids: IdSource, now: datetime
) -> tuple[list[New], Board, Unplaced | None]:
    """``count`` equal tasks, each where ``place_task`` would put it after the one before; the board with
    them on it; and why no more of them are placed."""
    if _many(request, count):
        return _place_many(request, on, count, ids, now)
    made: list[New] = []
    while len(made) < count:
        placed = place_task(request, on, ids, now)
        if isinstance(placed, Unplaced):
            return made, on, placed
        made.append((placed.task, placed.interface))
        on = placed.board
    return made, on, None


def _many(request: TaskRequest, count: int) -> bool:
    """Whether a shortlist is worth making: the instances to choose from are not limited."""
    limited = request.container_instance_arn is not None or request.zone is not None
    return count > 1 and request.launch_type != "FARGATE" and not limited


def _place_many(
    request: TaskRequest, on: Board, count: int, ids: IdSource, now: datetime
) -> tuple[list[New], Board, Unplaced | None]:
    made: list[New] = []
    needs = needs_of(request.definition, request.overrides)
    while True:
        reached, others = _reached(request, on)
        shortlist = Shortlist(needs, reached, request.strategies, _constraints(request), request.group)
        zones = {room.availability_zone for room in reached}
        while len(made) < count and zones == _open_zones(request, on, zones):
            draw = int(ids.hex(8), 16)
            room = shortlist.take(draw)
            if room is None:
                on = msgspec.structs.replace(on, rooms=(*shortlist.rooms, *others))
                unplaced = _choose_room(request, on, draw)
                return made, on, unplaced if isinstance(unplaced, Unplaced) else None
            seat = _seat(request, on, room)
            ranges = room.range_starts(needs, draw) or ()
            made.append(_build(request, on, (room, ranges), seat, (ids, now)))
            on = _with_seat(on, room.availability_zone, seat)
        on = msgspec.structs.replace(on, rooms=(*shortlist.rooms, *others))
        if len(made) == count:
            return made, on, None


def _reached(request: TaskRequest, on: Board) -> tuple[list[Room], list[Room]]:
    """The instances of its capacity provider in whose zones the task finds an address, and the others."""
    zones = _open_zones(request, on, {room.availability_zone for room in on.rooms})
    reached: list[Room] = []
    others: list[Room] = []
    for room in on.rooms:
        suits = room.availability_zone in zones and request.provider in (None, room.capacity_provider)
        (reached if suits else others).append(room)
    return reached, others


def _open_zones(request: TaskRequest, on: Board, zones: set[str]) -> set[str]:
    """Those of the zones in which the task finds an address, if it needs one."""
    if request.definition.network_mode != "awsvpc":
        return zones
    return zones & {s.availability_zone for s in on.subnets if _next_address(on, s) is not None}


def _seat(request: TaskRequest, on: Board, room: Room) -> tuple[Subnet, str] | None:
    """The address of a task that goes to this instance, if it needs one."""
    if request.definition.network_mode != "awsvpc":
        return None
    return _choose_address(on, [s for s in on.subnets if s.availability_zone == room.availability_zone])


def _note(latest: dict[str, tuple[datetime, int]], subnet: str, at: datetime, address: str) -> None:
    given = (at, int(IPv4Address(address)))
    if subnet not in latest or latest[subnet] < given:
        latest[subnet] = given


def _choose_room(request: TaskRequest, on: Board, draw: int) -> Room | Unplaced:
    candidates, others = _reached(request, msgspec.structs.replace(on, rooms=_rooms(request, on)))
    refused = tuple(Refusal(room.arn, NO_ADDRESS) for room in others)
    needs = needs_of(request.definition, request.overrides)
    chosen = placement.place(needs, candidates, request.strategies, _constraints(request), draw)
    return Unplaced((*chosen.refusals, *refused)) if isinstance(chosen, Unplaced) else chosen


def _constraints(request: TaskRequest) -> tuple[dict[str, Any], ...]:
    return (*request.constraints, *(request.definition.spec.get("placementConstraints") or ()))


def _rooms(request: TaskRequest, on: Board) -> tuple[Room, ...]:
    """The instances that the request lets it choose from."""
    rooms = on.rooms
    if request.container_instance_arn is not None:
        rooms = tuple(room for room in rooms if room.arn == request.container_instance_arn)
    if request.zone is not None:
        rooms = tuple(room for room in rooms if room.availability_zone == request.zone)
    if request.provider is not None:
        rooms = tuple(room for room in rooms if room.capacity_provider == request.provider)
    return rooms


def _next_address(on: Board, subnet: Subnet) -> str | None:
    start = 0
    if subnet.id in on.last_given:
        base = int(IPv4Network(subnet.cidr).network_address) + RESERVED_AT_START
        start = max(0, int(IPv4Address(on.last_given[subnet.id])) - base + 1)
    return first_free(subnet.cidr, on.taken.get(subnet.id, Addresses()), start)


def _choose_address(on: Board, subnets: Sequence[Subnet]) -> tuple[Subnet, str] | None:
    """In the zone with the fewest tasks of the group; among its subnets the emptiest."""

    def crowd(subnet: Subnet) -> tuple[int, int]:
        return on.zone_tasks.get(subnet.availability_zone, 0), len(on.taken.get(subnet.id, ()))

    for subnet in sorted(subnets, key=crowd):
        address = _next_address(on, subnet)
        if address is not None:
            return subnet, address
    return None


def _build(
    request: TaskRequest,
    on: Board,
    place: tuple[Room | None, tuple[int, ...]],
    seat: tuple[Subnet, str] | None,
    source: tuple[IdSource, datetime],
) -> New:
    """``place``: the instance, and there the first host port of each port range."""
    (room, ranges), (ids, now) = place, source
    definition, task_id = request.definition, ids.hex(32)
    interface = _interface(request, on, room, seat, source) if seat else None
    needs = needs_of(definition, request.overrides)
    fargate = request.launch_type == "FARGATE"
    latest = request.platform_version in (None, "LATEST")
    zone = seat[0].availability_zone if seat else room.availability_zone if room else ""
    cluster = arn.last(request.cluster_arn)
    task = Task(
        arn=arn.ecs(definition.region, definition.account_id, f"task/{cluster}/{task_id}"),
        account_id=definition.account_id,
        region=definition.region,
        cluster_arn=request.cluster_arn,
        task_definition_arn=definition.arn,
        group=request.group,
        service_arn=request.service_arn,
        deployment_id=request.deployment_id,
        launch_type=request.launch_type,
        platform_version=(LATEST_PLATFORM if latest else request.platform_version) if fargate else None,
        container_instance_arn=room.arn if room else None,
        availability_zone=zone,
        cpu=str(needs.cpu),
        memory=str(needs.memory),
        overrides=request.overrides,
        interface=_task_interface(interface),
        port_ranges=publish(definition, ranges) if room else (),
        network_configuration=request.network_configuration,
        started_by=request.started_by or request.deployment_id,
        extra=_extra(request),
        tags=request.tags,
        client_token=request.client_token,
        client_request=request.client_request,
        containers=tuple(
            _container(definition, c, f"{cluster}/{task_id}", ids) for c in definition.containers
        ),
        created_at=now,
    )
    return task, interface


def _extra(request: TaskRequest) -> dict[str, Any]:
    return {**request.extra, capacity.NAME: request.provider} if request.provider else request.extra


def waiting_task(request: TaskRequest, ids: IdSource, now: datetime) -> Task:
    """A task that waits for an instance of its capacity provider."""
    task, _ = _build(request, Board(), (None, ()), None, (ids, now))
    return task.replace(wait=Wait(strategies=request.strategies, constraints=request.constraints))


def _container(
    definition: TaskDefinition, container: Mapping[str, Any], path: str, ids: IdSource
) -> ContainerStatus:
    return ContainerStatus(
        name=container["name"],
        arn=arn.ecs(definition.region, definition.account_id, f"container/{path}/{uuid(ids)}"),
        image=container["image"],
    )


def _interface(
    request: TaskRequest,
    on: Board,
    room: Room | None,
    seat: tuple[Subnet, str],
    source: tuple[IdSource, datetime],
) -> NetworkInterface:
    (subnet, address), (ids, now) = seat, source
    vpc = (request.network_configuration or {}).get("awsvpcConfiguration") or {}
    attachment = uuid(ids)
    return NetworkInterface(
        id=f"eni-{ids.hex(17)}",
        account_id=subnet.account_id,
        region=subnet.region,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        availability_zone=subnet.availability_zone,
        private_ip=address,
        ipv6_addresses=(wide_address(subnet.ipv6_cidr, address),)
        if on.dual_stack and subnet.ipv6_cidr
        else (),
        mac=mac_for(address),
        description=arn.ecs(subnet.region, subnet.account_id, f"attachment/{attachment}"),
        requester_id=ECS_REQUESTER,
        requester_managed=True,
        security_groups=tuple(vpc.get("securityGroups") or on.security_groups.get(subnet.vpc_id, ())),
        attachment=InterfaceAttachment(
            id=f"eni-attach-{ids.hex(17)}",
            attached_at=now,
            instance_id=room.ec2_instance_id if room else None,
            instance_owner_id=subnet.account_id if room else ECS_REQUESTER,
            device_index=1,
        ),
        created_at=now,
    )


def _task_interface(interface: NetworkInterface | None) -> TaskInterface | None:
    if interface is None:
        return None
    return TaskInterface(
        network_interface_id=interface.id,
        attachment_id=arn.last(interface.description),
        subnet_id=interface.subnet_id,
        private_ip=interface.private_ip,
        ipv6_address=next(iter(interface.ipv6_addresses), ""),
        mac=interface.mac,
    )


def _with(
    on: Board, request: TaskRequest, room: Room | None, task: Task, seat: tuple[Subnet, str] | None
) -> Board:
    """The board with the new task on it."""
    rooms = on.rooms
    if room is not None:
        needs = needs_of(request.definition, request.overrides)
        filled = room.after(needs, request.group, [given.host_port for given in task.port_ranges])
        rooms = tuple(filled if other.arn == room.arn else other for other in rooms)
    return msgspec.structs.replace(_with_seat(on, task.availability_zone, seat), rooms=rooms)


def _with_seat(on: Board, zone: str, seat: tuple[Subnet, str] | None) -> Board:
    """The board with one more task in the zone, at this address; its room is not counted."""
    taken, last = on.taken, on.last_given
    if seat is not None:
        subnet, address = seat
        taken = {**taken, subnet.id: taken.get(subnet.id, Addresses()).plus({address})}
        last = {**last, subnet.id: address}
    return msgspec.structs.replace(
        on,
        taken=taken,
        last_given=last,
        zone_tasks={**on.zone_tasks, zone: on.zone_tasks.get(zone, 0) + 1},
    )
