"""Control and the agent together, in virtual time, with an engine, a network and a kernel in memory.

The data plane remembers every state it was given, so a test can say what a client would have met at any
moment: a frontend without a backend, or with a dead one, is a refused connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealway.control.loop import ControlLoop
from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.model.cluster import ContainerInstance
from sealway.model.ids import CountingIds
from sealway.model.instance import Instance
from sealway.model.network import NetworkInterface
from sealway.model.service import Deployment, Service
from sealway.model.target_group import Target
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from tests.support import node_world
from tests.support.node_world import ECS, OWNER, Plane, World, until
from tests.support.virtual_time import clock, play

PORTS = [{"containerPort": 8443, "hostPort": 0, "protocol": "tcp"}]
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0", "subnet-1"], "securityGroups": []}}
ARN = f"{ECS}:service/blue/ledger"


class RememberingPlane(Plane):
    """Keeps all states with their time."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[tuple[float, DataPlaneState]] = []

    async def apply(self, state: DataPlaneState) -> None:
        self.states.append((asyncio.get_running_loop().time(), state))
        await super().apply(state)

    def check_since(self, moment: float) -> None:
        """Every frontend had a backend in every state since then."""
        states = [state for at, state in self.states if at >= moment]
        assert states
        for state in states:
            assert len(state.frontends) == 2
            assert all(frontend.backends for frontend in state.frontends)


