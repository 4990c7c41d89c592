"""The loop itself, in virtual time: what wakes it, and what a failing planner does to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from sealway.control import loop as loop_module
from sealway.control.loop import ControlLoop
from sealway.control.plan import Plan
from sealway.control.snapshot import ServiceSnapshot
from sealway.model.ids import CountingIds
from sealway.model.service import Service
from sealway.model.target_group import Target
from sealway.model.task import Task
from tests.support.control_world import ControlWorld
from tests.support.virtual_time import clock, play


@asynccontextmanager
async def running(world: ControlWorld, **options: Any) -> AsyncIterator[ControlLoop]:
    control = ControlLoop(world.store, clock, CountingIds("loop"), **options)
    runner = asyncio.ensure_future(control.run())  # noqa: TID251 - cancelled and awaited below
    try:
        yield control
    finally:
        runner.cancel()
        with suppress(asyncio.CancelledError):
            await runner


def test_a_new_service_is_acted_on_within_milliseconds(world: ControlWorld) -> None:
    async def scenario() -> None:
        world.machines(3)
        async with running(world):
            await asyncio.sleep(1)
            world.create(3)
            await asyncio.sleep(0.02)
            assert len(world.store.list(Task)) == 3

    play(scenario())


def test_timers_end_a_deregistration_delay_without_any_event(world: ControlWorld) -> None:
    async def scenario() -> None:
        world.machines(1)
        world.target_group(delay=17)
        world.now = clock()
        world.create(1, balanced=True)
        world.steady()
        world.now = clock()
        async with running(world, resync=10_000):
            world.change(Service, world.arn, desired_count=0)
            await asyncio.sleep(16.9)
            assert [t.may_stop for t in world.store.list(Task)] == [False]
            await asyncio.sleep(0.2)
            assert [t.may_stop for t in world.store.list(Task)] == [True]

    play(scenario())


def test_a_target_deregistered_by_hand_is_registered_again_when_it_is_drained(world: ControlWorld) -> None:
    async def scenario() -> None:
        world.machines(1)
        world.target_group(delay=17)
        world.now = clock()
        world.create(1, balanced=True)
        world.steady()
        world.now = clock()
        async with running(world, resync=10_000):
            [target] = world.store.list(Target)
            world.change(Target, target.key, draining_since=clock())
            await asyncio.sleep(16.9)
            assert [t.draining_since is None for t in world.store.list(Target)] == [False]
            await asyncio.sleep(0.2)
            assert [t.draining_since is None for t in world.store.list(Target)] == [True]

    play(scenario())


def test_a_failing_planner_is_retried_and_stops_nobody_else(
    world: ControlWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, calls = {world.arn}, []
    plan = loop_module.service_plan.plan

    def sometimes(snapshot: ServiceSnapshot, *arguments: Any) -> Plan:
        if snapshot.service.arn in failing:
            calls.append(clock())
            raise KeyError("a bug")
        return plan(snapshot, *arguments)

    monkeypatch.setattr(loop_module.service_plan, "plan", sometimes)

    async def scenario() -> None:
        world.machines(1)
        world.create(1)
        other = world.service.replace(arn=f"{world.arn}-2", name="orders-2", version=0)
        world.put(other)
        async with running(world, resync=10_000):
            await asyncio.sleep(10)
            assert [t.service_arn for t in world.store.list(Task)] == [other.arn]
            assert len(calls) == 4, "at once, then after 1, 2 and 4 seconds"
            failing.clear()
            await asyncio.sleep(10)
            assert len(world.store.list(Task)) == 2

    play(scenario())


def test_room_that_comes_free_is_used_at_once(world: ControlWorld) -> None:
    async def scenario() -> None:
        async with running(world, resync=10_000):
            world.create(1)
            await asyncio.sleep(1)
            assert world.store.list(Task) == []
            world.machines(1)
            await asyncio.sleep(0.05)
            assert len(world.store.list(Task)) == 1

    play(scenario())


def test_a_resync_mends_what_no_event_told(world: ControlWorld) -> None:
    async def scenario() -> None:
        world.machines(1)
        world.create(1)
        async with running(world, resync=30) as control:
            await asyncio.sleep(1)
            [made] = world.store.list(Task)
            world.store._hub.publish = lambda changes: None  # type: ignore[method-assign]
            world.put(made.replace(desired_status="STOPPED"))
            await asyncio.sleep(10)
            assert len(world.store.list(Task)) == 1
            await asyncio.sleep(30)
            assert len(world.store.list(Task)) == 2
            assert control.wake_at is None

    play(scenario())


def test_a_long_pass_gives_way_to_others(world: ControlWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "SLICE", 0)
    turns = []

    async def bystander() -> None:
        while True:
            turns.append(len(world.store.list(Task)))
            await asyncio.sleep(0)

    async def scenario() -> None:
        world.machines(1)
        world.create(1)
        for number in range(2, 6):
            world.put(world.service.replace(arn=f"{world.arn}-{number}", name=f"orders-{number}", version=0))
        beside = asyncio.ensure_future(bystander())  # noqa: TID251 - cancelled below
        async with running(world):
            for _ in range(50):
                await asyncio.sleep(0)
            beside.cancel()
        assert {1, 2, 3, 4, 5} <= set(turns), "somebody else ran between any two services"

    play(scenario())


def test_an_event_waits_for_no_resync(world: ControlWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something happens to the last of all services just as a resync has begun with the first."""
    monkeypatch.setattr(loop_module, "SLICE", 0)
    looked_at: list[str] = []
    plan = loop_module.service_plan.plan

    def change_the_last() -> None:
        last = world.store.get(Service, f"{world.arn}-29")
        assert last is not None
        world.put(last.replace(tags={"changed": "now"}))

    def noted(snapshot: ServiceSnapshot, *arguments: Any) -> Plan:
        looked_at.append(snapshot.service.name)
        if len(looked_at) == 1:
            asyncio.get_running_loop().call_soon(change_the_last)
        return plan(snapshot, *arguments)

    async def scenario() -> None:
        world.create(0)
        for number in range(30):
            world.put(world.service.replace(arn=f"{world.arn}-{number:02}", name=f"{number:02}", version=0))
        async with running(world):
            await asyncio.sleep(10)
            monkeypatch.setattr(loop_module.service_plan, "plan", noted)
            await asyncio.sleep(30)
        assert looked_at.index("29") < 15, looked_at
        assert {f"{number:02}" for number in range(30)} <= set(looked_at)

    play(scenario())
