from sealway.control.events import BLOCKED
from sealway.model.cluster import ContainerInstance
from sealway.model.service import Service
from sealway.model.task import Task
from tests.support.cluster_world import instance, task
from tests.support.control_world import ControlWorld, ec2

DAEMON = {"scheduling_strategy": "DAEMON", "minimum_healthy_percent": 0, "maximum_percent": 100}


def places(world: ControlWorld) -> list[str | None]:
    return sorted(t.container_instance_arn or "" for t in world.active)


def drain(world: ControlWorld, machine: ContainerInstance) -> None:
    world.change(ContainerInstance, machine.arn, status="DRAINING")


def test_one_task_runs_on_each_active_instance(world: ControlWorld) -> None:
    machines = world.machines(3)
    world.create(0, **DAEMON)
    world.steady()
    assert places(world) == [m.arn for m in machines]
    assert world.service.desired_count == 3
    assert world.service.primary.desired_count == 3
    assert world.messages[-2:] == [
        "(deployment ecs-svc/1) deployment completed.",
        "has reached a steady state.",
    ]


def test_instances_that_join_and_leave_are_followed(world: ControlWorld) -> None:
    first, second = world.machines(2)
    world.create(0, **DAEMON)
    world.steady()
    third = instance(3, "us-east-1c")
    world.put(third, ec2(third))
    world.settle()
    assert places(world) == [first.arn, second.arn, third.arn]
    drain(world, first)
    world.settle()
    assert places(world) == [second.arn, third.arn]
    world.change(ContainerInstance, second.arn, status="INACTIVE")
    world.settle()
    assert places(world) == [third.arn]
    assert world.service.desired_count == 1
    world.steady()


def test_a_daemon_with_no_instance_wants_nothing_and_is_steady(world: ControlWorld) -> None:
    world.create(0, **DAEMON)
    world.steady()
    assert world.active == []


def test_only_instances_that_meet_the_constraints_are_taken(world: ControlWorld) -> None:
    plain, special = instance(1), instance(2, attributes={"role": "edge"})
    world.put(plain, ec2(plain), special, ec2(special))
    constraint = {"type": "memberOf", "expression": "attribute:role == edge"}
    world.create(0, **DAEMON, placement_constraints=(constraint,))
    world.steady()
    assert places(world) == [special.arn]
    assert world.service.desired_count == 1

    world.change(ContainerInstance, special.arn, attributes={})
    world.change(ContainerInstance, plain.arn, attributes={"role": "edge"})
    world.settle()
    assert places(world) == [plain.arn]


def test_all_daemons_are_replaced_at_once_by_default_but_never_run_twice(world: ControlWorld) -> None:
    world.machines(3)
    world.target_group(delay=5)
    world.create(0, balanced=True, **DAEMON)
    world.steady()
    world.deploy(world.define(2))
    world.settle()
    assert world.active == []  # the old ones drain still: nothing starts beside them
    world.steady()
    assert world.revisions() == [2, 2, 2]


def test_the_minimum_percent_rolls_daemons_over_in_turn(world: ControlWorld) -> None:
    world.machines(4)
    world.create(0, **{**DAEMON, "minimum_healthy_percent": 75})
    world.steady()
    world.deploy(world.define(2))
    seen = []
    for _ in range(60):
        world.tick()
        seen.append(sum(t.last_status == "RUNNING" for t in world.active))
        if world.service.steady:
            break
    assert world.revisions() == [2, 2, 2, 2]
    assert min(seen) >= 3


def test_daemons_leave_a_draining_instance_last(world: ControlWorld) -> None:
    first, _ = world.machines(2)
    world.create(0, **DAEMON)
    world.steady()
    other = task(99, container_instance_arn=first.arn, group="family:job")
    world.put(other)
    drain(world, first)
    world.settle()
    assert first.arn in places(world)
    assert world.service.desired_count == 2
    world.change(Task, other.arn, desired_status="STOPPED", last_status="STOPPED", stopped_at=world.now)
    world.settle()
    assert first.arn not in places(world)
    assert world.service.desired_count == 1


def test_an_instance_without_room_is_told_and_the_others_start(world: ControlWorld) -> None:
    tiny, roomy = instance(1, cpu_units=10), instance(2)
    world.put(tiny, ec2(tiny), roomy, ec2(roomy))
    world.create(0, **DAEMON)
    world.tick(times=30)
    assert places(world) == [roomy.arn]
    assert not world.service.steady
    said = [m for m in world.messages if "unable to place" in m]
    assert len(said) == 1
    assert tiny.arn.rsplit("/", 1)[-1] in said[0]


def test_a_broken_daemon_backs_off(world: ControlWorld) -> None:
    world.machines(2)
    world.define(1, "crash")
    world.create(0, **DAEMON)
    world.tick(times=20)
    assert world.service.backoff is not None
    assert world.service.primary.failed_tasks >= 4
    assert len(world.store.list(Task)) < 20


def test_a_deleted_daemon_stops_everywhere(world: ControlWorld) -> None:
    world.machines(2)
    world.create(0, **DAEMON)
    world.steady()
    world.change(Service, world.arn, status="DRAINING", desired_count=0)
    world.until(lambda: world.service.status == "INACTIVE")
    assert world.active == []


def test_percents_that_allow_no_step_are_told_once(world: ControlWorld) -> None:
    world.machines(2)
    world.create(0, **{**DAEMON, "minimum_healthy_percent": 75})
    world.steady()
    world.deploy(world.define(2))
    world.tick(10, times=5)
    assert world.revisions() == [1, 1]
    assert [m for m in world.messages if m == BLOCKED] == [BLOCKED]
