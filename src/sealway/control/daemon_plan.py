"""What a DAEMON service starts and stops: one task on each ACTIVE container instance that meets its
constraints.

- *Places* are those instances. A place is started on only when no task of the service is left there, be it
  one that still drains: never two of them run on one instance.
- *Lingering* tasks are on a DRAINING instance where other services' or standalone tasks still run; they
  leave last. They are wanted as long as they linger.
- Stopped at once: tasks elsewhere (the instance is empty, or meets the constraints no more), and all but
  one on a place.
- Stopped in turn, and started anew when they are gone: unfit tasks, then those of older deployments, never
  so many that fewer healthy ones than minimumHealthyPercent of the wanted (rounded up) are left.
- Tasks under protection are stopped as unfit ones only.

Source: ECS Developer Guide, "Amazon ECS service deployment controllers and strategies", daemon strategy.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from ..model.cluster import ContainerInstance
from ..model.placement import meeting
from ..model.service import Service
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .deployment_plan import Decision, Rollout, allowed, in_turn


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Where a DAEMON service's tasks belong (sets of container instance ARNs).

    ``places``: see the module; ``busy``: DRAINING ones on which others' tasks run; ``taken``: those with a
    task of the service that is not STOPPED.
    """

    places: tuple[str, ...] = ()
    busy: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()

    @property
    def desired(self) -> int:
        """How many tasks the service is to have."""
        return len(self.places) + len(self.busy & self.taken)


def ground(
    service: Service,
    definition: TaskDefinition,
    instances: Mapping[str, ContainerInstance],
    tasks: Sequence[Task],
    busy: frozenset[str],
) -> Ground:
    """The ground of a service; nothing, when it is being deleted. ``tasks``: all of its own."""
    if service.status != "ACTIVE":
        return Ground()
    constraints = (*service.placement_constraints, *(definition.spec.get("placementConstraints") or ()))
    return Ground(
        places=tuple(sorted(meeting(instances.values(), constraints))),
        busy=busy,
        taken=frozenset(
            t.container_instance_arn
            for t in tasks
            if t.container_instance_arn is not None and t.last_status != "STOPPED"
        ),
    )


def decide(rollout: Rollout, ground: Ground) -> Decision:
    """See the module. The decision's ``places`` say where each task is to be started."""
    if not ground.desired:
        return Decision(stop=tuple(t for t in rollout.active if t.arn not in rollout.protected))
    here: dict[str | None, list[Task]] = defaultdict(list)
    for task in rollout.active:
        here[task.container_instance_arn].append(task)
    places = set(ground.places)
    on = places | ground.busy
    chosen = {at: _best(tasks, rollout) for at, tasks in here.items() if at in on}
    kept = [t for at, t in chosen.items() if at in ground.busy or _is_good(t, rollout)]
    outgoing = [t for t in chosen.values() if t not in kept]
    staying = {t.arn for t in chosen.values()}
    at_once = [t for t in rollout.active if t.arn not in staying | rollout.protected]
    in_time = _in_time(kept, outgoing, rollout) if rollout.may_start else []
    starts = tuple(at for at in ground.places if at not in ground.taken) if rollout.may_start else ()
    idle = not (starts or at_once or in_time) and len(rollout.active) == len(ground.taken)
    return Decision(
        start=len(starts),
        places=starts,
        stop=(*at_once, *in_time),
        blocked=idle and bool(outgoing) and all(t.arn in rollout.healthy for t in rollout.active),
        kept=tuple(kept),
    )


def _is_good(task: Task, rollout: Rollout) -> bool:
    return task.deployment_id == rollout.primary_id and task.arn not in rollout.unfit


def _best(tasks: Sequence[Task], rollout: Rollout) -> Task:
    """The one to keep of those on one instance."""
    return max(tasks, key=lambda t: (_is_good(t, rollout), t.arn in rollout.healthy, t.created_at, t.arn))


def _in_time(kept: Sequence[Task], outgoing: Sequence[Task], rollout: Rollout) -> list[Task]:
    """The outgoing tasks that may be stopped now."""
    unfit = [t for t in outgoing if t.arn in rollout.unfit]
    old = [t for t in outgoing if t.arn not in rollout.unfit]
    idle = [t for t in old if t.last_status != "RUNNING" and t.arn not in rollout.protected]
    safe = sum(t.arn in rollout.healthy for t in (*kept, *old))
    free = [t for t in old if t.arn not in rollout.protected]
    running = in_turn(free, [*kept, *old], rollout.healthy)
    return [*unfit, *idle, *allowed(running, rollout.healthy, safe, rollout.bounds.lower)]
