"""Placement never breaks a promise, whatever the cluster and the task look like."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sealway.model import placement
from sealway.model.ids import CountingIds
from sealway.model.new_task import New, Placed, Stock, TaskRequest, board, place_all, place_task
from sealway.model.placement import Room, Unplaced
from sealway.model.placement_query import compile_query
from sealway.model.port_range import Wanted
from sealway.model.shortlist import Shortlist
from sealway.model.task_size import Needs
from tests.support.cluster_world import CLUSTER, NOW, definition, instance, subnet

ports = st.frozensets(st.integers(1, 4), max_size=2)
ranges = st.builds(Wanted, st.sampled_from(["tcp", "udp"]), st.sampled_from([2, 9, 2000, 4000, 9000]))
needs = st.builds(
    Needs,
    cpu=st.integers(0, 60),
    memory=st.integers(0, 60),
    tcp_ports=ports,
    udp_ports=ports,
    port_ranges=st.lists(ranges, max_size=2).map(tuple),
)
strategies = st.lists(
    st.sampled_from(
        [
            *placement.SERVICE_DEFAULT_STRATEGY,
            {"type": "binpack", "field": "memory"},
            {"type": "binpack", "field": "cpu"},
            {"type": "spread", "field": "attribute:stack"},
            {"type": "random"},
        ]
    ),
    max_size=3,
)
constraints = st.lists(
    st.sampled_from(
        [
            {"type": "distinctInstance"},
            {"type": "memberOf", "expression": "attribute:stack == prod"},
            {"type": "memberOf", "expression": "not attribute:ecs.availability-zone in [a, b]"},
        ]
    ),
    max_size=2,
)


@st.composite
def rooms(draw: st.DrawFn) -> list[Room]:
    count = draw(st.integers(0, 6))
    return [
        Room(
            arn=f"r{number}",
            ec2_instance_id=f"i-{number}",
            availability_zone=draw(st.sampled_from("abc")),
            cpu=draw(st.integers(-10, 100)),
            memory=draw(st.integers(-10, 100)),
            tcp_ports=draw(ports),
            udp_ports=draw(ports) | draw(st.sampled_from([frozenset(), frozenset({33000, 62000})])),
            reserved_ports=draw(st.sampled_from([6, 90, 99])),
            attributes={"stack": draw(st.sampled_from(["prod", "test"]))},
            agent_connected=draw(st.integers(0, 9)) > 0,
            group_tasks=draw(st.integers(0, 2)),
        )
        for number in range(count)
    ]


@given(
    needs=needs,
    there=rooms(),
    wanted=strategies,
    bound=constraints,
    draws=st.lists(st.integers(0), max_size=8),
)
def test_what_is_placed_fits_and_what_is_not_had_no_place(
    needs: Needs, there: list[Room], wanted: Any, bound: Any, draws: list[int]
) -> None:
    room_of = {room.arn: room for room in there}
    for draw in draws:
        chosen = placement.place(needs, list(room_of.values()), wanted, bound, draw)
        if isinstance(chosen, Unplaced):
            assert {r.arn for r in chosen.refusals} == set(room_of), "every instance has its reason"
            return
        assert chosen.agent_connected
        assert needs.cpu <= chosen.cpu
        assert needs.memory <= chosen.memory
        assert not needs.tcp_ports & chosen.tcp_ports
        assert not needs.udp_ports & chosen.udp_ports
        assert not needs.static_ports or chosen.reserved_ports + needs.static_ports <= 100
        starts = chosen.range_starts(needs, draw)
        assert starts is not None, "what fits has a place, whatever the draw"
        free = {"tcp": chosen.tcp_ports | needs.tcp_ports, "udp": chosen.udp_ports | needs.udp_ports}
        for each, first in zip(needs.port_ranges, starts, strict=True):
            given = frozenset(range(first, first + each.ports))
            assert 32768 <= min(given) <= max(given) <= 65535
            assert not given & free[each.protocol], "a port given twice"
            free[each.protocol] |= given
        for constraint in bound:
            if constraint["type"] == "distinctInstance":
                assert chosen.group_tasks == 0
            else:
                query = compile_query(constraint["expression"])
                assert callable(query)
                assert query(chosen.facts())
        after = room_of[chosen.arn] = chosen.after(needs, ranges=starts)
        assert (after.tcp_ports, after.udp_ports) == (free["tcp"], free["udp"])


@given(machines=st.integers(1, 7), tasks=st.integers(1, 20))
def test_the_default_strategy_keeps_zones_and_instances_balanced(machines: int, tasks: int) -> None:
    hosts = [instance(n, "abc"[n % 3], cpu_units=10**6, memory_mib=10**6) for n in range(machines)]
    request = TaskRequest(
        definition=definition(),
        cluster_arn=CLUSTER,
        launch_type="EC2",
        group="service:orders",
        strategies=placement.SERVICE_DEFAULT_STRATEGY,
    )
    on, ids = board(request, Stock(instances=hosts)), CountingIds()
    zones: Counter[str] = Counter({host.availability_zone: 0 for host in hosts})
    for _ in range(tasks):
        placed = place_task(request, on, ids, NOW)
        assert isinstance(placed, Placed)
        zones[placed.task.availability_zone] += 1
        on = placed.board
    assert max(zones.values()) - min(zones.values()) <= 1
    for zone in zones:
        counts = [room.group_tasks for room in on.rooms if room.availability_zone == zone]
        assert max(counts) - min(counts) <= 1


@given(tasks=st.integers(1, 30))
def test_no_address_is_given_twice_and_none_is_wasted(tasks: int) -> None:
    awsvpc = definition("ledger", networkMode="awsvpc", cpu="256", memory="512")
    request = TaskRequest(
        definition=awsvpc, cluster_arn=CLUSTER, launch_type="FARGATE", group="service:ledger"
    )
    nets = [subnet(1, "a", "10.0.1.0/28"), subnet(2, "b", "10.0.2.0/28")]
    on, ids, given_out = board(request, Stock(subnets=nets)), CountingIds(), []
    for _ in range(tasks):
        placed = place_task(request, on, ids, NOW)
        if isinstance(placed, Unplaced):
            break
        assert placed.interface is not None
        given_out.append(placed.interface.private_ip)
        on = placed.board
    assert len(given_out) == len(set(given_out)) == min(tasks, 22)


@given(
    awsvpc=st.booleans(),
    machines=st.integers(0, 5),
    count=st.integers(0, 40),
    wanted=strategies,
    bound=constraints,
)
def test_tasks_placed_together_go_where_they_would_go_one_by_one(
    awsvpc: bool, machines: int, count: int, wanted: list[dict[str, Any]], bound: list[dict[str, Any]]
) -> None:
    request = TaskRequest(
        definition=definition(networkMode="awsvpc" if awsvpc else "bridge"),
        cluster_arn=CLUSTER,
        launch_type="EC2",
        group="service:orders",
        strategies=tuple(wanted),
        constraints=tuple(bound),
    )
    hosts = [instance(n, "abc"[n % 3], attributes={"stack": "prod"}) for n in range(machines)]
    nets = [subnet(1, "a", "10.0.1.0/28"), subnet(2, "b", "10.0.2.0/28"), subnet(3, "b", "10.0.3.0/28")]
    start = board(request, Stock(instances=hosts, subnets=nets))
    on, ids, alone, why = start, CountingIds(), list[New](), None
    while why is None and len(alone) < count:
        placed = place_task(request, on, ids, NOW)
        if isinstance(placed, Unplaced):
            why = placed
        else:
            alone.append((placed.task, placed.interface))
            on = placed.board
    together, after, refused = place_all(request, start, count, CountingIds(), NOW)
    assert (together, refused is None) == (alone, why is None)
    assert sorted(after.rooms, key=lambda room: room.arn) == sorted(on.rooms, key=lambda room: room.arn)
    assert (after.taken, after.last_given, after.zone_tasks) == (on.taken, on.last_given, on.zone_tasks)
    if why is not None and refused is not None:
        assert set(refused.refusals) == set(why.refusals)


@given(st.text(alphabet="()[]!&|=~,' attribute:xinornot_exsequ\"", max_size=40))
def test_no_expression_makes_the_query_language_fail(text: str) -> None:
    query = compile_query(text)
    if callable(query):
        assert query({"attribute:x": "1"}) in (True, False)


@given(
    needs=needs,
    there=rooms(),
    wanted=strategies,
    bound=constraints,
    draws=st.lists(st.integers(0), max_size=12),
)
def test_a_shortlist_places_each_task_where_it_would_go_alone(
    needs: Needs,
    there: list[Room],
    wanted: list[dict[str, Any]],
    bound: list[dict[str, Any]],
    draws: list[int],
) -> None:
    shortlist = Shortlist(needs, there, wanted, bound, "group")
    for draw in draws:
        alone = placement.place(needs, there, wanted, bound, draw)
        taken = shortlist.take(draw)
        if isinstance(alone, Unplaced):
            assert taken is None
            return
        assert taken == alone
        starts = alone.range_starts(needs, draw) or ()
        there = [room.after(needs, "group", starts) if room == alone else room for room in there]
        assert sorted(there, key=lambda room: room.arn) == list(shortlist.rooms)
