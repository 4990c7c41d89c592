"""Which tasks a look at all of the host singles out."""

from collections.abc import Mapping
from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import ContainerSummary
from sealway.model.task import ContainerStatus
from sealway.node.resync_plan import looks_different
from tests.support.node_world import container, definition, fargate_task

CHECKED = definition(container(healthCheck={"command": ["CMD", "true"]}))


def differs(shown: Mapping[str, Any] | None, known: Mapping[str, Any], of: Any = None, **task: Any) -> bool:
    made = of or definition()
    given = {"last_status": "RUNNING", "runtime_id": "c1"} | dict(known)
    status = ContainerStatus(name="app", arn="a", image="app:1", **given)
    one = fargate_task(1, made, containers=(status,), **({"last_status": "RUNNING"} | task))
    listed = {"id": "c1", "status": "running", "name": f"sealway-{one.id}-app", "labels": {}}
    there = {} if shown is None else {listed["name"]: ContainerSummary(**(listed | dict(shown)))}  # type: ignore[arg-type]
    assert one.interface is not None
    return looks_different(one, made, there, {one.interface.network_interface_id})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "known", "different"),
    [
        ({}, {}, False),
        ({"status": "exited"}, {}, True),
        ({"status": "exited"}, {"last_status": "STOPPED"}, False),
        (None, {}, True),
        (None, {"last_status": "PENDING", "runtime_id": None}, False),
        ({"status": "created"}, {"last_status": "PENDING"}, False),
        ({}, {"last_status": "PENDING"}, True),
        ({"id": "c2"}, {}, True),
        ({"health": "UNHEALTHY"}, {}, False),
    ],
)
def test_a_container_that_is_not_as_it_was(shown: Any, known: Any, different: bool) -> None:
    assert differs(shown, known) is different


def test_health_counts_where_the_definition_has_a_check() -> None:
    assert differs({"health": "UNHEALTHY"}, {"health_status": "HEALTHY"}, CHECKED)
    assert not differs({"health": "HEALTHY"}, {"health_status": "HEALTHY"}, CHECKED)


def test_a_running_tasks_interface_that_is_gone() -> None:
    task = fargate_task(1, definition(), last_status="RUNNING")
    assert looks_different(task, definition(), {}, ())
    assert not looks_different(task.replace(last_status="PENDING"), definition(), {}, ())
    assert not looks_different(task.replace(desired_status="STOPPED"), definition(), {}, ())
