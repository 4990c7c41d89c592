"""Task sets: each is planned as a service of its own, and the plan told of the set instead.

A *stand-in* is the service as one of its task sets would have it: the set's specification and count, and
one deployment, rolled out already, under the set's id. What ``service_plan`` and ``target_plan`` know of
placement, health, crash loops and draining thus holds for task sets too. The stand-in is never stored.
A set is steady when exactly its desired number of tasks is healthy, and every other task of it is STOPPED.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ..model.resource import Resource
from ..model.service import EVENTS_KEPT, Deployment, Service, ServiceEvent
from ..model.task_set import TaskSet, with_specification
from .plan import Plan
from .snapshot import ServiceSnapshot


def stand_in(service: Service, task_set: TaskSet) -> Service:
    """See the module. Of the service's history it knows its own part."""
    count = task_set.desired_count(service.desired_count)
    draining = task_set.status == "DRAINING"
    deployment = Deployment(
        id=task_set.id,
        status="PRIMARY",
        task_definition_arn=task_set.task_definition_arn,
        desired_count=count,
        created_at=task_set.created_at,
        updated_at=task_set.updated_at,
        launch_type=task_set.launch_type,
        platform_version=task_set.platform_version,
        network_configuration=task_set.network_configuration,
        load_balancers=task_set.load_balancers,
        rollout_state="COMPLETED",
    )
    subject = _subject(service, task_set)
    return with_specification(service, task_set).replace(
        status="DRAINING" if draining else "ACTIVE",
        desired_count=count,
        deployments=(deployment,),
        events=tuple(event for event in service.events if event.message.startswith(subject)),
        steady=task_set.steady,
        backoff=task_set.backoff,
    )


def told(plan: Plan, service: Service, task_set: TaskSet, now: datetime) -> Plan:
    """The plan for the stand-in as one for the task set and its service."""
    puts: list[Resource] = []
    for resource in plan.puts:
        if isinstance(resource, Service):
            puts += _written(resource, service, task_set, now)
        else:
            puts.append(resource)
    return msgspec.structs.replace(plan, puts=tuple(puts))


def finish(snapshot: ServiceSnapshot, task_sets: Sequence[TaskSet], now: datetime) -> Plan:
    """Ends what is over: DRAINING sets whose tasks are all STOPPED, and a deleted service without sets.

    The targets of STOPPED tasks are gone: ``target_plan`` comes first.
    """
    service = snapshot.service
    busy = {task.deployment_id for task in snapshot.tasks if task.last_status != "STOPPED"}
    over = tuple(s for s in task_sets if s.status == "DRAINING" and s.id not in busy)
    last = service.status == "DRAINING" and len(over) == len(task_sets) and not busy
    ended = (service.replace(status="INACTIVE", stopped_at=now),) if last else ()
    return Plan(puts=ended, deletes=over)


def _written(made: Service, service: Service, task_set: TaskSet, now: datetime) -> list[Resource]:
    """The service with what is new in the stand-in's history, and the set; only what differs."""
    known = {event.id for event in service.events}
    new = [_reworded(event, service, task_set) for event in made.events if event.id not in known]
    storied = service.replace(events=(*new, *service.events)[:EVENTS_KEPT]) if new else service
    moved = task_set.replace(steady=made.steady, backoff=made.backoff)
    if moved.steady != task_set.steady:
        moved = moved.replace(steady_at=now)
    return [new for new, old in ((storied, service), (moved, task_set)) if new != old]


def _reworded(event: ServiceEvent, service: Service, task_set: TaskSet) -> ServiceEvent:
    said = event.message.removeprefix(f"(service {service.name})")
    return msgspec.structs.replace(event, message=_subject(service, task_set) + said)


def _subject(service: Service, task_set: TaskSet) -> str:
    """How the history names a task set."""
    return f"(service {service.name}, taskSet {task_set.id})"
