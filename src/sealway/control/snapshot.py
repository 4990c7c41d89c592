"""What the planners look at: whole objects, read in one turn of the event loop.

The readers are the only part of a planner's work that touches the store; they are given a ``Reader``, so
a transaction's own writes count too.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..model.account_setting import DUAL_STACK, AccountSetting, account_key, is_enabled
from ..model.capacity_provider import CapacityProvider
from ..model.cluster import ContainerInstance
from ..model.instance import Instance
from ..model.network import NetworkInterface, SecurityGroup, Subnet
from ..model.new_task import Stock, subnet_ids
from ..model.placement import meeting
from ..model.service import Service
from ..model.target_group import Target, TargetFlows, TargetGroup, TargetHealth
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from ..store import Reader
from .ledger import Ledger
from .usage import Usage, read_usage

GONE = ("shutting-down", "terminated")
"""States of an EC2 instance that will run nothing again."""


class Machines(msgspec.Struct, frozen=True, kw_only=True):
    """Container instances by ARN, and the EC2 instances beneath by id."""

    instances: Mapping[str, ContainerInstance] = {}
    hosts: Mapping[str, Instance] = {}


class ServiceSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A service with everything its planners need, STOPPED tasks included."""

    service: Service
    tasks: tuple[Task, ...] = ()
    definitions: Mapping[str, TaskDefinition] = {}
    """By ARN: those of the tasks and of the deployments."""
    targets: Mapping[str, tuple[Target, ...]] = {}
    """By task ARN."""
    occupied: Mapping[str, Target] = {}
    """Every target of the service's target groups by key, whoever registered it."""
    health: Mapping[str, TargetHealth] = {}
    """By target key."""
    ended: Mapping[str, TargetFlows] = {}
    """By target key: of unused targets, that their last flow has ended."""
    target_groups: Mapping[str, TargetGroup] = {}
    usage: Usage = Usage()
    machines: Machines = Machines()
    """Those with tasks of the service; for a DAEMON service, the cluster's."""
    interfaces: tuple[NetworkInterface, ...] = ()
    """Those that STOPPED tasks have not given back."""
    subnet_zones: frozenset[str] = frozenset()
    """The Availability Zones of the PRIMARY deployment's subnets."""
    instance_zones: frozenset[str] = frozenset()
    """For a service that is kept in balance: those of the container instances that suit its tasks."""
    busy: frozenset[str] = frozenset()
    """For a DAEMON service: the DRAINING container instances on which others' tasks run still."""


class LooseSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that no service looks after."""

    tasks: tuple[Task, ...] = ()
    definitions: Mapping[str, TaskDefinition] = {}
    machines: Machines = Machines()
    interfaces: tuple[NetworkInterface, ...] = ()


class GroupSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A target group (None: deleted) with the targets that no living service task stands behind."""

    group: TargetGroup | None
    usage: Usage = Usage()
    targets: tuple[Target, ...] = ()
    ended: Mapping[str, TargetFlows] = {}
    hosts: Mapping[str, Instance] = {}


