"""``sealway up`` killed at random moments of deployments: everything converges, nothing leaks."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from demo.architecture import TASKS, Side
from tests.support.leaks import leftovers
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]
SEED = 20
KILLS = 20


def redeploy(world: World, side: Side, _: random.Random) -> None:
    world.clients.ecs.update_service(cluster=side.cluster, service=side.service, forceNewDeployment=True)


def scale(world: World, side: Side, chance: random.Random) -> None:
    count = chance.randint(1, 5)
    world.clients.ecs.update_service(cluster=side.cluster, service=side.service, desiredCount=count)


def stop_one(world: World, side: Side, chance: random.Random) -> None:
    arns = world.clients.ecs.list_tasks(cluster=side.cluster, serviceName=side.service)["taskArns"]
    if arns:
        world.clients.ecs.stop_task(cluster=side.cluster, task=chance.choice(arns))


DEEDS: tuple[Callable[[World, Side, random.Random], None], ...] = (redeploy, scale, stop_one)


def test_twenty_deaths_at_random_moments(world: World) -> None:
    chance = random.Random(SEED)
    side = world.made.ledger
    with world.load(side, pace=10) as load:
        for _ in range(KILLS):
            chance.choice(DEEDS)(world, chance.choice(world.made.sides), chance)
            moment = time.monotonic() + chance.uniform(0, 3)
            until("the moment", lambda at=moment: time.monotonic() >= at, every=0.01)  # type: ignore[misc]
            world.machine.kill()
            world.machine.start()
        for each in world.made.sides:
            world.clients.ecs.update_service(cluster=each.cluster, service=each.service, desiredCount=TASKS)
        world.stable()
    assert load.failures == []
    until("nothing left over", lambda: not leftovers(world), seconds=60)
    assert leftovers(world) == []


def test_thirty_updates_at_once(world: World, side: Side) -> None:
    def update(number: int) -> str:
        change: dict[str, Any] = (
            {"desiredCount": 2 + number % 3} if number % 2 else {"forceNewDeployment": True}
        )
        try:
            world.clients.ecs.update_service(cluster=side.cluster, service=side.service, **change)
        except (ClientError, BotoCoreError) as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(30) as pool:
        errors = [answer for answer in pool.map(update, range(30)) if answer]
    assert errors == []
    world.clients.ecs.update_service(cluster=side.cluster, service=side.service, desiredCount=TASKS)
    world.stable()
    until("nothing left over", lambda: not leftovers(world), seconds=60)
    assert leftovers(world) == []
