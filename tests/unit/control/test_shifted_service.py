"""Services whose deployments take over traffic: BLUE_GREEN, LINEAR, CANARY, on two target groups.

The blue target group is ``GROUP``, the green one ``GREEN``; one production listener forwards to both.
"""

from collections import Counter
from typing import Any

import msgspec
import pytest

from sealway.control.loop import ControlLoop
from sealway.model.arn import elb
from sealway.model.load_balancer import Listener
from sealway.model.target_group import Target, TargetGroup
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from sealway.services.ecs.deployment_rules import with_new_deployment
from tests.support.control_world import ACCOUNT, GROUP, NETWORK, REGION, ControlWorld

GREEN = elb(REGION, ACCOUNT, "targetgroup/green/0123456789abcdef")
FARGATE = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
COUNT = 3


def production(world: ControlWorld) -> Listener:
    (found,) = world.store.list(Listener)
    return found


def weights(world: ControlWorld) -> dict[str, int]:
    return {arn.split("/")[1]: weight for arn, weight in production(world).target_group_weights.items()}


def by_revision(world: ControlWorld) -> dict[int, int]:
    return dict(Counter(world.revisions()))


def start(world: ControlWorld, strategy: str = "BLUE_GREEN", **configuration: Any) -> None:
    """Revision 1 serves; the next deployment will be of that strategy."""
    world.subnets()
    world.target_group(target_type="ip", delay=5)
    group = world.store.get(TargetGroup, GROUP)
    assert group is not None
    world.put(group.replace(arn=GREEN, name="green", version=0))
    world.define(1, **FARGATE)
    advanced = {"alternateTargetGroupArn": GREEN, "productionListenerRule": production(world).arn}
    balancer = {
        "targetGroupArn": GROUP,
        "containerName": "app",
        "containerPort": 8443,
        "advancedConfiguration": advanced,
    }
    world.create(
        COUNT,
        launch_type="FARGATE",
        network_configuration=NETWORK,
        load_balancers=(balancer,),
        deployment_configuration={"strategy": strategy, **configuration},
    )
    world.steady()
    assert weights(world) == {"orders": 100, "green": 0}


def update(world: ControlWorld, to: TaskDefinition) -> None:
    """UpdateService with another definition."""
    changed = world.service.replace(task_definition_arn=to.arn)
    world.put(with_new_deployment(changed, world.ids, world.now))


def check_promises(world: ControlWorld) -> None:
    """Whoever has production traffic has as many healthy targets as the service wants tasks."""
    for arn, weight in production(world).target_group_weights.items():
        targets = [t for t in world.store.list(Target, target_group_arn=arn) if t.draining_since is None]
        serving = [
            t for t in targets if (task := world.store.get(Task, t.task_arn or "")) and task.started_at
        ]
        assert not weight or len(serving) >= COUNT, (weights(world), by_revision(world))


@pytest.fixture
def watched(world: ControlWorld) -> ControlWorld:
    """Promises are checked after each pass, once there is a service that serves."""
    world.after_step = lambda: (
        check_promises(world) if world.store.list(Target, target_group_arn=GREEN) else None
    )
    return world


def test_green_comes_beside_blue_takes_all_and_blue_goes_after_the_bake_time(watched: ControlWorld) -> None:
    world = watched
    start(world, bakeTimeInMinutes=1)
    update(world, world.define(2, **FARGATE))
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    assert by_revision(world) == {1: COUNT, 2: COUNT}
    assert {t.id for t in world.store.list(Target, target_group_arn=GREEN)}.isdisjoint(
        t.id for t in world.store.list(Target, target_group_arn=GROUP)
    )
    world.tick(times=50)
    assert by_revision(world) == {1: COUNT, 2: COUNT}
    world.steady()
    assert by_revision(world) == {2: COUNT}
    assert weights(world) == {"orders": 0, "green": 100}
    assert world.store.list(Target, target_group_arn=GROUP) == []


def test_the_next_deployment_comes_back_to_the_first_target_group(watched: ControlWorld) -> None:
    world = watched
    start(world, bakeTimeInMinutes=0)
    for revision in (2, 3):
        update(world, world.define(revision, **FARGATE))
        world.steady()
    assert weights(world) == {"orders": 100, "green": 0}
    assert by_revision(world) == {3: COUNT}


def test_canary(watched: ControlWorld) -> None:
    world = watched
    start(world, "CANARY", canaryConfiguration={"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1})
    update(world, world.define(2, **FARGATE))
    world.until(lambda: weights(world) == {"orders": 90, "green": 10})
    world.tick(times=50)
    assert weights(world) == {"orders": 90, "green": 10}
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})


def test_a_deployment_that_fails_leaves_the_traffic_where_it_was(watched: ControlWorld) -> None:
    world = watched
    start(world, **BREAKER)
    first = {t.arn for t in world.active}
    update(world, world.define(2, conduct="crash", **FARGATE))
    world.until(lambda: any("rolling back" in message for message in world.messages), most=300)
    world.until(lambda: by_revision(world) == {1: COUNT}, most=300)
    world.steady()
    assert {t.arn for t in world.active} == first
    assert weights(world) == {"orders": 100, "green": 0}


