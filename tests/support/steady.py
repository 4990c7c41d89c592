"""Two services whose tasks are well or ill as a test says: one in bridge mode on dynamic ports, one with
addresses of its own. Each has a listener of a load balancer that only these two have, targets that are
probed beside the traffic, and a grace period without an end, so that no task is replaced for being ill.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from demo import outside
from demo.architecture import CONTAINER_PORT, TASKS, Side
from demo.tasks import RunningTask
from demo.tls_client import resolve, visit
from tests.support.held import Held
from tests.support.netns_topology import inside
from tests.support.waiting import until
from tests.support.world import World

PULSE_PORT = 40081
"""Where tasks say how they are: the security group lets it in, and it is free on every instance."""
PULSE = """
import os, socket
listener = socket.create_server(("", 40081))
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    status = b"503 Ill" if os.path.exists("/tmp/ill") else b"200 Well"
    peer.sendall(b"HTTP/1.1 " + status + b"\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    peer.close()
"""
QUICK = {"Delay": 1, "MaxAttempts": 60}
GRACE = 2**31 - 1
ENOUGH = 16
"""Connections among which each of two targets has some, but for one run in 30,000."""


@dataclass
class Steady:
    """One of the services, and what a test asks of it."""

    world: World
    side: Side
    name: str
    """The load balancer's."""

    def vips(self) -> set[str]:
        """Of the zones that can serve both services."""
        return set(resolve(self.name, self.world.resolver))

    def change(self, attributes: Mapping[str, str]) -> None:
        """Of the target group."""
        wanted = [{"Key": key, "Value": value} for key, value in attributes.items()]
        group = self.side.target_group
        self.world.clients.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=wanted)

    def vip(self, zone: str) -> str:
        """The load balancer's address there."""
        (address,) = resolve(f"{zone}.{self.name}", self.world.resolver)
        return address

    def tasks(self, zone: str) -> list[RunningTask]:
        return [task for task in self.world.tasks(self.side) if task.zone == zone]

    def servers(self, vip: str, count: int = ENOUGH, source: str = "") -> set[str]:
        """Who answers there: the containers' addresses. ``source``: an address of the client's outside."""
        ca, name = self.world.ca(self.side), self.side.certificate_name
        where = inside(f"/run/netns/{outside.NAMESPACE}") if source else nullcontext()
        with where:
            visits = [visit(vip, self.side.port, name, ca, source) for _ in range(count)]
        failed = [f"{v.to}: {v.error}" for v in visits if not v.ok]
        assert not failed, failed
        assert all(v.same_session and v.same_certificate for v in visits)
        return {str(v.server["address"]) for v in visits}

    def answers(self) -> bool:
        """Whether every task does, by itself: their health checks ask another container."""
        ca, name = self.world.ca(self.side), self.side.certificate_name
        return all(visit(*task.direct, name, ca).ok for task in self.world.tasks(self.side))

    def hold(self, vip: str, server: str) -> Held:
        """A connection that this one's container answers."""
        ca, name = self.world.ca(self.side), self.side.certificate_name
        for _ in range(ENOUGH):
            held = Held(vip, self.side.port, name, ca)
            if held.server == server:
                return held
            held.close()
        raise AssertionError(f"none of {ENOUGH} connections to {vip} went to {server}")

    def fall_ill(self, task: RunningTask) -> None:
        """Its health checks fail from now on; all else goes on."""
        self._in_pulse_of(task, "open('/tmp/ill', 'w')")

    def recover(self, task: RunningTask) -> None:
        self._in_pulse_of(task, "import os; os.path.exists('/tmp/ill') and os.remove('/tmp/ill')")

    def states(self) -> dict[str, str]:
        """Task id -> how its target is."""
        described = self.world.clients.elb.describe_target_health(TargetGroupArn=self.side.target_group)
        by_target = {
            (each["Target"]["Id"], each["Target"]["Port"]): str(each["TargetHealth"]["State"])
            for each in described["TargetHealthDescriptions"]
        }
        return {task: by_target.get(where, "") for task, where in self._targets()}

    def _targets(self) -> Iterable[tuple[str, tuple[str, int]]]:
        for task in self.world.tasks(self.side):
            address, port = task.direct
            instances = self.world.clients.ec2.describe_instances(
                Filters=[{"Name": "private-ip-address", "Values": [address]}]
            )["Reservations"]
            target = instances[0]["Instances"][0]["InstanceId"] if instances else address
            yield task.task_id, (target, port)

    def _in_pulse_of(self, task: RunningTask, code: str) -> None:
        (described,) = self.world.clients.ecs.describe_tasks(cluster=self.side.cluster, tasks=[task.task_id])[
            "tasks"
        ]
        pulse = next(each for each in described["containers"] if each["name"] == "pulse")
        command = ["docker", "exec", pulse["runtimeId"], "/usr/bin/python3", "-c", code]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def steady_services(world: World) -> Iterator[tuple[Steady, Steady]]:
    """Both, stable and healthy; gone at the end."""
    balancer = world.clients.elb.create_load_balancer(
        Name="steady", Type="network", Scheme="internet-facing", Subnets=list(world.made.subnets)
    )["LoadBalancers"][0]
    bridge = _made(world, "steady-bridge", 9443, world.made.orders, balancer)
    awsvpc = _made(world, "steady-awsvpc", 9444, world.made.ledger, balancer)
    for each in (bridge, awsvpc):
        side = each.side
        world.clients.ecs.get_waiter("services_stable").wait(
            cluster=side.cluster, services=[side.service], WaiterConfig=QUICK
        )
        world.clients.elb.get_waiter("target_in_service").wait(
            TargetGroupArn=side.target_group, WaiterConfig=QUICK
        )
        until(f"{side.service} to answer", each.answers)
    yield bridge, awsvpc
    for each in (bridge, awsvpc):
        world.clients.ecs.delete_service(cluster=each.side.cluster, service=each.side.service, force=True)
    world.clients.elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    for each in (bridge, awsvpc):
        until("its tasks have gone", lambda each=each: not _tasks_of(each), seconds=60)  # type: ignore[misc]
        world.clients.elb.delete_target_group(TargetGroupArn=each.side.target_group)


