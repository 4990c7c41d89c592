"""A service's tasks in up to five target groups, and a task set's in as many; control is at work."""

import pytest

from tests.support.ecs_world import refused
from tests.support.fleet_world import fleet_world

CONTAINER = {
    "name": "app",
    "image": "app:1",
    "cpu": 64,
    "memory": 64,
    "portMappings": [{"containerPort": 80}, {"containerPort": 81}],
}


@pytest.fixture
def world(tmp_path):
    """Six target groups, each behind a listener; odd ones lead to the container's other port."""
    with fleet_world(tmp_path) as world:
        world.ecs.create_cluster(clusterName="blue")
        world.group(DesiredCapacity=2)
        world.ecs.register_task_definition(
            family="web", networkMode="awsvpc", containerDefinitions=[CONTAINER]
        )
        world.elb = world.client("elbv2")
        vpc = world.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        edge = world.elb.create_load_balancer(Name="edge", Type="network", Subnets=world.subnets)
        world.balancers = [
            {"targetGroupArn": arn, "containerName": "app", "containerPort": 80 + number % 2}
            for number, arn in enumerate(groups(world, vpc, edge["LoadBalancers"][0]["LoadBalancerArn"]))
        ]
        world.settle()
        yield world


def groups(world, vpc, edge):
    for number in range(6):
        made = world.elb.create_target_group(
            Name=f"g{number}", Protocol="TCP", Port=80, VpcId=vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        world.elb.create_listener(
            LoadBalancerArn=edge,
            Protocol="TCP",
            Port=440 + number,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": made}],
        )
        yield made


def ports(world):
    """Of the targets of each group that do not drain."""
    healths = (
        world.elb.describe_target_health(TargetGroupArn=b["targetGroupArn"])["TargetHealthDescriptions"]
        for b in world.balancers
    )
    return [
        [one["Target"]["Port"] for one in health if one["TargetHealth"]["State"] != "draining"]
        for health in healths
    ]


def network(world):
    return {"awsvpcConfiguration": {"subnets": world.subnets}}


def create(world, count, **members):
    return world.ecs.create_service(
        cluster="blue", serviceName="orders", taskDefinition="web", desiredCount=2,
        networkConfiguration=network(world), loadBalancers=world.balancers[:count], **members,
    )["service"]  # fmt: skip


def test_each_task_is_in_all_five(world):
    with refused("InvalidParameterException", "The number of load balancers cannot exceed 5."):
        create(world, 6)
    shown = create(world, 5)
    assert shown["loadBalancers"] == world.balancers[:5]
    world.settle()
    assert ports(world) == [[80, 80], [81, 81], [80, 80], [81, 81], [80, 80], []]

    world.ecs.update_service(cluster="blue", service="orders", desiredCount=1)
    world.settle()
    assert ports(world) == [[80], [81], [80], [81], [80], []]

    world.ecs.delete_service(cluster="blue", service="orders", force=True)
    world.settle()
    world.later(minutes=6)
    assert ports(world) == [[]] * 6
    assert (
        world.ecs.describe_services(cluster="blue", services=["orders"])["services"][0]["status"]
        == "INACTIVE"
    )


def test_a_task_set_is_in_several_too(world):
    world.ecs.create_service(
        cluster="blue", serviceName="sets", desiredCount=2, deploymentController={"type": "EXTERNAL"}
    )
    made = world.ecs.create_task_set(
        cluster="blue", service="sets", taskDefinition="web", launchType="EC2", scale={"value": 50},
        networkConfiguration=network(world), loadBalancers=world.balancers[4:],
    )["taskSet"]  # fmt: skip
    assert made["loadBalancers"] == world.balancers[4:]
    world.settle()
    assert ports(world) == [[], [], [], [], [80], [81]]

    world.ecs.delete_task_set(cluster="blue", service="sets", taskSet=made["id"], force=True)
    world.settle()
    world.later(minutes=6)
    assert ports(world) == [[]] * 6
