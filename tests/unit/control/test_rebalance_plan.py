import pytest

from sealway.control.rebalance_plan import moves
from sealway.model.cluster import ContainerInstance
from sealway.model.service import Service
from sealway.model.task import Task
from tests.support.cluster_world import instance
from tests.support.control_world import NETWORK, ZONES, ControlWorld, ec2

A, B, C = ZONES
ENABLED = {"extra": {"availabilityZoneRebalancing": "ENABLED"}}


@pytest.mark.parametrize(
    ("tasks", "zones", "most", "expected"),
    [
        ({A: 3, B: 0, C: 0}, (A, B, C), 10, (B, C)),
        ({A: 3, B: 0, C: 0}, (A, B, C), 1, (B,)),
        ({A: 2, B: 1, C: 1}, (A, B, C), 10, ()),
        ({A: 4}, (A, B), 10, (B, B)),
        ({A: 4}, (A,), 10, ()),
        ({A: 4}, (), 10, ()),
        ({A: 0, B: 4}, (B,), 10, ()),
        ({A: 4, B: 0}, (A, B), 0, ()),
    ],
)
def test_moves_even_out_what_can_be(tasks, zones, most, expected):
    assert moves(tasks, zones, most) == expected


def spread(world: ControlWorld) -> list[str]:
    return sorted(t.availability_zone for t in world.active)


def lopsided(world: ControlWorld, **fields: object) -> ContainerInstance:
    """Four tasks, all in zone a; zone b has a machine again."""
    first, second = instance(1, A), instance(2, B)
    world.put(first, ec2(first))
    world.create(4, **{**ENABLED, **fields})
    world.steady()
    world.put(second, ec2(second))
    return second


def test_tasks_move_to_the_emptier_zone_start_before_stop(world: ControlWorld) -> None:
    lopsided(world)
    world.settle()
    assert spread(world) == [A] * 4 + [B] * 2
    assert world.service.rebalancing == 2
    world.steady()
    assert spread(world) == [A, A, B, B]
    assert world.service.rebalancing == 0
    said = [m for m in world.messages if "AZ" in m]
    assert said == [
        f"is not AZ balanced with 4 tasks in {A}, and 0 tasks in {B}. AZ Rebalancing in progress.",
        f"is AZ balanced with 2 tasks in {A}, and 2 tasks in {B}.",
    ]
    before = {t.arn for t in world.active}
    world.tick(60, times=5)
    assert {t.arn for t in world.active} == before


def test_no_more_at_once_than_the_maximum_percent_allows(world: ControlWorld) -> None:
    lopsided(world, maximum_percent=125)
    most = []
    world.after_step = lambda: most.append(len(world.active))
    world.until(lambda: spread(world) == [A, A, B, B])
    assert max(most) == 5


def test_without_room_there_nothing_moves_and_nothing_is_said(world: ControlWorld) -> None:
    lopsided(world, placement_constraints=())
    second = instance(2, B)
    world.change(ContainerInstance, second.arn, memory_mib=10)
    said = world.messages
    world.tick(30, times=5)
    assert spread(world) == [A] * 4
    assert world.messages == said
    world.change(ContainerInstance, second.arn, memory_mib=1000)
    world.steady()
    world.until(lambda: spread(world) == [A, A, B, B])


def test_disabled_nothing_moves(world: ControlWorld) -> None:
    lopsided(world, extra={})
    world.tick(30, times=3)
    assert spread(world) == [A] * 4


def test_tasks_on_fargate_move_between_their_subnets(world: ControlWorld) -> None:
    world.subnets()
    world.define(networkMode="awsvpc", cpu="256", memory="512")
    only_a = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    world.create(4, launch_type="FARGATE", network_configuration=only_a, **ENABLED)
    world.steady()
    primary = world.service.primary
    wide = type(primary)(
        **{f: getattr(primary, f) for f in primary.__struct_fields__} | {"network_configuration": NETWORK}
    )
    world.change(Service, world.arn, network_configuration=NETWORK, deployments=(wide,))
    world.until(lambda: spread(world) == [A, A, B, B])
    world.steady()


def test_a_move_that_fails_is_called_off_and_not_tried_again_at_once(world: ControlWorld) -> None:
    lopsided(world)
    world.settle()
    started = [t for t in world.active if t.availability_zone == B]
    for task in started:
        world.exit_container(task)
    world.settle()
    world.tick(5, times=20)
    assert spread(world) == [A] * 4
    assert world.service.rebalancing == 0
    world.tick(60, times=8)
    assert spread(world) == [A] * 4
    world.until(lambda: spread(world) == [A, A, B, B], seconds=60)


def test_protected_tasks_stay_where_they_are(world: ControlWorld) -> None:
    lopsided(world)
    until = world.now.replace(year=2030)
    for task in world.active:
        world.change(Task, task.arn, protected_until=until)
    world.tick(30, times=3)
    assert spread(world) == [A] * 4
