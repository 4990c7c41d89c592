"""How many start and which stop, as AWS computes it: some old tasks, some new, and what each is."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from sealway.control.deployment_plan import Bounds, Decision, Rollout, bounds_of, decide, scale_in
from sealway.model.service import Service
from sealway.model.task import Task
from tests.support.cluster_world import CLUSTER, ECS, NOW, OWNER, task


def make(number: int, deployment: str, status: str = "RUNNING", zone: str = "a", **fields: Any) -> Task:
    created = NOW + timedelta(seconds=number)
    given = {"deployment_id": deployment, "last_status": status, "availability_zone": zone, **fields}
    return task(number, created_at=created, **given)


def old(count: int, status: str = "RUNNING", first: int = 1) -> list[Task]:
    return [make(first + n, "old", status) for n in range(count)]


def new(count: int, status: str = "RUNNING", first: int = 101) -> list[Task]:
    return [make(first + n, "new", status) for n in range(count)]


def names(tasks: Iterable[Task]) -> set[str]:
    return {t.arn for t in tasks}


def decision(bounds: Bounds, *tasks: Task, healthy: Any = None, unfit: Any = (), **fields: Any) -> Decision:
    """Running tasks are healthy unless said otherwise."""
    well = [t for t in tasks if t.last_status == "RUNNING"] if healthy is None else healthy
    return decide(
        Rollout(
            bounds=bounds,
            primary_id="new",
            active=tasks,
            healthy=frozenset(t.arn for t in well) - {t.arn for t in unfit},
            unfit=frozenset(t.arn for t in unfit),
            **fields,
        )
    )


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "expected"),
    [
        (3, 100, 200, Bounds(3, 3, 6)),
        (3, 50, 150, Bounds(3, 2, 4)),
        (1, 50, 150, Bounds(1, 1, 1)),
        (4, 0, 100, Bounds(4, 0, 4)),
        (5, 33, 133, Bounds(5, 2, 6)),
        (0, 100, 200, Bounds(0, 0, 0)),
    ],
)
def test_minimum_rounds_up_and_maximum_down(
    desired: int, minimum: int, maximum: int, expected: Bounds
) -> None:
    service = Service(
        arn=f"{ECS}:service/blue/orders",
        **OWNER,
        name="orders",
        cluster_arn=CLUSTER,
        task_definition_arn="",
        launch_type="EC2",
        created_at=NOW,
        desired_count=desired,
        minimum_healthy_percent=minimum,
        maximum_percent=maximum,
    )
    assert bounds_of(service) == expected
    assert bounds_of(service.replace(status="DRAINING")) == Bounds(0, 0, 0)


def test_an_empty_service_starts_all() -> None:
    assert decision(Bounds(3, 3, 6)).start == 3


def test_new_ones_start_beside_the_old() -> None:
    made = decision(Bounds(3, 3, 6), *old(3))
    assert (made.start, made.stop) == (3, ())


def test_the_maximum_bounds_the_start() -> None:
    made = decision(Bounds(4, 4, 6), *old(4))
    assert (made.start, made.stop) == (2, ())


@pytest.mark.parametrize(("serving", "stopped"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_old_ones_go_as_new_ones_become_healthy(serving: int, stopped: int) -> None:
    before, after = old(3), new(3)
    made = decision(Bounds(3, 3, 6), *before, *after, healthy=[*before, *after[:serving]])
    assert (made.start, len(made.stop)) == (0, stopped)
    assert {t.deployment_id for t in made.stop} <= {"old"}


def test_without_room_above_old_ones_go_first_down_to_the_minimum() -> None:
    made = decision(Bounds(4, 2, 4), *old(4))
    assert (len(made.stop), made.start) == (2, 2)


def test_with_room_above_nothing_is_stopped_before_its_time_but_may_be() -> None:
    made = decision(Bounds(4, 2, 8), *old(4))
    assert (made.start, made.stop, len(made.spare)) == (4, (), 2)


def test_no_room_either_way_is_stuck_as_on_aws() -> None:
    made = decision(Bounds(1, 1, 1), *old(1))
    assert (made.start, made.stop, made.spare) == (0, (), ())


def test_old_tasks_that_never_ran_go_at_once() -> None:
    made = decision(Bounds(3, 3, 6), *old(2, "PENDING"), *old(3, first=10))
    assert [t.last_status for t in made.stop] == ["PENDING", "PENDING"]
    assert made.start == 3


def test_an_unfit_task_goes_when_its_replacement_serves() -> None:
    tasks = new(3)
    waiting = decision(Bounds(3, 3, 6), *tasks, unfit=tasks[:1])
    assert (waiting.start, waiting.stop) == (1, ())
    replaced = decision(Bounds(3, 3, 6), *tasks, *new(1, first=200), unfit=tasks[:1])
    assert replaced.stop == (tasks[0],)


def test_an_unfit_task_makes_room_where_the_maximum_leaves_none() -> None:
    tasks = new(2)
    made = decision(Bounds(2, 2, 2), *tasks, unfit=tasks[:1])
    assert (made.stop, made.start) == ((tasks[0],), 1)


def test_a_warming_task_is_protected_while_healthy_ones_are_few() -> None:
    warming, after = old(3), new(3)
    few = decision(Bounds(3, 3, 6), *warming, *after, healthy=after[:2])
    assert few.stop == ()
    enough = decision(Bounds(3, 3, 6), *warming, *after, healthy=after)
    assert names(enough.stop) == names(warming)


def test_backing_off_starts_nothing_and_makes_no_room() -> None:
    tasks = new(2)
    made = decision(Bounds(2, 2, 2), *tasks, unfit=tasks[:1], may_start=False)
    assert (made.start, made.stop) == (0, ())


def test_a_deleted_service_stops_everything() -> None:
    tasks = [*old(2), *old(1, "PENDING", first=20), *new(2), *new(1, "PENDING", first=200)]
    made = decision(Bounds(0, 0, 0), *tasks, unfit=tasks[:1])
    assert names(made.stop) == names(tasks)
    assert made.start == 0


def test_displaced_tasks_are_replaced_first() -> None:
    tasks = new(2)
    made = decision(Bounds(2, 2, 4), *tasks, displaced=frozenset({tasks[0].arn}))
    assert (made.start, made.stop) == (1, ())


def test_scale_in_prefers_what_does_not_serve_then_the_fullest_zone_then_the_newest() -> None:
    tasks = [make(1, "new"), make(2, "new"), make(3, "new", zone="b"), make(4, "new", "PENDING", zone="b")]
    chosen = scale_in(tasks, 3, frozenset(t.arn for t in tasks[:3]))
    assert [t.id[-1] for t in chosen] == ["4", "2", "3"]


def test_no_zone_loses_its_last_healthy_task_while_another_has_two() -> None:
    before = [make(1, "old"), make(2, "old", zone="b"), make(3, "old", zone="b")]
    after = [make(101, "new", zone="a"), make(102, "new", "PENDING"), make(103, "new", "PENDING")]
    made = decision(Bounds(3, 3, 6), *before, *after)
    assert [t.id[-1] for t in made.stop] == ["1"], "zone a and b have two each: the oldest"
    made = decision(Bounds(3, 3, 6), *before[1:], make(4, "old", zone="b"), after[0])
    assert {t.availability_zone for t in made.stop} == {"b"}


def test_ten_thousand_tasks_are_no_trouble() -> None:
    tasks = [make(n, "old", zone="abc"[n % 3]) for n in range(10_000)]
    made = decision(Bounds(5_000, 2_500, 10_000), *tasks)
    assert len(made.stop) == 5_000
