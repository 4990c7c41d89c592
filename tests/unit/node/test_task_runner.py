"""A task's life on a host, from its creation to its end, against drivers in memory."""

import asyncio
from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import PAUSE_IMAGE, ContainerSpec
from sealway.drivers.docker.fake import FakeProgram
from sealway.model.errors import DriverError
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from tests.support.node_world import (
    World,
    container,
    definition,
    ec2_task,
    fargate_task,
    instance,
    registered,
    running,
    until,
    vpc,
)
from tests.support.virtual_time import START, play

AWSVPC = {"networkMode": "awsvpc"}


def fargate(world: World, *containers: dict[str, Any], **fields: Any) -> Task:
    """One Fargate task in the store."""
    made = definition(*containers, **AWSVPC)
    task = fargate_task(1, made, **fields)
    world.put(*vpc(), made, task)
    return task


def is_at(world: World, task: Task, status: str) -> Any:
    return lambda: world.task(task.arn).last_status == status


def starts(world: World) -> list[str]:
    """ECS names in the order they were started, the pause container left out."""
    label = "com.amazonaws.ecs.container-name"
    ids = [argument for call, argument in world.runtime.calls if call == "start"]
    names = [world.runtime.specs[i].labels[label] for i in ids]
    return [name for name in names if not name.startswith("~")]


def stops(world: World) -> list[str]:
    return [argument.rsplit("-", 1)[1] for call, argument in world.runtime.calls if call == "stop"]


def test_a_fargate_task_runs_behind_its_pause_container(world: World) -> None:
    task = fargate(world)

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
        seen = world.task(task.arn)
        pause = world.runtime.state(f"sealway-{task.id}-ecs.pause")
        app = world.runtime.state(f"sealway-{task.id}-app")
        assert list(world.network.tasks) == ["eni-00000000000000001"]
        assert world.network.tasks["eni-00000000000000001"][1] == pause.pid
        assert world.runtime.specs[pause.id].network == "none"
        assert world.runtime.specs[pause.id].dns_servers == ("10.0.0.2",)
        assert world.runtime.specs[app.id].network == f"container:{pause.name}"
        assert pause.labels["com.amazonaws.ecs.container-name"] == "~internal~ecs~pause"
        assert seen.started_at is not None
        assert seen.pull_started_at == seen.pull_stopped_at == START
        assert [(c.name, c.runtime_id, c.last_status) for c in seen.containers] == [
            ("app", app.id, "RUNNING")
        ]
        assert seen.containers[0].arn.startswith(
            f"arn:aws:ecs:us-east-1:000000000000:container/blue/{task.id}/"
        )

    play(scenario())


def test_a_bridge_task_publishes_on_its_instance(world: World) -> None:
    machine = registered(instance())
    made = definition(container(portMappings=[{"containerPort": 8443, "hostPort": 0, "protocol": "tcp"}]))
    task = ec2_task(1, made, machine)
    world.put(*vpc(), instance(state="running"), machine, made, task)

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
        status = world.task(task.arn).containers[0]
        assert [(b.host_ip, b.container_port) for b in status.bindings] == [("10.0.0.101", 8443)]
        assert status.bindings[0].host_port >= 49153
        assert status.bridge_ip is not None
        assert world.network.bridge_sources == {status.bridge_ip: "10.0.0.101"}

    play(scenario())


def test_an_unplaced_task_is_left_alone(world: World) -> None:
    made = definition()
    task = ec2_task(1, made, None)
    world.put(*vpc(), made, task)

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(60)
            assert world.task(task.arn) == world.task(task.arn).replace(last_status="PROVISIONING")
            world.change(Task, task.arn, desired_status="STOPPED")
            await until(is_at(world, task, "STOPPED"))

    play(scenario())


