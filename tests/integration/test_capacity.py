"""A capacity provider of one's own on real containers: nothing, then an instance for a task, then nothing."""

import base64
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

JOINS = base64.b64encode(b"echo ECS_CLUSTER=grown >> /etc/ecs/ecs.config").decode()
PROVIDER = [{"capacityProvider": "grown", "weight": 1}]


@pytest.fixture
def scaling(world: World) -> Iterator[Any]:
    """A cluster whose group of instances is empty; all of it is gone after the test."""
    environment = world.machine.environment()
    client = boto3.client(
        "autoscaling",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    ec2, ecs = world.clients.ec2, world.clients.ecs
    data = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "UserData": JOINS}
    ec2.create_launch_template(LaunchTemplateName="grown", LaunchTemplateData=data)
    client.create_auto_scaling_group(
        AutoScalingGroupName="grown",
        LaunchTemplate={"LaunchTemplateName": "grown"},
        MinSize=0,
        MaxSize=2,
        AvailabilityZones=["us-east-1a", "us-east-1b"],
    )
    group = {"autoScalingGroupArn": "grown", "managedScaling": {"status": "ENABLED"}}
    ecs.create_capacity_provider(name="grown", autoScalingGroupProvider=group)
    ecs.create_cluster(
        clusterName="grown", capacityProviders=["grown"], defaultCapacityProviderStrategy=PROVIDER
    )
    yield client
    client.delete_auto_scaling_group(AutoScalingGroupName="grown", ForceDelete=True)
    until("the group is gone", lambda: not client.describe_auto_scaling_groups()["AutoScalingGroups"], 60)
    ecs.delete_cluster(cluster="grown")
    ecs.delete_capacity_provider(capacityProvider="grown")
    ec2.delete_launch_template(LaunchTemplateName="grown")


def test_an_instance_comes_for_a_task_and_goes(world: World, scaling: Any) -> None:
    ecs, image = world.clients.ecs, world.made.orders.image
    container = {"name": "app", "image": image, "memory": 64, "stopTimeout": 2}
    ecs.register_task_definition(family="grown", containerDefinitions=[container])
    (task,) = ecs.run_task(cluster="grown", taskDefinition="grown")["tasks"]
    assert (task["lastStatus"], task["capacityProviderName"]) == ("PROVISIONING", "grown")

    quickly = {"Delay": 1, "MaxAttempts": 60}
    named = {"cluster": "grown", "tasks": [task["taskArn"]]}
    ecs.get_waiter("tasks_running").wait(**named, WaiterConfig=quickly)
    (member,) = scaling.describe_auto_scaling_instances()["AutoScalingInstances"]
    assert member["LifecycleState"] == "InService"

    scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=member["InstanceId"], ShouldDecrementDesiredCapacity=True
    )

    def waits() -> bool:
        found = scaling.describe_auto_scaling_instances()["AutoScalingInstances"]
        return [one["LifecycleState"] for one in found] == ["Terminating:Wait"]

    until("the instance waits for its task", waits, 30)
    (running,) = ecs.describe_tasks(**named)["tasks"]
    assert running["lastStatus"] == "RUNNING"
    ecs.stop_task(cluster="grown", task=task["taskArn"])
    until(
        "the instance is gone",
        lambda: not scaling.describe_auto_scaling_instances()["AutoScalingInstances"],
        60,
    )
