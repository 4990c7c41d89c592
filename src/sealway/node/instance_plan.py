"""What the host should do about its EC2 instances. Pure.

An instance here is an address and a share of this machine. pending -> running once its address is up;
it then registers as a container instance, when its cluster exists. Asked to terminate: shutting-down,
its agent is seen as disconnected so that nothing is placed there; terminated when no task lives on it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from ..model import arn as arns
from ..model.address_pool import resolver_address
from ..model.cluster import Cluster, ContainerInstance
from ..model.ids import IdSource
from ..model.instance import Instance
from ..model.instance_type import find
from ..model.network import NetworkInterface, Vpc
from ..model.task import Task
from ..store.base import Reader
from .settings import NodeSettings
from .user_data import AgentConfig, agent_config

CAPABILITY = "com.amazonaws.ecs.capability."
_CAPABILITIES = (
    "ecs.capability.task-eni",
    *(f"{CAPABILITY}docker-remote-api.1.{minor}" for minor in range(17, 42)),
    f"{CAPABILITY}logging-driver.json-file",
    f"{CAPABILITY}logging-driver.none",
    "ecs.capability.container-ordering",
    "ecs.capability.container-health-check",
)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan is made from."""

    vpcs: list[Vpc]
    instances: list[Instance]
    container_instances: list[ContainerInstance]
    clusters: list[Cluster]
    tasks: list[Task]
    """Those that still live on instances which are to go."""


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """What the host's network should hold."""

    vpc_cidrs: tuple[str, ...]
    resolvers: frozenset[str]
    instances: frozenset[str]


def snapshot(store: Reader) -> Snapshot:
    """The plan's view of the store."""
    instances = [i for i in store.list(Instance) if i.state != "terminated"]
    registered = store.list(ContainerInstance)
    going = {i.id for i in instances if i.terminate_requested_at is not None}
    leaving = [c.arn for c in registered if c.ec2_instance_id in going]
    on_them = (task for arn in leaving for task in store.list(Task, container_instance_arn=arn))
    return Snapshot(
        vpcs=store.list(Vpc),
        instances=instances,
        container_instances=registered,
        clusters=store.list(Cluster, status="ACTIVE"),
        tasks=[task for task in on_them if task.last_status != "STOPPED"],
    )


def addresses(view: Snapshot) -> Addresses:
    """Every living instance's address, and every VPC's resolver."""
    return Addresses(
        vpc_cidrs=tuple(sorted({block for vpc in view.vpcs for block in vpc.blocks})),
        resolvers=frozenset(resolver_address(vpc.cidr) for vpc in view.vpcs),
        instances=frozenset(i.private_ip for i in view.instances),
    )


def transitions(view: Snapshot, held: frozenset[str], now: datetime, bound: float) -> list[Instance]:
    """Instances in their next state. ``held``: the addresses that are up; ``bound``: see the settings."""
    return [moved for i in view.instances if (moved := _next(i, view, held, now, bound)) != i]


def disconnections(view: Snapshot) -> list[ContainerInstance]:
    """Container instances whose instance is going: no agent answers there any more."""
    going = {i.id for i in view.instances if i.terminate_requested_at is not None}
    return [
        c.replace(agent_connected=False)
        for c in view.container_instances
        if c.ec2_instance_id in going and c.agent_connected
    ]


def registrations(
    view: Snapshot, ids: IdSource, now: datetime, settings: NodeSettings
) -> list[ContainerInstance]:
    """Container instances to register: running instances whose cluster exists, once each."""
    known = {c.ec2_instance_id for c in view.container_instances}
    made = []
    for instance in view.instances:
        if instance.state != "running" or instance.id in known or instance.terminate_requested_at:
            continue
        config = agent_config(instance.user_data_text)
        cluster = _cluster(view.clusters, instance, config.cluster or settings.default_cluster)
        if cluster is not None:
            attributes = _attributes(instance, config, settings.architecture)
            registered = _container_instance(instance, cluster, config, ids.hex(32), now)
            made.append(registered.replace(attributes=attributes))
    return made


def interface_of(store: Reader, instance: Instance) -> NetworkInterface | None:
    """The network interface that ends with the instance."""
    return store.get(NetworkInterface, instance.network_interface_id)


def _next(instance: Instance, view: Snapshot, held: frozenset[str], now: datetime, bound: float) -> Instance:
    asked = instance.terminate_requested_at
    if asked is None:
        up = instance.state == "pending" and instance.private_ip in held
        return instance.replace(state="running") if up else instance
    if instance.state != "shutting-down":
        return instance.replace(state="shutting-down")
    overdue = now - asked >= timedelta(seconds=bound)
    if overdue or not _busy(instance, view):
        return instance.replace(state="terminated", terminated_at=now)
    return instance


def _busy(instance: Instance, view: Snapshot) -> bool:
    mine = {c.arn for c in view.container_instances if c.ec2_instance_id == instance.id}
    return any(task.container_instance_arn in mine for task in view.tasks)


def _cluster(clusters: Iterable[Cluster], instance: Instance, name: str) -> Cluster | None:
    wanted = (instance.account_id, instance.region, name)
    return next((c for c in clusters if (c.account_id, c.region, c.name) == wanted), None)


def _container_instance(
    instance: Instance, cluster: Cluster, config: AgentConfig, digits: str, now: datetime
) -> ContainerInstance:
    kind = find(instance.instance_type)
    if kind is None:
        raise ValueError(f"{instance.id} has the unknown type {instance.instance_type}")
    registered = ContainerInstance(
        arn=arns.ecs(instance.region, instance.account_id, f"container-instance/{cluster.name}/{digits}"),
        account_id=instance.account_id,
        region=instance.region,
        cluster_arn=cluster.arn,
        ec2_instance_id=instance.id,
        private_ip=instance.private_ip,
        availability_zone=instance.availability_zone,
        cpu_units=kind.cpu_units,
        memory_mib=kind.registered_memory_mib,
        registered_at=now,
    )
    given = {"reserved_tcp_ports": config.reserved_tcp_ports, "reserved_udp_ports": config.reserved_udp_ports}
    return registered.replace(**{name: ports for name, ports in given.items() if ports is not None})


def _attributes(instance: Instance, config: AgentConfig, architecture: str) -> dict[str, str]:
    return {
        **config.attributes,  # first: what the agent itself says of its host is not the user's to change
        **dict.fromkeys(_CAPABILITIES, ""),
        "ecs.availability-zone": instance.availability_zone,
        "ecs.instance-type": instance.instance_type,
        "ecs.ami-id": instance.image_id,
        "ecs.os-type": "linux",
        "ecs.cpu-architecture": architecture.lower(),
        "ecs.vpc-id": instance.vpc_id,
        "ecs.subnet-id": instance.subnet_id,
    }
