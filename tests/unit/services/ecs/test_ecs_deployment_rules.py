import pytest

from sealway.model.errors import AwsError
from sealway.model.ids import CountingIds
from sealway.model.service import Backoff, Service
from sealway.services.ecs.deployment_rules import (
    Percents,
    percents,
    with_desired_count,
    with_new_deployment,
)
from tests.support.cluster_world import CLUSTER, ECS, NOW, OWNER


def service() -> Service:
    return Service(
        **OWNER,
        arn=f"{ECS}:service/blue/orders",
        name="orders",
        cluster_arn=CLUSTER,
        task_definition_arn=f"{ECS}:task-definition/orders:1",
        desired_count=2,
        launch_type="EC2",
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Percents(50, 150)),
        ({"minimumHealthyPercent": 0}, Percents(0, 150)),
        ({"maximumPercent": 100}, Percents(50, 100)),
        ({"deploymentCircuitBreaker": {"enable": True, "rollback": True}}, Percents(50, 150)),
        ({"strategy": "ROLLING", "bakeTimeInMinutes": 0, "alarms": {"enable": False}}, Percents(50, 150)),
    ],
)
def test_percents_change_what_is_given(given, expected):
    assert percents(given, Percents(50, 150)) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minimumHealthyPercent": 101}, "between 0 and 100"),
        ({"maximumPercent": 99}, "greater than or equal to 100"),
        ({"minimumHealthyPercent": 100, "maximumPercent": 100}, "will block deployments"),
        ({"earlySuccessCriteria": {"enable": True}}, "'earlySuccessCriteria'"),
        ({"deploymentCircuitBreaker": {"enable": True, "resetOnHealthyTask": False}}, "'resetOnHealthyTask'"),
    ],
)
def test_percents_refuses(given, message):
    with pytest.raises(AwsError, match=message):
        percents(given)


def test_a_new_deployment_demotes_the_old_one_and_forgets_the_crash_loop():
    ids = CountingIds()
    first = with_new_deployment(service(), ids, NOW)
    looping = first.replace(backoff=Backoff(failures=3, not_before=NOW), steady=True)
    second = with_new_deployment(looping, ids, NOW)
    assert [d.status for d in second.deployments] == ["PRIMARY", "ACTIVE"]
    assert second.deployments[1].id == first.primary.id
    assert (second.backoff, second.steady) == (None, False)


def test_scaling_touches_the_primary_alone():
    ids = CountingIds()
    two = with_new_deployment(with_new_deployment(service(), ids, NOW), ids, NOW)
    scaled = with_desired_count(two, 5, NOW)
    assert [d.desired_count for d in scaled.deployments] == [5, 2]
    assert scaled.desired_count == 5
    assert with_desired_count(two, 2, NOW) is two
