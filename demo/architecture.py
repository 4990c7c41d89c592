"""The third architecture, described with boto3 as on AWS; only the images' names are Sealway's.

One VPC, two subnets in two zones; one Network Load Balancer with two TCP listeners. Cluster *blue* (EC2,
three container instances) runs *orders* in bridge mode on dynamic ports behind 443; cluster *green*
(Fargate) runs *ledger* with addresses of its own behind 8443.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

TASKS = 3
CONTAINER_PORT = 8443
DYNAMIC_PORTS = (32768, 65535)
"""Where container instances publish the ports that a task definition leaves open."""
ORDERS_PORT = 443
LEDGER_PORT = 8443
DEREGISTRATION_DELAY = 5
VPC_CIDR = "10.86.0.0/16"
SUBNET_CIDRS = ("10.86.1.0/24", "10.86.2.0/24")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Clients:
    """The four services, from one session."""

    ecs: Any
    elb: Any
    ec2: Any
    sts: Any

    @classmethod
    def from_session(cls, session: boto3.Session, endpoint: str) -> "Clients":
        """All at one endpoint."""
        made = {n: session.client(n, endpoint_url=endpoint) for n in ("ecs", "elbv2", "ec2", "sts")}
        return cls(made["ecs"], made["elbv2"], made["ec2"], made["sts"])


@dataclass(frozen=True)
class Side:
    """One of the two services: where it runs and how it is reached."""

    cluster: str
    service: str
    port: int
    target_group: str
    launch_type: str

    @property
    def certificate_name(self) -> str:
        """The name its certificate is for."""
        return f"{self.service}.demo.internal"

    @property
    def image(self) -> str:
        """Its image, which holds its key and certificate."""
        return f"sealway/{self.service}:1"


@dataclass(frozen=True)
class Architecture:
    """What was made: enough to call it, change it and remove it."""

    vpc: str
    subnets: tuple[str, ...]
    security_group: str
    instances: tuple[str, ...]
    load_balancer: str
    dns_name: str
    orders: Side
    ledger: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both services."""
        return self.orders, self.ledger


def build(clients: Clients, say: Say) -> Architecture:
    """Makes everything, and waits until every target is in service."""
    say("a VPC with two subnets in two zones")
    vpc, subnets, group = _network(clients.ec2)
    say("a Network Load Balancer with TCP listeners 443 and 8443")
    balancer, dns_name, orders_group, ledger_group = _load_balancer(clients.elb, vpc, subnets)
    say("cluster blue: three container instances")
    clients.ecs.create_cluster(clusterName="blue")
    clients.ecs.create_cluster(clusterName="green")
    instances = _instances(clients, subnets, group)
    orders = Side("blue", "orders", ORDERS_PORT, orders_group, "EC2")
    ledger = Side("green", "ledger", LEDGER_PORT, ledger_group, "FARGATE")
    say("service orders: three tasks, bridge mode, dynamic ports")
    _orders(clients.ecs, orders)
    say("service ledger: three Fargate tasks, an address each")
    _ledger(clients.ecs, ledger, subnets, group)
    made = Architecture(vpc, subnets, group, instances, balancer, dns_name, orders, ledger)
    say("waiting until both services are stable and all targets healthy")
    wait_stable(clients, made)
    return made


def wait_stable(clients: Clients, made: Architecture) -> None:
    """boto3's own waiters: load balancer, services, targets."""
    quick = {"Delay": 1, "MaxAttempts": 120}
    clients.elb.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[made.load_balancer], WaiterConfig=quick
    )
    for side in made.sides:
        clients.ecs.get_waiter("services_stable").wait(
            cluster=side.cluster, services=[side.service], WaiterConfig=quick
        )
        clients.elb.get_waiter("target_in_service").wait(TargetGroupArn=side.target_group, WaiterConfig=quick)


