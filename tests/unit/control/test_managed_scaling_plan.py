"""How large a capacity provider's group is to be, and when: the planner alone."""

from datetime import timedelta

import msgspec
import pytest

from sealway.control.demand_snapshot import Demand, DemandSnapshot
from sealway.control.managed_scaling_plan import CALM, plan, wanted_capacity
from sealway.model.auto_scaling import AutoScalingGroup
from sealway.model.capacity_provider import CapacityProvider, ManagedScaling
from sealway.model.placement import Room
from sealway.model.task_size import Needs
from tests.support.cluster_world import NOW, OWNER, scaling_group

DISTINCT = ({"type": "distinctInstance"},)
ZONE_B = ({"type": "memberOf", "expression": "attribute:ecs.availability-zone == us-east-1b"},)
RACK = ({"type": "memberOf", "expression": "attribute:rack == 7"},)
EMPTY = Room(arn="", ec2_instance_id="", availability_zone="", cpu=1024, memory=1000)


def room(number: int, cpu: int = 1024) -> Room:
    return msgspec.structs.replace(EMPTY, arn=f"room-{number}", availability_zone="us-east-1a", cpu=cpu)


def demand(count: int, cpu: int = 512, constraints=(), group: str = "service:a", ports=()) -> Demand:
    needs = Needs(cpu=cpu, memory=100, tcp_ports=frozenset(ports))
    return Demand(needs=needs, group=group, constraints=constraints, count=count)


def state(
    *, desired: int = 0, alive: int = 0, busy: int = 0, rooms=(), demands=(), **fields
) -> DemandSnapshot:
    """``alive`` instances, the first ``busy`` of them with tasks; ``rooms``: of the first of them."""
    scaling = {name: fields.pop(name) for name in list(fields) if name in ManagedScaling.__struct_fields__}
    provider = CapacityProvider(
        **OWNER,
        arn="provider",
        name="own",
        group_arn="group",
        scaling=ManagedScaling(**{"enabled": True, **scaling}),
        created_at=NOW,
        calm_since=fields.pop("calm_since", None),
        grown_at=fields.pop("grown_at", None),
    )
    group = scaling_group(desired_capacity=desired, min_size=fields.pop("min_size", 0))
    ids = tuple(f"i-{number}" for number in range(alive))
    return DemandSnapshot(
        provider=provider,
        group=group,
        alive=ids,
        busy=frozenset(ids[:busy]),
        rooms=dict(zip(ids, rooms, strict=False)),
        empty=fields.pop("empty", EMPTY),
        demands=tuple(demands),
        **fields,
    )


@pytest.mark.parametrize(
    ("wanted", "snapshot"),
    [
        (0, state()),
        (2, state(min_size=2)),
        (3, state(demands=[demand(5)])),
        (10, state(demands=[demand(50)])),
        (4, state(demands=[demand(4, constraints=DISTINCT)])),
        (4, state(demands=[demand(4, ports=(80,))])),
        (2, state(demands=[demand(2, constraints=DISTINCT), demand(2, constraints=DISTINCT, group="b")])),
        (0, state(demands=[demand(1, cpu=2048)])),
        (0, state(demands=[demand(1)], empty=None)),
        # Instances on their way count as room, whether they are launched already or not.
        (2, state(desired=2, demands=[demand(4)])),
        (2, state(desired=2, alive=2, demands=[demand(4)])),
        (3, state(desired=2, alive=2, demands=[demand(5)])),
        # So does what is free on those that are there.
        (2, state(desired=2, alive=2, busy=1, rooms=[room(1, 512), room(2)], demands=[demand(3)])),
        (1, state(desired=2, alive=2, busy=1, rooms=[room(1, 512), room(2)], demands=[demand(1)])),
        # One that takes no tasks is no room, but is needed while it has some.
        (2, state(desired=1, alive=1, busy=1, unusable=frozenset({"i-0"}), demands=[demand(1)])),
        (2, state(desired=1, alive=1, unusable=frozenset({"i-0"}), demands=[demand(1)])),
        # What no instance of the group is like, no new one will be; its zone may be another.
        (0, state(desired=1, alive=1, rooms=[room(1)], demands=[demand(1, constraints=RACK)])),
        (1, state(desired=0, demands=[demand(1, constraints=RACK)])),
        (2, state(desired=1, alive=1, rooms=[room(1)], demands=[demand(1, constraints=ZONE_B)])),
        (4, state(desired=2, alive=2, busy=2, target=50)),
        (3, state(desired=2, alive=2, busy=2, target=90)),
    ],
)
def test_how_many_are_wanted(wanted, snapshot):
    assert wanted_capacity(snapshot) == wanted


