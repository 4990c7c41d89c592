"""A terminal in a real container, by ExecuteCommand and the session-manager-plugin's protocol."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.exec_plugin import Plugin
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(120)]
SOON = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture(scope="module")
def task(world: World) -> Iterator[Any]:
    """A running task of the ledger's definition, started for it."""
    ecs, side = world.clients.ecs, world.made.ledger
    (service,) = ecs.describe_services(cluster=side.cluster, services=[side.service])["services"]
    (started,) = ecs.run_task(
        cluster=side.cluster, taskDefinition=service["taskDefinition"], launchType="FARGATE",
        networkConfiguration=service["networkConfiguration"], enableExecuteCommand=True,
    )["tasks"]  # fmt: skip
    named = {"cluster": side.cluster, "tasks": [started["taskArn"]]}
    ecs.get_waiter("tasks_running").wait(**named, WaiterConfig=SOON)
    yield ecs.describe_tasks(**named)["tasks"][0]
    ecs.stop_task(cluster=side.cluster, task=started["taskArn"])
    ecs.get_waiter("tasks_stopped").wait(**named, WaiterConfig=SOON)


def session(world: World, task: Any, command: str) -> dict[str, str]:
    answer: dict[str, str] = world.clients.ecs.execute_command(
        cluster=world.made.ledger.cluster, task=task["taskArn"], command=command, interactive=True
    )["session"]
    return answer


async def test_a_command_says_what_it_says_and_ends(world: World, task: Any) -> None:
    address = task["attachments"][0]["details"]
    own = next(detail["value"] for detail in address if detail["name"] == "privateIPv4Address")
    asks = "/usr/bin/python3 -c 'import socket as s; print(s.gethostbyname(s.gethostname()), 6 * 7)'"
    async with Plugin(session(world, task, asks)) as plugin:
        assert f"{own} 42" in await plugin.rest()
        assert plugin.closed_in_words


async def test_a_terminal_to_type_at(world: World, task: Any) -> None:
    async with Plugin(session(world, task, "/usr/bin/python3 -q")) as plugin:
        await plugin.resize(24, 99)
        await plugin.until(">>> ")
        await plugin.type("import os; print(os.get_terminal_size().columns * 2)\r")
        assert "\r\n198\r\n" in await plugin.until(">>> ")
        await plugin.type("exit()\r")
        await plugin.rest()
        assert plugin.closed_in_words


async def test_a_command_that_is_not_there_says_so(world: World, task: Any) -> None:
    async with Plugin(session(world, task, "no-such-program")) as plugin:
        assert "no-such-program" in await plugin.rest()
