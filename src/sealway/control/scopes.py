"""What is planned as a unit, and which units a change touches.

A *scope* is a service, a CodeDeploy deployment, a standalone task, the tasks of a cluster that wait for an
instance, a loose target, an Auto Scaling group, or the reaper. On the timer all standalone tasks of a cluster
are one, and all loose targets of a target group. Events only say where to look: each scope is read whole when
its turn comes. No event touches more than what has to do with it, however much there is.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Literal, NamedTuple

from ..model import arn
from ..model.auto_scaling import AutoScalingGroup, GroupInstance, ScalingActivity
from ..model.capacity import NAME
from ..model.capacity_provider import CapacityProvider
from ..model.cluster import Cluster, ContainerInstance
from ..model.code_deployment import UNDER_WAY, CodeDeployment
from ..model.instance import Instance
from ..model.load_balancer import Listener, LoadBalancer
from ..model.resource import Resource
from ..model.service import Service
from ..model.target_group import Target, TargetFlows, TargetGroup, TargetHealth
from ..model.task import Task
from ..model.task_set import TaskSet
from ..store import Reader
from .dependants import Dependants

Change = tuple[type[Resource], str]


Kind = Literal[
    "service", "codedeploy", "task", "cluster", "waiting", "target", "group", "autoscaling", "reaper"
]


class Scope(NamedTuple):
    """``key``: the ARN of the service, deployment, cluster, task, target group or Auto Scaling group; of a
    target, its key."""

    kind: Kind
    key: str = ""


REAPER = Scope("reaper")
WATCHED: tuple[type[Resource], ...] = (
    Service,
    TaskSet,
    CodeDeployment,
    Task,
    Target,
    TargetHealth,
    TargetFlows,
    TargetGroup,
    Listener,
    LoadBalancer,
    Instance,
    ContainerInstance,
    AutoScalingGroup,
    GroupInstance,
    ScalingActivity,
    CapacityProvider,
    Cluster,
)


def everything(reader: Reader) -> set[Scope]:
    """All scopes."""
    scopes = {Scope("service", service.arn) for service in reader.list(Service)}
    for cluster in reader.list(Cluster):
        scopes |= {Scope("cluster", cluster.arn), Scope("waiting", cluster.arn)}
    scopes |= {Scope("cluster", task.cluster_arn) for task in reader.list(Task, service_arn=None)}
    scopes |= {Scope("group", target.target_group_arn) for target in reader.list(Target)}
    scopes |= {Scope("autoscaling", group.arn) for group in reader.list(AutoScalingGroup)}
    return scopes | _of_deployments(reader) | {REAPER}


def touched(changes: Collection[Change], reader: Reader, dependants: Dependants | None = None) -> set[Scope]:
    """The scopes whose plan these changes can alter. ``dependants``: has followed the changes before them."""
    dependants = dependants or Dependants(reader)
    dependants.follow(changes)
    scopes: set[Scope] = set()
    for kind, key in changes:
        if (find := _SCOPES.get(kind)) is not None:
            scopes |= find(key, reader)
        elif (find_more := _WIDE.get(kind)) is not None:
            scopes |= find_more(key, reader, dependants)
    return scopes


def frees_room(changes: Iterable[Change], reader: Reader) -> bool:
    """Whether there may be more room for tasks than before."""
    for kind, key in changes:
        if kind is ContainerInstance:
            return True
        if kind is Task:
            task = reader.get(Task, key)
            if task is None or task.last_status == "STOPPED":
                return True
    return False


def _of_target(key: str, reader: Reader) -> set[Scope]:
    """A target is its task's, as long as there is that one."""
    target = reader.get(Target, key)
    if target is None:
        return set()
    return _of_task(reader.get(Task, target.task_arn or "")) or {Scope("target", key)}


def _of_container_instance(key: str, reader: Reader, dependants: Dependants) -> set[Scope]:
    instance = reader.get(ContainerInstance, key)
    if instance is None:
        return set()
    scopes = _of_room(instance, reader, dependants) | {Scope("waiting", instance.cluster_arn)}
    return scopes | _of_member(instance.ec2_instance_id, reader)


def _of_room(instance: ContainerInstance, reader: Reader, dependants: Dependants) -> set[Scope]:
    """The services and tasks that run on it, and those to which every instance matters."""
    scopes = {Scope("service", arn) for arn in dependants.everywhere(instance.cluster_arn)}
    return scopes.union(*map(_of_task, reader.list(Task, container_instance_arn=instance.arn)))


def _of_listener(key: str, reader: Reader, dependants: Dependants) -> set[Scope]:
    groups = dependants.groups_of(key)
    services = {Scope("service", arn) for arn in dependants.users_of({key, *groups})}
    return services | {Scope("group", group) for group in groups} | _of_deployments(reader)


