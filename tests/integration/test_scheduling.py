"""Daemons and draining instances on real containers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

SERVICE = {"cluster": "blue", "service": "watcher"}


@pytest.fixture
def daemon(world: World) -> Iterator[dict[str, Any]]:
    """A daemon service in *blue*, gone after the test."""
    ecs, side = world.clients.ecs, world.made.orders
    container = {"name": "watcher", "image": side.image, "memory": 64, "cpu": 32, "stopTimeout": 2}
    ecs.register_task_definition(family="watcher", containerDefinitions=[container])
    made = ecs.create_service(
        cluster="blue", serviceName="watcher", taskDefinition="watcher", schedulingStrategy="DAEMON"
    )
    yield made["service"]
    ecs.delete_service(**SERVICE)
    ecs.get_waiter("services_inactive").wait(
        cluster="blue", services=["watcher"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def stable(world: World) -> None:
    world.clients.ecs.get_waiter("services_stable").wait(
        cluster="blue", services=["watcher"], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def places(world: World, service: str) -> list[str]:
    """The container instances of the service's tasks that run and are to."""
    ecs = world.clients.ecs
    arns = ecs.list_tasks(cluster="blue", serviceName=service, desiredStatus="RUNNING")["taskArns"]
    tasks = ecs.describe_tasks(cluster="blue", tasks=arns)["tasks"] if arns else []
    return sorted(t["containerInstanceArn"] for t in tasks if t["lastStatus"] == "RUNNING")


def alive_on(world: World, instance: str) -> set[str]:
    """The groups of the tasks on a container instance that are not STOPPED yet."""
    ecs = world.clients.ecs
    arns = [
        arn
        for desired in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster="blue", containerInstance=instance, desiredStatus=desired)[
            "taskArns"
        ]
    ]
    tasks = ecs.describe_tasks(cluster="blue", tasks=arns)["tasks"] if arns else []
    return {task["group"] for task in tasks if task["lastStatus"] != "STOPPED"}


def described(world: World) -> dict[str, Any]:
    answer: dict[str, Any] = world.clients.ecs.describe_services(cluster="blue", services=["watcher"])
    found: dict[str, Any] = answer["services"][0]
    return found


def test_a_daemon_follows_its_instances_and_leaves_last(world: World, daemon: dict[str, Any]) -> None:
    ecs = world.clients.ecs
    instances = sorted(ecs.list_container_instances(cluster="blue")["containerInstanceArns"])
    stable(world)
    assert places(world, "watcher") == instances
    assert described(world)["desiredCount"] == len(instances) == 3

    leaving = instances[0]
    set_state = {"cluster": "blue", "containerInstances": [leaving]}
    with world.load(world.made.orders) as load:
        ecs.update_container_instances_state(**set_state, status="DRAINING")
        seen: list[set[str]] = []

        def emptied() -> bool:
            seen.append(alive_on(world, leaving))
            return not seen[-1]

        until("the instance is empty", emptied, 120)
    assert {"service:orders"} not in seen, "the daemon left before the orders' task"
    assert load.failures == []

    ecs.update_container_instances_state(**set_state, status="ACTIVE")
    until("the daemon is back", lambda: places(world, "watcher") == instances, 60)
    before = set(ecs.list_tasks(cluster="blue", serviceName="watcher")["taskArns"])
    ecs.update_service(**SERVICE, forceNewDeployment=True)
    stable(world)
    assert places(world, "watcher") == instances
    assert before.isdisjoint(ecs.list_tasks(cluster="blue", serviceName="watcher")["taskArns"])
    world.stable()
