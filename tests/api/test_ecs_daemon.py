from datetime import UTC, datetime

import pytest

from sealway.control.loop import ControlLoop
from tests.support.ecs_world import CONTAINER, FARGATE, VPC, World, ecs_world, refused

INVALID = "InvalidParameterException"


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        world.ecs.register_task_definition(family="fargate", containerDefinitions=[CONTAINER], **FARGATE)
        yield world


def create(world: World, **members):
    given = {"cluster": "blue", "serviceName": "agent", "taskDefinition": "web"}
    return world.ecs.create_service(**{**given, "schedulingStrategy": "DAEMON", **members})["service"]


def update(world: World, **members):
    return world.ecs.update_service(cluster="blue", service="agent", **members)["service"]


def describe(world: World):
    (service,) = world.ecs.describe_services(cluster="blue", services=["agent"])["services"]
    return service


def settle(world: World) -> None:
    """What control makes of it now."""
    world.run(lambda: ControlLoop(world.store, lambda: datetime.now(UTC), world.ids).step())


def test_a_daemon_has_as_many_tasks_as_there_are_instances(world):
    created = create(world)
    assert (created["schedulingStrategy"], created["desiredCount"]) == ("DAEMON", 0)
    configuration = created["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (0, 100)
    instances = [world.instance(n) for n in (1, 2)]
    settle(world)
    service = describe(world)
    assert (service["desiredCount"], service["pendingCount"]) == (2, 2)
    assert service["deployments"][0]["desiredCount"] == 2
    tasks = world.ecs.list_tasks(cluster="blue", serviceName="agent")["taskArns"]
    shown = world.ecs.describe_tasks(cluster="blue", tasks=tasks)["tasks"]
    assert sorted(task["containerInstanceArn"] for task in shown) == instances

    assert create(world)["serviceArn"] == created["serviceArn"]  # the same request again
    listed = world.ecs.list_services(cluster="blue", schedulingStrategy="DAEMON")["serviceArns"]
    assert listed == [created["serviceArn"]]
    assert world.ecs.list_services(cluster="blue", schedulingStrategy="REPLICA")["serviceArns"] == []


def test_the_count_is_there_from_the_start(world):
    world.instance(1, attributes={"role": "edge"})
    world.instance(2)
    edge = [{"type": "memberOf", "expression": "attribute:role == edge"}]
    assert create(world, placementConstraints=edge)["desiredCount"] == 1


def test_where_tasks_are_says_nothing_to_a_daemon(world):
    for subject in ("task:group == service:web", "runningTasksCount < 1"):
        with refused("ClientException", "in a placement constraint of a DAEMON service"):
            create(world, placementConstraints=[{"type": "memberOf", "expression": subject}])
    create(world)
    lonely = [{"type": "memberOf", "expression": "runningTasksCount < 1"}]
    world.ecs.register_task_definition(
        family="lonely", containerDefinitions=[CONTAINER], placementConstraints=lonely
    )
    for change in ({"taskDefinition": "lonely"}, {"placementConstraints": lonely}):
        with refused("ClientException", "The subject 'runningTasksCount'"):
            update(world, **change)


def test_a_daemon_is_updated_and_deleted_without_a_count(world):
    world.instance(1)
    create(world)
    settle(world)
    updated = update(world, forceNewDeployment=True, deploymentConfiguration={"minimumHealthyPercent": 50})
    assert (updated["desiredCount"], len(updated["deployments"])) == (1, 2)
    deleted = world.ecs.delete_service(cluster="blue", service="agent")["service"]
    assert (deleted["status"], deleted["desiredCount"]) == ("DRAINING", 0)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"desiredCount": 0}, "The daemon scheduling strategy does not support a desired count"),
        ({"placementStrategy": [{"type": "random"}]}, "does not support placement strategies."),
        ({"deploymentConfiguration": {"maximumPercent": 200}}, "maximumPercent must be 100"),
        ({"availabilityZoneRebalancing": "ENABLED"}, "does not support the DAEMON scheduling strategy."),
    ],
)
def test_what_a_daemon_leaves_no_room_for_is_refused(world, members, message):
    with refused(INVALID, message):
        create(world, **members)
    create(world)
    with refused(INVALID, message):
        update(world, **members)


def test_a_daemon_runs_on_container_instances_only(world):
    with refused(INVALID, "not supported with the FARGATE launch type"):
        create(world, taskDefinition="fargate", launchType="FARGATE", networkConfiguration=VPC)
    world.ecs.put_cluster_capacity_providers(
        cluster="blue",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )
    with refused(INVALID, "Specifying a capacity provider strategy is not supported when you create"):
        create(world, taskDefinition="fargate", networkConfiguration=VPC)
    assert create(world, launchType="EC2")["launchType"] == "EC2"
