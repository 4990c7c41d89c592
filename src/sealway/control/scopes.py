"""What is planned as a unit, and which units a change touches.

A *scope* is a service, a CodeDeploy deployment, the standalone tasks of a cluster, its tasks that wait for an
instance, a target group's loose targets, an Auto Scaling group, or the reaper.
Events only say where to look: each scope is read whole when its turn comes.
"""

from collections.abc import Callable, Iterable
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

Change = tuple[type[Resource], str]


class Scope(NamedTuple):
    """``key``: the ARN of the service, deployment, cluster, target group or Auto Scaling group."""

    kind: Literal["service", "codedeploy", "cluster", "waiting", "group", "autoscaling", "reaper"]
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


def touched(changes: Iterable[Change], reader: Reader) -> set[Scope]:
    """The scopes whose plan these changes can alter."""
    scopes: set[Scope] = set()
    for kind, key in changes:
        if kind in (Listener, LoadBalancer, TargetGroup):
            return everything(reader)
        scopes |= _of_one(kind, key, reader)
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


def _of_one(kind: type[Resource], key: str, reader: Reader) -> set[Scope]:
    found = _SCOPES.get(kind)
    return found(key, reader) if found else set()


def _of_target(key: str, reader: Reader) -> set[Scope]:
    target = reader.get(Target, key)
    task = reader.get(Task, target.task_arn) if target and target.task_arn else None
    return _of_task(task) | {Scope("group", key.partition("|")[0])}


def _of_container_instance(key: str, reader: Reader) -> set[Scope]:
    instance = reader.get(ContainerInstance, key)
    if instance is None:
        return set()
    scopes = _of_cluster(instance.cluster_arn, reader) | {Scope("waiting", instance.cluster_arn)}
    return scopes | _of_member(instance.ec2_instance_id, reader)


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
    return {Scope("service", task.service_arn) if task.service_arn else Scope("cluster", task.cluster_arn)}


def _of_cluster(key: str, reader: Reader) -> set[Scope]:
    services = {Scope("service", service.arn) for service in reader.list(Service, cluster_arn=key)}
    return services | {Scope("cluster", key)}


def _of_host(key: str, reader: Reader) -> set[Scope]:
    scopes = {Scope("group", target.target_group_arn) for target in reader.list(Target, id=key)}
    for instance in reader.list(ContainerInstance, ec2_instance_id=key):
        scopes |= _of_cluster(instance.cluster_arn, reader)
    return scopes | _of_member(key, reader) | {REAPER}


_SCOPES: dict[type[Resource], Callable[[str, Reader], set[Scope]]] = {
    Service: _of_changed_service,
    CodeDeployment: lambda key, _: {Scope("codedeploy", key)},
    TaskSet: _of_task_set,
    Task: _of_changed_task,
    Target: _of_target,
    TargetHealth: _of_target,
    TargetFlows: _of_target,
    ContainerInstance: _of_container_instance,
    Instance: _of_host,
    AutoScalingGroup: lambda key, _: {Scope("autoscaling", key)},
    GroupInstance: _of_member,
    ScalingActivity: _of_activity,
    CapacityProvider: _of_changed_provider,
    Cluster: _of_changed_cluster,
}
"""What a change of each kind touches."""
