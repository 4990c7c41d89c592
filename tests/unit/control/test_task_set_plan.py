"""Task sets under the control loop: each is kept, replaced, drained and ended like a service of its own."""

import itertools

import pytest

from sealway.control.loop import ControlLoop
from sealway.model.cluster import ContainerInstance
from sealway.model.service import Service
from sealway.model.target_group import Target
from tests.support.control_world import NOW
from tests.support.task_set_world import TaskSetWorld


@pytest.fixture
def world(tmp_path):
    made = TaskSetWorld(tmp_path)
    made.machines(3)
    made.target_group(delay=5)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("scale", "of", "count"),
    [(100, 7, 7), (0, 7, 0), (0.1, 7, 1), (12, 10, 2), (10, 10, 1), (0.7, 1000, 7), (33.3, 3, 1), (50, 3, 2)],
)
def test_its_part_is_rounded_up_and_never_for_nothing(world, scale, of, count):
    world.external(of)
    world.add(1, world.define(), scale)
    assert world.sets()[1].desired_count(of) == count


def test_a_draining_one_wants_nothing(world):
    world.external(2)
    world.add(1, world.define())
    world.drop(1)
    assert world.sets()[1].desired_count(2) == 0


def test_two_sets_run_beside_one_another(world):
    world.external(4)
    world.add(1, world.define(1))
    world.add(2, world.define(2), 50, load_balancers=())
    world.until(world.all_steady)
    assert world.revisions() == [1, 1, 1, 1, 2, 2]
    assert {t.task_arn for t in world.store.list(Target)} == {t.arn for t in world.of_set(1)}
    assert {t.started_by for t in world.of_set(2)} == {"ecs-svc/2"}


def test_targets_drain_before_the_tasks_of_a_deleted_set_stop(world):
    world.external(2)
    world.add(1, world.define(1))
    world.add(2, world.define(2))
    world.until(world.all_steady)
    doomed = {t.arn for t in world.of_set(1)}
    world.drop(1)
    world.tick()
    assert {t.task_arn for t in world.store.list(Target) if t.draining_since} == doomed
    assert not any(t.may_stop for t in world.store.list(type(world.active[0])))
    assert world.sets()[1].status == "DRAINING"
    assert len(world.of_set(2)) == 2
    world.until(lambda: 1 not in world.sets())
    assert {t.task_arn for t in world.store.list(Target)} == {t.arn for t in world.of_set(2)}
    assert world.sets()[2].steady


def test_a_sick_set_is_not_steady_and_does_not_disturb_the_other(world):
    world.external(2, health_check_grace_period_seconds=3)
    world.add(1, world.define(1))
    world.until(world.all_steady)
    good = {t.arn for t in world.of_set(1)}
    world.add(2, world.define(2, "sick"))
    world.tick(times=12)
    sets = world.sets()
    assert (sets[1].steady, sets[2].steady) == (True, False)
    assert sets[2].backoff is not None
    assert {t.arn for t in world.of_set(1)} == good
    assert any("taskSet ecs-svc/2) " in m and "is unhealthy in" in m for m in world.messages)
    assert all("taskSet ecs-svc/1) " not in m for m in world.messages if "unhealthy" in m)


def test_tasks_leave_a_draining_instance_when_their_replacements_serve(world):
    world.external(3)
    world.add(1, world.define())
    world.until(world.all_steady)
    left = world.of_set(1)[0].container_instance_arn
    world.change(ContainerInstance, left, status="DRAINING")
    world.settle()
    assert not world.all_steady()
    assert len(world.of_set(1)) > 3
    world.until(world.all_steady)
    assert left not in {t.container_instance_arn for t in world.of_set(1)}
    assert len(world.of_set(1)) == 3


def test_distinct_instances_are_distinct_among_all_sets(world):
    world.external(2, placement_constraints=({"type": "distinctInstance"},))
    world.add(1, world.define(1))
    world.add(2, world.define(2), 50)
    world.until(world.all_steady)
    assert len({t.container_instance_arn for t in world.active}) == 3
    world.rescale(2, 100)
    world.tick(times=3)
    assert not world.sets()[2].steady
    assert world.messages[-1].startswith("(service orders, taskSet ecs-svc/2) was unable to place a task")


def test_a_deleted_service_ends_with_its_last_task(world):
    world.external(2)
    world.add(1, world.define(1))
    world.add(2, world.define(2))
    world.until(world.all_steady)
    for number in (1, 2):
        world.drop(number)
    world.change(Service, world.arn, status="DRAINING", desired_count=0)
    for _ in range(20):
        assert world.service.status == "DRAINING" or not world.active
        world.loop = ControlLoop(world.store, lambda: world.now, world.ids)
        world.tick()
    assert (world.service.status, world.sets()) == ("INACTIVE", {})
    assert world.service.stopped_at > NOW
    assert world.store.list(Target) == []


def test_the_history_says_each_thing_once(world):
    world.external(1)
    world.add(1, world.define())
    world.until(world.all_steady)
    world.tick(times=5)
    said = [event.message for event in world.service.events]
    assert len(said) == len(set(said))
    assert all(one.startswith("(service orders, taskSet ecs-svc/1) ") for one in said)
    assert len({event.id for event in world.service.events}) == len(said)
    assert all(a.created_at >= b.created_at for a, b in itertools.pairwise(world.service.events))