def test_containers_start_in_the_order_of_their_dependencies(make_world: Any) -> None:
    programs = {"migrate": FakeProgram(exits=0)}
    world = make_world(
        program=lambda spec: programs.get(spec.labels["com.amazonaws.ecs.container-name"], FakeProgram())
    )
    check = {"command": ["CMD-SHELL", "true"]}
    task = fargate(
        world,
        container(
            "app",
            dependsOn=[
                {"containerName": "proxy", "condition": "HEALTHY"},
                {"containerName": "migrate", "condition": "SUCCESS"},
            ],
        ),
        container("proxy", healthCheck=check, dependsOn=[{"containerName": "logs", "condition": "START"}]),
        container("migrate", essential=False),
        container("logs"),
    )

    async def scenario() -> None:
        async with running(world):
            await until(lambda: starts(world) == ["migrate", "logs", "proxy"])
            await asyncio.sleep(5)
            assert world.task(task.arn).last_status == "ACTIVATING"
            world.runtime.set_health(f"sealway-{task.id}-proxy", "HEALTHY")
            await until(is_at(world, task, "RUNNING"))
            assert starts(world)[-1] == "app"
            assert world.task(task.arn).health_status == "HEALTHY"
            world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
            await until(is_at(world, task, "STOPPED"))
            assert stops(world) == ["app", "proxy", "logs"]

    play(scenario())


@pytest.mark.parametrize(
    ("condition", "program"),
    [("SUCCESS", FakeProgram(exits=1)), ("HEALTHY", FakeProgram(exits=0)), ("HEALTHY", FakeProgram())],
    ids=["it ended badly", "it ended", "its start timeout is up"],
)
def test_a_dependency_that_never_comes_fails_the_task(
    make_world: Any, condition: str, program: FakeProgram
) -> None:
    world = make_world(program=lambda spec: FakeProgram() if spec.image == PAUSE_IMAGE else program)
    first = container("first", essential=False, startTimeout=20, healthCheck={"command": ["CMD", "x"]})
    second = container(dependsOn=[{"containerName": "first", "condition": condition}])
    task = fargate(world, first, second)

    async def scenario() -> None:
        # The fake's containers started in 2024; the wait is then over at the first look.
        async with running(world):
            await until(lambda: world.task(task.arn).failure)
            assert asyncio.get_running_loop().time() < 21
        assert world.task(task.arn).failure == (
            "CannotStartContainerError: container app depends on first"
            f" reaching {condition}, which it did not"
        )
        assert starts(world) == ["first"]

    play(scenario())


def test_a_missing_image_is_reported_and_control_ends_the_task(world: World) -> None:
    task = fargate(world, container(image="nowhere:1"))

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).failure)
            seen = world.task(task.arn)
            assert seen.failure == "CannotPullContainerError: pull access denied for nowhere:1"
            assert (seen.containers[0].last_status, seen.containers[0].reason) == ("STOPPED", seen.failure)
            assert seen.last_status == "PENDING"
            world.change(Task, task.arn, desired_status="STOPPED")
            await until(is_at(world, task, "STOPPED"))
            assert world.names() == set()
            assert world.task(task.arn).stopping_at is not None

    play(scenario())


def test_a_container_that_cannot_start_is_reported(make_world: Any) -> None:
    world = make_world(
        program=lambda spec: FakeProgram(
            fails_to_start=None if spec.image == PAUSE_IMAGE else 'exec: "nope": executable file not found'
        )
    )
    task = fargate(world)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).failure)
        assert world.task(task.arn).failure == (
            'CannotStartContainerError: exec: "nope": executable file not found'
        )

    play(scenario())


def test_a_network_that_cannot_be_made_fails_the_task_after_some_attempts(world: World) -> None:
    task = fargate(world)
    world.network.fails = DriverError("no room for a veth")

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).failure)
        assert world.task(task.arn).failure == (
            "ResourceInitializationError: unable to set up the task's network: no room for a veth"
        )

    play(scenario())


