"""Somebody else deploys: a blue and a green task set behind one listener, whose weights the deployer sets."""

from collections.abc import Iterator
from typing import Any

import pytest

from demo.architecture import Side
from tests.support.load import Load
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

PORT = 9444
NAME = "external"
SOON = {"Delay": 1, "MaxAttempts": 90}


@pytest.fixture
def groups(world: World) -> Iterator[list[str]]:
    """Two target groups, which the listener forwards to when a test has said how."""
    elb, made = world.clients.elb, []
    for name in ("sets-blue", "sets-green"):
        made.append(
            elb.create_target_group(
                Name=name, Protocol="TCP", Port=8443, VpcId=world.made.vpc, TargetType="ip",
                HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
            )["TargetGroups"][0]["TargetGroupArn"]
        )  # fmt: skip
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}
        elb.modify_target_group_attributes(TargetGroupArn=made[-1], Attributes=[delay])
    yield made
    for group in made:
        elb.delete_target_group(TargetGroupArn=group)


@pytest.fixture
def listener(world: World, groups: list[str]) -> Iterator[str]:
    elb = world.clients.elb
    made = elb.create_listener(
        LoadBalancerArn=world.made.load_balancer,
        Protocol="TCP",
        Port=PORT,
        DefaultActions=weighted(groups, 1),
    )["Listeners"][0]["ListenerArn"]
    yield made
    elb.delete_listener(ListenerArn=made)


def weighted(groups: list[str], blue: int) -> list[dict[str, Any]]:
    """All of the traffic to the first of the groups (``blue`` 1), or to the second (0)."""
    weights = zip(groups, (blue, 1 - blue), strict=True)
    targets = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": targets}}]


class Sets:
    """The service's task sets, as their deployer handles them."""

    def __init__(self, world: World) -> None:
        self.ecs, self.cluster = world.clients.ecs, world.made.ledger.cluster
        ledger = self.ecs.describe_services(cluster=self.cluster, services=[world.made.ledger.service])
        self.like = ledger["services"][0]
        self.named = {"cluster": self.cluster, "service": NAME}
        self.ecs.create_service(
            cluster=self.cluster, serviceName=NAME, desiredCount=2, deploymentController={"type": "EXTERNAL"}
        )

    def add(self, group: str) -> str:
        container = self.like["loadBalancers"][0]["containerName"]
        made: str = self.ecs.create_task_set(
            **self.named, taskDefinition=self.like["taskDefinition"], launchType="FARGATE",
            networkConfiguration=self.like["networkConfiguration"],
            loadBalancers=[{"targetGroupArn": group, "containerName": container, "containerPort": 8443}],
            scale={"value": 100.0, "unit": "PERCENT"},
        )["taskSet"]["id"]  # fmt: skip
        return made

    def shown(self) -> dict[str, Any]:
        return {one["id"]: one for one in self.ecs.describe_task_sets(**self.named)["taskSets"]}

    def steady(self) -> bool:
        return all(one["stabilityStatus"] == "STEADY_STATE" for one in self.shown().values())

    def addresses(self, task_set: str) -> set[str]:
        arns = self.ecs.list_tasks(cluster=self.cluster, startedBy=task_set)["taskArns"]
        tasks = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]
        return {task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for task in tasks}

    def delete_all(self) -> None:
        self.ecs.delete_service(**self.named, force=True)
        self.ecs.get_waiter("services_inactive").wait(
            cluster=self.cluster, services=[NAME], WaiterConfig=SOON
        )


@pytest.fixture
def sets(world: World, listener: str) -> Iterator[Sets]:
    made = Sets(world)
    yield made
    made.delete_all()


def answering(load: Load) -> set[str]:
    """The addresses of the tasks that answered the last twenty connections."""
    return {str(visit.server["address"]) for _, visit in load.visits[-20:] if visit.ok}


def test_green_takes_over_from_blue(world: World, groups: list[str], listener: str, sets: Sets) -> None:
    side: Side = world.made.ledger
    blue, green = sets.add(groups[0]), sets.add(groups[1])
    until("both sets to be steady", sets.steady, seconds=90)
    sets.ecs.update_service_primary_task_set(**sets.named, primaryTaskSet=blue)
    old, new = sets.addresses(blue), sets.addresses(green)
    with Load(world.nodes, PORT, side.certificate_name, world.ca(side), 40) as load:
        until("blue to serve", lambda: answering(load) == old, seconds=60)
        world.clients.elb.modify_listener(ListenerArn=listener, DefaultActions=weighted(groups, 0))
        sets.ecs.update_service_primary_task_set(**sets.named, primaryTaskSet=green)
        until("green to serve", lambda: answering(load) == new, seconds=60)
        sets.ecs.delete_task_set(**sets.named, taskSet=blue, force=True)
        until("blue to be gone", lambda: blue not in sets.shown(), seconds=60)
    assert load.failures == []
    assert {name: one["status"] for name, one in sets.shown().items()} == {green: "PRIMARY"}
    assert sets.shown()[green]["runningCount"] == 2
    assert sets.addresses(green) == new
