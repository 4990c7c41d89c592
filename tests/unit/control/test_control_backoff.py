from datetime import timedelta

import pytest

from sealway.control.backoff import after_failures, after_success, wait, waits
from sealway.model.service import Backoff, Deployment
from tests.support.cluster_world import NOW, task

PRIMARY = Deployment(
    id="ecs-svc/1",
    status="PRIMARY",
    task_definition_arn="",
    desired_count=1,
    created_at=NOW,
    updated_at=NOW,
    launch_type="EC2",
)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("rounds", "seconds"), [(1, 0), (2, 1), (3, 2), (10, 256), (11, 300), (1000, 300)])
def test_waits_double_up_to_five_minutes(rounds: int, seconds: int) -> None:
    assert wait(rounds) == seconds * SECOND


def test_failures_during_a_wait_belong_to_its_round() -> None:
    series = after_failures(None, PRIMARY, [task(1)], NOW)
    series = after_failures(series, PRIMARY, [task(2)], NOW + SECOND / 100)
    assert series is not None
    assert (series.failures, series.not_before) == (2, NOW + SECOND / 100 + SECOND)
    assert after_failures(series, PRIMARY, [task(3)], NOW + SECOND / 50) == series


def test_a_task_that_stayed_up_starts_a_new_series() -> None:
    series = Backoff(failures=9, not_before=NOW, deployment_id=PRIMARY.id)
    lasted = task(1, started_at=NOW - timedelta(minutes=1))
    fresh = after_failures(series, PRIMARY, [lasted], NOW)
    assert fresh is not None
    assert (fresh.failures, fresh.not_before) == (1, NOW)


def test_the_series_ends_when_a_task_has_stayed_up() -> None:
    series = Backoff(failures=3, not_before=NOW, deployment_id=PRIMARY.id)
    serving = [task(1, started_at=NOW)]
    assert after_success(series, serving, NOW + 59 * SECOND) == (series, NOW + 60 * SECOND)
    assert after_success(series, serving, NOW + 60 * SECOND) == (None, None)
    assert after_success(series, [], NOW + 60 * SECOND) == (series, None)


def test_a_clock_set_back_prolongs_no_wait() -> None:
    series = Backoff(failures=4, not_before=NOW + 4 * SECOND, deployment_id=PRIMARY.id)
    assert waits(series, NOW)
    assert not waits(series, NOW + 4 * SECOND)
    assert not waits(series, NOW - 3600 * SECOND)
    serving = [task(1, started_at=NOW + 3600 * SECOND)]
    assert after_success(series, serving, NOW) == (None, None)