def _network(ec2: Any) -> tuple[str, tuple[str, ...], str]:
    vpc = ec2.create_vpc(CidrBlock=VPC_CIDR)["Vpc"]["VpcId"]
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]]
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in zip(SUBNET_CIDRS, zones, strict=False)
    )
    group = ec2.create_security_group(GroupName="demo", Description="TLS from anywhere", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            for low, high in ((CONTAINER_PORT, CONTAINER_PORT), DYNAMIC_PORTS)
        ],
    )
    return vpc, subnets, group


def _load_balancer(elb: Any, vpc: str, subnets: tuple[str, ...]) -> tuple[str, str, str, str]:
    balancer = elb.create_load_balancer(
        Name="front", Type="network", Scheme="internet-facing", Subnets=list(subnets)
    )["LoadBalancers"][0]
    groups = []
    for name, target_type, port in (("orders", "instance", ORDERS_PORT), ("ledger", "ip", LEDGER_PORT)):
        group = elb.create_target_group(
            Name=name, Protocol="TCP", Port=CONTAINER_PORT, VpcId=vpc, TargetType=target_type,
            HealthCheckProtocol="TCP", HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        attributes = {
            "deregistration_delay.timeout_seconds": str(DEREGISTRATION_DELAY),
            "preserve_client_ip.enabled": "true",
        }
        elb.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": k, "Value": v} for k, v in attributes.items()]
        )
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="TCP", Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )  # fmt: skip
        groups.append(group)
    return balancer["LoadBalancerArn"], balancer["DNSName"], groups[0], groups[1]


def _instances(clients: Clients, subnets: tuple[str, ...], group: str) -> tuple[str, ...]:
    made = []
    for number in range(TASKS):
        answer = clients.ec2.run_instances(
            ImageId="ami-0123456789abcdef0", InstanceType="t3.medium", MinCount=1, MaxCount=1,
            SubnetId=subnets[number % len(subnets)], SecurityGroupIds=[group],
            UserData="#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n",
        )  # fmt: skip
        made.append(answer["Instances"][0]["InstanceId"])
    clients.ec2.get_waiter("instance_running").wait(InstanceIds=made, WaiterConfig={"Delay": 1})
    return tuple(made)


def _container(side: Side, host_port: int) -> dict[str, Any]:
    return {
        "name": side.service,
        "image": side.image,
        "essential": True,
        "memory": 128,
        "portMappings": [{"containerPort": CONTAINER_PORT, "hostPort": host_port, "protocol": "tcp"}],
        "environment": [{"name": "WITNESS_SERVICE", "value": side.service}],
        "stopTimeout": 5,
    }


def _service_load_balancer(side: Side) -> list[dict[str, Any]]:
    return [
        {
            "targetGroupArn": side.target_group,
            "containerName": side.service,
            "containerPort": CONTAINER_PORT,
        }
    ]


def _orders(ecs: Any, side: Side) -> None:
    ecs.register_task_definition(
        family=side.service, networkMode="bridge", requiresCompatibilities=["EC2"],
        containerDefinitions=[{**_container(side, 0), "cpu": 128}],
    )  # fmt: skip
    ecs.create_service(
        cluster=side.cluster, serviceName=side.service, taskDefinition=side.service, desiredCount=TASKS,
        launchType="EC2", loadBalancers=_service_load_balancer(side),
    )  # fmt: skip


def _ledger(ecs: Any, side: Side, subnets: tuple[str, ...], group: str) -> None:
    ecs.register_task_definition(
        family=side.service, networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        cpu="256", memory="512",
        containerDefinitions=[_container(side, CONTAINER_PORT)],
    )  # fmt: skip
    ecs.create_service(
        cluster=side.cluster, serviceName=side.service, taskDefinition=side.service, desiredCount=TASKS,
        launchType="FARGATE", loadBalancers=_service_load_balancer(side),
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": list(subnets), "securityGroups": [group]},
        },
    )  # fmt: skip