def _of_balancer(key: str, reader: Reader, dependants: Dependants) -> set[Scope]:
    listeners = reader.list(Listener, load_balancer_arn=key)
    return set[Scope]().union(*(_of_listener(one.arn, reader, dependants) for one in listeners))


def _of_target_group(key: str, reader: Reader, dependants: Dependants) -> set[Scope]:
    services = {Scope("service", arn) for arn in dependants.users_of({key})}
    return services | {Scope("group", key)} | _of_deployments(reader)


def _of_changed_task(key: str, reader: Reader) -> set[Scope]:
    """Beside its own scope: who waits, and the Auto Scaling group whose need of instances it changes."""
    task = reader.get(Task, key)
    scopes = _of_task(task)
    if task is None or task.last_status not in ("PROVISIONING", "STOPPED"):
        return scopes
    if task.wait is not None:
        scopes.add(Scope("waiting", task.cluster_arn))
        return scopes | _of_provider(task.account_id, task.region, task.extra.get(NAME), reader)
    instance = reader.get(ContainerInstance, task.container_instance_arn or "")
    provider = instance.capacity_provider if instance else None
    return scopes | _of_provider(task.account_id, task.region, provider, reader)


def _of_provider(account_id: str, region: str, name: str | None, reader: Reader) -> set[Scope]:
    if name is None:
        return set()
    provider = reader.get(CapacityProvider, arn.ecs(region, account_id, f"capacity-provider/{name}"))
    return {Scope("autoscaling", provider.group_arn)} if provider else set()


def _of_changed_provider(key: str, reader: Reader) -> set[Scope]:
    provider = reader.get(CapacityProvider, key)
    return {Scope("autoscaling", provider.group_arn)} if provider else set()


def _of_changed_cluster(key: str, reader: Reader) -> set[Scope]:
    """The groups whose capacity providers it may have, or have had."""
    cluster = reader.get(Cluster, key)
    if cluster is None:
        return set()
    own = reader.list(CapacityProvider, account_id=cluster.account_id, region=cluster.region)
    return {Scope("autoscaling", provider.group_arn) for provider in own}


def _of_member(key: str, reader: Reader) -> set[Scope]:
    member = reader.get(GroupInstance, key)
    return {Scope("autoscaling", member.group_arn)} if member else set()


def _of_activity(key: str, reader: Reader) -> set[Scope]:
    activity = reader.get(ScalingActivity, key)
    return {Scope("autoscaling", activity.group_arn)} if activity else set()


def _of_task_set(key: str, reader: Reader) -> set[Scope]:
    task_set = reader.get(TaskSet, key)
    if task_set is None:
        return _of_deployments(reader)  # of one of which it may have been the last
    return _of_changed_service(task_set.service_arn, reader)


def _of_changed_service(key: str, reader: Reader) -> set[Scope]:
    return {Scope("service", key)} | _of_deployments(reader, service_arn=key)


def _of_deployments(reader: Reader, **equals: str) -> set[Scope]:
    """The deployments under way, all of them or some."""
    found = (one for status in UNDER_WAY for one in reader.list(CodeDeployment, status=status, **equals))
    return {Scope("codedeploy", one.arn) for one in found}


def _of_task(task: Task | None) -> set[Scope]:
    if task is None:
        return set()
    return {Scope("service", task.service_arn) if task.service_arn else Scope("task", task.arn)}


def _of_host(key: str, reader: Reader, dependants: Dependants) -> set[Scope]:
    scopes = set[Scope]().union(*(_of_target(each.key, reader) for each in reader.list(Target, id=key)))
    for instance in reader.list(ContainerInstance, ec2_instance_id=key):
        scopes |= _of_room(instance, reader, dependants)
    return scopes | _of_member(key, reader) | {REAPER}


_SCOPES: dict[type[Resource], Callable[[str, Reader], set[Scope]]] = {
    Service: _of_changed_service,
    CodeDeployment: lambda key, _: {Scope("codedeploy", key)},
    TaskSet: _of_task_set,
    Task: _of_changed_task,
    Target: _of_target,
    TargetHealth: _of_target,
    TargetFlows: _of_target,
    AutoScalingGroup: lambda key, _: {Scope("autoscaling", key)},
    GroupInstance: _of_member,
    ScalingActivity: _of_activity,
    CapacityProvider: _of_changed_provider,
    Cluster: _of_changed_cluster,
}
_WIDE: dict[type[Resource], Callable[[str, Reader, Dependants], set[Scope]]] = {
    ContainerInstance: _of_container_instance,
    Instance: _of_host,
    Listener: _of_listener,
    LoadBalancer: _of_balancer,
    TargetGroup: _of_target_group,
}
"""What a change of each kind touches; of the latter, others that only have to do with it."""
