"""A service whose zone comes back is spread again, under load, without losing a connection.

The service is this test's own: after a task has failed, a service is left where it is for ten minutes, and
other tests kill tasks of *orders*.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from demo.architecture import CONTAINER_PORT
from tests.support.load import Load
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]
PORT = 9443
SERVICE = {"cluster": "blue", "service": "spread"}


def stable(world: World) -> None:
    waiter = world.clients.ecs.get_waiter("services_stable")
    waiter.wait(cluster="blue", services=["spread"], WaiterConfig={"Delay": 1, "MaxAttempts": 90})


@pytest.fixture
def service(world: World) -> Iterator[None]:
    """*spread*: three more tasks of orders' definition, behind a listener of their own."""
    elb, ecs = world.clients.elb, world.clients.ecs
    group = elb.create_target_group(
        Name="spread", Protocol="TCP", Port=CONTAINER_PORT, VpcId=world.made.vpc, HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
    listener = elb.create_listener(
        LoadBalancerArn=world.made.load_balancer,
        Protocol="TCP",
        Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )["Listeners"][0]["ListenerArn"]
    balanced = {"targetGroupArn": group, "containerName": "orders", "containerPort": CONTAINER_PORT}
    ecs.create_service(
        cluster="blue",
        serviceName="spread",
        taskDefinition="orders",
        desiredCount=3,
        launchType="EC2",
        loadBalancers=[balanced],
    )
    stable(world)
    yield
    ecs.delete_service(**SERVICE, force=True)
    elb.delete_listener(ListenerArn=listener)
    ecs.get_waiter("services_inactive").wait(
        cluster="blue", services=["spread"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    elb.delete_target_group(TargetGroupArn=group)
    world.redeploy(world.made.orders)  # over both zones again


def zones(world: World) -> Counter[str]:
    """Running tasks of *spread* in each Availability Zone."""
    ecs = world.clients.ecs
    arns = ecs.list_tasks(cluster="blue", serviceName="spread", desiredStatus="RUNNING")["taskArns"]
    tasks = ecs.describe_tasks(cluster="blue", tasks=arns)["tasks"] if arns else []
    return Counter(t["availabilityZone"] for t in tasks if t["lastStatus"] == "RUNNING")


def test_tasks_return_to_a_zone_that_has_come_back(world: World, service: None) -> None:
    ecs = world.clients.ecs
    arns = ecs.list_container_instances(cluster="blue")["containerInstanceArns"]
    instances = ecs.describe_container_instances(cluster="blue", containerInstances=arns)[
        "containerInstances"
    ]
    zone_of = {
        i["containerInstanceArn"]: a["value"]
        for i in instances
        for a in i["attributes"]
        if a["name"] == "ecs.availability-zone"
    }
    gone = min(zone_of.values(), key=Counter(zone_of.values()).__getitem__)
    leaving = [arn for arn, zone in zone_of.items() if zone == gone]
    ecs.update_container_instances_state(cluster="blue", containerInstances=leaving, status="DRAINING")
    until("the zone is empty", lambda: sum(zones(world).values()) == 3 and not zones(world)[gone], 90)
    stable(world)

    orders = world.made.orders
    with Load(world.vips, PORT, orders.certificate_name, world.ca(orders)) as load:
        ecs.update_container_instances_state(cluster="blue", containerInstances=leaving, status="ACTIVE")
        until("the zones are balanced", lambda: sorted(zones(world).values()) == [1, 2], 90)
        stable(world)
    assert load.failures == []
    events = ecs.describe_services(cluster="blue", services=["spread"])["services"][0]["events"]
    said = [event["message"] for event in events]
    assert any("is not AZ balanced with" in message for message in said)
    assert any("is AZ balanced with" in message for message in said)
