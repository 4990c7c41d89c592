"""How many tasks to start and which to stop, so that a service moves towards its PRIMARY deployment.

Of the active tasks (to run, not stopped), those of the PRIMARY deployment on a proper instance are *kept*
ones; tasks of older deployments and on DRAINING instances are *outgoing*; unhealthy ones are *unfit*.

- Started: what the kept ones lack, as far as ``upper`` (maximumPercent, rounded down) leaves room for
  all active tasks together.
- Stopped at once: outgoing tasks that never ran, and kept ones beyond the desired count.
- Stopped in turn: unfit, then outgoing ones, as many as have been replaced by healthy ones, or as must
  make room for a start; never so many that fewer healthy ones than ``lower`` (minimumHealthyPercent,
  rounded up) are left. Where both percents would do, the new task comes before the old one goes.
- Kept through all this, unless unfit: tasks under protection. They count as active, and as healthy ones.

Source: ECS API Reference, ``DeploymentConfiguration``; ECS Developer Guide, "Amazon ECS rolling update".
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from ..model.service import Service
from ..model.task import Task


class Bounds(msgspec.Struct, frozen=True):
    """Numbers of tasks: wanted, the fewest healthy, the most active."""

    desired: int
    lower: int
    upper: int


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A service's active tasks, and what is known of each (sets of task ARNs)."""

    bounds: Bounds
    primary_id: str
    active: Sequence[Task] = ()
    healthy: frozenset[str] = frozenset()
    unfit: frozenset[str] = frozenset()
    displaced: frozenset[str] = frozenset()
    """On a container instance that is being drained."""
    protected: frozenset[str] = frozenset()
    """Neither stopped as surplus nor as outgoing."""
    may_start: bool = True
    """False while backing off, or after the deployment has failed."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """``spare``: what may be stopped besides, in this order, if a started task finds no room."""

    start: int = 0
    source_start: int = 0
    """How many to start of the deployment whose traffic is being taken over."""
    places: tuple[str, ...] = ()
    """Where to start each (container instance ARNs); empty: wherever placement finds room."""
    zones: tuple[str, ...] = ()
    """Which Availability Zone to start each in; empty: likewise."""
    stop: tuple[Task, ...] = ()
    spare: tuple[Task, ...] = ()
    blocked: bool = False
    """Something is to be replaced, everything is healthy, and the percents allow no step."""
    kept: tuple[Task, ...] = ()
    """The PRIMARY deployment's good tasks after this decision."""