class Both:
    """The world, and what a user does in it."""

    def __init__(self, directory: Path, launch_type: str) -> None:
        self.world = World(directory)
        self.plane = self.world.dataplane = RememberingPlane()
        self.launch_type = launch_type
        fargate = launch_type == "FARGATE"
        group = node_world.group(
            target_type="ip" if fargate else "instance", deregistration_delay__timeout_seconds="5"
        )
        self.world.put(
            *node_world.vpc(),
            node_world.cluster(),
            node_world.balancer(),
            node_world.listener(443, group),
            group,
        )
        mode = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"} if fargate else {}
        container = node_world.container(portMappings=PORTS, memory=64, stopTimeout=2)
        self.definition: TaskDefinition = node_world.definition(container, **mode)
        self.world.put(self.definition)
        if not fargate:
            text = "IyEvYmluL2Jhc2gKZWNobyBFQ1NfQ0xVU1RFUj1ibHVlID4+IC9ldGMvZWNzL2Vjcy5jb25maWcK"
            self.world.put(*(node_world.instance(n, n % 2, user_data=text) for n in (1, 2, 3)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        control = ControlLoop(self.world.store, clock, CountingIds("control"))
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(control.run())
            async with node_world.running(self.world):
                try:
                    yield
                finally:
                    loop.cancel()

    def create(self, desired: int) -> None:
        fargate = self.launch_type == "FARGATE"
        balancer = {
            "targetGroupArn": f"{node_world.GROUP}/g",
            "containerName": "app",
            "containerPort": 8443,
        }
        service = Service(
            arn=ARN,
            **OWNER,
            name="ledger",
            cluster_arn=node_world.CLUSTER,
            task_definition_arn=self.definition.arn,
            desired_count=desired,
            launch_type=self.launch_type,
            load_balancers=(balancer,),
            network_configuration=NETWORK if fargate else None,
            created_at=clock(),
        )
        self.world.put(service.replace(deployments=(self._deployment(service, 1),)))

    def redeploy(self) -> None:
        service = self.service
        old = tuple(msgspec.structs.replace(d, status="ACTIVE") for d in service.deployments)
        self.world.put(
            service.replace(deployments=(self._deployment(service, len(old) + 1), *old), steady=False)
        )

    def _deployment(self, service: Service, number: int) -> Deployment:
        return Deployment(
            id=f"ecs-svc/{number}",
            status="PRIMARY",
            task_definition_arn=service.task_definition_arn,
            desired_count=service.desired_count,
            created_at=clock(),
            updated_at=clock(),
            launch_type=service.launch_type,
            network_configuration=service.network_configuration,
        )

    @property
    def service(self) -> Service:
        found = self.world.store.get(Service, ARN)
        assert found is not None
        return found

    def tasks(self) -> list[Task]:
        return [
            t
            for t in self.world.store.list(Task)
            if t.last_status == "RUNNING" and t.desired_status == "RUNNING"
        ]

    async def steady(self, seconds: float = 60) -> None:
        await until(lambda: self.service.steady, seconds)


def named(task: Task) -> str:
    return f"sealway-{task.id}-app"


@pytest.fixture(params=["EC2", "FARGATE"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Both:
    return Both(tmp_path, request.param)


def plays(scenario: Callable[[Both], Any]) -> Callable[[Both], None]:
    def test(both: Both) -> None:
        play(scenario(both))

    return test


@plays
async def test_a_service_comes_up_and_goes_away_without_a_trace(both: Both) -> None:
    async with both.running():
        both.create(3)
        await both.steady()
        assert len(both.tasks()) == 3
        assert {len(f.backends) for f in both.plane.states[-1][1].frontends} >= {1}
        both.world.change(Service, ARN, desired_count=0, status="DRAINING")
        await until(lambda: both.service.status == "INACTIVE", 60)
        assert both.world.store.list(Target) == []
        owned = [i for i in both.world.store.list(NetworkInterface) if "attachment" in i.description]
        assert owned == []
        await until(lambda: not both.world.names())


@plays
async def test_a_rolling_update_never_shows_a_client_a_dead_or_missing_backend(both: Both) -> None:
    async with both.running():
        both.create(3)
        await both.steady()
        first = {task.arn for task in both.tasks()}
        began = asyncio.get_running_loop().time()
        both.redeploy()
        await both.steady()
        assert not first & {task.arn for task in both.tasks()}
        both.plane.check_since(began)
        took = asyncio.get_running_loop().time() - began
        assert 5 <= took < 15, "little more than the deregistration delay"


@plays
async def test_a_killed_container_is_out_at_once_and_replaced_in_seconds(both: Both) -> None:
    async with both.running():
        both.create(3)
        await both.steady()
        victim = both.tasks()[0]
        both.world.runtime.die(named(victim))
        began = asyncio.get_running_loop().time()
        await until(lambda: not both.world.store.list(Target, task_arn=victim.arn, draining_since=None), 0.5)
        await both.steady(5)
        assert len(both.tasks()) == 3
        assert asyncio.get_running_loop().time() - began < 5
        ended = both.world.task(victim.arn)
        assert ended.stop_code == "EssentialContainerExited"


@plays
async def test_restarted_processes_find_everything_as_it_was(both: Both) -> None:
    async with both.running():
        both.create(3)
        await both.steady()
    tasks, history = both.tasks(), both.service.events
    async with both.running():
        await asyncio.sleep(120)
        assert [t.arn for t in both.tasks()] == [t.arn for t in tasks]
        assert both.service.events == history


@plays
async def test_an_engine_that_comes_back_without_its_containers_is_filled_again(both: Both) -> None:
    async with both.running():
        both.create(3)
        await both.steady()
        both.world.runtime.engine_stop()
        await asyncio.sleep(5)
        assert len(both.tasks()) == 3, "silence is not death"
        both.world.runtime.engine_start()
        for task in both.tasks():
            both.world.runtime.die(named(task))
        await until(lambda: not both.service.steady)
        await both.steady(30)
        assert len(both.tasks()) == 3


@plays
async def test_connections_outlive_the_delay_and_end_with_the_task(both: Both) -> None:
    async with both.running():
        both.create(1)
        await both.steady()
        [old] = both.tasks()
        zone = 0 if old.availability_zone.endswith("a") else 1
        flow = both.plane.connect(node_world.VIPS[zone], 443)
        assert flow is not None
        stop, asked = both.world.runtime.stop, []

        async def told_to_stop(container_id: str, timeout: int) -> None:
            registered = both.world.store.list(Target, task_arn=old.arn, unused_since=None)
            asked.append((flow.alive, registered, asyncio.get_running_loop().time()))
            await stop(container_id, timeout)

        both.world.runtime.stop = told_to_stop  # type: ignore[method-assign]
        began = asyncio.get_running_loop().time()
        both.redeploy()
        await until(lambda: both.world.task(old.arn).last_status == "STOPPED", 60)
        alive, registered, at = asked[0]
        assert (alive, registered) == (True, []), "told to stop, the task can end it in its own way"
        assert at >= began + 5
        await until(lambda: both.world.store.list(Target, task_arn=old.arn) == [], 1)
        await until(lambda: not flow.alive, 1)
        assert both.plane.state.draining == frozenset()


def test_terminating_an_instance_moves_its_task_without_a_gap(tmp_path: Path) -> None:
    both = Both(tmp_path, "EC2")

    async def scenario() -> None:
        async with both.running():
            both.create(3)
            await both.steady()
            began = asyncio.get_running_loop().time()
            going = both.world.store.list(Instance)[0]
            both.world.change(Instance, going.id, terminate_requested_at=clock())
            await until(lambda: both.world.store.list(Instance, state="terminated") != [], 60)
            await both.steady()
            assert len(both.tasks()) == 3
            left = {c.arn for c in both.world.store.list(ContainerInstance) if c.ec2_instance_id != going.id}
            assert {t.container_instance_arn for t in both.tasks()} <= left
            both.plane.check_since(began)

    play(scenario())
