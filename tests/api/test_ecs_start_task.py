import pytest

from tests.support.ecs_world import CONTAINER, ECS, SUBNETS, VPC, World, ecs_world, refused


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def start(world: World, *instances: str, definition: str = "web", **members):
    return world.ecs.start_task(
        cluster="blue", taskDefinition=definition, containerInstances=list(instances), **members
    )


def test_a_task_on_each_chosen_instance(world):
    one, two, _ = world.instance(1), world.instance(2), world.instance(3)
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "b"}]}]}
    answer = start(
        world,
        one,
        two.rsplit("/")[-1],
        one,
        startedBy="me",
        overrides=overrides,
        tags=[{"key": "k", "value": "v"}],
    )
    assert answer["failures"] == []
    tasks = {task["containerInstanceArn"]: task for task in answer["tasks"]}
    assert set(tasks) == {one, two}
    assert len(answer["tasks"]) == 2
    first = tasks[one]
    assert (first["launchType"], first["group"], first["startedBy"]) == ("EC2", "family:web", "me")
    assert first["overrides"]["containerOverrides"] == overrides["containerOverrides"]
    assert first["tags"] == [{"key": "k", "value": "v"}]
    listed = world.ecs.list_tasks(cluster="blue", containerInstance=one)["taskArns"]
    assert listed == [first["taskArn"]]


def test_refused_by_an_instance(world):
    full, draining, fine = (
        world.instance(1, cpu_units=64),
        world.instance(2, status="DRAINING"),
        world.instance(3),
    )
    answer = start(world, full, draining, "none", fine)
    assert [task["containerInstanceArn"] for task in answer["tasks"]] == [fine]
    assert sorted((f["arn"], f["reason"]) for f in answer["failures"]) == sorted(
        [
            (full, "RESOURCE:CPU"),
            (draining, "DRAINING"),
            (f"{ECS}:container-instance/blue/none", "MISSING"),
        ]
    )
    assert start(world, draining)["tasks"] == []


def test_awsvpc_tasks_get_an_interface_in_the_instances_zone(world):
    world.ecs.register_task_definition(
        family="ledger", networkMode="awsvpc", containerDefinitions=[CONTAINER]
    )
    (task,) = start(world, world.instance(1), definition="ledger", networkConfiguration=VPC)["tasks"]
    details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
    assert details["subnetId"] == SUBNETS[0]
    with refused("InvalidParameterException", "Network Configuration must be provided"):
        start(world, world.instance(2), definition="ledger")


def test_a_default_strategy_of_the_cluster_does_not_matter(world):
    world.ecs.put_cluster_capacity_providers(
        cluster="blue",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )
    assert len(start(world, world.instance(1))["tasks"]) == 1


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"containerInstances": []}, "InvalidParameterException", "between 1 and 10"),
        ({"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
        ({"group": "service:x"}, "InvalidParameterException", "Invalid namespace"),
        ({"cluster": "none"}, "ClusterNotFoundException", "Cluster not found."),
        (
            {"overrides": {"containerOverrides": [{"name": "x"}]}},
            "InvalidParameterException",
            "container named x",
        ),
    ],
)
def test_refusals_start_nothing(world, members, code, message):
    given = {"cluster": "blue", "taskDefinition": "web", "containerInstances": [world.instance()]}
    with refused(code, message):
        world.ecs.start_task(**{**given, **members})
    assert world.ecs.list_tasks(cluster="blue")["taskArns"] == []
