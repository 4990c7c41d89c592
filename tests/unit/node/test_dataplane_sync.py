"""The store's changes reach kernel and names at once, and failures are mended."""

import asyncio

import msgspec

from sealway.model.errors import DriverError
from sealway.model.load_balancer import LoadBalancer
from sealway.model.target_group import Target
from sealway.model.task import Task
from tests.support.node_world import (
    LB,
    VIPS,
    World,
    balancer,
    container,
    definition,
    ec2_task,
    fargate_task,
    group,
    healthy,
    instance,
    listener,
    registered,
    running,
    target,
    until,
    vpc,
)
from tests.support.virtual_time import START, play


def serving(world: World) -> tuple[Task, Target]:
    made, g = definition(networkMode="awsvpc"), group()
    task = fargate_task(1, made)
    t = target(g, "10.0.0.11", task_arn=task.arn)
    world.put(*vpc(), balancer(), g, listener(443, g), made, task, t, healthy(t))
    return task, t


def backends(world: World) -> list[str]:
    return [w.backend.address for w in world.dataplane.state.frontends[0].backends]


def test_a_load_balancer_becomes_active_when_its_nodes_answer(world: World) -> None:
    world.put(*vpc(), balancer(state="provisioning"))

    async def scenario() -> None:
        async with running(world):
            assert world.network.vips == world.dataplane.state.vips == set(VIPS)
            assert world.store.get(LoadBalancer, LB).state == "active"
            assert world.dns.records["edge-1.elb.us-east-1.sealway.internal"] == VIPS

    play(scenario())


def test_a_deregistration_reaches_the_kernel_at_once(world: World) -> None:
    _, t = serving(world)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: backends(world) == ["10.0.0.11"])
            before = asyncio.get_running_loop().time()
            world.change(Target, t.key, draining_since=START)
            await until(lambda: backends(world) == [])
            assert asyncio.get_running_loop().time() - before < 0.02
            assert len(world.dataplane.state.draining) == 1

    play(scenario())


def test_a_death_reaches_the_kernel_at_once(world: World) -> None:
    task, _ = serving(world)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: backends(world) == ["10.0.0.11"])
            before = asyncio.get_running_loop().time()
            world.runtime.die(f"sealway-{task.id}-app")
            await until(lambda: backends(world) == [])
            assert asyncio.get_running_loop().time() - before < 0.02

    play(scenario())


def test_nothing_is_applied_when_nothing_changed(world: World) -> None:
    task, _ = serving(world)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            await asyncio.sleep(0.1)
            applied = len(world.dataplane.applied)
            world.change(Task, task.arn, stopped_reason="a word")
            await asyncio.sleep(0.1)
            assert len(world.dataplane.applied) == applied
            await asyncio.sleep(20)
            assert len(world.dataplane.applied) > applied, "the timer looks after everything"

    play(scenario())


def test_everything_is_looked_after_however_busy_the_store(world: World) -> None:
    task, _ = serving(world)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            applied = len(world.dataplane.applied)
            for number in range(200):
                world.change(Task, task.arn, stopped_reason=f"word {number}")
                await asyncio.sleep(0.1)
            assert len(world.dataplane.applied) == applied + 1

    play(scenario())


def test_a_failure_is_tried_again(world: World) -> None:
    _, t = serving(world)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: backends(world) == ["10.0.0.11"])
            world.dataplane.fails = DriverError("map is full")
            world.change(Target, t.key, draining_since=START)
            await asyncio.sleep(60)
            assert backends(world) == ["10.0.0.11"]
            world.dataplane.fails = None
            await until(lambda: backends(world) == [], 6)

    play(scenario())


def test_a_deleted_load_balancer_leaves_nothing(world: World) -> None:
    world.put(*vpc(), balancer())

    async def scenario() -> None:
        async with running(world):
            assert world.network.vips == set(VIPS)
            world.delete(LoadBalancer, LB)
            await until(lambda: not world.network.vips and not world.dns.records)
            assert world.dataplane.state.vips == frozenset()

    play(scenario())


def test_slow_packet_filter_rules_keep_nothing_waiting(world: World) -> None:
    _, t = serving(world)

    async def hang(sources: dict[str, str]) -> None:
        await asyncio.sleep(3600)

    async def scenario() -> None:
        async with running(world):
            await until(lambda: backends(world) == ["10.0.0.11"])
            world.network.set_bridge_sources = hang  # type: ignore[method-assign]
            machine = registered(instance())
            made = definition(container(portMappings=[{"containerPort": 8443, "hostPort": 0}]))
            task = ec2_task(2, made, machine)
            world.put(instance(state="running"), machine, made, task)
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            before = asyncio.get_running_loop().time()
            world.change(Target, t.key, draining_since=START)
            await until(lambda: backends(world) == [])
            assert asyncio.get_running_loop().time() - before < 0.02

    play(scenario())


def test_listeners_are_answered_at_the_hosts_own_address(world: World) -> None:
    serving(world)
    world.put(balancer(scheme="internet-facing"))
    world.network.interfaces = {"up0": {"192.0.2.1": frozenset({("tcp", 22)})}}
    world.settings = msgspec.structs.replace(world.settings, exposed=("up0",))

    async def scenario() -> None:
        async with running(world):
            await until(lambda: "192.0.2.1" in {f.vip for f in world.dataplane.state.frontends})
            assert world.dataplane.state.shared == {"192.0.2.1"}
            assert "192.0.2.1" not in world.network.vips

    play(scenario())