class Leftovers(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that may have outlived its use."""

    tasks: tuple[Task, ...] = ()
    services: tuple[Service, ...] = ()
    hosts: tuple[Instance, ...] = ()
    instances: tuple[ContainerInstance, ...] = ()
    interfaces: Mapping[str, NetworkInterface] = {}


def read_service(reader: Reader, arn: str, ledger: Ledger | None = None) -> ServiceSnapshot | None:
    """The snapshot of one service; None when it does not exist. ``ledger``: what is known already."""
    service = reader.get(Service, arn)
    if service is None:
        return None
    return _of_service(reader, service, reader.list(Task, service_arn=arn), ledger)


def read_task_set(reader: Reader, stand_in: Service, ledger: Ledger | None = None) -> ServiceSnapshot:
    """The snapshot of one task set: of the service that stands in for it, and its own tasks."""
    tasks = reader.list(Task, service_arn=stand_in.arn)
    own = [task for task in tasks if task.deployment_id == stand_in.primary.id]
    return _of_service(reader, stand_in, own, ledger)


def _of_service(
    reader: Reader, service: Service, tasks: list[Task], ledger: Ledger | None
) -> ServiceSnapshot:
    groups = _target_groups(service)
    targets = {task.arn: tuple(found) for task in tasks if (found := reader.list(Target, task_arn=task.arn))}
    groups |= {target.target_group_arn for several in targets.values() for target in several}
    occupied = {t.key: t for group in groups for t in reader.list(Target, target_group_arn=group)}
    wanted = {t.task_definition_arn for t in tasks} | {d.task_definition_arn for d in service.deployments}
    daemon = service.scheduling_strategy == "DAEMON"
    machines = _machines(reader, service.cluster_arn) if daemon else _machines_of(reader, tasks)
    return ServiceSnapshot(
        service=service,
        tasks=tuple(tasks),
        definitions=_by_key(reader.get(TaskDefinition, arn) for arn in wanted),
        targets=targets,
        occupied=occupied,
        health=_by_key(h for group in groups for h in reader.list(TargetHealth, target_group_arn=group)),
        ended=_by_key(f for group in groups for f in reader.list(TargetFlows, target_group_arn=group)),
        target_groups=_by_key(reader.get(TargetGroup, group) for group in groups),
        usage=ledger.usage() if ledger else read_usage(reader),
        machines=machines,
        interfaces=_held_interfaces(reader, tasks),
        subnet_zones=_subnet_zones(reader, service),
        instance_zones=_instance_zones(reader, service, ledger),
        busy=_busy(reader, machines) if daemon else frozenset(),
    )


def read_loose(reader: Reader, cluster_arn: str) -> LooseSnapshot:
    """The snapshot of a cluster's standalone tasks."""
    tasks = [task for task in reader.list(Task, service_arn=None) if task.cluster_arn == cluster_arn]
    return _of_loose(reader, tasks)


def read_task(reader: Reader, arn: str) -> LooseSnapshot:
    """The snapshot of one standalone task; nothing, if it is gone."""
    task = reader.get(Task, arn)
    return _of_loose(reader, [] if task is None or task.service_arn is not None else [task])


def _of_loose(reader: Reader, tasks: list[Task]) -> LooseSnapshot:
    wanted = {task.task_definition_arn for task in tasks}
    return LooseSnapshot(
        tasks=tuple(tasks),
        definitions=_by_key(reader.get(TaskDefinition, arn) for arn in wanted),
        machines=_machines_of(reader, tasks),
        interfaces=_held_interfaces(reader, tasks),
    )


def read_group(reader: Reader, arn: str, ledger: Ledger | None = None) -> GroupSnapshot:
    """The snapshot of one target group. ``ledger``: what is known already."""
    return _of_group(reader, arn, reader.list(Target, target_group_arn=arn), ledger)


def read_target(reader: Reader, key: str, ledger: Ledger | None = None) -> GroupSnapshot:
    """The snapshot of a target group with this target alone."""
    target = reader.get(Target, key)
    return _of_group(reader, key.partition("|")[0], [] if target is None else [target], ledger)


def _of_group(reader: Reader, arn: str, targets: Iterable[Target], ledger: Ledger | None) -> GroupSnapshot:
    loose = [each for each in targets if each.task_arn is None or reader.get(Task, each.task_arn) is None]
    return GroupSnapshot(
        group=reader.get(TargetGroup, arn),
        usage=ledger.usage() if ledger else read_usage(reader),
        targets=tuple(loose),
        ended=_by_key(reader.get(TargetFlows, target.key) for target in loose),
        hosts=_by_key(reader.get(Instance, target.id) for target in loose),
    )


def read_leftovers(reader: Reader) -> Leftovers:
    """What the reaper looks through."""
    hosts = reader.list(Instance, state="terminated")
    interfaces = (reader.get(NetworkInterface, host.network_interface_id) for host in hosts)
    instances = [c for h in hosts for c in reader.list(ContainerInstance, ec2_instance_id=h.id)]
    return Leftovers(
        tasks=tuple(reader.list(Task, last_status="STOPPED")),
        services=tuple(reader.list(Service, status="INACTIVE")),
        hosts=tuple(hosts),
        instances=tuple(instances),
        interfaces=_by_key(interfaces),
    )


def read_stock(reader: Reader, snapshot: ServiceSnapshot, ledger: Ledger) -> Stock:
    """What placing tasks of the service's deployments looks at."""
    networks = (d.network_configuration for d in snapshot.service.deployments)
    named = dict.fromkeys(i for network in networks for i in subnet_ids(network))
    subnets = [s for i in named if (s := reader.get(Subnet, i)) is not None]
    vpcs = {subnet.vpc_id for subnet in subnets}
    return Stock(
        tasks=reader.list(Task, service_arn=snapshot.service.arn),  # of all its task sets: they are one group
        rooms=ledger.rooms(snapshot.service.cluster_arn),
        last_given=ledger.last_given(),
        taken=ledger.taken(),
        growing=_growing(reader, snapshot.service),
        subnets=subnets,
        security_groups=[g for vpc in vpcs for g in reader.list(SecurityGroup, vpc_id=vpc, name="default")],
        dual_stack=is_enabled(
            reader.get(
                AccountSetting, account_key(snapshot.service.region, snapshot.service.account_id, DUAL_STACK)
            )
        ),
    )


def _growing(reader: Reader, owner: Service) -> frozenset[str]:
    """The account's capacity providers with managed scaling."""
    own = reader.list(CapacityProvider, account_id=owner.account_id, region=owner.region)
    return frozenset(provider.name for provider in own if provider.scaling.enabled)


def _target_groups(service: Service) -> set[str]:
    older = (balancer for d in service.deployments for balancer in service.balancers_of(d.id))
    return {lb["targetGroupArn"] for lb in (*service.load_balancers, *older) if lb.get("targetGroupArn")}


def _machines(reader: Reader, cluster_arn: str) -> Machines:
    instances = reader.list(ContainerInstance, cluster_arn=cluster_arn)
    hosts = (reader.get(Instance, i.ec2_instance_id) for i in instances)
    return Machines(instances=_by_key(instances), hosts=_by_key(hosts))


def _machines_of(reader: Reader, tasks: Iterable[Task]) -> Machines:
    arns = {task.container_instance_arn for task in tasks} - {None}
    instances = [one for arn in arns if (one := reader.get(ContainerInstance, arn or "")) is not None]
    hosts = (reader.get(Instance, one.ec2_instance_id) for one in instances)
    return Machines(instances=_by_key(instances), hosts=_by_key(hosts))


def _instance_zones(reader: Reader, service: Service, ledger: Ledger | None) -> frozenset[str]:
    if service.extra.get("availabilityZoneRebalancing") != "ENABLED" or not service.deployments:
        return frozenset()
    definition = reader.get(TaskDefinition, service.primary.task_definition_arn)
    if definition is None:
        return frozenset()
    constraints = (*service.placement_constraints, *(definition.spec.get("placementConstraints") or ()))
    providers = sorted({item["capacityProvider"] for item in service.strategy})

    def work_out() -> frozenset[str]:
        instances = reader.list(ContainerInstance, cluster_arn=service.cluster_arn)
        own = [one for one in instances if not providers or one.capacity_provider in providers]
        zones = {one.arn: one.availability_zone for one in own}
        return frozenset(zones[arn] for arn in meeting(own, constraints))

    if ledger is None:
        return work_out()
    return ledger.zones(service.cluster_arn, msgspec.json.encode((constraints, providers)), work_out)


def _subnet_zones(reader: Reader, service: Service) -> frozenset[str]:
    network = service.primary.network_configuration if service.deployments else None
    found = (reader.get(Subnet, subnet) for subnet in subnet_ids(network))
    return frozenset(subnet.availability_zone for subnet in found if subnet is not None)


def _busy(reader: Reader, machines: Machines) -> frozenset[str]:
    """The DRAINING instances with tasks that are no daemon's."""
    draining = [arn for arn, instance in machines.instances.items() if instance.status == "DRAINING"]
    there = {arn: reader.list(Task, container_instance_arn=arn) for arn in draining}
    return frozenset(
        arn
        for arn, tasks in there.items()
        if any(t.last_status != "STOPPED" and not _is_daemon(reader, t) for t in tasks)
    )


def _is_daemon(reader: Reader, task: Task) -> bool:
    service = reader.get(Service, task.service_arn) if task.service_arn else None
    return service is not None and service.scheduling_strategy == "DAEMON"


def _held_interfaces(reader: Reader, tasks: Iterable[Task]) -> tuple[NetworkInterface, ...]:
    stopped = (t.interface for t in tasks if t.last_status == "STOPPED" and t.interface is not None)
    held = (reader.get(NetworkInterface, i.network_interface_id) for i in stopped)
    return tuple(interface for interface in held if interface is not None)


def _by_key(resources: Iterable[Any]) -> dict[str, Any]:
    return {resource.key: resource for resource in resources if resource is not None}
