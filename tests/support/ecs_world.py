"""What ECS's handlers meet in an account: a VPC, target groups with a listener, container instances.

Written straight into the store, so that tests of ECS depend on no other service. Ids are fixed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sealway.model.cluster import ContainerInstance
from sealway.model.load_balancer import Listener
from sealway.model.network import SecurityGroup, Subnet
from sealway.model.resource import Resource
from sealway.model.target_group import HealthCheck, TargetGroup
from sealway.model.task import Task
from tests.support.api_server import ACCOUNT, OTHER_ACCESS_KEY, REGION, ApiServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER: dict[str, Any] = {"account_id": ACCOUNT, "region": REGION}
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
SUBNETS = ("subnet-0000000000000000a", "subnet-0000000000000000b")
OTHER_SUBNET = "subnet-0000000000000000f"
SECURITY_GROUP, OTHER_SECURITY_GROUP = "sg-00000000000000001", "sg-00000000000000002"
VPC = {"awsvpcConfiguration": {"subnets": list(SUBNETS), "securityGroups": [SECURITY_GROUP]}}
INSTANCE_GROUP = f"{ELB}:targetgroup/orders/0000000000000001"
IP_GROUP = f"{ELB}:targetgroup/ledger/0000000000000002"
IDLE_GROUP = f"{ELB}:targetgroup/idle/0000000000000003"
"""In no listener."""
BALANCERS = [{"targetGroupArn": INSTANCE_GROUP, "containerName": "app", "containerPort": 8443}]
CONTAINER: dict[str, Any] = {
    "name": "app",
    "image": "app:1",
    "cpu": 128,
    "memory": 128,
    "portMappings": [{"containerPort": 8443}],
}
FARGATE: dict[str, Any] = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}


class World(ApiServer):
    """An API server whose account has a network, with shorthands for tests."""

    def fill(self) -> None:
        """The network, the target groups, the cluster *blue*, the definition *web*."""
        self.put(*network(), *target_groups())
        self.ecs = self.client("ecs")
        self.stranger = self.client("ecs", aws_access_key_id=OTHER_ACCESS_KEY)
        self.ecs.create_cluster(clusterName="blue")
        self.ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])

    def put(self, *resources: Resource) -> None:
        """Writes them as they are."""

        def write() -> None:
            with self.store.transaction() as tx:
                for resource in resources:
                    tx.put(resource)

        self.run(write)

    def instance(self, number: int = 1, **fields: Any) -> str:
        """Registers a container instance in *blue*; answers its ARN."""
        instance = container_instance(number, **fields)
        self.put(instance)
        return instance.arn

    def observe(self, task_arn: str, **fields: Any) -> None:
        """Writes what a node would have seen of a task."""

        def write() -> None:
            with self.store.transaction() as tx:
                task = tx.get(Task, task_arn)
                assert task is not None
                tx.put(task.replace(**fields))

        self.run(write)


@contextmanager
def ecs_world(data_dir: Path) -> Iterator[World]:
    """A running world."""
    server = World(data_dir)
    with server:
        server.fill()
        yield server


@contextmanager
def refused(code: str, message: str) -> Iterator[None]:
    """The call inside fails with this code, and a message that holds this text."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert message in error["Message"], error


def network() -> list[Resource]:
    """One VPC of two subnets in two zones, and a stray subnet and group of another VPC."""
    subnets = [
        _subnet(SUBNETS[0], "vpc-1", "10.0.1.0/24", "a"),
        _subnet(SUBNETS[1], "vpc-1", "10.0.2.0/24", "b"),
        _subnet(OTHER_SUBNET, "vpc-2", "10.9.1.0/24", "a"),
    ]
    groups = [
        SecurityGroup(**OWNER, id=key, vpc_id=vpc, name="web", description="web")
        for key, vpc in ((SECURITY_GROUP, "vpc-1"), (OTHER_SECURITY_GROUP, "vpc-2"))
    ]
    return [*subnets, *groups]


def _subnet(key: str, vpc: str, cidr: str, zone: str) -> Subnet:
    return Subnet(
        **OWNER,
        id=key,
        vpc_id=vpc,
        cidr=cidr,
        availability_zone=f"{REGION}{zone}",
        availability_zone_id="use1-az1",
    )


def target_groups() -> list[Resource]:
    """One target group of each type behind a listener, and one behind none."""
    groups: list[Resource] = [
        TargetGroup(
            **OWNER,
            arn=key,
            name=key.split("/")[1],
            protocol="TCP",
            port=443,
            vpc_id="vpc-1",
            target_type=target_type,
            health_check=HealthCheck(),
            created_at=NOW,
        )
        for key, target_type in ((INSTANCE_GROUP, "instance"), (IP_GROUP, "ip"), (IDLE_GROUP, "instance"))
    ]
    listeners = [
        Listener(
            **OWNER,
            arn=f"{ELB}:listener/net/edge/0000000000000001/{port:016x}",
            load_balancer_arn=f"{ELB}:loadbalancer/net/edge/0000000000000001",
            port=port,
            protocol="TCP",
            default_actions=({"Type": "forward", "TargetGroupArn": group},),
        )
        for port, group in ((443, INSTANCE_GROUP), (8443, IP_GROUP))
    ]
    return [*groups, *listeners]


def container_instance(number: int = 1, **fields: Any) -> ContainerInstance:
    """1,024 CPU units and 1,000 MiB, in *blue*."""
    given: dict[str, Any] = {
        "arn": f"{ECS}:container-instance/blue/{number:032x}",
        "cluster_arn": f"{ECS}:cluster/blue",
        "ec2_instance_id": f"i-{number:017x}",
        "private_ip": f"10.0.1.{number + 10}",
        "availability_zone": f"{REGION}a",
        "cpu_units": 1024,
        "memory_mib": 1000,
        "registered_at": NOW,
    }
    return ContainerInstance(**OWNER, **{**given, **fields})
