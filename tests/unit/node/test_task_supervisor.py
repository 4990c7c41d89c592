"""Which tasks are the host's business, and what becomes of leftovers and lost events."""

import asyncio
from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import ContainerSpec
from sealway.drivers.contracts.host_network import TaskEndpoint
from sealway.model.task import Task
from sealway.node.task_supervisor import is_ours
from tests.support.node_world import (
    World,
    definition,
    ec2_task,
    fargate_task,
    instance,
    registered,
    running,
    until,
    vpc,
)
from tests.support.virtual_time import play

MADE = definition()


@pytest.mark.parametrize(
    ("task", "ours"),
    [
        (fargate_task(1, MADE), True),
        (fargate_task(1, MADE, last_status="STOPPED"), False),
        (ec2_task(1, MADE, registered(instance())), True),
        (ec2_task(1, MADE, None), False),
        (ec2_task(1, MADE, None, desired_status="STOPPED"), True),
    ],
)
def test_what_is_ours(task: Task, ours: bool) -> None:
    assert is_ours(task) is ours


def test_what_belongs_to_no_living_task_is_removed(world: World) -> None:
    world.put(*vpc())
    stranger = TaskEndpoint(network_interface_id="eni-stranger", private_ip="10.0.0.99", mac="x")

    async def scenario() -> None:
        label = "com.amazonaws.ecs.task-arn"
        spec = ContainerSpec(name="old", image="app:1", labels={label: "arn:gone"})
        await world.runtime.start(await world.runtime.create(spec))
        await world.network.attach_task(stranger, 1)
        async with running(world):
            await until(lambda: not world.names() and not world.network.tasks)

    play(scenario())


def test_a_lost_event_is_made_up_for_by_the_timer(world: World) -> None:
    made = definition(networkMode="awsvpc")
    task = fargate_task(1, made)
    world.put(*vpc(), made, task)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            tell: Any = world.runtime._tell
            world.runtime._tell = lambda *_: None  # type: ignore[method-assign]
            world.runtime.die(f"sealway-{task.id}-app")
            world.runtime._tell = tell  # type: ignore[method-assign]
            await until(lambda: world.task(task.arn).containers[0].last_status == "STOPPED", 16)

    play(scenario())


def test_a_task_placed_later_is_taken_up(world: World) -> None:
    machine = registered(instance())
    made = definition()
    task = ec2_task(1, made, None)
    world.put(*vpc(), instance(state="running"), machine, made, task)

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(1)
            world.change(Task, task.arn, container_instance_arn=machine.arn)
            await until(lambda: world.task(task.arn).last_status == "RUNNING", 1)

    play(scenario())
