"""boto3's waiters, and the AWS CLI's, against the living system: each waits, and fails where it should."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from demo.architecture import CONTAINER_PORT
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]

QUICK = {"Delay": 1, "MaxAttempts": 60}
NAME = "waiters"


def wait(client: Any, name: str, **of: Any) -> None:
    client.get_waiter(name).wait(**of, WaiterConfig=QUICK)


@dataclass
class Small:
    """A load balancer with one Fargate service of one task behind it."""

    balancer: str
    target_group: str


@pytest.fixture(scope="module")
def small(world: World) -> Iterator[Small]:
    ecs, elb, made = world.clients.ecs, world.clients.elb, world.made
    balancer = elb.create_load_balancer(
        Name=NAME, Type="network", Scheme="internal", Subnets=[made.subnets[0]]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(
        Name=NAME, Protocol="TCP", Port=CONTAINER_PORT, VpcId=made.vpc, TargetType="ip",
        HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}]
    )
    elb.create_listener(
        LoadBalancerArn=balancer, Protocol="TCP", Port=CONTAINER_PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    ecs.create_cluster(clusterName=NAME)
    yield Small(balancer, group)
    elb.delete_target_group(TargetGroupArn=group)
    ecs.delete_cluster(cluster=NAME)


def network(world: World) -> dict[str, Any]:
    made = world.made
    return {"awsvpcConfiguration": {"subnets": [made.subnets[0]], "securityGroups": [made.security_group]}}


def test_tasks(world: World, small: Small) -> None:
    ecs = world.clients.ecs
    task = ecs.run_task(
        cluster=NAME, taskDefinition="ledger", launchType="FARGATE", networkConfiguration=network(world)
    )["tasks"][0]["taskArn"]

    wait(ecs, "tasks_running", cluster=NAME, tasks=[task])
    assert ecs.describe_tasks(cluster=NAME, tasks=[task])["tasks"][0]["lastStatus"] == "RUNNING"

    ecs.stop_task(cluster=NAME, task=task, reason="enough")
    wait(ecs, "tasks_stopped", cluster=NAME, tasks=[task])
    (stopped,) = ecs.describe_tasks(cluster=NAME, tasks=[task])["tasks"]
    assert (stopped["lastStatus"], stopped["stoppedReason"]) == ("STOPPED", "enough")
    with pytest.raises(WaiterError):
        wait(ecs, "tasks_running", cluster=NAME, tasks=[task])


def test_a_service_and_its_targets_come_and_go(world: World, small: Small) -> None:
    ecs, elb = world.clients.ecs, world.clients.elb
    wait(elb, "load_balancer_available", LoadBalancerArns=[small.balancer])
    attached = {
        "targetGroupArn": small.target_group,
        "containerName": "ledger",
        "containerPort": CONTAINER_PORT,
    }
    ecs.create_service(
        cluster=NAME, serviceName=NAME, taskDefinition="ledger", desiredCount=1, launchType="FARGATE",
        loadBalancers=[attached], networkConfiguration=network(world),
    )  # fmt: skip

    wait(ecs, "services_stable", cluster=NAME, services=[NAME])
    wait(elb, "target_in_service", TargetGroupArn=small.target_group)
    (health,) = elb.describe_target_health(TargetGroupArn=small.target_group)["TargetHealthDescriptions"]
    assert health["TargetHealth"]["State"] == "healthy"

    ecs.delete_service(cluster=NAME, service=NAME, force=True)
    wait(elb, "target_deregistered", TargetGroupArn=small.target_group, Targets=[health["Target"]])
    wait(ecs, "services_inactive", cluster=NAME, services=[NAME])
    assert elb.describe_target_health(TargetGroupArn=small.target_group)["TargetHealthDescriptions"] == []

    elb.delete_load_balancer(LoadBalancerArn=small.balancer)
    wait(elb, "load_balancers_deleted", LoadBalancerArns=[small.balancer])


def test_a_waiter_for_what_is_not_there_fails(world: World, small: Small) -> None:
    ecs = world.clients.ecs
    with pytest.raises(WaiterError, match="MISSING"):
        wait(ecs, "services_stable", cluster=NAME, services=["none"])
    with pytest.raises(WaiterError, match="MISSING"):
        wait(ecs, "tasks_running", cluster=NAME, tasks=["0" * 32])


def test_the_aws_cli_waits_too(world: World) -> None:
    def aws(*words: str) -> str:
        environment = {**os.environ, **world.machine.environment(), "AWS_PAGER": ""}
        command = [str(Path(sys.executable).with_name("aws")), *words, "--output", "text"]
        ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, f"{words}: {ran.stderr}"
        return ran.stdout.strip()

    in_blue = ("--cluster", "blue")
    aws("ecs", "update-service", *in_blue, "--service", "orders", "--force-new-deployment")
    aws("ecs", "wait", "services-stable", *in_blue, "--services", "orders")
    aws("elbv2", "wait", "load-balancer-available", "--names", "front")
    aws("elbv2", "wait", "target-in-service", "--target-group-arn", world.made.orders.target_group)
    run = ("run-task", *in_blue, "--task-definition", "orders", "--query", "tasks[0].taskArn")
    task = aws("ecs", *run)
    aws("ecs", "wait", "tasks-running", *in_blue, "--tasks", task)
    aws("ecs", "stop-task", *in_blue, "--task", task)
    aws("ecs", "wait", "tasks-stopped", *in_blue, "--tasks", task)
