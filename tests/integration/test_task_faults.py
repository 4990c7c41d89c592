"""Tasks that cannot start, crash again and again, will not stop, or take too much memory."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]
CLUSTER = "faults"
PYTHON = "/usr/bin/python3"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(600)"
)
EATS_MEMORY = "x = bytearray(1 << 30)"


@pytest.fixture(scope="module")
def cluster(world: World) -> Iterator[str]:
    world.clients.ecs.create_cluster(clusterName=CLUSTER)
    yield CLUSTER
    world.clients.ecs.delete_cluster(cluster=CLUSTER)


def define(world: World, family: str, **container: Any) -> None:
    world.clients.ecs.register_task_definition(
        family=family, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[{"name": "app", "image": "sealway/orders:1", "memory": 64, **container}],
    )  # fmt: skip


def network(world: World) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": list(world.made.subnets)}}


def run(world: World, family: str) -> str:
    """The ARN of a task of its own."""
    answer = world.clients.ecs.run_task(
        cluster=CLUSTER, taskDefinition=family, launchType="FARGATE", networkConfiguration=network(world)
    )
    arn: str = answer["tasks"][0]["taskArn"]
    return arn


def task(world: World, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = world.clients.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]
    return found


def stopped(world: World, arn: str, seconds: float = 30) -> dict[str, Any]:
    until("the task's end", lambda: task(world, arn)["lastStatus"] == "STOPPED", seconds=seconds)
    return task(world, arn)


@pytest.fixture
def service(world: World, cluster: str) -> Iterator[str]:
    """A service's name; the service is deleted afterwards, with its tasks."""
    yield "faulty"
    world.clients.ecs.delete_service(cluster=cluster, service="faulty", force=True)
    until("its end", lambda: status(world, cluster) == "INACTIVE")
    assert not world.clients.ecs.list_tasks(cluster=cluster)["taskArns"]


def status(world: World, cluster: str) -> str:
    """DRAINING lasts until the last task is stopped; the name is free again after that."""
    answer = world.clients.ecs.describe_services(cluster=cluster, services=["faulty"])
    found: str = answer["services"][0]["status"]
    return found


def create(world: World, service: str, family: str) -> None:
    world.clients.ecs.create_service(
        cluster=CLUSTER, serviceName=service, taskDefinition=family, desiredCount=1, launchType="FARGATE",
        networkConfiguration=network(world),
    )  # fmt: skip


def all_stopped(world: World) -> list[dict[str, Any]]:
    arns = world.clients.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED")["taskArns"]
    tasks = world.clients.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
    return [t for t in tasks if t["lastStatus"] == "STOPPED"]


def test_an_unknown_image(world: World, cluster: str, service: str) -> None:
    define(world, "unknown", image="localhost:1/nobody/nothing:1")
    create(world, service, "unknown")
    until("three attempts", lambda: len(all_stopped(world)) >= 3, seconds=60)
    for each in all_stopped(world):
        assert each["stopCode"] == "TaskFailedToStart"
        assert each["stoppedReason"].startswith("CannotPullContainerError: ")
        assert "startedAt" not in each
    began = time.monotonic()
    attempts = len(all_stopped(world))
    until("ten seconds", lambda: time.monotonic() > began + 10, seconds=20)
    assert len(all_stopped(world)) - attempts <= 3, "attempts are ever further apart"
    described = world.clients.ecs.describe_services(cluster=cluster, services=[service])["services"][0]
    assert any("unable to consistently start tasks" in e["message"] for e in described["events"])


def test_a_crash_loop_backs_off(world: World, cluster: str, service: str) -> None:
    define(world, "crashing", entryPoint=[PYTHON, "-c", "raise SystemExit(3)"])
    create(world, service, "crashing")
    ended = lambda: [t for t in all_stopped(world) if "crashing" in t["taskDefinitionArn"]]  # noqa: E731
    until("some attempts", lambda: len(ended()) >= 3, seconds=90)
    assert {t["containers"][0]["exitCode"] for t in ended()} == {3}
    assert {t["stopCode"] for t in ended()} <= {"EssentialContainerExited"}


def test_a_container_that_ignores_sigterm(world: World, cluster: str) -> None:
    define(world, "deaf", entryPoint=[PYTHON, "-uc", IGNORES_SIGTERM], stopTimeout=3)
    arn = run(world, "deaf")
    until("the task", lambda: task(world, arn)["lastStatus"] == "RUNNING")
    began = time.monotonic()
    world.clients.ecs.stop_task(cluster=cluster, task=arn, reason="enough")
    end = stopped(world, arn)
    assert 3 <= time.monotonic() - began < 8
    assert (end["stopCode"], end["stoppedReason"]) == ("UserInitiated", "enough")
    assert end["containers"][0]["exitCode"] == 137


def test_a_container_that_takes_too_much_memory(world: World, cluster: str) -> None:
    define(world, "greedy", entryPoint=[PYTHON, "-c", EATS_MEMORY])
    end = stopped(world, run(world, "greedy"))
    container = end["containers"][0]
    assert end["stopCode"] == "EssentialContainerExited"
    assert container["exitCode"] == 137
    assert container["reason"].startswith("OutOfMemoryError: Container killed due to memory usage")
