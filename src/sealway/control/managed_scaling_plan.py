"""Managed scaling: an Auto Scaling group follows what the tasks of its capacity provider need.

Needed are the instances that have tasks, and those that the waiting tasks would fill: first the room there
is, then instances that are on their way, then new ones. The group is to be so large that these are
``targetCapacity`` percent of it. It grows at once, by the provider's steps, and shrinks when it has been too
large for a quarter of an hour. Source: ECS Developer Guide, "Amazon ECS managed scaling behavior"; AWS
Containers Blog, "Deep dive on Amazon ECS cluster auto scaling".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from ..model.placement import ZONE_ATTRIBUTE, Room, fits, needed_queries
from ..model.placement_query import Predicate
from .demand_snapshot import Demand, DemandSnapshot
from .plan import Plan, earliest

CALM = timedelta(minutes=15)
"""How long a group must have been too large: AWS's alarm takes 15 data points of a minute each."""
LEAST_WARMUP = timedelta(minutes=1)
"""How long an instance has to register at least: Terraform tells 0 where no warm-up period is given."""
PACE = timedelta(minutes=1)
"""Between two steps of growth, where ``maximumScalingStepSize`` makes more than one."""


def plan(snapshot: DemandSnapshot, now: datetime, calm: timedelta = CALM) -> Plan:
    """The group's next desired capacity, and since when it has been too large."""
    provider, group = snapshot.provider, snapshot.group
    if not provider.scaling.enabled or group.delete_requested_at is not None:
        return Plan()
    snapshot, next_late = _without_late(snapshot, now)
    wanted, have = wanted_capacity(snapshot), group.desired_capacity
    if wanted > have:
        return _grow(snapshot, wanted - have, now)
    if wanted == have:
        idle = provider.calm_since is None and provider.grown_at is None
        puts = () if idle else (provider.replace(calm_since=None, grown_at=None),)
        return Plan(puts=puts, wake_at=next_late)
    # A clock that was set back makes both marks lie ahead: then they begin anew.
    since = min(provider.calm_since or now, now)
    if now < since + calm:
        puts = () if provider.calm_since == since else (provider.replace(calm_since=now, grown_at=None),)
        return Plan(puts=puts, wake_at=since + calm)
    return Plan(puts=(group.replace(desired_capacity=wanted), provider.replace(calm_since=None)))


def _without_late(snapshot: DemandSnapshot, now: datetime) -> tuple[DemandSnapshot, datetime | None]:
    """Without the room on instances that should have registered long ago; and when the next one is late, as
    long as a task waits."""
    warmup = max(timedelta(seconds=snapshot.provider.scaling.warmup), LEAST_WARMUP)
    late_at = {key: min(since, now) + warmup for key, since in snapshot.coming.items()}
    late = {key for key, at in late_at.items() if at <= now}
    waiting = (at for key, at in late_at.items() if key not in late and snapshot.demands)
    return msgspec.structs.replace(snapshot, unusable=snapshot.unusable | late), earliest(*waiting)


def _grow(snapshot: DemandSnapshot, missing: int, now: datetime) -> Plan:
    provider, group, scaling = snapshot.provider, snapshot.group, snapshot.provider.scaling
    if provider.grown_at is not None and provider.grown_at <= now < provider.grown_at + PACE:
        return Plan(wake_at=provider.grown_at + PACE)
    step = min(max(missing, scaling.least_step), scaling.most_step)
    grown = group.replace(desired_capacity=min(group.desired_capacity + step, group.max_size))
    paced = provider.replace(calm_since=None, grown_at=now if missing > step else None)
    return Plan(puts=(grown, *((paced,) if paced != provider else ())))


def wanted_capacity(snapshot: DemandSnapshot) -> int:
    """How many instances the group should have, within its bounds.

    New ones come on top of those there are, also where some of these take no tasks and are not needed.
    """
    group, target = snapshot.group, snapshot.provider.scaling.target
    used, new = needed(snapshot)
    wanted = max(-(-100 * used // target), group.desired_capacity + new if new else 0)
    return max(group.min_size, min(group.max_size, wanted))


def needed(snapshot: DemandSnapshot) -> tuple[int, int]:
    """How many instances have tasks, or would have if all that wait were placed; and how many of them are not
    there or on their way yet."""
    used = set(snapshot.busy)
    rooms = _rooms(snapshot)
    opened = 0
    for demand in snapshot.demands:
        queries, distinct = needed_queries(demand.constraints), _distinct(demand)
        left = demand.count
        for key, room in rooms.items():
            known = queries if key in snapshot.rooms else []
            filled, taken = _fill(room, demand, known, distinct, left)
            if taken:
                rooms[key] = filled
                used.add(key)
                left -= taken
        while left and _may_open(snapshot, queries) and len(rooms) < snapshot.group.max_size:
            assert snapshot.empty is not None, "an instance that may be opened is known"
            filled, taken = _fill(snapshot.empty, demand, [], distinct, left)
            if not taken:
                break
            opened += 1
            rooms[f"new-{opened}"] = filled
            used.add(f"new-{opened}")
            left -= taken
    return len(used), opened


def _rooms(snapshot: DemandSnapshot) -> dict[str, Room]:
    """The room on each instance by its id; instances on their way are like a new one."""
    rooms = dict(snapshot.rooms)
    if snapshot.empty is not None:
        coming = [key for key in snapshot.alive if key not in rooms and key not in snapshot.unusable]
        missing = snapshot.group.desired_capacity - len(snapshot.alive)
        coming += [f"missing-{number}" for number in range(missing)]
        rooms |= {key: snapshot.empty for key in coming}
    return rooms


def _fill(
    room: Room, demand: Demand, queries: Sequence[Predicate], distinct: bool, most: int
) -> tuple[Room, int]:
    """The room with as many of the demand's tasks as fit, ``most`` at most; and how many these are."""
    room = msgspec.structs.replace(room, group_tasks=int(demand.group in room.groups))
    taken = 0
    while taken < most and fits(room, demand.needs, queries, distinct):
        room = room.after(demand.needs, demand.group, room.range_starts(demand.needs) or ())
        taken += 1
    return room, taken


def _distinct(demand: Demand) -> bool:
    return any(constraint.get("type") == "distinctInstance" for constraint in demand.constraints)


def _may_open(snapshot: DemandSnapshot, queries: Sequence[Predicate]) -> bool:
    """Whether a new instance can meet the constraints: what they are like is learnt from those there are,
    in whichever of the group's zones. Else one that never does would be launched after the other."""
    if snapshot.empty is None:
        return False
    known = list(snapshot.rooms.values())
    return not (known and queries) or any(
        all(query(facts) for query in queries) for facts in _facts(known, snapshot.group.availability_zones)
    )


def _facts(rooms: Iterable[Room], zones: Sequence[str]) -> Iterable[dict[str, str | frozenset[str]]]:
    for room in rooms:
        for zone in zones:
            yield {**room.facts(), f"attribute:{ZONE_ATTRIBUTE}": zone}
