"""Targets that are no longer registered: their flows are counted until there are none."""

import asyncio
from datetime import timedelta

import pytest

from sealway.drivers.contracts.dataplane import Backend
from sealway.drivers.dataplane.fake import FakeFlow
from sealway.model.errors import DriverError
from sealway.model.target_group import Target, TargetFlows
from sealway.model.task import Task
from tests.support.node_world import (
    VIPS,
    World,
    balancer,
    definition,
    fargate_task,
    group,
    healthy,
    listener,
    running,
    target,
    until,
    vpc,
)
from tests.support.virtual_time import START, clock, play


@pytest.fixture
def carrying(world: World) -> tuple[World, Task, Target]:
    """A listener and a group with one healthy task."""
    made, g = definition(networkMode="awsvpc"), group()
    task = fargate_task(1, made)
    t = target(g, "10.0.0.11", task_arn=task.arn)
    world.put(*vpc(), balancer(), g, listener(443, g), made, task, t, healthy(t))
    return world, task, t


Carrying = tuple[World, Task, Target]


async def connected(world: World, task: Task) -> FakeFlow:
    await until(lambda: world.task(task.arn).last_status == "RUNNING")
    await until(lambda: world.dataplane.state.frontends[0].backends)
    flow = world.dataplane.connect(VIPS[0], 443)
    assert flow is not None
    return flow


def unused(world: World, t: Target) -> None:
    world.change(Target, t.key, draining_since=clock(), unused_since=clock())


def seen(world: World, t: Target) -> TargetFlows | None:
    return world.store.get(TargetFlows, t.key)


def test_its_flows_are_carried_until_they_end_and_that_is_written_once(carrying: Carrying) -> None:
    world, task, t = carrying

    async def scenario() -> None:
        async with running(world):
            flow = await connected(world, task)
            unused(world, t)
            await until(lambda: not world.dataplane.state.frontends[0].backends)
            assert world.dataplane.connect(VIPS[0], 443) is None
            await asyncio.sleep(600)
            assert flow.alive
            assert seen(world, t) is None
            world.dataplane.close(flow)
            await until(lambda: seen(world, t), 10.1)
            end = seen(world, t)
            await asyncio.sleep(60)
            assert seen(world, t) == end
            world.delete(Target, t.key)
            await until(lambda: seen(world, t) is None, 1)
            assert world.dataplane.state.draining == frozenset()

    play(scenario())


def test_one_without_flows_or_without_its_task_is_seen_at_once(carrying: Carrying) -> None:
    world, task, t = carrying
    away = target(group(), "10.0.0.99").replace(draining_since=START, unused_since=START)
    world.put(away)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: seen(world, away), 0.1)
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            unused(world, t)
            await until(lambda: seen(world, t), 0.1)

    play(scenario())


def test_registered_again_it_is_another_target(carrying: Carrying) -> None:
    world, task, t = carrying

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            unused(world, t)
            await until(lambda: seen(world, t))
            world.change(Target, t.key, draining_since=None, unused_since=None, registered_at=clock())
            await until(lambda: seen(world, t) is None, 1)
            flow = await connected(world, task)
            unused(world, t)
            await asyncio.sleep(60)
            assert flow.alive
            assert seen(world, t) is None

    play(scenario())


def test_after_a_restart_what_was_seen_of_earlier_ones_goes(carrying: Carrying) -> None:
    world, _, t = carrying
    old = TargetFlows(
        target_group_arn=t.target_group_arn, id=t.id, port=t.port, unused_since=START, ended_at=START
    )
    world.put(old, t.replace(draining_since=START, unused_since=START + timedelta(seconds=1)))

    async def scenario() -> None:
        async with running(world):
            await until(lambda: seen(world, t) != old, 0.1)
            await until(lambda: seen(world, t), 0.1)

    play(scenario())


def test_a_data_plane_that_does_not_answer_says_nothing(carrying: Carrying) -> None:
    world, task, t = carrying
    answers = world.dataplane.flows

    async def silent(_: object) -> dict[Backend, int]:
        raise DriverError("not now")

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            world.dataplane.flows = silent  # type: ignore[method-assign]
            unused(world, t)
            await asyncio.sleep(30)
            assert seen(world, t) is None
            world.dataplane.flows = answers  # type: ignore[method-assign]
            await until(lambda: seen(world, t), 6)

    play(scenario())
