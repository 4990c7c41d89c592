"""Many services of the same size on many instances, run by control and an agent in one process, on drivers in
memory: for what one event costs among few and among many.
"""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sealway.control.loop import ControlLoop
from sealway.model.ids import CountingIds
from sealway.model.load_balancer import Listener, LoadBalancer
from sealway.model.network import SecurityGroup
from sealway.model.resource import Resource
from sealway.model.service import Deployment, Service
from sealway.model.target_group import TargetGroup, TargetHealth
from sealway.model.task import Task
from sealway.node.settings import NodeSettings

from . import node_world
from .counted import CountedStore
from .node_world import CLUSTER, ECS, LB, OWNER, World, until
from .virtual_time import START, clock

PER_SERVICE, PER_INSTANCE = 3, 6
NEVER = 100_000
"""Seconds between resyncs: what these cost is no event's."""
CONTAINER = node_world.container(cpu=1, memory=1, portMappings=[{"containerPort": 8443}])


class Estate(World):
    """``services`` of ``PER_SERVICE`` tasks each. ``mode``: bridge, on instances, or awsvpc, on Fargate."""

    store: CountedStore

    def __init__(self, directory: Path, services: int, mode: str) -> None:
        super().__init__(directory)
        self.store.close()
        self.store = CountedStore(directory)
        self.size, self.settings = services, NodeSettings(rest=0, resync=NEVER)
        self.control = ControlLoop(self.store, clock, CountingIds("control"), resync=NEVER)
        self.put(*_ground(services, mode), *(one for n in range(services) for one in _service(n, mode)))

    @property
    def steady(self) -> bool:
        """Whether every task that is wanted runs, is healthy, and nothing else is left."""
        tasks = [task for task in self.store.list(Task) if task.last_status != "STOPPED"]
        running = [(t.last_status, t.desired_status) for t in tasks] == [("RUNNING", "RUNNING")] * len(tasks)
        healthy = [one for one in self.store.list(TargetHealth) if one.state == "healthy"]
        return running and len(tasks) == len(healthy) == self.size * PER_SERVICE

    @asynccontextmanager
    async def run(self) -> Any:
        """Until the block's end, from when all is steady and has been for a while."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.agent().run(asyncio.Event())),
                group.create_task(self.control.run()),
            ]
            await until(lambda: self.steady, 300)
            await asyncio.sleep(20)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    @property
    def now(self) -> datetime:
        return clock()

    def victim(self, number: int) -> Task:
        """A running task of the service of that number."""
        return self.store.list(Task, service_arn=_arn(number), last_status="RUNNING")[0]

    def crash(self, task: Task) -> None:
        """Its container ends."""
        self.runtime.die(f"sealway-{task.id}-app")


def listener_arn(number: int) -> str:
    """That of the service of that number."""
    return f"{LB}{number}/listener"


def _arn(number: int) -> str:
    return f"{ECS}:service/blue/s{number:04}"


def _group(number: int, mode: str) -> TargetGroup:
    target_type = "instance" if mode == "bridge" else "ip"
    return node_world.group(f"g{number}", target_type, deregistration_delay__timeout_seconds="300")


def _balancer(number: int) -> LoadBalancer:
    """One a service: what belongs to one load balancer is read together."""
    made = node_world.balancer(arn=f"{LB}{number}", name=f"edge{number}", dns_name=f"edge-{number}.internal")
    zones = [
        msgspec.structs.replace(zone, vip=f"10.0.{200 + place}.{number}")
        for place, zone in enumerate(made.zones)
    ]
    return made.replace(zones=tuple(zones))


def _ground(services: int, mode: str) -> Iterator[Resource]:
    yield from (*node_world.vpc(), node_world.cluster(), node_world.definition(CONTAINER, networkMode=mode))
    yield SecurityGroup(
        id="sg-1", **OWNER, vpc_id="vpc-1", name="default", description="d",
        ingress=({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},),
        egress=({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},),
    )  # fmt: skip
    for number in range(-(-services * PER_SERVICE // PER_INSTANCE) + 1 if mode == "bridge" else 0):
        machine = node_world.instance(number, number % 2, state="running")
        yield from (machine, node_world.registered(machine))


def _service(number: int, mode: str) -> Iterator[Resource]:
    group, balancer = _group(number, mode), _balancer(number)
    definition = node_world.definition(CONTAINER, networkMode=mode)
    subnets = {"awsvpcConfiguration": {"subnets": ["subnet-0", "subnet-1"]}}
    launch: dict[str, Any] = {"launch_type": "EC2" if mode == "bridge" else "FARGATE"}
    deployment = Deployment(
        id=f"ecs-svc/{number}",
        status="PRIMARY",
        task_definition_arn=definition.arn,
        desired_count=PER_SERVICE,
        created_at=START,
        updated_at=START,
        network_configuration=None if mode == "bridge" else subnets,
        **launch,
    )
    yield from (group, balancer)
    yield Listener(
        arn=listener_arn(number), **OWNER, load_balancer_arn=balancer.arn, port=443, protocol="TCP",
        default_actions=({"Type": "forward", "TargetGroupArn": group.arn},),
    )  # fmt: skip
    yield Service(
        arn=_arn(number),
        **OWNER,
        name=f"s{number:04}",
        cluster_arn=CLUSTER,
        task_definition_arn=definition.arn,
        desired_count=PER_SERVICE,
        load_balancers=({"targetGroupArn": group.arn, "containerName": "app", "containerPort": 8443},),
        deployments=(deployment,),
        created_at=START,
        **launch,
    )
