#!/usr/bin/env python3
"""architecture.py up|down 1|2|3: one Network Load Balancer in front of services that end TLS themselves.

Region, credentials and endpoint come from the environment, so this is for AWS and for Sealway alike.
``up`` again rolls out a new revision. ORDERS_IMAGE, LEDGER_IMAGE, TASKS and INSTANCE_PROFILE may be set:
see the README.
"""

import os
import sys
from dataclasses import dataclass
from typing import Any

import boto3

CONTAINER_PORT = 8443
TASKS = int(os.environ.get("TASKS", "3"))
INSTANCES = 3

ec2, ecs, elb = boto3.client("ec2"), boto3.client("ecs"), boto3.client("elbv2")


def say(what: str) -> None:
    """What is under way; the result alone goes to standard output."""
    print(f"  {what}", file=sys.stderr)


@dataclass(frozen=True)
class Service:
    """One of the two services: where it runs and how it is reached."""

    name: str
    cluster: str
    port: int
    launch_type: str

    @property
    def target_type(self) -> str:
        """Bridge tasks are reached at their instance, awsvpc tasks at their own address."""
        return "instance" if self.launch_type == "EC2" else "ip"

    @property
    def image(self) -> str:
        """Where the registry keeps it."""
        return os.environ.get(f"{self.name.upper()}_IMAGE", f"sealway/{self.name}:1")


ORDERS = Service("orders", "blue", 443, "EC2")
LEDGER = Service("ledger", "green", 8443, "FARGATE")
ARCHITECTURES = {
    "1": ("internet-facing", [ORDERS]),
    "2": ("internal", [ORDERS, LEDGER]),
    "3": ("internet-facing", [ORDERS, LEDGER]),
}


def network() -> tuple[str, list[str], str]:
    """The default VPC, its subnets in two zones, and a security group for TLS to the containers."""
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    in_vpc = {"Name": "vpc-id", "Values": [vpc]}
    default = ec2.describe_subnets(Filters=[in_vpc, {"Name": "default-for-az", "Values": ["true"]}])
    subnets = sorted(s["SubnetId"] for s in default["Subnets"])[:2]
    named = {"Name": "group-name", "Values": ["front"]}
    if found := ec2.describe_security_groups(Filters=[in_vpc, named])["SecurityGroups"]:
        return vpc, subnets, found[0]["GroupId"]
    group = ec2.create_security_group(GroupName="front", Description="TLS to the containers", VpcId=vpc)
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            for low, high in ((CONTAINER_PORT, CONTAINER_PORT), (32768, 65535))  # awsvpc; dynamic host ports
        ],
    )
    return vpc, subnets, group["GroupId"]


def target_group(service: Service, vpc: str, balancer: str) -> str:
    """The service's target group, behind a listener of its own."""
    arn: str = elb.create_target_group(
        Name=service.name, Protocol="TCP", Port=CONTAINER_PORT, VpcId=vpc, TargetType=service.target_type,
        HealthCheckProtocol="TCP", HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    attributes = {"deregistration_delay.timeout_seconds": "5", "preserve_client_ip.enabled": "true"}
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()]
    )
    elb.create_listener(
        LoadBalancerArn=balancer, Protocol="TCP", Port=service.port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )  # fmt: skip
    return arn


def instance_ids() -> list[str]:
    """The container instances there are."""
    named = {"Name": "tag:Name", "Values": ["blue-*"]}
    living = {"Name": "instance-state-name", "Values": ["pending", "running"]}
    found = ec2.describe_instances(Filters=[named, living])["Reservations"]
    return [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]


def instances(subnets: list[str], group: str) -> None:
    """The container instances of cluster blue."""
    if instance_ids():
        return
    name = {"Name": "name", "Values": ["al2023-ami-ecs-hvm-*-x86_64"]}
    images = ec2.describe_images(Owners=["amazon"], Filters=[name])["Images"]
    newest = max(images, key=lambda image: image["CreationDate"])["ImageId"]
    for number in range(INSTANCES):
        ec2.run_instances(
            ImageId=newest, InstanceType="t3.medium", MinCount=1, MaxCount=1,
            SubnetId=subnets[number % 2], SecurityGroupIds=[group],
            IamInstanceProfile={"Name": os.environ.get("INSTANCE_PROFILE", "ecsInstanceRole")},
            UserData="#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n",
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": f"blue-{number + 1}"}]}
            ],
        )  # fmt: skip
    say("waiting for the instances to run")
    ec2.get_waiter("instance_running").wait(InstanceIds=instance_ids())