def test_a_death_is_recorded_within_milliseconds(world: World) -> None:
    task = fargate(world)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            before = loop.time()
            world.runtime.die(f"sealway-{task.id}-app", 137, oom=True)
            await until(lambda: world.task(task.arn).containers[0].last_status == "STOPPED")
            assert loop.time() - before < 0.02
            status = world.task(task.arn).containers[0]
            assert status.exit_code == 137
            assert status.reason == "OutOfMemoryError: Container killed due to memory usage"
            assert world.task(task.arn).execution_stopped_at is not None
            assert world.task(task.arn).last_status == "RUNNING"

    play(scenario())


def test_a_task_that_ran_stops_only_after_its_drain(world: World) -> None:
    task = fargate(world, container(stopTimeout=7))

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            world.change(Task, task.arn, desired_status="STOPPED", stop_code="UserInitiated")
            await until(is_at(world, task, "DEACTIVATING"))
            await asyncio.sleep(300)
            assert world.runtime.state(f"sealway-{task.id}-app").status == "running"
            world.change(Task, task.arn, may_stop=True)
            await until(is_at(world, task, "STOPPED"))
            seen = world.task(task.arn)
            assert seen.containers[0].exit_code == 143
            assert seen.containers[0].last_status == "STOPPED"
            assert seen.stopping_at < seen.execution_stopped_at <= seen.stopped_at
            assert world.names() == set()
            assert world.network.tasks == {}

    play(scenario())


def test_a_start_that_is_no_longer_wanted_is_broken_off(world: World) -> None:
    world.runtime.pullable.add("slow:1")
    world.runtime.delays["pull"] = 3600
    task = fargate(world, container(image="slow:1"))

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).pull_started_at)
            world.change(Task, task.arn, desired_status="STOPPED")
            await until(is_at(world, task, "STOPPED"), seconds=5)

    play(scenario())


def test_silence_of_the_engine_is_not_death(world: World) -> None:
    task = fargate(world)

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            before = world.task(task.arn)
            world.runtime.engine_stop()
            await asyncio.sleep(600)
            assert world.task(task.arn) == before
            world.runtime.engine_start()
            await asyncio.sleep(30)
            assert world.task(task.arn) == before
            assert len(starts(world)) == 1

    play(scenario())


def test_an_engine_that_comes_back_without_its_containers(world: World) -> None:
    task = fargate(world, container("app"), container("side"))

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            world.runtime.die(f"sealway-{task.id}-ecs.pause")
            world.runtime.engine_stop()
            world.runtime.die(f"sealway-{task.id}-app", 143)
            del world.runtime._containers[world.runtime.state(f"sealway-{task.id}-side").id]
            await asyncio.sleep(100)
            assert world.task(task.arn).containers[0].last_status == "RUNNING"
            world.runtime.engine_start()
            await until(lambda: all(c.last_status == "STOPPED" for c in world.task(task.arn).containers))
            assert [c.exit_code for c in world.task(task.arn).containers] == [143, 137]
            world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
            await until(is_at(world, task, "STOPPED"))
            assert world.names() == set()

    play(scenario())


def test_leftovers_are_removed(world: World) -> None:
    task = fargate(world)

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
        world.delete(Task, task.arn)
        async with running(world):
            await until(lambda: not world.names() and not world.network.tasks)

    play(scenario())


def test_an_interface_that_was_taken_away_is_put_back(world: World) -> None:
    task = fargate(world)

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            (interface,) = world.network.tasks
            attached = world.network.tasks.pop(interface)
            await until(lambda: world.network.tasks == {interface: attached})

    play(scenario())


def test_volumes_end_with_their_task(world: World) -> None:
    made: TaskDefinition = definition(
        container(mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}]),
        volumes=[{"name": "data"}],
        **AWSVPC,
    )
    task = fargate_task(1, made)
    world.put(*vpc(), made, task)

    async def scenario() -> None:
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
            await until(is_at(world, task, "STOPPED"))
        assert world.runtime.removed_volumes == [f"sealway-{task.id}-data"]

    play(scenario())


