"""A host for the node's tests: a real store, drivers in memory that remember what they were told."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from sealway.drivers.contracts.container_runtime import PAUSE_IMAGE, ContainerSpec
from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.drivers.contracts.prober import Probe, ProbeResult
from sealway.drivers.dataplane.fake import FakeDataPlane
from sealway.drivers.dns.fake import FakeDns
from sealway.drivers.docker.fake import FakeProgram, FakeRuntime
from sealway.drivers.network.fake import FakeNetwork
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.errors import DriverError
from sealway.model.ids import CountingIds
from sealway.model.instance import Instance
from sealway.model.load_balancer import Listener, LoadBalancer, LoadBalancerZone
from sealway.model.network import Subnet, Vpc
from sealway.model.resource import Resource
from sealway.model.target_group import HealthCheck, Target, TargetGroup, TargetHealth
from sealway.model.task import Task, TaskInterface
from sealway.model.task_definition import TaskDefinition
from sealway.node.agent import Agent
from sealway.node.settings import NodeSettings
from sealway.store import Store
from sealway.store.sqlite import SqliteStore

from .virtual_time import START, clock

REGION, ACCOUNT = "us-east-1", "000000000000"
OWNER: dict[str, Any] = {"account_id": ACCOUNT, "region": REGION}
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER = f"{ECS}:cluster/blue"
LB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/edge/1"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/g"
ZONES = ("us-east-1a", "us-east-1b")
VIPS = ("10.0.0.4", "10.0.1.4")


class Network(FakeNetwork):
    """``fails``: an error that ``attach_task`` raises."""

    fails: DriverError | None = None

    async def attach_task(self, endpoint: TaskEndpoint, pid: int) -> str:
        if self.fails:
            raise self.fails
        return await super().attach_task(endpoint, pid)


class Plane(FakeDataPlane):
    """``fails``: an error that ``apply`` raises."""

    fails: DriverError | None = None

    async def apply(self, state: DataPlaneState) -> None:
        if self.fails:
            raise self.fails
        await super().apply(state)


class ScriptedProber:
    """``Prober``: answers what ``script`` says; remembers when it was asked (loop seconds)."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, Probe]] = []
        self.script: Callable[[Probe], ProbeResult] = lambda _: ProbeResult(passed=True)

    async def probe(self, probe: Probe) -> ProbeResult:
        self.asked.append((asyncio.get_running_loop().time(), probe))
        return self.script(probe)


class World:
    """The host, and words for tests."""

    def __init__(
        self, directory: Path, program: Callable[[ContainerSpec], FakeProgram] | None = None
    ) -> None:
        self.store: Store = SqliteStore(directory)
        self.runtime = FakeRuntime({PAUSE_IMAGE, "app:1"}, program)
        self.network, self.dataplane, self.dns = Network(), Plane(), FakeDns()
        self.prober, self.ids = ScriptedProber(), CountingIds("node")
        self.settings = NodeSettings(rest=0)

    def close(self) -> None:
        self.store.close()

    def put(self, *resources: Resource) -> None:
        with self.store.transaction() as tx:
            for resource in resources:
                stored = tx.get(type(resource), resource.key)
                tx.put(resource.replace(version=stored.version if stored else 0))

    def change(self, kind: type[Resource], key: str, **fields: Any) -> None:
        found = self.store.get(kind, key)
        assert found is not None
        self.put(found.replace(**fields))

    def delete(self, kind: type[Resource], key: str) -> None:
        found = self.store.get(kind, key)
        assert found is not None
        with self.store.transaction() as tx:
            tx.delete(found)

    def agent(self, **drivers: Any) -> Agent:
        parts = {
            "store": self.store,
            "runtime": self.runtime,
            "network": self.network,
            "dataplane": self.dataplane,
            "dns": self.dns,
            "prober": self.prober,
            "clock": clock,
            "ids": self.ids,
            "settings": self.settings,
        }
        return Agent(**(parts | drivers))

    def task(self, arn: str) -> Task:
        found = self.store.get(Task, arn)
        assert found is not None
        return found

    def health(self, target: Target) -> TargetHealth | None:
        return self.store.get(TargetHealth, target.key)

    def names(self) -> set[str]:
        """The names of the engine's containers."""
        return {state.name for state in self.runtime._containers.values()}


