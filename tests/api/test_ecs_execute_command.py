"""ExecuteCommand through boto3, up to the session that the plugin takes up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealway.model.exec_session import ExecSession, digest_of
from sealway.model.task import Task
from tests.support.ecs_world import CONTAINER, World, ecs_world, refused


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ecs_world(tmp_path) as made:
        made.instance()
        yield made


def run(world: World, status: str = "RUNNING", **request: Any) -> str:
    """A task whose container is there; its ARN."""
    given = {"cluster": "blue", "taskDefinition": "web", "enableExecuteCommand": True}
    task = world.ecs.run_task(**(given | request))["tasks"][0]
    arn: str = task["taskArn"]

    found = world.store.get(Task, arn)
    assert found is not None
    containers = tuple(msgspec.structs.replace(c, last_status=status) for c in found.containers)
    world.observe(arn, containers=containers, last_status=status)
    return arn


def execute(world: World, task: str, **request: Any) -> Any:
    return world.ecs.execute_command(
        **{"cluster": "blue", "task": task, "command": "/bin/sh", "interactive": True} | request
    )


def test_a_session_is_opened(world: World) -> None:
    arn = run(world)
    answer = execute(world, arn, command="/bin/sh -c 'echo \"a b\"'")
    assert (answer["taskArn"], answer["containerName"], answer["interactive"]) == (arn, "app", True)
    session = answer["session"]
    (kept,) = world.store.list(ExecSession)
    assert session["streamUrl"].endswith(f"/{kept.id}?role=publish_subscribe")
    assert (session["sessionId"], digest_of(session["tokenValue"])) == (kept.id, kept.token_digest)
    assert kept.command == ("/bin/sh", "-c", 'echo "a b"')
    assert kept.container == "app"


def test_where_it_is_enabled_it_is_shown(world: World) -> None:
    (task,) = world.ecs.describe_tasks(cluster="blue", tasks=[run(world)])["tasks"]
    assert task["enableExecuteCommand"] is True
    (agent,) = task["containers"][0]["managedAgents"]
    assert (agent["name"], agent["lastStatus"]) == ("ExecuteCommandAgent", "RUNNING")
    assert agent["lastStartedAt"]
    service = world.ecs.create_service(
        cluster="blue", serviceName="s", taskDefinition="web", desiredCount=0, enableExecuteCommand=True
    )["service"]
    assert service["enableExecuteCommand"] is True
    off = world.ecs.update_service(cluster="blue", service="s", enableExecuteCommand=False)["service"]
    assert off["enableExecuteCommand"] is False


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"interactive": False}, "Interactive must be true"),
        ({"command": "  "}, "Command can not be blank"),
        ({"command": "x" * 8193}, "Command length must be at most 8192"),
        ({"command": "sh -c 'open"}, "could not be parsed: No closing quotation"),
        ({"container": "other"}, "The container other was not found in the task."),
        ({"task": "0" * 32}, "The specified task was not found."),
    ],
)
def test_what_cannot_be_executed(world: World, request_: dict[str, Any], message: str) -> None:
    arn = run(world)
    with refused("InvalidParameterException", message):
        execute(world, **({"task": arn} | request_))
    assert world.store.list(ExecSession) == []


def test_a_task_that_was_not_started_for_it(world: World) -> None:
    arn = run(world, enableExecuteCommand=False)
    with refused("InvalidParameterException", "execute command was not enabled when the task was run"):
        execute(world, arn)


def test_a_container_that_does_not_run_yet(world: World) -> None:
    arn = run(world, status="PENDING")
    with refused("TargetNotConnectedException", "the container app is not running"):
        execute(world, arn)


def test_of_several_containers_one_must_be_named(world: World) -> None:
    second = {**CONTAINER, "name": "second", "portMappings": []}
    world.ecs.register_task_definition(family="two", containerDefinitions=[CONTAINER, second])
    arn = run(world, taskDefinition="two")
    with refused("InvalidParameterException", "You must specify a container name"):
        execute(world, arn)
    assert execute(world, arn, container="second")["containerName"] == "second"


def test_another_account_s_tasks_are_not_there(world: World) -> None:
    arn = run(world)
    world.stranger.create_cluster(clusterName="blue")
    with refused("InvalidParameterException", "The specified task was not found."):
        world.stranger.execute_command(cluster="blue", task=arn, command="sh", interactive=True)
