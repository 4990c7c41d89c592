"""The state at a glance, as plain data: clusters with their services and tasks, load balancers with their
listeners and targets. Every entry says since when it is as it is, and where it can, why.
"""

from collections.abc import Iterable
from typing import Any

from ...model.arn import last
from ...model.capacity import NAME
from ...model.cluster import Cluster, ContainerInstance
from ...model.load_balancer import Listener, LoadBalancer
from ...model.service import Service
from ...model.target_group import TargetGroup, TargetHealth
from ...model.task import Task
from ...store import Reader
from ..ecs.task_set_view import as_primary, of_service
from ..elbv2.health_view import view
from ..elbv2.target_health import registered_in, surroundings

_BY_SERVICE = "ServiceSchedulerInitiated"
_ASKED_FOR = {_BY_SERVICE, "UserInitiated"}
"""Stop codes of tasks that somebody wanted to stop."""

Entry = dict[str, Any]


def status(reader: Reader) -> Entry:
    """Everything ``sealway status`` prints; all accounts and regions."""
    forwarded = {arn for one in reader.list(Listener) for arn in one.target_group_weights}
    return {
        "clusters": [_cluster(reader, c) for c in reader.list(Cluster, status="ACTIVE")],
        "load_balancers": [_load_balancer(reader, one) for one in reader.list(LoadBalancer)],
        "unused_target_groups": [
            _group(reader, one) for one in reader.list(TargetGroup) if one.arn not in forwarded
        ],
    }


def _cluster(reader: Reader, cluster: Cluster) -> Entry:
    instances = {i.arn: i for i in reader.list(ContainerInstance, cluster_arn=cluster.arn)}
    tasks = reader.list(Task, cluster_arn=cluster.arn)
    services = [s for s in reader.list(Service, cluster_arn=cluster.arn) if s.status != "INACTIVE"]
    known = {s.arn for s in services}
    return {
        "name": cluster.name,
        "account": cluster.account_id,
        "region": cluster.region,
        "instances": sum(i.status != "INACTIVE" for i in instances.values()),
        "services": [
            _service(reader, s, [t for t in tasks if t.service_arn == s.arn], instances) for s in services
        ],
        # Of no service, or of one that is gone while they still drain.
        "other_tasks": _tasks((t for t in tasks if t.service_arn not in known), instances),
    }


def _service(
    reader: Reader, service: Service, tasks: list[Task], instances: dict[str, ContainerInstance]
) -> Entry:
    shown = as_primary(reader, service)
    event = service.events[0] if service.events else None
    return {
        "name": service.name,
        "status": service.status,
        "launch_type": shown.launch_type,
        "desired": service.desired_count,
        "running": sum(t.last_status == t.desired_status == "RUNNING" for t in tasks),
        "definition": last(shown.task_definition_arn),
        **_rollout(reader, service),
        "tasks": _tasks(tasks, instances),
        "failure": _last_failure(tasks),
        "event": event and {"message": event.message, "since": event.created_at},
    }


def _rollout(reader: Reader, service: Service) -> Entry:
    """How far the PRIMARY deployment is; of a service that has none, whether its task sets are steady."""
    if service.deployments:
        rollout = service.primary
        reason, since = rollout.rollout_reason, rollout.updated_at
        return {"rollout": rollout.rollout_state, "rollout_reason": reason, "since": since}
    sets = of_service(reader, service)
    steady = all(one.steady for one in sets)
    since = max((one.steady_at for one in sets), default=service.created_at)
    return {"rollout": "STEADY_STATE" if steady else "STABILIZING", "rollout_reason": "", "since": since}


def _last_failure(tasks: Iterable[Task]) -> Entry | None:
    """The task that ended last without anybody's having asked for it."""
    ended = [t for t in tasks if t.stopped_at and t.stop_code not in _ASKED_FOR]
    latest = max(ended, key=lambda t: str(t.stopped_at), default=None)
    return {"id": latest.id, "reason": latest.stopped_reason, "since": latest.stopped_at} if latest else None


def _tasks(tasks: Iterable[Task], instances: dict[str, ContainerInstance]) -> list[Entry]:
    return [_task(t, instances) for t in tasks if t.last_status != "STOPPED"]


def _task(task: Task, instances: dict[str, ContainerInstance]) -> Entry:
    instance = instances.get(task.container_instance_arn or "")
    own = task.interface.private_ip if task.interface else None
    return {
        "id": task.id,
        "group": task.group,
        "status": task.last_status,
        "stopping": task.desired_status == "STOPPED",
        "address": own or (instance.private_ip if instance else ""),
        "zone": task.availability_zone,
        "since": task.stopping_at or task.started_at or task.created_at,
        # Why its service replaces it is told by the service's rollout.
        "reason": task.failure
        or _waits(task)
        or (task.stopped_reason if task.stop_code != _BY_SERVICE else None),
    }


def _waits(task: Task) -> str | None:
    if task.wait is None or task.desired_status == "STOPPED":
        return None
    return f"waits for an instance of the capacity provider {task.extra.get(NAME)}"


def _load_balancer(reader: Reader, balancer: LoadBalancer) -> Entry:
    listeners = reader.list(Listener, load_balancer_arn=balancer.arn)
    return {
        "name": balancer.name,
        "account": balancer.account_id,
        "region": balancer.region,
        "state": balancer.state,
        "reason": balancer.state_reason,
        "dns_name": balancer.dns_name,
        "addresses": {zone.availability_zone: ", ".join(zone.addresses) for zone in balancer.zones},
        "listeners": [_listener(reader, one) for one in sorted(listeners, key=lambda one: one.port)],
    }


def _listener(reader: Reader, listener: Listener) -> Entry:
    groups = [(reader.get(TargetGroup, arn), w) for arn, w in listener.target_group_weights.items()]
    return {
        "protocol": listener.protocol,
        "port": listener.port,
        "groups": [{**_group(reader, group), "weight": weight} for group, weight in groups if group],
    }


def _group(reader: Reader, group: TargetGroup) -> Entry:
    registered = registered_in(reader, group)
    around = surroundings(reader, group, registered)
    targets = []
    for target in registered:
        health = reader.get(TargetHealth, target.key)
        seen = view(target, health, around)
        targets.append(
            {
                "id": target.id,
                "port": target.port,
                "zone": target.availability_zone,
                "state": seen.state,
                "reason": seen.description or seen.reason,
                "since": target.draining_since or (health.changed_at if health else target.registered_at),
            }
        )
    return {"name": group.name, "type": group.target_type, "targets": targets}
