from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import ContainerState, PublishedPort
from sealway.model.ids import CountingIds
from sealway.model.task import Task
from sealway.node.task_status import (
    KILLED,
    OUT_OF_MEMORY,
    VANISHED,
    all_seen,
    all_stopped,
    moved_to,
    observed,
    with_containers,
)
from tests.support.node_world import container, definition, fargate_task
from tests.support.virtual_time import START

CHECK = {"command": ["CMD", "x"]}


def state(status: str = "running", **fields: Any) -> ContainerState:
    return ContainerState(id="c1", name="x", labels={}, status=status, **fields)


def look(task: Task, made: Any, **states: ContainerState | None) -> Task:
    return observed(task, made, states, START)


def fresh(made: Any) -> Task:
    return with_containers(fargate_task(1, made), made, CountingIds())


def test_what_was_made_and_is_gone_was_killed() -> None:
    made = definition()
    task = fresh(made)
    assert look(task, made, app=None).containers[0].last_status == "PENDING"
    gone = look(look(task, made, app=state()), made, app=None).containers[0]
    assert (gone.last_status, gone.exit_code, gone.reason) == ("STOPPED", KILLED, VANISHED)


def test_a_stopped_container_stays_stopped() -> None:
    made = definition()
    ended = look(fresh(made), made, app=state("exited", exit_code=3))
    assert ended.containers[0].exit_code == 3
    assert ended.execution_stopped_at == START
    assert look(ended, made, app=state()) == ended


def test_a_container_being_removed_by_force_keeps_its_place_to_the_end() -> None:
    made = definition()
    port = PublishedPort(container_port=80, host_ip="10.0.0.101", host_port=32768)
    running = look(fresh(made), made, app=state(published_ports=(port,), bridge_ip="172.18.0.2"))
    assert look(running, made, app=state()) == running


def test_a_container_taken_away_before_its_ports_were_seen_never_runs() -> None:
    made = definition(container(portMappings=[{"containerPort": 80}]), networkMode="bridge")
    port = PublishedPort(container_port=80, host_ip="10.0.0.101", host_port=32768)
    unseen = look(fresh(made), made, app=state())
    assert (unseen.containers[0].last_status, unseen.containers[0].runtime_id) == ("PENDING", "c1")
    assert not all_seen(unseen)
    assert all_seen(look(unseen, made, app=state(published_ports=(port,))))
    assert look(unseen, made, app=None).containers[0].reason == VANISHED


def test_reasons() -> None:
    made = definition()
    oom = look(fresh(made), made, app=state("exited", exit_code=137, oom_killed=True))
    assert oom.containers[0].reason == OUT_OF_MEMORY
    assert look(fresh(made), made, app=state("dead", error="x")).containers[0].reason == (
        "CannotStartContainerError: x"
    )


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ("HEALTHY", "HEALTHY", "HEALTHY"),
        ("HEALTHY", "UNKNOWN", "UNKNOWN"),
        ("UNHEALTHY", "UNKNOWN", "UNHEALTHY"),
        ("UNHEALTHY", "HEALTHY", "UNHEALTHY"),
    ],
)
def test_the_tasks_health_is_the_worst_of_its_essential_containers(
    first: str, second: str, wanted: str
) -> None:
    made = definition(
        container("a", healthCheck=CHECK),
        container("b", healthCheck=CHECK),
        container("unchecked"),
        container("aside", healthCheck=CHECK, essential=False),
    )
    healths = {"a": first, "b": second, "unchecked": "UNHEALTHY", "aside": "UNHEALTHY"}
    seen = look(fresh(made), made, **{name: state(health=health) for name, health in healths.items()})
    assert seen.health_status == wanted
    assert [c.health_status for c in seen.containers] == [first, second, "UNKNOWN", "UNHEALTHY"]


def test_the_death_of_another_container_is_not_the_tasks_end() -> None:
    made = definition(container("app"), container("aside", essential=False))
    seen = look(fresh(made), made, app=state(), aside=state("exited", exit_code=0))
    assert seen.execution_stopped_at is None


def test_a_task_only_moves_forward() -> None:
    task = fresh(definition()).replace(last_status="STOPPING")
    assert moved_to(task, "RUNNING") == task
    assert moved_to(task, "STOPPED").last_status == "STOPPED"
    assert all_stopped(task).containers[0].last_status == "STOPPED"
