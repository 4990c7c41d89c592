"""Instances from launch to termination: addresses on the host, registration, release."""

import asyncio
import base64
from typing import Any

from sealway.model.cluster import ContainerInstance
from sealway.model.instance import Instance
from sealway.model.network import NetworkInterface
from sealway.model.task import Task
from sealway.node.settings import NodeSettings
from tests.support.node_world import (
    OWNER,
    World,
    cluster,
    definition,
    ec2_task,
    instance,
    running,
    until,
    vpc,
)
from tests.support.virtual_time import START, clock, play

BLUE = base64.b64encode(b"#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n").decode()


def state(world: World, machine: Instance) -> str:
    found = world.store.get(Instance, machine.id)
    assert found is not None
    return found.state


def interface(machine: Instance) -> NetworkInterface:
    return NetworkInterface(
        id=machine.network_interface_id,
        **OWNER,
        vpc_id="vpc-1",
        subnet_id=machine.subnet_id,
        availability_zone=machine.availability_zone,
        private_ip=machine.private_ip,
        mac="0a:58:00:00:00:01",
        created_at=START,
    )


def test_an_instance_boots_and_joins_its_cluster(world: World) -> None:
    machine = instance(user_data=BLUE)
    world.put(*vpc(), cluster(), machine)
    world.settings = NodeSettings(rest=0, architecture="ARM64")

    async def scenario() -> None:
        async with running(world):
            assert world.network.vpc_cidrs == ("10.0.0.0/16",)
            assert world.network.host_addresses == {"10.0.0.101", "10.0.0.2"}
            assert world.dns.addresses == {"10.0.0.2"}
            assert state(world, machine) == "running"
            (joined,) = world.store.list(ContainerInstance)
            assert joined.arn.startswith("arn:aws:ecs:us-east-1:000000000000:container-instance/blue/")
            assert len(joined.arn.rsplit("/", 1)[1]) == 32
            assert (joined.cpu_units, joined.memory_mib) == (2048, 7864)
            assert joined.private_ip == "10.0.0.101"
            assert joined.attributes["ecs.instance-type"] == "m5.large"
            assert joined.attributes["ecs.availability-zone"] == "us-east-1a"
            assert joined.attributes["ecs.cpu-architecture"] == "arm64"
            assert "com.amazonaws.ecs.capability.docker-remote-api.1.25" in joined.attributes

    play(scenario())


def test_user_data_adds_attributes_but_changes_none_of_the_agents_own(world: World) -> None:
    wanted = 'ECS_INSTANCE_ATTRIBUTES={"rack": "7", "ecs.availability-zone": "eu-west-1a"}'
    text = f"ECS_CLUSTER=blue\n{wanted}\nECS_RESERVED_PORTS=[22, 8125]\n".encode()
    world.put(*vpc(), cluster(), instance(user_data=base64.b64encode(text).decode()))

    async def scenario() -> None:
        async with running(world):
            joined = joined_now(world)
            assert joined.attributes["rack"] == "7"
            assert joined.attributes["ecs.availability-zone"] == "us-east-1a"
            assert not any("privileged" in name for name in joined.attributes)
            assert (joined.reserved_tcp_ports, joined.reserved_udp_ports) == ((22, 8125), ())

    play(scenario())


def test_registration_waits_for_the_cluster(world: World) -> None:
    world.put(*vpc(), instance())

    async def scenario() -> None:
        async with running(world):
            await asyncio.sleep(60)
            assert world.store.list(ContainerInstance) == []
            world.put(cluster("default").replace(account_id="111111111111"))
            await asyncio.sleep(60)
            assert world.store.list(ContainerInstance) == []
            world.put(cluster("default"))
            await until(lambda: len(world.store.list(ContainerInstance)) == 1)
            await asyncio.sleep(60)
        assert len(world.store.list(ContainerInstance)) == 1

    play(scenario())


def test_termination_waits_for_the_tasks(world: World) -> None:
    machine = instance(user_data=BLUE)
    world.put(*vpc(), cluster(), machine, interface(machine))

    async def scenario() -> None:
        async with running(world):
            (joined,) = world.store.list(ContainerInstance)
            made = definition()
            task = ec2_task(1, made, joined)
            world.put(made, task)
            await until(lambda: world.task(task.arn).last_status == "RUNNING")
            world.change(Instance, machine.id, terminate_requested_at=clock())
            await until(lambda: state(world, machine) == "shutting-down")
            assert not joined_now(world).agent_connected
            await asyncio.sleep(100)
            assert state(world, machine) == "shutting-down"
            assert "10.0.0.101" in world.network.host_addresses
            world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
            await until(lambda: state(world, machine) == "terminated")
            assert joined_now(world).status == "INACTIVE"
            await until(lambda: world.network.host_addresses == {"10.0.0.2"})
            assert world.store.list(NetworkInterface) == []

    play(scenario())


def joined_now(world: World) -> Any:
    return world.store.list(ContainerInstance)[0]


def test_termination_is_bounded(world: World) -> None:
    machine = instance(user_data=BLUE)
    world.put(*vpc(), cluster(), machine)

    async def scenario() -> None:
        async with running(world):
            made = definition()
            world.put(made, ec2_task(1, made, joined_now(world)))
            world.change(Instance, machine.id, terminate_requested_at=clock())
            await asyncio.sleep(3900)
            assert state(world, machine) == "shutting-down"
            await asyncio.sleep(200)
            assert state(world, machine) == "terminated"

    play(scenario())
