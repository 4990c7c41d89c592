"""The agent on a real Docker Engine: real containers, everything else in memory.

The container instance's address is 127.0.0.1, so published ports can be reached from here.
"""

import asyncio
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sealway.drivers.docker.engine import DockerRuntime
from sealway.drivers.docker.scope import Scope
from sealway.model.clock import system_clock
from sealway.model.port_range import first_ports, publish, wanted_ranges
from sealway.model.task import Task
from tests.support import images
from tests.support.node_world import (
    World,
    container,
    definition,
    ec2_task,
    fargate_task,
    instance,
    registered,
    running,
    vpc,
)

pytestmark = [pytest.mark.docker, pytest.mark.root]
RUNNING_NUMBER = int(uuid.uuid4().hex[:8], 16)
MACHINE = instance(state="running", private_ip="127.0.0.1")
RESTART_PERIOD = 6
"""Seconds; long enough that a second death right after the start is too early even on a slow machine."""
SERVE = ["listen", "8443", "reply", "hello"]


class RealWorld(World):
    """The world with Docker for its engine, and the system's clock."""

    def agent(self, **drivers: Any) -> Any:
        return super().agent(**{"clock": system_clock} | drivers)

    def started(self, *containers: dict[str, Any], awsvpc: bool = False, **spec: Any) -> Task:
        """A new task in the store."""
        number = RUNNING_NUMBER + len(self.store.list(Task))
        made = definition(*containers, **({"networkMode": "awsvpc"} if awsvpc else {}), **spec)
        on = registered(MACHINE)
        task = fargate_task(number, made, zone=0) if awsvpc else ec2_task(number, made, on)
        task = task.replace(port_ranges=publish(made, first_ports(wanted_ranges(made), {}, number) or ()))
        if task.interface:
            interface = {f: getattr(task.interface, f) for f in task.interface.__struct_fields__}
            task = task.replace(interface=type(task.interface)(**interface | {"private_ip": "10.0.0.11"}))
        self.put(*vpc(), MACHINE, on, made, task)
        return task


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.005)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RealWorld]:
    name = uuid.uuid4().hex[:8]
    images.build_pause()
    made = RealWorld(tmp_path)
    scope = Scope(label=f"sealway.test-{name}", network=f"sealway-test-{name}", bridge=f"boxes{name}")
    async with DockerRuntime(scope=scope) as runtime:
        made.runtime = runtime  # type: ignore[assignment]
        yield made
        await runtime.teardown()
    made.close()


@pytest.fixture(scope="session")
def image() -> str:
    return images.build_testbox()


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def is_at(world: World, task: Task, status: str) -> Callable[[], bool]:
    return lambda: world.task(task.arn).last_status == status


