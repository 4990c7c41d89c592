"""Small builders of a cluster's resources, with one fixed clock: what control and placement tests share."""

from datetime import UTC, datetime
from typing import Any

from sealway.model.auto_scaling import AutoScalingGroup, GroupInstance, TemplateChoice
from sealway.model.cluster import ContainerInstance
from sealway.model.network import Subnet
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGION, ACCOUNT = "us-east-1", "000000000000"
OWNER: dict[str, Any] = {"account_id": ACCOUNT, "region": REGION}
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER = f"{ECS}:cluster/blue"


def definition(family: str = "orders", revision: int = 1, **spec: Any) -> TaskDefinition:
    """One container ``app`` with a dynamic port, unless ``spec`` says otherwise."""
    container = {"name": "app", "image": "app:1", "cpu": 128, "memory": 128, "essential": True}
    container["portMappings"] = [{"containerPort": 8443, "hostPort": 0, "protocol": "tcp"}]
    return TaskDefinition(
        arn=f"{ECS}:task-definition/{family}:{revision}",
        **OWNER,
        family=family,
        revision=revision,
        spec={"containerDefinitions": [container], **spec},
        registered_at=NOW,
    )


def instance(number: int, zone: str = "us-east-1a", **fields: Any) -> ContainerInstance:
    """A container instance of 1,024 CPU units and 1,000 MiB."""
    given = {
        "arn": f"{ECS}:container-instance/blue/{number:032x}",
        "cluster_arn": CLUSTER,
        "ec2_instance_id": f"i-{number:017x}",
        "private_ip": f"10.0.0.{number + 10}",
        "availability_zone": zone,
        "cpu_units": 1024,
        "memory_mib": 1000,
        "registered_at": NOW,
    }
    return ContainerInstance(**OWNER, **{**given, **fields})


def subnet(number: int, zone: str = "us-east-1a", cidr: str | None = None) -> Subnet:
    """A /24 in the only VPC."""
    return Subnet(
        id=f"subnet-{number}",
        **OWNER,
        vpc_id="vpc-1",
        cidr=cidr or f"10.0.{number}.0/24",
        availability_zone=zone,
        availability_zone_id="use1-az1",
    )


def task(number: int, **fields: Any) -> Task:
    """A RUNNING task of service orders."""
    given = {
        "arn": f"{ECS}:task/blue/{number:032x}",
        "cluster_arn": CLUSTER,
        "task_definition_arn": definition().arn,
        "group": "service:orders",
        "launch_type": "EC2",
        "availability_zone": "us-east-1a",
        "cpu": "128",
        "memory": "128",
        "last_status": "RUNNING",
        "created_at": NOW,
    }
    return Task(**OWNER, **{**given, **fields})


SCALING_GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/nodes"
_TEMPLATE = TemplateChoice(id="lt-1", name="nodes", version="1")


def scaling_group(**fields: Any) -> AutoScalingGroup:
    """Group ``nodes``, of up to ten instances in two zones."""
    given = {
        "min_size": 0,
        "max_size": 10,
        "desired_capacity": 0,
        "subnets": ("subnet-1", "subnet-2"),
        "availability_zones": ("us-east-1a", "us-east-1b"),
    }
    return AutoScalingGroup(
        **OWNER, arn=SCALING_GROUP, name="nodes", template=_TEMPLATE, created_at=NOW, **{**given, **fields}
    )


def group_member(instance_id: str, **fields: Any) -> GroupInstance:
    """An instance of the group ``nodes`` that is in service."""
    given = {"availability_zone": "us-east-1a", "state": "InService", "joined_at": NOW}
    return GroupInstance(
        **OWNER,
        instance_id=instance_id,
        group_arn=SCALING_GROUP,
        instance_type="t3.micro",
        image_id="ami-1",
        template=_TEMPLATE,
        **{**given, **fields},
    )