def bounds_of(service: Service) -> Bounds:
    """A deleted service wants nothing, and nothing of it is protected."""
    desired = service.desired_count
    if service.status != "ACTIVE":
        return Bounds(0, 0, 0)
    lower = -(-desired * service.minimum_healthy_percent // 100)
    return Bounds(desired, min(lower, desired), desired * service.maximum_percent // 100)


def decide(rollout: Rollout) -> Decision:
    """See the module."""
    bounds, healthy = rollout.bounds, rollout.healthy
    kept, outgoing, unfit = _sort(rollout)
    held = [task for task in outgoing if task.arn in rollout.protected]
    outgoing = [task for task in outgoing if task.arn not in rollout.protected]
    expendable = [task for task in kept if task.arn not in rollout.protected]
    surplus = scale_in(expendable, len(kept) - bounds.desired, healthy)
    gone = {task.arn for task in surplus}
    kept = [task for task in kept if task.arn not in gone]
    at_once = [*surplus, *(task for task in outgoing if task.last_status != "RUNNING")]
    candidates = [*unfit, *in_turn(outgoing, [*kept, *outgoing, *held], healthy)]
    active = len(rollout.active) - len(at_once)
    safe = sum(task.arn in healthy for task in (*kept, *held, *candidates))
    serving = len(candidates) + sum(task.arn in healthy for task in kept)
    missing = bounds.desired - len(kept) if rollout.may_start else 0
    blocked = max(0, missing - max(0, bounds.upper - active))
    free = [*unfit, *allowed(candidates[len(unfit) :], healthy, safe, bounds.lower)]
    budget = min(len(free), max(serving - bounds.desired, blocked, 0))
    stop = [*at_once, *free[:budget]]
    start = max(0, min(missing, bounds.upper - (len(rollout.active) - len(stop))))
    return Decision(
        start=start,
        stop=tuple(stop),
        spare=tuple(free[budget:]),
        blocked=missing > 0 and not start and not stop and all(t.arn in healthy for t in rollout.active),
        kept=tuple(kept),
    )


def scale_in(tasks: Sequence[Task], count: int, healthy: frozenset[str]) -> list[Task]:
    """``count`` tasks to give up: first those that do not serve, then from the fullest zone and instance,
    then the newest."""
    zones = Counter(task.availability_zone for task in tasks)
    instances = Counter(task.container_instance_arn for task in tasks)

    def lane(task: Task) -> _Lane:
        serves = (task.last_status == "RUNNING") + (task.arn in healthy)
        return serves, task.availability_zone, task.container_instance_arn

    def worth(of: _Lane) -> tuple[int, ...]:
        return of[0], -zones[of[1]], -instances[of[2]]

    newest_first = sorted(tasks, key=lambda t: (t.created_at, t.arn), reverse=True)
    chosen: list[Task] = []
    for task in _by_worth(newest_first, lane, worth):
        if len(chosen) >= count:
            break
        chosen.append(task)
        zones[task.availability_zone] -= 1
        instances[task.container_instance_arn] -= 1
    return chosen


_Lane = tuple[int, str, str | None]
"""Tasks of equal worth: how well they serve, their zone, their instance."""


def _by_worth(
    tasks: Iterable[Task], lane: Callable[[Task], _Lane], worth: Callable[[_Lane], tuple[int, ...]]
) -> Iterator[Task]:
    """The tasks, each time the next one of the lane that is worth least then; between equal lanes the
    order given decides."""
    lanes: dict[_Lane, deque[tuple[int, Task]]] = defaultdict(deque)
    for position, task in enumerate(tasks):
        lanes[lane(task)].append((position, task))
    while lanes:
        least = min(lanes, key=lambda of: (worth(of), lanes[of][0][0]))
        yield lanes[least].popleft()[1]
        if not lanes[least]:
            del lanes[least]


def _sort(rollout: Rollout) -> tuple[list[Task], list[Task], list[Task]]:
    kept, outgoing, unfit = [], [], []
    for task in rollout.active:
        if task.arn in rollout.unfit:
            unfit.append(task)
        elif task.deployment_id == rollout.primary_id and task.arn not in rollout.displaced:
            kept.append(task)
        else:
            outgoing.append(task)
    return kept, outgoing, sorted(unfit, key=lambda task: (task.created_at, task.arn))


def in_turn(outgoing: Iterable[Task], everyone: Iterable[Task], healthy: frozenset[str]) -> list[Task]:
    """Running outgoing tasks in the order of their end: not healthy ones first, then each time from the
    zone that has most healthy tasks left, oldest first, so that no zone is left without one needlessly."""
    zones = Counter(task.availability_zone for task in everyone if task.arn in healthy)

    def lane(task: Task) -> _Lane:
        return int(task.arn in healthy), task.availability_zone, None

    def worth(of: _Lane) -> tuple[int, ...]:
        return of[0], -zones[of[1]]

    running = (task for task in outgoing if task.last_status == "RUNNING")
    ordered = []
    for task in _by_worth(sorted(running, key=lambda t: (t.created_at, t.arn)), lane, worth):
        ordered.append(task)
        zones[task.availability_zone] -= task.arn in healthy
    return ordered


def allowed(outgoing: list[Task], healthy: frozenset[str], safe: int, lower: int) -> list[Task]:
    """Those that can go with at least ``lower`` of the ``safe`` healthy tasks left.

    One that is neither healthy nor unfit yet may still become healthy: it stays while these are too few.
    """
    free, warming_ok = [], safe >= lower
    for task in outgoing:
        if task.arn in healthy:
            if safe <= lower:
                continue
            safe -= 1
        elif not warming_ok:
            continue
        free.append(task)
    return free
