"""A hundred updates of one service at once: each is answered, none is lost, the last one accepted holds."""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from sealway.control.loop import ControlLoop
from sealway.model.clock import system_clock
from sealway.model.request import Params
from sealway.model.service import Service
from sealway.model.task import Task
from tests.support.ecs_world import CONTAINER, World, ecs_world
from tests.support.life import Progress, alive, found, live, quiet, settled, until
from tests.support.lives import define, fargate, process_definition
from tests.support.process import Outside, Process
from tests.support.promises import Promises
from tests.support.virtual_time import play

UPDATES = 100
SERVICE = {"cluster": "blue", "service": "orders"}


def some_update(chance: random.Random, definitions: list[str]) -> Params:
    """More or fewer tasks, another definition, or all anew."""
    return chance.choice(
        (
            {"desiredCount": chance.randint(1, 6)},
            {"taskDefinition": chance.choice(definitions)},
            {"forceNewDeployment": True},
            {"desiredCount": chance.randint(1, 6), "taskDefinition": chance.choice(definitions)},
        )
    )


def folded(updates: list[Params], first: Params) -> tuple[int, str]:
    """Desired count and definition, after all of these in this order."""
    whole = dict(first)
    for update in updates:
        whole |= update
    return whole["desiredCount"], whole["taskDefinition"]


@pytest.mark.parametrize("seed", range(3))
def test_in_the_midst_of_a_deployment(seed: int, tmp_path: Path) -> None:
    steps = fargate()
    created = next(n for n, step in enumerate(steps) if step.name == "service")
    chance = random.Random(seed)

    async def scenario() -> None:
        process = Process(tmp_path, Outside())
        Promises().watch(process)
        accepted: list[Params] = []
        async with process.running():
            await live(process, [*steps[: created + 1], define("second", "app:2", awsvpc=True)], Progress())
            definitions = [process_definition(process, image) for image in ("app:1", "app:2")]
            first = {"desiredCount": 3, "taskDefinition": definitions[0]}

            async def update(update: Params) -> None:
                await asyncio.sleep(chance.uniform(0, 3))
                answer = process.call("ecs", "UpdateService", SERVICE | update)["service"]
                accepted.append(update)
                assert (answer["desiredCount"], answer["taskDefinition"]) == folded(accepted, first)

            async with asyncio.TaskGroup() as group:
                for _ in range(UPDATES):
                    group.create_task(update(some_update(chance, definitions)))
            await until(lambda: settled(process) and quiet(process), "the last update")
            service: Service = found(process, Service)
            count, definition = folded(accepted, first)
            assert (service.desired_count, service.task_definition_arn) == (count, definition)
            assert [t.task_definition_arn for t in alive(process)] == [definition] * count

    play(scenario())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ecs_world(tmp_path) as made, controlled(made):
        made.instance()
        made.instance(2)
        made.ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        yield made


@contextmanager
def controlled(world: World) -> Iterator[None]:
    """Control at work in the server's loop."""
    control = ControlLoop(world.store, system_clock, world.ids)
    running = asyncio.run_coroutine_threadsafe(control.run(), world._loop)
    yield
    running.cancel()


def test_over_http(world: World) -> None:
    accepted: list[Params] = []
    handler = world.operations["ecs"]["UpdateService"]

    def recorded(caller: Any, params: Params) -> Params:
        answer = handler(caller, params)
        accepted.append({k: v for k, v in params.items() if k not in SERVICE})
        return answer

    world.operations["ecs"]["UpdateService"] = recorded  # type: ignore[index]
    world.ecs.create_service(
        cluster="blue", serviceName="orders", taskDefinition="web:1", desiredCount=3, launchType="EC2"
    )
    chance = random.Random(1)
    wanted = [some_update(chance, ["web:1", "web:2"]) for _ in range(UPDATES)]
    client = world.client(
        "ecs", config=Config(max_pool_connections=UPDATES, retries={"max_attempts": 1}, read_timeout=60)
    )

    with ThreadPoolExecutor(UPDATES) as pool:
        answers = list(pool.map(lambda update: client.update_service(**SERVICE, **update), wanted))

    assert [answer["service"]["serviceName"] for answer in answers] == ["orders"] * UPDATES
    assert sorted(map(str, accepted)) == sorted(map(str, wanted))
    count, definition = folded(accepted, {"desiredCount": 3, "taskDefinition": "web:1"})
    (service,) = world.ecs.describe_services(cluster="blue", services=["orders"])["services"]
    assert service["desiredCount"] == count
    assert service["taskDefinition"].endswith(definition)
    assert len([d for d in service["deployments"] if d["status"] == "PRIMARY"]) == 1
    tasks = world.run(lambda: world.store.list(Task))
    assert len([t for t in tasks if t.desired_status == "RUNNING"]) <= 2 * max(6, count)