def define(service: Service, addresses: dict[str, str]) -> str:
    """A new revision of its task definition; its containers are told every service's address."""
    fargate = service.launch_type == "FARGATE"
    size = {"cpu": "256", "memory": "512"} if fargate else {}
    container = {
        "name": service.name,
        "image": service.image,
        "essential": True,
        "cpu": 128,
        "memory": 256,
        "stopTimeout": 5,
        "portMappings": [{"containerPort": CONTAINER_PORT, "hostPort": CONTAINER_PORT if fargate else 0}],
        "environment": [
            {"name": f"{name.upper()}_ADDRESS", "value": address} for name, address in addresses.items()
        ],
    }
    registered = ecs.register_task_definition(
        family=service.name, networkMode="awsvpc" if fargate else "bridge",
        requiresCompatibilities=[service.launch_type], containerDefinitions=[container], **size,
    )  # fmt: skip
    return str(registered["taskDefinition"]["taskDefinitionArn"])


def run(service: Service, definition: str, group: str, network: dict[str, Any]) -> None:
    """The service, behind its target group; the one there is gets the new revision and TASKS tasks."""
    known = ecs.describe_services(cluster=service.cluster, services=[service.name])["services"]
    if any(one["status"] == "ACTIVE" for one in known):
        ecs.update_service(
            cluster=service.cluster, service=service.name, taskDefinition=definition, desiredCount=TASKS
        )
        return
    attached = {"targetGroupArn": group, "containerName": service.name, "containerPort": CONTAINER_PORT}
    of_its_own = {"networkConfiguration": {"awsvpcConfiguration": network}}
    ecs.create_service(
        cluster=service.cluster, serviceName=service.name, taskDefinition=definition, desiredCount=TASKS,
        launchType=service.launch_type, loadBalancers=[attached],
        **(of_its_own if service.launch_type == "FARGATE" else {}),
    )  # fmt: skip


def load_balancer() -> dict[str, Any]:
    """The one that was made."""
    return dict(elb.describe_load_balancers(Names=["front"])["LoadBalancers"][0])


def addresses_of(services: list[Service]) -> dict[str, str]:
    """Where clients, and the services' own tasks, find each service."""
    return {service.name: f"{load_balancer()['DNSName']}:{service.port}" for service in services}


def up(scheme: str, services: list[Service]) -> None:
    """Makes everything."""
    vpc, subnets, group = network()
    balancer = elb.create_load_balancer(Name="front", Type="network", Scheme=scheme, Subnets=subnets)
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    groups = {service.name: target_group(service, vpc, arn) for service in services}
    for service in services:
        ecs.create_cluster(clusterName=service.cluster)
    instances(subnets, group)
    say("waiting for the load balancer")
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])
    own = {"subnets": subnets, "securityGroups": [group], "assignPublicIp": "ENABLED"}
    for service in services:
        run(service, define(service, addresses_of(services)), groups[service.name], own)
    for service in services:
        say(f"waiting for service {service.name} to be stable")
        ecs.get_waiter("services_stable").wait(cluster=service.cluster, services=[service.name])
    for name, address in addresses_of(services).items():
        print(f"{name}: {address}")


def down(scheme: str, services: list[Service]) -> None:
    """Removes everything."""
    del scheme
    for service in services:
        ecs.delete_service(cluster=service.cluster, service=service.name, force=True)
        say(f"waiting for service {service.name} to end")
        ecs.get_waiter("services_inactive").wait(cluster=service.cluster, services=[service.name])
        for revision in ecs.list_task_definitions(familyPrefix=service.name)["taskDefinitionArns"]:
            ecs.deregister_task_definition(taskDefinition=revision)
    balancer = load_balancer()["LoadBalancerArn"]
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    say("waiting for the load balancer and the instances to go")
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[balancer])
    for group in elb.describe_target_groups(Names=[service.name for service in services])["TargetGroups"]:
        elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    members = ecs.list_container_instances(cluster=ORDERS.cluster)["containerInstanceArns"]
    for member in members:
        ecs.deregister_container_instance(cluster=ORDERS.cluster, containerInstance=member, force=True)
    ids = instance_ids()
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids)
    for service in services:
        ecs.delete_cluster(cluster=service.cluster)
    ec2.delete_security_group(GroupId=network()[2])


if __name__ == "__main__":
    commands = {"up": up, "down": down}
    if len(sys.argv) != 3 or sys.argv[1] not in commands or sys.argv[2] not in ARCHITECTURES:
        sys.exit(__doc__)
    commands[sys.argv[1]](*ARCHITECTURES[sys.argv[2]])