@asynccontextmanager
async def running(world: World, **drivers: Any):
    """The agent, from ready until the block's end."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        run = group.create_task(world.agent(**drivers).run(ready))
        await ready.wait()
        try:
            yield run
        finally:
            run.cancel()


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Polls, in the loop's time."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it did not come true in time"
        await asyncio.sleep(0.01)


# --- resources --------------------------------------------------------------------------------


def vpc() -> list[Resource]:
    """One VPC, a subnet in each of two zones."""
    subnets = [
        Subnet(
            id=f"subnet-{n}",
            **OWNER,
            vpc_id="vpc-1",
            cidr=f"10.0.{n}.0/24",
            availability_zone=zone,
            availability_zone_id=f"use1-az{n}",
        )
        for n, zone in enumerate(ZONES)
    ]
    return [Vpc(id="vpc-1", **OWNER, cidr="10.0.0.0/16"), *subnets]


def cluster(name: str = "blue", **fields: Any) -> Cluster:
    arn = f"{ECS}:cluster/{name}"
    return Cluster(arn=arn, **OWNER, name=name, created_at=START, **fields)


def instance(number: int = 1, zone: int = 0, **fields: Any) -> Instance:
    """An EC2 instance at 10.0.ZONE.(100 + number)."""
    given = {
        "id": f"i-{number:017x}",
        "image_id": "ami-1",
        "instance_type": "m5.large",
        "subnet_id": f"subnet-{zone}",
        "vpc_id": "vpc-1",
        "availability_zone": ZONES[zone],
        "private_ip": f"10.0.{zone}.{100 + number}",
        "network_interface_id": f"eni-i{number:016x}",
        "reservation_id": "r-1",
        "launched_at": START,
    }
    return Instance(**OWNER, **(given | fields))


def registered(machine: Instance, **fields: Any) -> ContainerInstance:
    given = {
        "arn": f"{ECS}:container-instance/blue/{machine.id}",
        "cluster_arn": CLUSTER,
        "ec2_instance_id": machine.id,
        "private_ip": machine.private_ip,
        "availability_zone": machine.availability_zone,
        "cpu_units": 2048,
        "memory_mib": 7800,
        "registered_at": START,
    }
    return ContainerInstance(**OWNER, **(given | fields))


def container(name: str = "app", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "app:1", "essential": True, **fields}


def definition(*containers: dict[str, Any], family: str = "ledger", **spec: Any) -> TaskDefinition:
    return TaskDefinition(
        arn=f"{ECS}:task-definition/{family}:3",
        **OWNER,
        family=family,
        revision=3,
        spec={"containerDefinitions": list(containers) or [container()], **spec},
        registered_at=START,
    )


def fargate_task(number: int, of: TaskDefinition, zone: int = 0, **fields: Any) -> Task:
    """An awsvpc task at 10.0.ZONE.(10 + number)."""
    interface = TaskInterface(
        network_interface_id=f"eni-{number:017x}",
        attachment_id=f"attachment-{number}",
        subnet_id=f"subnet-{zone}",
        private_ip=f"10.0.{zone}.{10 + number}",
        mac=f"0a:58:0a:00:{zone:02x}:{10 + number:02x}",
    )
    given = {"launch_type": "FARGATE", "interface": interface, "cpu": "256", "memory": "512"}
    return _task(number, of, zone, given | fields)


def ec2_task(number: int, of: TaskDefinition, on: ContainerInstance | None, **fields: Any) -> Task:
    """A bridge task on a container instance."""
    given = {
        "launch_type": "EC2",
        "container_instance_arn": on.arn if on else None,
        "cpu": "0",
        "memory": "0",
    }
    return _task(number, of, ZONES.index(on.availability_zone) if on else 0, given | fields)


def _task(number: int, of: TaskDefinition, zone: int, fields: dict[str, Any]) -> Task:
    given = {
        "arn": f"{ECS}:task/blue/{number:032x}",
        "cluster_arn": CLUSTER,
        "task_definition_arn": of.arn,
        "group": "service:ledger",
        "availability_zone": ZONES[zone],
        "created_at": START,
    }
    return Task(**OWNER, **(given | fields))


def balancer(**fields: Any) -> LoadBalancer:
    """A network load balancer in both zones."""
    zones = tuple(
        LoadBalancerZone(
            subnet_id=f"subnet-{n}", availability_zone=zone, vip=VIPS[n], network_interface_id=f"eni-lb{n}"
        )
        for n, zone in enumerate(ZONES)
    )
    given = {
        "arn": LB,
        "name": "edge",
        "type": "network",
        "scheme": "internal",
        "vpc_id": "vpc-1",
        "dns_name": "edge-1.elb.us-east-1.sealway.internal",
        "canonical_hosted_zone_id": "Z1",
        "zones": zones,
        "state": "active",
        "created_at": START,
    }
    return LoadBalancer(**OWNER, **(given | fields))


def listener(port: int, *groups: TargetGroup, weights: tuple[int, ...] = (), **fields: Any) -> Listener:
    forwards = [
        {"TargetGroupArn": group.arn, "Weight": weight}
        for group, weight in zip(groups, weights or (1,) * len(groups), strict=True)
    ]
    given = {
        "arn": f"{LB}/listener/{port}",
        "load_balancer_arn": LB,
        "port": port,
        "protocol": "TCP",
        "default_actions": ({"Type": "forward", "ForwardConfig": {"TargetGroups": forwards}},),
    }
    return Listener(**OWNER, **(given | fields))


def group(
    name: str = "g", target_type: str = "ip", check: HealthCheck | None = None, **attributes: str
) -> TargetGroup:
    """Attribute names are given with ``__`` for a dot."""
    return TargetGroup(
        arn=f"{GROUP}/{name}",
        **OWNER,
        name=name,
        protocol="TCP",
        port=8443,
        vpc_id="vpc-1",
        target_type=target_type,
        health_check=check or HealthCheck(interval=10, healthy_threshold=3, unhealthy_threshold=2),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        created_at=START,
    )


def target(of: TargetGroup, id: str, port: int = 8443, zone: int = 0, **fields: Any) -> Target:
    given = {"availability_zone": ZONES[zone], "registered_at": START}
    return Target(target_group_arn=of.arn, id=id, port=port, **(given | fields))


def healthy(of: Target, state: str = "healthy") -> TargetHealth:
    return TargetHealth(
        target_group_arn=of.target_group_arn,
        id=of.id,
        port=of.port,
        state=state,
        reason=None,
        description=None,
        changed_at=of.registered_at,
    )


def without(state: Any, **fields: Any) -> Any:
    """A struct with some fields changed."""
    return msgspec.structs.replace(state, **fields)
