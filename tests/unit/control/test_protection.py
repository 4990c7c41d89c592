"""Tasks under protection stay through scale-in, deployments and draining, and no longer than that."""

from datetime import timedelta

from sealway.model.cluster import ContainerInstance
from sealway.model.service import Service
from sealway.model.task import Task
from tests.support.control_world import ControlWorld


def protect(world: ControlWorld, count: int, minutes: int = 60) -> set[str]:
    chosen = world.active[:count]
    for task in chosen:
        world.change(Task, task.arn, protected_until=world.now + timedelta(minutes=minutes))
    return {task.arn for task in chosen}


def names(world: ControlWorld) -> set[str]:
    return {task.arn for task in world.active}


def test_scale_in_takes_the_others(world: ControlWorld) -> None:
    world.machines(3)
    world.create(5)
    world.steady()
    kept = protect(world, 3)
    world.change(Service, world.arn, desired_count=1)
    world.tick(times=30)
    assert names(world) == kept
    world.tick(seconds=3600)
    world.steady()
    assert len(world.active) == 1


def test_a_deployment_goes_around_them(world: ControlWorld) -> None:
    world.machines(3)
    world.create(4)
    world.steady()
    kept = protect(world, 2)
    world.deploy(world.define(2))
    world.tick(times=60)
    assert kept < names(world)
    assert sorted(world.revisions()) == [1, 1, 2, 2, 2, 2]
    assert world.service.primary.rollout_state == "IN_PROGRESS"
    world.tick(seconds=3600)
    world.steady()
    assert world.revisions() == [2, 2, 2, 2]
    assert world.service.primary.rollout_state == "COMPLETED"


def test_draining_waits_for_them(world: ControlWorld) -> None:
    world.machines(2)
    world.create(2)
    world.steady()
    kept = protect(world, 1)
    held = world.active[0].container_instance_arn
    world.change(ContainerInstance, held, status="DRAINING")
    world.tick(times=30)
    assert kept < names(world)
    assert len(world.active) == 3
    world.change(Task, *kept, protected_until=None)
    world.steady()
    assert {task.container_instance_arn for task in world.active}.isdisjoint({held})


def test_a_daemon_keeps_them_too(world: ControlWorld) -> None:
    world.machines(2)
    world.create(0, scheduling_strategy="DAEMON", minimum_healthy_percent=0, maximum_percent=100)
    world.steady()
    kept = protect(world, 1)
    world.deploy(world.define(2))
    world.tick(times=30)
    assert kept < names(world)
    assert sorted(world.revisions()) == [1, 2]
    world.tick(seconds=3600)
    world.steady()
    assert world.revisions() == [2, 2]


def test_neither_a_failed_check_nor_the_end_of_the_service_spares_them(world: ControlWorld) -> None:
    world.machines(2)
    world.create(2)
    world.steady()
    sick, _ = kept = sorted(protect(world, 2))
    world.change(Task, sick, health_status="UNHEALTHY")
    world.until(lambda: sick not in names(world))
    assert kept[1] in names(world)
    world.change(Service, world.arn, status="DRAINING", desired_count=0)
    world.until(lambda: world.active == [])
