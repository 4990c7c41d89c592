from collections import Counter
from datetime import UTC, datetime

import pytest

from sealway.control.loop import ControlLoop
from tests.support.ecs_world import CONTAINER, FARGATE, VPC, World, ecs_world, refused

INVALID = "InvalidParameterException"
MIX = [
    {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3},
]


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        world.ecs.register_task_definition(family="ledger", containerDefinitions=[CONTAINER], **FARGATE)
        world.ecs.put_cluster_capacity_providers(
            cluster="blue",
            capacityProviders=["FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=MIX,
        )
        yield world


def settle(world: World) -> None:
    world.run(lambda: ControlLoop(world.store, lambda: datetime.now(UTC), world.ids).step())


def providers(world: World) -> Counter[str]:
    arns = world.ecs.list_tasks(cluster="blue")["taskArns"]
    tasks = world.ecs.describe_tasks(cluster="blue", tasks=arns)["tasks"]
    assert {task["launchType"] for task in tasks} == {"FARGATE"}
    return Counter(task["capacityProviderName"] for task in tasks)


def create(world: World, **members):
    given = {"cluster": "blue", "serviceName": "ledger", "taskDefinition": "ledger", "desiredCount": 5}
    return world.ecs.create_service(**{**given, "networkConfiguration": VPC, **members})["service"]


def test_a_service_is_divided_as_the_strategy_says(world):
    assert create(world)["capacityProviderStrategy"] == MIX
    settle(world)
    assert providers(world) == {"FARGATE": 2, "FARGATE_SPOT": 3}
    world.ecs.update_service(cluster="blue", service="ledger", desiredCount=9)
    settle(world)
    assert providers(world) == {"FARGATE": 3, "FARGATE_SPOT": 6}


def test_a_changed_strategy_rules_the_next_tasks_without_a_deployment(world):
    create(world, desiredCount=1)
    settle(world)
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    updated = world.ecs.update_service(
        cluster="blue", service="ledger", capacityProviderStrategy=spot, desiredCount=3
    )["service"]
    assert len(updated["deployments"]) == 1
    settle(world)
    assert providers(world) == {"FARGATE": 1, "FARGATE_SPOT": 2}
    back = world.ecs.update_service(cluster="blue", service="ledger", capacityProviderStrategy=[])["service"]
    assert back["launchType"] == "FARGATE"


def test_run_task_is_divided_too_and_its_token_finds_the_same_tasks(world):
    def run():
        return world.ecs.run_task(
            cluster="blue", taskDefinition="ledger", count=5, networkConfiguration=VPC, clientToken="once"
        )["tasks"]

    first = run()
    assert providers(world) == {"FARGATE": 2, "FARGATE_SPOT": 3}
    assert sorted(t["taskArn"] for t in run()) == sorted(t["taskArn"] for t in first)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ([{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT"}], "At least one capacity"),
        ([{**MIX[0]}, {**MIX[1], "base": 1}], "Only one capacity provider in a strategy can have a base"),
        ([MIX[0], MIX[0]], "more than once"),
        ([{"capacityProvider": "FARGATE", "base": 100001}], "less than or equal to 100000"),
        ([{"capacityProvider": "mine"}], "not associated with the cluster: mine"),
    ],
)
def test_strategies_that_divide_nothing_are_refused(world, strategy, message):
    with refused(INVALID, message):
        create(world, capacityProviderStrategy=strategy)


def test_a_service_that_cannot_run_on_fargate_stays_on_instances(world):
    create(world, taskDefinition="web", launchType="EC2", networkConfiguration={})
    with refused(INVALID, "does not support launch_type FARGATE"):
        world.ecs.update_service(cluster="blue", service="ledger", capacityProviderStrategy=MIX)
