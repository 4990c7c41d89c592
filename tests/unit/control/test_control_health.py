from datetime import timedelta

import pytest

from sealway.control import snapshot
from sealway.control.health import UNCHECKED, is_healthy, next_verdict, unfit
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetHealth
from sealway.model.task import Task
from tests.support.control_world import GROUP, ControlWorld

CHECK = {"command": ["CMD-SHELL", "true"]}


def started(world: ControlWorld, *, balanced: bool = False, **service: object) -> Task:
    """One task, RUNNING since this moment; with a target that was not judged yet where it is balanced."""
    world.machines(1)
    world.target_group()
    world.create(1, balanced=balanced, **service)
    world.settle()
    world.tick(times=2)
    [task] = world.active
    assert task.started_at == world.now
    return task


def verdict(world: ControlWorld, task: Task) -> tuple[bool, str | None]:
    """Whether it is healthy, and why it is unfit."""
    found = snapshot.read_service(world.store, world.arn)
    current = world.store.get(Task, task.arn)
    assert found is not None
    assert current is not None
    why = unfit(found, current, world.now)
    return is_healthy(found, current, world.now), why.reason if why else None


def judge(world: ControlWorld, state: str, age: float = 0) -> None:
    [target] = world.store.list(Target)
    stored = world.store.get(TargetHealth, target.key)
    world.put(
        TargetHealth(
            version=stored.version if stored else 0,
            target_group_arn=GROUP,
            id=target.id,
            port=target.port,
            state=state,
            changed_at=world.now - timedelta(seconds=age),
        )
    )


def test_a_task_that_nothing_checks_counts_after_a_while(world: ControlWorld) -> None:
    task = started(world)
    assert verdict(world, task) == (False, None)
    found = snapshot.read_service(world.store, world.arn)
    assert found is not None
    assert next_verdict(found, world.now) == world.now + UNCHECKED
    world.now += UNCHECKED
    assert verdict(world, task) == (True, None)


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ("UNKNOWN", (False, None)),
        ("HEALTHY", (True, None)),
        ("UNHEALTHY", (False, "Task failed container health checks")),
    ],
)
def test_a_container_health_check_decides(
    world: ControlWorld, health: str, expected: tuple[bool, str | None]
) -> None:
    container = {"name": "app", "image": "app:1", "memory": 1, "healthCheck": CHECK}
    world.define(1, containerDefinitions=[container])
    task = started(world)
    world.change(Task, task.arn, health_status=health)
    assert verdict(world, task) == expected


def test_probes_decide_and_only_those_of_this_registration(world: ControlWorld) -> None:
    task = started(world, balanced=True)
    judge(world, "healthy", age=1)
    assert verdict(world, task) == (False, None)
    judge(world, "unhealthy", age=1)
    assert verdict(world, task) == (False, None)
    judge(world, "healthy")
    assert verdict(world, task) == (True, None)
    for state in ("unhealthy", "unhealthy.draining"):
        judge(world, state)
        assert verdict(world, task) == (False, f"Task failed ELB health checks in (target-group {GROUP})")


def test_the_grace_period_overlooks_failures_but_makes_nobody_healthy(world: ControlWorld) -> None:
    task = started(world, balanced=True, health_check_grace_period_seconds=10)
    judge(world, "unhealthy")
    assert verdict(world, task) == (False, None)
    world.now += timedelta(seconds=10)
    assert verdict(world, task)[1] is not None
    world.change(Service, world.arn, health_check_grace_period_seconds=20)
    assert verdict(world, task)[1] is None


def test_a_task_started_before_the_clock_was_set_back_is_judged_at_once(world: ControlWorld) -> None:
    task = started(world, health_check_grace_period_seconds=300)
    world.now -= timedelta(hours=1)
    assert verdict(world, task) == (True, None)
    world.change(Task, task.arn, health_status="UNHEALTHY")
    assert verdict(world, task) == (False, "Task failed container health checks")
