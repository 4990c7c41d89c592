"""A service's traffic moves from one target group to another while clients go on connecting."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.architecture import Side
from tests.support.load import Load
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

PORT = 9443
NAME = "shifted"
SOON = {"Delay": 1, "MaxAttempts": 90}


@dataclass
class Shifted:
    """A service of two tasks, its two target groups, and the listener before them."""

    groups: list[str]
    listener: str


def target_group(world: World, name: str) -> str:
    elb = world.clients.elb
    made: str = elb.create_target_group(
        Name=name, Protocol="TCP", Port=8443, VpcId=world.made.vpc, TargetType="ip",
        HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}
    elb.modify_target_group_attributes(TargetGroupArn=made, Attributes=[delay])
    return made


@pytest.fixture
def shifted(world: World) -> Iterator[Shifted]:
    elb, ecs, side = world.clients.elb, world.clients.ecs, world.made.ledger
    groups = [target_group(world, "shift-blue"), target_group(world, "shift-green")]
    listener = elb.create_listener(
        LoadBalancerArn=world.made.load_balancer, Protocol="TCP", Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[0]}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    (current,) = ecs.describe_services(cluster=side.cluster, services=[side.service])["services"]
    balancer = {
        "targetGroupArn": groups[0],
        "containerName": current["loadBalancers"][0]["containerName"],
        "containerPort": 8443,
        "advancedConfiguration": {
            "alternateTargetGroupArn": groups[1],
            "productionListenerRule": listener,
            "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole",
        },
    }
    ecs.create_service(
        cluster=side.cluster, serviceName=NAME, taskDefinition=current["taskDefinition"], desiredCount=2,
        launchType="FARGATE", networkConfiguration=current["networkConfiguration"], loadBalancers=[balancer],
        deploymentConfiguration={
            "strategy": "CANARY",
            "canaryConfiguration": {"canaryPercent": 50.0, "canaryBakeTimeInMinutes": 0},
            "bakeTimeInMinutes": 0,
            "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}],
        },
    )  # fmt: skip
    ecs.get_waiter("services_stable").wait(cluster=side.cluster, services=[NAME], WaiterConfig=SOON)
    elb.get_waiter("target_in_service").wait(TargetGroupArn=groups[0], WaiterConfig=SOON)  # it also serves
    yield Shifted(groups, listener)
    ecs.delete_service(cluster=side.cluster, service=NAME, force=True)
    ecs.get_waiter("services_inactive").wait(cluster=side.cluster, services=[NAME], WaiterConfig=SOON)
    elb.delete_listener(ListenerArn=listener)
    for group in groups:
        elb.delete_target_group(TargetGroupArn=group)


def deployment(world: World) -> Any:
    ecs, cluster = world.clients.ecs, world.made.ledger.cluster
    newest = ecs.list_service_deployments(cluster=cluster, service=NAME)["serviceDeployments"][0]
    arn = newest["serviceDeploymentArn"]
    return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def waiting_hook(world: World) -> str | None:
    hooks = deployment(world).get("lifecycleHookDetails", [])
    return next((hook["hookId"] for hook in hooks if hook["status"] == "AWAITING_ACTION"), None)


def go_on(world: World) -> None:
    hook = until("the deployment to pause", lambda: waiting_hook(world), seconds=60)
    arn = deployment(world)["serviceDeploymentArn"]
    world.clients.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook)


def answering(load: Load) -> set[str]:
    """The addresses of the tasks that answered the last forty connections."""
    return {str(visit.server["address"]) for _, visit in load.visits[-40:] if visit.ok}


def healthy(world: World, group: str) -> int:
    found = world.clients.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(target["TargetHealth"]["State"] == "healthy" for target in found)


def test_a_canary_takes_over_without_a_failed_connection(world: World, shifted: Shifted) -> None:
    ecs, side = world.clients.ecs, world.made.ledger
    as_shifted = Side(side.cluster, NAME, PORT, shifted.groups[0], "FARGATE")
    blue = {task.address for task in world.tasks(as_shifted)}
    with Load(world.nodes, PORT, side.certificate_name, world.ca(side), 40) as load:
        ecs.update_service(cluster=side.cluster, service=NAME, forceNewDeployment=True)
        go_on(world)
        until("half of the traffic", lambda: len(answering(load) - blue) == 2, seconds=60)
        assert healthy(world, shifted.groups[0]) == 2
        go_on(world)
        until("the end", lambda: deployment(world)["status"] == "SUCCESSFUL", seconds=90)
        ended = time.monotonic()
        until("connections afterwards", lambda: time.monotonic() > ended + 2)
    assert load.failures == []
    assert blue.isdisjoint(answering(load))
    assert (healthy(world, shifted.groups[0]), healthy(world, shifted.groups[1])) == (0, 2)
