import asyncio
import sqlite3

import pytest

from sealway.model.cluster import ContainerInstance
from sealway.model.errors import DriverError
from tests.support.node_world import (
    World,
    balancer,
    cluster,
    definition,
    fargate_task,
    group,
    instance,
    listener,
    running,
    target,
    until,
    vpc,
)
from tests.support.virtual_time import play


def test_ending_leaves_the_tasks_and_the_traffic(world: World) -> None:
    made = definition(networkMode="awsvpc")
    task = fargate_task(1, made)
    world.put(*vpc(), made, task)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
        assert not world.dataplane._started
        assert world.runtime.state(f"sealway-{task.id}-app").status == "running"
        assert world.network.tasks
        before = world.task(task.arn)
        async with running(world):
            await asyncio.sleep(60)
        assert world.task(task.arn) == before

    play(scenario())


def test_it_says_what_is_missing_at_start(world: World) -> None:
    world.dataplane.fails = DriverError("no BPF in this kernel", retryable=False)

    async def scenario() -> None:
        with pytest.raises(DriverError, match="no BPF"):
            await world.agent().run(asyncio.Event())

    play(scenario())


def test_it_is_ready_without_an_engine(world: World) -> None:
    world.runtime.engine_stop()

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(10)

    play(scenario())


def test_it_outlives_a_full_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, g = definition(networkMode="awsvpc"), group()
    task = fargate_task(1, made)
    t = target(g, "10.0.0.11", task_arn=task.arn)
    world.put(*vpc(), cluster("default"), balancer(state="provisioning"), g, listener(443, g), made)

    def full(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario() -> None:
        async with running(world):
            world.put(task, t, instance())
            with monkeypatch.context() as patch:
                patch.setattr(world.store, "_write", full)
                await asyncio.sleep(60)
                assert world.task(task.arn).last_status == "PROVISIONING"
                assert world.health(t) is None
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            await until(lambda: (found := world.health(t)) is not None and found.state == "healthy")
            await until(lambda: len(world.store.list(ContainerInstance)) == 1)

    play(scenario())
