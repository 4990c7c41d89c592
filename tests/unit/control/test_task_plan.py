from typing import Any

import msgspec
import pytest

from sealway.model.cluster import ContainerInstance
from sealway.model.ids import CountingIds
from sealway.model.instance import Instance
from sealway.model.network import NetworkInterface
from sealway.model.new_task import Placed, Stock, TaskRequest, board, place_task
from sealway.model.task import Task
from tests.support.cluster_world import CLUSTER, subnet
from tests.support.control_world import NETWORK, ControlWorld


def run_task(world: ControlWorld, **spec: Any) -> Task:
    """A standalone task as RunTask makes it: on the first instance, or with an address on Fargate."""
    request = TaskRequest(
        definition=world.define(1, **spec),
        cluster_arn=CLUSTER,
        launch_type="FARGATE" if spec else "EC2",
        group="family:orders",
        network_configuration=NETWORK if spec else None,
    )
    stock = Stock(instances=world.store.list(ContainerInstance), subnets=[subnet(1)])
    placed = place_task(request, board(request, stock), CountingIds("run"), world.now)
    assert isinstance(placed, Placed)
    world.put(placed.task, *([placed.interface] if placed.interface else []))
    world.tick(times=3)
    return found(world, placed.task)


def found(world: ControlWorld, task: Task) -> Task:
    stored = world.store.get(Task, task.arn)
    assert stored is not None
    return stored


def test_a_standalone_task_runs_until_its_essential_container_exits(world: ControlWorld) -> None:
    world.machines(1)
    task = run_task(world)
    assert (task.last_status, task.desired_status) == ("RUNNING", "RUNNING")
    world.exit_container(task, 0)
    world.settle()
    ended = found(world, task)
    assert (ended.stop_code, ended.stopped_reason, ended.may_stop) == (
        "EssentialContainerExited",
        "Essential container in task exited",
        True,
    )


def test_a_container_that_is_not_essential_may_exit(world: ControlWorld) -> None:
    world.machines(1)
    task = run_task(world)
    definition = world.define(2)
    container = {**definition.containers[0], "essential": False}
    definition = definition.replace(version=1, spec={"containerDefinitions": [container]})
    world.put(definition)
    world.change(Task, task.arn, task_definition_arn=definition.arn)
    world.exit_container(task, 0)
    world.settle()
    assert found(world, task).desired_status == "RUNNING"


def test_the_first_reason_stays(world: ControlWorld) -> None:
    world.machines(1)
    task = run_task(world)
    world.change(Task, task.arn, desired_status="STOPPED", stop_code="UserInitiated", stopped_reason="mine")
    world.exit_container(task)
    world.settle()
    ended = found(world, task)
    assert (ended.stop_code, ended.stopped_reason, ended.may_stop) == ("UserInitiated", "mine", True)


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        (Instance, {"state": "shutting-down"}, "Host EC2 (instance i-00000000000000001) terminated."),
        (ContainerInstance, {"status": "INACTIVE"}, "Container instance deregistration forced by user"),
    ],
)
def test_a_task_goes_with_its_machine(world: ControlWorld, kind: Any, change: Any, reason: str) -> None:
    machine = world.machines(1)[0]
    task = run_task(world)
    world.change(kind, machine.ec2_instance_id if kind is Instance else machine.arn, **change)
    world.settle()
    assert found(world, task).stopped_reason == reason


def test_draining_an_instance_leaves_standalone_tasks(world: ControlWorld) -> None:
    machine = world.machines(1)[0]
    task = run_task(world)
    world.change(ContainerInstance, machine.arn, status="DRAINING")
    world.settle()
    assert found(world, task).desired_status == "RUNNING"


def test_a_stopped_task_gives_its_interface_back_and_is_forgotten_after_an_hour(world: ControlWorld) -> None:
    world.subnets()
    task = run_task(world, networkMode="awsvpc", cpu="256", memory="512")
    assert len(world.store.list(NetworkInterface)) == 1
    world.change(Task, task.arn, desired_status="STOPPED", stop_code="UserInitiated")
    world.tick(times=2)
    assert found(world, task).last_status == "STOPPED"
    assert world.store.list(NetworkInterface) == []
    world.tick(seconds=3590)
    assert world.store.get(Task, task.arn) is not None
    world.tick(seconds=10)
    assert world.store.get(Task, task.arn) is None


def test_a_task_that_died_unseen_gets_its_reason(world: ControlWorld) -> None:
    world.machines(1)
    task = run_task(world)
    never = found(world, task)
    world.put(msgspec.structs.replace(never, last_status="STOPPED", started_at=None, stopped_at=world.now))
    world.settle()
    assert found(world, task).stop_code == "TaskFailedToStart"