def desired(found) -> int | None:
    groups = [put for put in found.puts if isinstance(put, AutoScalingGroup)]
    return groups[0].desired_capacity if groups else None


def test_growth_is_at_once_and_at_least_the_least_step():
    assert desired(plan(state(demands=[demand(1)]), NOW)) == 1
    assert desired(plan(state(demands=[demand(1)], least_step=4), NOW)) == 4
    assert desired(plan(state(demands=[demand(1)], least_step=40), NOW)) == 10


def test_larger_growth_than_a_step_takes_a_minute_a_step():
    first = plan(state(demands=[demand(10)], most_step=2), NOW)
    assert desired(first) == 2
    (provider,) = (put for put in first.puts if isinstance(put, CapacityProvider))
    assert provider.grown_at == NOW
    early = plan(state(desired=2, demands=[demand(10)], most_step=2, grown_at=NOW), NOW)
    assert (desired(early), early.wake_at) == (None, NOW + timedelta(minutes=1))
    later = NOW + timedelta(minutes=1)
    assert desired(plan(state(desired=2, demands=[demand(10)], most_step=2, grown_at=NOW), later)) == 4


def test_it_shrinks_after_the_calm():
    first = plan(state(desired=3, alive=3, busy=1), NOW)
    assert (desired(first), first.wake_at) == (None, NOW + CALM)
    calm = state(desired=3, alive=3, busy=1, calm_since=NOW)
    assert plan(calm, NOW + CALM - timedelta(seconds=1)).empty
    assert desired(plan(calm, NOW + CALM)) == 1
    assert desired(plan(calm, NOW + timedelta(seconds=5), calm=timedelta(seconds=5))) == 1


def test_a_clock_that_is_set_back_holds_up_neither_growth_nor_calm():
    ahead = NOW + timedelta(minutes=50)
    grown = state(desired=2, demands=[demand(10)], most_step=2, grown_at=ahead)
    assert desired(plan(grown, NOW)) == 4
    found = plan(state(desired=3, alive=3, busy=1, calm_since=ahead), NOW)
    (provider,) = found.puts
    assert isinstance(provider, CapacityProvider)
    assert (provider.calm_since, found.wake_at) == (NOW, NOW + CALM)


def test_a_calm_that_is_over_is_forgotten():
    (provider,) = plan(state(desired=1, alive=1, busy=1, calm_since=NOW), NOW).puts
    assert isinstance(provider, CapacityProvider)
    assert provider.calm_since is None


def test_an_instance_that_does_not_register_is_room_for_its_warm_up():
    given = {"desired": 1, "alive": 1, "demands": [demand(1)], "warmup": 60}
    at_once = state(**{**given, "warmup": 0}, coming={"i-0": NOW})
    assert desired(plan(at_once, NOW)) is None, "it has a minute at least"
    on_its_way = state(**given, coming={"i-0": NOW})
    first = plan(on_its_way, NOW)
    assert (desired(first), first.wake_at) == (None, NOW + timedelta(minutes=1))
    assert desired(plan(on_its_way, NOW + timedelta(minutes=1))) == 2
    ahead = plan(on_its_way, NOW - timedelta(hours=1))
    assert (desired(ahead), ahead.wake_at) == (None, NOW - timedelta(minutes=59)), "a clock that was set back"
    assert plan(state(desired=1, alive=1, coming={"i-0": NOW}, min_size=1), NOW).wake_at is None


def test_without_managed_scaling_nothing_happens():
    assert plan(state(enabled=False, demands=[demand(3)]), NOW).empty


def test_its_own_plan_applied_settles():
    snapshot = state(demands=[demand(7)], target=70)
    first = desired(plan(snapshot, NOW))
    assert first is not None
    after = msgspec.structs.replace(snapshot, group=snapshot.group.replace(desired_capacity=first))
    assert plan(after, NOW).empty