def test_a_rollback_in_the_bake_time_gives_the_traffic_back_at_once(watched: ControlWorld) -> None:
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_PRODUCTION_TRAFFIC_SHIFT"]}
    world = watched
    start(world, bakeTimeInMinutes=5, lifecycleHooks=[hook])
    first = {t.arn for t in world.active}
    update(world, world.define(2, **FARGATE))
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    primary = world.service.primary
    assert primary.shift is not None
    (waiting,) = primary.shift.pauses
    refused = msgspec.structs.replace(waiting, status="FAILED")
    shift = msgspec.structs.replace(primary.shift, pauses=(refused,))
    others = tuple(d for d in world.service.deployments if d.id != primary.id)
    world.put(world.service.replace(deployments=(msgspec.structs.replace(primary, shift=shift), *others)))
    world.settle()
    assert weights(world) == {"orders": 100, "green": 0}
    world.steady()
    assert {t.arn for t in world.active} == first
    assert len(world.service.deployments) == 1


def test_another_deployment_in_the_middle_starts_from_blue(watched: ControlWorld) -> None:
    world = watched
    start(world, bakeTimeInMinutes=5)
    update(world, world.define(2, **FARGATE))
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    update(world, world.define(3, **FARGATE))
    world.settle()
    assert weights(world) == {"orders": 100, "green": 0}
    assert by_revision(world)[1] == COUNT
    assert 2 not in by_revision(world)
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    world.until(lambda: by_revision(world) == {3: COUNT}, most=400)


def test_a_blue_task_that_dies_meanwhile_is_replaced(world: ControlWorld) -> None:
    start(world, bakeTimeInMinutes=5)
    update(world, world.define(2, **FARGATE))
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    victim = next(t for t in world.active if t.task_definition_arn.endswith(":1"))
    world.exit_container(victim)
    world.until(
        lambda: by_revision(world) == {1: COUNT, 2: COUNT} and victim.arn not in {t.arn for t in world.active}
    )


def test_a_new_process_goes_on_where_the_last_one_was(watched: ControlWorld) -> None:
    """At every step another control loop."""
    world = watched
    start(world, "LINEAR", linearConfiguration={"stepPercent": 50.0, "stepBakeTimeInMinutes": 1})
    update(world, world.define(2, **FARGATE))
    seen = []
    for _ in range(120):
        world.loop = ControlLoop(world.store, lambda: world.now, world.ids)
        world.tick()
        if weights(world) not in seen:
            seen.append(weights(world))
    assert seen == [{"orders": 100 - p, "green": p} for p in (0, 50, 100)]
    assert by_revision(world) == {2: COUNT}
    assert world.service.steady


def test_without_a_load_balancer_the_tasks_alone_are_exchanged(world: ControlWorld) -> None:
    world.machines(3)
    world.create(COUNT, deployment_configuration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1})
    world.steady()
    update(world, world.define(2))
    world.until(lambda: by_revision(world) == {1: COUNT, 2: COUNT})
    world.tick(times=30)
    assert by_revision(world) == {1: COUNT, 2: COUNT}
    world.steady()
    assert by_revision(world) == {2: COUNT}


def test_a_service_deleted_in_the_middle_ends(world: ControlWorld) -> None:
    start(world, bakeTimeInMinutes=5)
    update(world, world.define(2, **FARGATE))
    world.until(lambda: by_revision(world) == {1: COUNT, 2: COUNT})
    world.put(world.service.replace(status="DRAINING", desired_count=0))
    world.until(lambda: world.service.status == "INACTIVE")
    assert world.active == []


def test_a_deployment_that_came_before_the_first_was_complete_takes_over_all_the_same(
    watched: ControlWorld,
) -> None:
    world = watched
    start(world)
    world.put(
        world.service.replace(
            deployments=(msgspec.structs.replace(world.service.primary, rollout_state="IN_PROGRESS"),)
        )
    )
    update(world, world.define(2, **FARGATE))
    assert world.service.primary.shift is not None
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    world.steady()
    assert by_revision(world) == {2: COUNT}


def test_a_blue_task_that_keeps_dying_is_not_started_without_a_pause(world: ControlWorld) -> None:
    start(world, bakeTimeInMinutes=5)
    update(world, world.define(2, **FARGATE))
    world.until(lambda: weights(world) == {"orders": 0, "green": 100})
    first = world.store.get(
        TaskDefinition, next(d.task_definition_arn for d in world.service.deployments[1:])
    )
    assert first is not None
    world.conduct[first.arn] = "crash"
    before = len(world.store.list(Task))
    world.tick(times=60)
    assert len(world.store.list(Task)) - before <= 3 * COUNT * 60 / 10 / 2
