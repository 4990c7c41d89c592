from typing import Any

import pytest

from sealway.model import placement
from sealway.model.placement import Room, Unplaced
from sealway.model.task import ContainerStatus, PortBinding
from sealway.model.task_size import Needs
from tests.support.cluster_world import definition, instance, task

SMALL = Needs(cpu=100, memory=100)
SPREAD = placement.SERVICE_DEFAULT_STRATEGY


def room(name: str, zone: str = "a", **fields: Any) -> Room:
    given = {"arn": name, "ec2_instance_id": f"i-{name}", "cpu": 1000, "memory": 1000}
    return Room(availability_zone=zone, **{**given, **fields})


def place(rooms: list[Room], needs: Needs = SMALL, strategies: Any = (), constraints: Any = ()) -> Any:
    return placement.place(needs, rooms, strategies, constraints, draw=0)


def test_services_spread_over_zones_and_then_over_instances() -> None:
    rooms = {r.arn: r for r in (room("1", "a"), room("2", "a"), room("3", "b"))}
    chosen = []
    for _ in range(4):
        best = place(list(rooms.values()), strategies=SPREAD)
        chosen.append(best.arn)
        rooms[best.arn] = best.after(SMALL)
    assert chosen == ["1", "3", "2", "3"]


@pytest.mark.parametrize("field", ["cpu", "memory", "MEMORY"])
def test_binpack_fills_the_instance_with_the_least_left(field: str) -> None:
    rooms = [room("empty"), room("half", cpu=500, memory=500), room("full", cpu=50, memory=50)]
    assert place(rooms, strategies=({"type": "binpack", "field": field},)).arn == "half"


def test_the_draw_decides_between_equals() -> None:
    rooms = [room("1"), room("2"), room("3")]
    drawn = [placement.place(SMALL, rooms, ({"type": "random"},), (), draw) for draw in range(4)]
    assert [r.arn for r in drawn if isinstance(r, Room)] == ["1", "2", "3", "1"]


def test_refusals_say_what_is_missing_and_name_the_closest() -> None:
    rooms = [room("c", cpu=1), room("m", memory=1), room("p", tcp_ports=frozenset({443}))]
    refused = place(rooms, Needs(cpu=10, memory=10, tcp_ports=frozenset({443})))
    assert isinstance(refused, Unplaced)
    assert [(r.arn, r.reason) for r in refused.refusals] == [
        ("c", "RESOURCE:CPU"),
        ("m", "RESOURCE:MEMORY"),
        ("p", "RESOURCE:PORTS"),
    ]
    assert refused.closest is not None
    assert refused.closest.arn == "p"


def test_no_instances_have_no_closest() -> None:
    assert place([]) == Unplaced()
    assert Unplaced().closest is None


def test_a_disconnected_agent_takes_no_task() -> None:
    refused = place([room("1", agent_connected=False)])
    assert refused.refusals[0].reason == "AGENT"


def test_distinct_instance_takes_one_task_of_the_group() -> None:
    refused = place([room("1", group_tasks=1)], constraints=({"type": "distinctInstance"},))
    assert refused.refusals[0].reason == placement.DISTINCT_INSTANCE


def test_member_of_asks_attributes() -> None:
    rooms = [room("1", attributes={"stack": "test"}), room("2", attributes={"stack": "prod"})]
    wanted = ({"type": "memberOf", "expression": "attribute:stack == prod"},)
    assert place(rooms, constraints=wanted).arn == "2"
    refused = place(rooms[:1], constraints=wanted)
    assert refused.refusals[0].reason == placement.MEMBER_OF


def test_rooms_count_tasks_until_they_are_stopped() -> None:
    host = instance(1)
    bound = ContainerStatus(
        name="app",
        arn="x",
        image="app:1",
        bindings=(PortBinding(container_port=8443, host_port=32768, host_ip="10.0.0.11"),),
    )
    tasks = [
        task(1, container_instance_arn=host.arn, containers=(bound,)),
        task(2, container_instance_arn=host.arn, desired_status="STOPPED"),
        task(3, container_instance_arn=host.arn, desired_status="STOPPED", last_status="STOPPED"),
        task(4, container_instance_arn=host.arn, group="family:other"),
    ]
    [found] = placement.rooms([host], tasks, {definition().arn: definition()}, "service:orders")
    assert (found.cpu, found.memory, found.group_tasks) == (1024 - 3 * 128, 1000 - 3 * 128, 1)
    assert 32768 in found.tcp_ports
    assert 22 in found.tcp_ports


def test_only_active_instances_have_room() -> None:
    assert placement.rooms([instance(1, status="DRAINING")], [], {}) == []


@pytest.mark.parametrize(
    ("strategies", "constraints"),
    [
        ([{"type": "spread", "field": "memory"}], []),
        ([{"type": "binpack", "field": "disk"}], []),
        ([], [{"type": "memberOf", "expression": "attribute:x =="}]),
        ([], [{"type": "distinctInstance", "expression": "attribute:x exists"}]),
    ],
)
def test_problem_names_what_is_wrong(strategies: Any, constraints: Any) -> None:
    assert placement.problem(strategies, constraints)


def test_no_problem_with_what_aws_documents() -> None:
    strategies = [
        {"type": "spread", "field": "host"},
        {"type": "binpack", "field": "memory"},
        {"type": "random"},
    ]
    assert placement.problem(strategies, [{"type": "distinctInstance"}]) is None
