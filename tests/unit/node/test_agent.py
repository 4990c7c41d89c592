import asyncio
import sqlite3

import pytest

from sealway.model.cluster import ContainerInstance
from sealway.model.errors import DriverError
from sealway.model.guard import Guard, GuardRule
from sealway.model.network import NetworkInterface, SecurityGroup
from tests.support.node_world import (
    OWNER,
    ZONES,
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
from tests.support.virtual_time import START, play


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


def test_a_changed_rule_reaches_the_data_plane_and_the_packet_filter(world: World) -> None:
    web = SecurityGroup(id="sg-web", **OWNER, vpc_id="vpc-1", name="web", description="web")
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    interface = NetworkInterface(
        id="eni-1",
        **OWNER,
        vpc_id="vpc-1",
        subnet_id="subnet-0",
        availability_zone=ZONES[0],
        private_ip="10.0.0.11",
        mac="02:00:00:00:00:01",
        security_groups=("sg-web",),
        created_at=START,
    )
    world.put(*vpc(), web, interface)

    async def scenario() -> None:
        async with running(world):
            both = (lambda: world.network.guards), (lambda: world.dataplane.state.guards)
            assert [told().rules["sg-web"] for told in both] == [Guard()] * 2
            world.put(web.replace(ingress=(rule,)))
            expected = Guard(ingress=(GuardRule(network="10.0.0.0/8", protocol=6, first=80, last=80),))
            await until(lambda: all(told().rules["sg-web"] == expected for told in both))
            assert not world.network.host_passes

    play(scenario())
