"""The stages of a deployment that takes over traffic, as a pure state machine."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.control.shift_plan import Facts, Step, advance
from sealway.control.traffic_plan import weights
from sealway.model.ids import CountingIds
from sealway.model.traffic_shift import STAGES, Shift
from tests.support.cluster_world import NOW

READY = Facts(ready=True, alone=True)
NOT_READY = Facts(ready=False, alone=True)


def shift(strategy: str = "BLUE_GREEN", **configuration: Any) -> Shift:
    return Shift(strategy=strategy, source_id="blue", configuration=configuration, stage_since=NOW)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def go(of: Shift, facts: Facts = READY, minutes: float = 0) -> Step:
    return advance(of, facts, after(minutes), CountingIds(str(minutes)))


def pause(*stages: str, **timeout: Any) -> dict[str, Any]:
    hook = {"targetType": "PAUSE", "lifecycleStages": list(stages)}
    return hook | ({"timeoutConfiguration": timeout} if timeout else {})


def answer(of: Shift, status: str) -> Shift:
    return msgspec.structs.replace(
        of,
        pauses=tuple(
            msgspec.structs.replace(p, status=status) if p.status == "AWAITING_ACTION" else p
            for p in of.pauses
        ),
    )


def test_blue_green_waits_for_the_tasks_then_gives_them_everything_and_bakes() -> None:
    waiting = go(shift(bakeTimeInMinutes=5), NOT_READY).shift
    assert (waiting.stage, waiting.percent, waiting.testing) == ("SCALE_UP", 0, False)
    baking = go(waiting, minutes=1)
    assert (baking.shift.stage, baking.shift.percent, baking.shift.testing) == ("BAKE_TIME", 100, True)
    assert baking.wake_at == after(6)
    assert go(baking.shift, minutes=5.9).shift.stage == "BAKE_TIME"
    assert go(baking.shift, minutes=6).shift.stage == "CLEAN_UP"


def test_the_source_is_not_given_up_while_a_task_of_the_target_is_missing() -> None:
    baking = go(shift(bakeTimeInMinutes=5)).shift
    assert go(baking, NOT_READY, minutes=60).shift.stage == "BAKE_TIME"


def test_linear_takes_equal_steps_and_does_not_wait_after_the_last() -> None:
    given = {"stepPercent": 40.0, "stepBakeTimeInMinutes": 2}
    step = go(shift("LINEAR", linearConfiguration=given, bakeTimeInMinutes=1))
    seen = [(step.shift.percent, step.wake_at)]
    for minutes in (2, 4):
        step = go(step.shift, minutes=minutes)
        seen.append((step.shift.percent, step.wake_at))
    assert seen == [(40, after(2)), (80, after(4)), (100, after(5))]
    assert step.shift.stage == "BAKE_TIME"


def test_canary_takes_a_little_then_the_rest() -> None:
    given = {"canaryPercent": 2.5, "canaryBakeTimeInMinutes": 3}
    first = go(shift("CANARY", canaryConfiguration=given))
    assert (first.shift.percent, first.wake_at) == (2.5, after(3))
    assert go(first.shift, minutes=2).shift.percent == 2.5
    assert go(first.shift, minutes=3).shift.percent == 100


@pytest.mark.parametrize(("strategy", "percent", "wait"), [("LINEAR", 10, 6), ("CANARY", 5, 10)])
def test_the_defaults(strategy: str, percent: float, wait: int) -> None:
    first = go(shift(strategy))
    assert (first.shift.percent, first.wake_at) == (percent, after(wait))


def test_no_more_traffic_goes_to_tasks_that_stopped_serving() -> None:
    first = go(shift("LINEAR")).shift
    assert go(first, NOT_READY, minutes=60).shift.percent == 10


@pytest.mark.parametrize(
    ("stage", "held_in"),
    [
        ("PRE_SCALE_UP", "PRE_SCALE_UP"),
        ("POST_SCALE_UP", "POST_SCALE_UP"),
        ("POST_TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT"),
        ("PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"),
        ("POST_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"),
    ],
)
def test_a_pause_holds_its_stage_until_it_is_answered(stage: str, held_in: str) -> None:
    held = go(shift(lifecycleHooks=[pause(stage)]))
    assert held.shift.stage == held_in
    assert (held.shift.percent == 100) is (stage == "POST_PRODUCTION_TRAFFIC_SHIFT")
    assert [p.status for p in held.shift.pauses] == ["AWAITING_ACTION"]
    assert held.wake_at == after(24 * 60)
    assert go(held.shift, minutes=60).shift == held.shift
    assert go(answer(held.shift, "SUCCEEDED")).shift.stage == "CLEAN_UP"
    refused = go(answer(held.shift, "FAILED"))
    assert refused.failure is not None
    assert refused.shift.stage == held_in


def test_each_step_of_production_traffic_is_held_anew() -> None:
    given = {"stepPercent": 50.0, "stepBakeTimeInMinutes": 1}
    of = shift("LINEAR", linearConfiguration=given, lifecycleHooks=[pause("PRE_PRODUCTION_TRAFFIC_SHIFT")])
    first = go(of).shift
    half = go(answer(first, "SUCCEEDED")).shift
    assert (half.percent, len(half.pauses)) == (50, 1)
    held = go(half, minutes=1).shift
    assert (held.percent, len(held.pauses)) == (50, 2)
    assert go(answer(held, "SUCCEEDED"), minutes=1).shift.percent == 100


@pytest.mark.parametrize(("action", "fails"), [("ROLLBACK", True), ("CONTINUE", False), (None, True)])
def test_a_pause_that_nobody_answers_ends_as_it_says(action: str | None, fails: bool) -> None:
    timeout = {"timeoutInMinutes": 30} | ({"action": action} if action else {})
    held = go(shift(lifecycleHooks=[pause("POST_SCALE_UP", **timeout)]))
    assert held.wake_at == after(30)
    late = go(held.shift, minutes=30)
    assert (late.failure is not None) is fails
    assert [p.status for p in late.shift.pauses] == ["TIMED_OUT"]
    assert (late.shift.stage == "CLEAN_UP") is not fails


def test_reconciling_waits_for_a_third_deployments_tasks() -> None:
    of = msgspec.structs.replace(shift(), stage="RECONCILE_SERVICE")
    assert go(of, Facts(ready=True, alone=False)).shift.stage == "RECONCILE_SERVICE"
    assert go(of).shift.stage == "CLEAN_UP"


CONFIGURATIONS = st.fixed_dictionaries(
    {
        "bakeTimeInMinutes": st.integers(0, 5),
        "linearConfiguration": st.fixed_dictionaries(
            {
                "stepPercent": st.integers(30, 1000).map(lambda tenths: tenths / 10),
                "stepBakeTimeInMinutes": st.integers(0, 3),
            }
        ),
        "canaryConfiguration": st.fixed_dictionaries(
            {
                "canaryPercent": st.integers(1, 1000).map(lambda tenths: tenths / 10),
                "canaryBakeTimeInMinutes": st.integers(0, 3),
            }
        ),
    }
)


@given(
    strategy=st.sampled_from(["BLUE_GREEN", "LINEAR", "CANARY"]),
    configuration=CONFIGURATIONS,
    world=st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=30),
)
def test_traffic_only_grows_and_only_towards_tasks_that_serve(
    strategy: str, configuration: dict[str, Any], world: list[tuple[bool, float]]
) -> None:
    now, at = shift(strategy, **configuration), 0.0
    for ready, minutes in [*world, *[(True, 10.0)] * 40]:
        at += minutes
        later = go(now, Facts(ready=ready, alone=True), at).shift
        assert STAGES.index(later.stage) >= STAGES.index(now.stage)
        assert later.percent >= now.percent
        assert ready or (later.percent, later.testing) == (now.percent, now.testing)
        assert ready or (later.stage == "CLEAN_UP") == (now.stage == "CLEAN_UP")
        assert later.stage != "CLEAN_UP" or later.percent == 100
        assert go(later, Facts(ready=ready, alone=True), at).shift == later  # nothing is left to do now
        now = later
    assert now.stage == "CLEAN_UP"


@given(st.integers(0, 1000).map(lambda tenths: tenths / 10))
def test_weights_are_the_percentage_to_a_tenth(percent: float) -> None:
    own, other = weights(percent)
    assert 0 <= own <= 999
    assert 0 <= other <= 999
    assert abs(100 * own / (own + other) - percent) <= 0.05
    assert (own == 0) == (percent == 0)
    assert (other == 0) == (percent == 100)


def test_a_clock_set_back_prolongs_no_bake_and_no_step() -> None:
    baking = go(shift(bakeTimeInMinutes=5), minutes=60).shift
    assert baking.stage == "BAKE_TIME"
    back = go(baking, minutes=1)
    assert back.wake_at == after(6)
    assert go(back.shift, minutes=6).shift.stage == "CLEAN_UP"

    canary = {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5}
    stepping = go(shift("CANARY", canaryConfiguration=canary), minutes=60).shift
    assert stepping.percent == 10
    assert go(stepping, minutes=1).wake_at == after(6)