# --- kill -9 at every step --------------------------------------------------------------------


class Crash:
    """A driver's proxy that stands still for good at its n-th call, before or after doing it."""

    def __init__(self, driver: Any, count: list[int], at: int, after: bool, dead: asyncio.Event) -> None:
        self._parts = (driver, count, at, after, dead)

    def __getattr__(self, name: str) -> Any:
        driver, count, at, after, dead = self._parts
        real = getattr(driver, name)
        if name == "events":
            return real

        async def call(*arguments: Any) -> Any:
            count[0] += 1
            number = count[0]
            if number == at and not after:
                dead.set()
            if dead.is_set():
                await asyncio.Event().wait()
            result = await real(*arguments)
            if number == at:
                dead.set()
                await asyncio.Event().wait()
            return result

        return call


async def crash_at(world: World, step: int, after: bool, done: Any) -> bool:
    """Runs the agent until it is killed at ``step`` or is done. True when it was killed."""
    dead, count = asyncio.Event(), [0]
    drivers = {name: Crash(getattr(world, name), count, step, after, dead) for name in ("runtime", "network")}
    async with asyncio.TaskGroup() as group:
        run = group.create_task(world.agent(**drivers).run(asyncio.Event()))
        await until(lambda: dead.is_set() or done())
        run.cancel()
    return dead.is_set()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_while_starting_it_converges(make_world: Any, after: bool) -> None:
    async def scenario(step: int) -> bool:
        world = make_world()
        task = fargate(world, container("app"), container("side"))
        killed = await crash_at(world, step, after, is_at(world, task, "RUNNING"))
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
            await asyncio.sleep(60)
        created = {state.id for state in world.runtime._containers.values()}
        assert set(world.runtime.specs) == created, "a container was made twice"
        assert len(created) == 3
        assert all(state.status == "running" for state in world.runtime._containers.values())
        assert {c.runtime_id for c in world.task(task.arn).containers} < created
        assert list(world.network.tasks) == ["eni-00000000000000001"]
        return killed

    every_step(scenario)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_while_stopping_it_converges(make_world: Any, after: bool) -> None:
    async def scenario(step: int) -> bool:
        world = make_world()
        task = fargate(world, container("app"), container("side"))
        async with running(world):
            await until(is_at(world, task, "RUNNING"))
        world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
        killed = await crash_at(world, step, after, is_at(world, task, "STOPPED"))
        async with running(world):
            await until(is_at(world, task, "STOPPED"))
        assert world.names() == set()
        assert world.network.tasks == {}
        assert [c.exit_code for c in world.task(task.arn).containers] == [143, 143]
        return killed

    every_step(scenario)


def every_step(scenario: Any) -> None:
    """Plays the scenario killed at call 1, 2, 3, ... until a run is not killed any more."""

    async def one(step: int, killed: list[bool]) -> None:
        killed.append(await scenario(step))

    killed: list[bool] = []
    while not killed or killed[-1]:
        play(one(len(killed) + 1, killed))
    assert len(killed) > 12


def test_many_tasks_start_a_few_at_a_time(world: World) -> None:
    world.runtime.delays["create"] = 1
    made = definition(**AWSVPC)
    tasks = [fargate_task(n, made) for n in range(20)]
    world.put(*vpc(), made, *tasks)
    at_once: list[int] = []

    def program(_: ContainerSpec) -> FakeProgram:
        activating = [t for t in world.store.list(Task) if t.last_status == "ACTIVATING"]
        at_once.append(len(activating))
        return FakeProgram()

    world.runtime._program = program

    async def scenario() -> None:
        async with running(world):
            await until(lambda: all(t.last_status == "RUNNING" for t in world.store.list(Task)), 60)
        assert max(at_once) <= 8

    play(scenario())
