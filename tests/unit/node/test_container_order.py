from datetime import timedelta
from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import ContainerState
from sealway.node.container_order import StartPlan, engine_time, judge, next_to_stop, plan_start
from tests.support.node_world import container
from tests.support.virtual_time import START

STARTED = "2024-01-01T00:00:00.123456789Z"


def state(status: str, **fields: Any) -> ContainerState:
    return ContainerState(id="1", name="x", labels={}, status=status, started_at=STARTED, **fields)


@pytest.mark.parametrize(
    ("condition", "other", "seconds", "wanted"),
    [
        ("START", None, 0, "waiting"),
        ("START", state("created"), 0, "waiting"),
        ("START", state("running"), 0, "met"),
        ("START", state("exited", exit_code=1), 0, "met"),
        ("COMPLETE", None, 0, "waiting"),
        ("COMPLETE", state("running"), 19, "waiting"),
        ("COMPLETE", state("running"), 21, "never"),
        ("COMPLETE", state("exited", exit_code=1), 99, "met"),
        ("SUCCESS", state("exited", exit_code=0), 99, "met"),
        ("SUCCESS", state("exited", exit_code=1), 0, "never"),
        ("SUCCESS", state("dead"), 0, "never"),
        ("HEALTHY", state("running", health="UNKNOWN"), 19, "waiting"),
        ("HEALTHY", state("running", health="UNHEALTHY"), 19, "waiting"),
        ("HEALTHY", state("running", health="UNHEALTHY"), 21, "never"),
        ("HEALTHY", state("running", health="HEALTHY"), 99, "met"),
        ("HEALTHY", state("exited", exit_code=0), 0, "never"),
    ],
)
def test_a_condition(condition: str, other: ContainerState | None, seconds: int, wanted: str) -> None:
    now = START + timedelta(seconds=seconds)
    assert judge(container("other", startTimeout=20), condition, other, now)[0] == wanted


def test_the_start_timeout_is_three_minutes_unless_given() -> None:
    verdict, left = judge(container("other"), "HEALTHY", state("running"), START)
    assert (verdict, left) == ("waiting", pytest.approx(180.123456))


def test_a_chain_starts_link_by_link() -> None:
    a = container("a", dependsOn=[{"containerName": "b", "condition": "START"}])
    b = container("b", dependsOn=[{"containerName": "c", "condition": "HEALTHY"}])
    chain = [a, b, container("c", startTimeout=30)]
    assert plan_start(chain, {}, START) == StartPlan(start=("c",))
    waiting = plan_start(chain, {"c": state("running")}, START)
    assert (waiting.start, waiting.check_in) == ((), pytest.approx(30.123456))
    healthy = {"c": state("running", health="HEALTHY")}
    assert plan_start(chain, healthy, START) == StartPlan(start=("b",))
    assert plan_start(chain, healthy | {"b": state("running")}, START) == StartPlan(start=("a",))
    assert plan_start(chain, {n: state("running") for n in "abc"}, START) == StartPlan()


def test_stopping_goes_the_other_way() -> None:
    a = container("a", dependsOn=[{"containerName": "b", "condition": "START"}])
    two = [a, container("b"), container("c")]
    assert next_to_stop(two, {"a", "b", "c"}) == ["a", "c"]
    assert next_to_stop(two, {"b"}) == ["b"]
    assert next_to_stop(two, set()) == []


def test_the_engines_times() -> None:
    assert engine_time(STARTED) == START + timedelta(microseconds=123456)
    assert engine_time("0001-01-01T00:00:00Z") is None
    assert engine_time(None) is None


@pytest.mark.parametrize(
    "needs", [{"links": ["b:store"]}, {"volumesFrom": [{"sourceContainer": "b"}]}, {"links": ["b", "b:x"]}]
)
def test_links_and_volumes_wait_for_the_other_to_start(needs: dict[str, Any]) -> None:
    both = [container("a", **needs), container("b")]
    assert plan_start(both, {}, START).start == ("b",)
    assert plan_start(both, {"b": state("running")}, START).start == ("a",)
    assert next_to_stop(both, {"a", "b"}) == ["a"]