async def call(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = await reader.read(100)
    writer.close()
    return answer


async def test_a_bridge_task_serves_dies_and_is_seen_to_die(world: RealWorld, image: str) -> None:
    mapping = {"containerPort": 8443, "hostPort": 0, "protocol": "tcp"}
    task = world.started(container(image=image, command=SERVE, portMappings=[mapping]))
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        (status,) = world.task(task.arn).containers
        (binding,) = status.bindings
        assert binding.host_ip == "127.0.0.1"
        assert status.bridge_ip
        assert b"hello" in await call(binding.host_port)
        await asyncio.to_thread(docker, "kill", "--signal", "KILL", f"sealway-{task.id}-app")
        ended = time.monotonic()
        await until(lambda: world.task(task.arn).containers[0].last_status == "STOPPED")
        assert time.monotonic() - ended < 1
        assert world.task(task.arn).containers[0].exit_code == 137
        world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
        await until(is_at(world, task, "STOPPED"))
        assert await world.runtime.list() == []


async def test_each_port_of_a_range_leads_to_the_containers(world: RealWorld, image: str) -> None:
    mapping = {"containerPortRange": "8440-8445"}
    task = world.started(container(image=image, command=SERVE, portMappings=[mapping]))
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        (given,) = task.port_ranges
        (status,) = world.task(task.arn).containers
        bound = sorted((b.container_port, b.host_port) for b in status.bindings)
        assert bound == list(zip(given.container_ports, given.host_ports, strict=True))
        assert b"hello" in await call(given.host_ports[3])
        world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
        await until(is_at(world, task, "STOPPED"))


async def test_a_restarted_agent_adopts_the_same_containers(world: RealWorld, image: str) -> None:
    task = world.started(container(image=image, command=SERVE), awsvpc=True)
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
    before = {state.id for state in await world.runtime.list()}
    assert len(before) == 2
    seen = world.task(task.arn)
    async with running(world):
        await asyncio.sleep(1)
        assert {state.id for state in await world.runtime.list()} == before
        assert world.task(task.arn) == seen


async def test_a_joined_container_resolves_as_the_pause_container_says(world: RealWorld, image: str) -> None:
    task = world.started(container(image=image, command=SERVE), awsvpc=True)
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        app = f"sealway-{task.id}-app"
        paths = "{{.ResolvConfPath}} {{.HostsPath}} {{.HostnamePath}}"
        resolv, hosts, hostname = (Path(p).read_text() for p in docker("inspect", "-f", paths, app).split())
        assert "nameserver 10.0.0.2" in resolv.splitlines()
        assert hostname.strip() == "ip-10-0-0-11.ec2.internal"
        assert any(line.split() == ["10.0.0.11", "ip-10-0-0-11.ec2.internal"] for line in hosts.splitlines())


async def test_order_stop_timeout_and_volumes(world: RealWorld, image: str) -> None:
    first = container("first", image=image, command=["exit", "0"], essential=False)
    deaf = container(
        image=image,
        command=["ignore-term", "sleep"],
        stopTimeout=1,
        dependsOn=[{"containerName": "first", "condition": "SUCCESS"}],
        linuxParameters={"tmpfs": [{"containerPath": "/scratch", "size": 1}], "initProcessEnabled": True},
        readonlyRootFilesystem=True,
        ulimits=[{"name": "nofile", "softLimit": 100, "hardLimit": 200}],
    )
    task = world.started(first, deaf)
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        assert [c.exit_code for c in world.task(task.arn).containers] == [0, None]
        world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
        asked = time.monotonic()
        await until(is_at(world, task, "STOPPED"))
        assert 0.9 < time.monotonic() - asked < 10
        assert [c.exit_code for c in world.task(task.arn).containers] == [0, 137]


async def test_wrong_commands_and_images_are_reported(world: RealWorld, image: str) -> None:
    broken = world.started(container(image=image, entryPoint=["/nope"]))
    async with running(world):
        await until(lambda: world.task(broken.arn).failure)
        assert world.task(broken.arn).failure.startswith("CannotStartContainerError: ")
        assert "/nope" in world.task(broken.arn).failure
        world.change(Task, broken.arn, desired_status="STOPPED")
        await until(is_at(world, broken, "STOPPED"))
        missing = world.started(container(image="127.0.0.1:9/no/such:1"))
        await until(lambda: world.task(missing.arn).failure)
        assert world.task(missing.arn).failure.startswith("CannotPullContainerError: ")


async def test_a_health_check_reaches_the_task(world: RealWorld, image: str) -> None:
    check = {"command": ["CMD", "/testbox", "exit", "0"], "interval": 5, "retries": 1}
    task = world.started(container(image=image, command=["sleep"], healthCheck=check))
    async with running(world):
        await until(lambda: world.task(task.arn).health_status == "HEALTHY")


def pid_of(task: Task, name: str) -> str:
    return docker("inspect", "-f", "{{.State.Pid}}", f"sealway-{task.id}-{name}")


def in_network_of(pid: str, *words: str) -> str:
    entered = ["nsenter", f"--net=/proc/{pid}/ns/net", *words]
    return subprocess.run(entered, check=True, capture_output=True, text=True).stdout.strip()


async def test_a_container_is_started_again_as_its_policy_says(world: RealWorld, image: str) -> None:
    policy = {"enabled": True, "ignoredExitCodes": [5], "restartAttemptPeriod": RESTART_PERIOD}
    task = world.started(container(image=image, command=["on-usr1", "3", "sleep"], restartPolicy=policy))
    name = f"sealway-{task.id}-app"

    async def end(started_at: str | None) -> None:
        """Signals until it is heard: a program that has just begun may not listen yet."""
        async with asyncio.timeout(20):
            while (now := await world.runtime.inspect(name)) and now.status == "running":
                if now.started_at != started_at:
                    return
                await asyncio.to_thread(
                    subprocess.run, ["docker", "kill", "-s", "USR1", name], capture_output=True
                )
                await asyncio.sleep(0.05)

    async def started_again(first: str | None) -> str | None:
        """Waits without holding up the agent, which shares this loop."""
        async with asyncio.timeout(20):
            while True:
                now = await world.runtime.inspect(name)
                if now is not None and now.started_at != first and now.status == "running":
                    return now.started_at
                await asyncio.sleep(0.02)

    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        first = await world.runtime.inspect(name)
        assert first is not None
        await asyncio.sleep(RESTART_PERIOD + 0.1)  # what the policy asks a container to have run for
        await end(first.started_at)
        second = await started_again(first.started_at)
        assert world.task(task.arn).last_status == "RUNNING"
        assert world.task(task.arn).containers[0].last_status == "RUNNING"
        await end(second)  # at once again: it ran too short
        await until(lambda: world.task(task.arn).containers[0].last_status == "STOPPED")
        assert world.task(task.arn).containers[0].exit_code == 3


async def test_links_volumes_and_system_controls(world: RealWorld, image: str) -> None:
    control = [{"namespace": "net.core.somaxconn", "value": "77"}]
    db = container("db", image=image, command=SERVE, systemControls=control)
    app = container(
        image=image,
        command=SERVE,
        links=["db:store"],
        volumesFrom=[{"sourceContainer": "db", "readOnly": True}],
        interactive=True,
        pseudoTerminal=True,
        linuxParameters={"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}},
    )
    db["mountPoints"] = [{"sourceVolume": "data", "containerPath": "/data"}]
    task = world.started(app, db, volumes=[{"name": "data"}])
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        address = next(c.bridge_ip for c in world.task(task.arn).containers if c.name == "db")
        own, other = pid_of(task, "app"), pid_of(task, "db")
        found = await asyncio.to_thread(in_network_of, own, "dig", "+short", "@127.0.0.11", "store")
        assert found == address
        assert in_network_of(other, "cat", "/proc/sys/net/core/somaxconn") == "77"
        assert in_network_of(own, "cat", "/proc/sys/net/core/somaxconn") != "77"
        mounts = Path(f"/proc/{own}/mounts").read_text().splitlines()
        (mount,) = [line.split() for line in mounts if line.split()[1] == "/data"]
        assert "ro" in mount[3].split(",")
        (effective,) = [
            line for line in Path(f"/proc/{own}/status").read_text().splitlines() if "CapEff" in line
        ]
        assert int(effective.split()[1], 16) == 1, "CHOWN alone, which is capability 0"
        assert (
            docker("inspect", "-f", "{{.Config.Tty}} {{.Config.OpenStdin}}", f"sealway-{task.id}-app")
            == "true true"
        )


async def test_system_controls_of_an_awsvpc_tasks_network(world: RealWorld, image: str) -> None:
    controls = [
        {"namespace": "net.core.somaxconn", "value": "78"},
        {"namespace": "kernel.msgmax", "value": "9000"},
    ]
    task = world.started(container(image=image, command=SERVE, systemControls=controls), awsvpc=True)
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        pid = pid_of(task, "app")
        assert in_network_of(pid, "cat", "/proc/sys/net/core/somaxconn") == "78"
        entered = ["nsenter", f"--ipc=/proc/{pid}/ns/ipc", "cat", "/proc/sys/kernel/msgmax"]
        assert await asyncio.to_thread(subprocess.check_output, entered, text=True) == "9000\n"


async def test_a_shared_volume_outlives_its_task(world: RealWorld, image: str) -> None:
    shared = {"scope": "shared", "autoprovision": True, "labels": {"team": "blue"}}
    point = [{"sourceVolume": "data", "containerPath": "/data"}]
    volumes = [{"name": "data", "dockerVolumeConfiguration": shared}]
    task = world.started(container(image=image, command=SERVE, mountPoints=point), volumes=volumes)
    template = "{{range .Mounts}}{{.Name}}{{end}}"
    async with running(world):
        await until(is_at(world, task, "RUNNING"))
        volume = docker("inspect", "-f", template, f"sealway-{task.id}-app")
        assert docker("volume", "inspect", "-f", '{{index .Labels "team"}}', volume) == "blue"
        world.change(Task, task.arn, desired_status="STOPPED", may_stop=True)
        await until(is_at(world, task, "STOPPED"))
        assert docker("volume", "ls", "-q", "-f", f"name={volume}") == volume
    await world.runtime.teardown()
    assert docker("volume", "ls", "-q", "-f", f"name={volume}") == ""