def _tasks_of(steady: Steady) -> list[str]:
    listed = steady.world.clients.ecs.list_tasks(cluster=steady.side.cluster, family=steady.side.service)
    return list(listed["taskArns"])


def _made(world: World, name: str, port: int, like: Side, balancer: Mapping[str, Any]) -> Steady:
    clients, bridge = world.clients, like.launch_type == "EC2"
    group = clients.elb.create_target_group(
        Name=name, Protocol="TCP", Port=CONTAINER_PORT, VpcId=world.made.vpc,
        TargetType="instance" if bridge else "ip",
        HealthCheckProtocol="HTTP", HealthCheckPort=str(PULSE_PORT),
        HealthCheckIntervalSeconds=5, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    clients.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="TCP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    side = _Like(like.cluster, name, port, group, like.launch_type, like)
    made = Steady(world, side, balancer["DNSName"])
    made.change({"deregistration_delay.timeout_seconds": "1"})
    ports = (0, PULSE_PORT) if bridge else (CONTAINER_PORT, PULSE_PORT)
    containers = [
        _container(name, like.image, CONTAINER_PORT, ports[0]),
        _container("pulse", like.image, PULSE_PORT, ports[1])
        | {"entryPoint": ["/usr/bin/python3", "-c", PULSE]},
    ]
    size = {} if bridge else {"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    clients.ecs.register_task_definition(
        family=name, networkMode="bridge" if bridge else "awsvpc", containerDefinitions=containers, **size
    )
    network = {"subnets": list(world.made.subnets), "securityGroups": [world.made.security_group]}
    clients.ecs.create_service(
        cluster=side.cluster, serviceName=name, taskDefinition=name, desiredCount=TASKS if bridge else 4,
        launchType=like.launch_type, healthCheckGracePeriodSeconds=GRACE,
        loadBalancers=[{"targetGroupArn": group, "containerName": name, "containerPort": CONTAINER_PORT}],
        **({} if bridge else {"networkConfiguration": {"awsvpcConfiguration": network}}),
    )  # fmt: skip
    return made


@dataclass(frozen=True)
class _Like(Side):
    """With another side's image, and so its certificate."""

    like: Side

    @property
    def certificate_name(self) -> str:
        return self.like.certificate_name


def _container(name: str, image: str, port: int, host_port: int) -> dict[str, Any]:
    mapping = {"containerPort": port, "hostPort": host_port, "protocol": "tcp"}
    return {"name": name, "image": image, "memory": 64, "stopTimeout": 1, "portMappings": [mapping]}
