from datetime import UTC, datetime, timedelta

import pytest

from sealway.model.task import Task
from tests.support.ecs_world import ECS, World, ecs_world, refused


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def service_task(world: World) -> str:
    world.instance(9)
    (task,) = world.ecs.run_task(cluster="blue", taskDefinition="web")["tasks"]
    world.observe(task["taskArn"], service_arn=f"{ECS}:service/blue/s", last_status="RUNNING")
    return task["taskArn"]


def test_protection_goes_on_and_off(world):
    arn = service_task(world)
    before = datetime.now(UTC)
    (shown,) = world.ecs.update_task_protection(cluster="blue", tasks=[arn, arn], protectionEnabled=True)[
        "protectedTasks"
    ]
    assert shown["protectionEnabled"] is True
    assert timedelta(minutes=119) < shown["expirationDate"] - before < timedelta(minutes=121)
    assert world.ecs.get_task_protection(cluster="blue", tasks=[arn.rsplit("/")[-1]])["protectedTasks"] == [
        shown
    ]
    (longer,) = world.ecs.update_task_protection(
        cluster="blue", tasks=[arn], protectionEnabled=True, expiresInMinutes=2880
    )["protectedTasks"]
    assert longer["expirationDate"] - before > timedelta(hours=47)
    off = world.ecs.update_task_protection(cluster="blue", tasks=[arn], protectionEnabled=False)
    assert off["protectedTasks"] == [{"taskArn": arn, "protectionEnabled": False}]
    assert world.run(lambda: world.store.get(Task, arn)).protected_until is None


def test_an_expired_protection_reads_as_off(world):
    arn = service_task(world)
    world.observe(arn, protected_until=datetime.now(UTC) - timedelta(seconds=1))
    shown = world.ecs.get_task_protection(cluster="blue", tasks=[arn])["protectedTasks"]
    assert shown == [{"taskArn": arn, "protectionEnabled": False}]


def test_who_cannot_be_protected(world):
    stopping = service_task(world)
    world.ecs.stop_task(cluster="blue", task=stopping)
    (loose,) = world.ecs.run_task(cluster="blue", taskDefinition="web")["tasks"]
    answer = world.ecs.update_task_protection(
        cluster="blue", tasks=[stopping, loose["taskArn"], "none"], protectionEnabled=True
    )
    assert answer["protectedTasks"] == []
    assert [failure["reason"] for failure in answer["failures"]] == [
        "TASK_NOT_VALID",
        "TASK_NOT_VALID",
        "MISSING",
    ]


def test_refusals(world):
    arn = service_task(world)
    for minutes in (0, 2881):
        with refused("InvalidParameterException", "between 1 and 2880"):
            world.ecs.update_task_protection(
                cluster="blue", tasks=[arn], protectionEnabled=True, expiresInMinutes=minutes
            )
    with refused("InvalidParameterException", "between 1 and 10 tasks"):
        world.ecs.update_task_protection(cluster="blue", tasks=[], protectionEnabled=True)
    with refused("InvalidParameterException", "between 1 and 100 tasks"):
        world.ecs.get_task_protection(cluster="blue")
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.stranger.get_task_protection(cluster="blue", tasks=[arn])
