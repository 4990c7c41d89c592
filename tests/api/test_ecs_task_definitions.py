import platform

import pytest

from sealway.control import definition_plan
from sealway.model.architecture import architecture_of
from tests.support.ecs_world import CONTAINER, ECS, FARGATE, World, ecs_world, refused


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def register(world: World, family: str = "orders", **members):
    given = {"family": family, "containerDefinitions": [CONTAINER]}
    return world.ecs.register_task_definition(**{**given, **members})["taskDefinition"]


def test_register_fills_in_the_defaults(world):
    definition = register(world)
    assert definition["taskDefinitionArn"] == f"{ECS}:task-definition/orders:1"
    assert (definition["family"], definition["revision"], definition["status"]) == ("orders", 1, "ACTIVE")
    assert definition["compatibilities"] == ["EC2"]
    assert definition["volumes"] == []
    assert definition["registeredBy"] == "arn:aws:iam::000000000000:root"
    (container,) = definition["containerDefinitions"]
    assert container["essential"] is True
    assert container["portMappings"] == [{"containerPort": 8443, "hostPort": 0, "protocol": "tcp"}]
    for member in ("environment", "mountPoints", "volumesFrom", "systemControls"):
        assert container[member] == []


@pytest.mark.parametrize("driver", ["json-file", "none"])
def test_log_drivers_of_the_agent(world, driver):
    container = {"name": "app", "image": "app:1", "memory": 64, "logConfiguration": {"logDriver": driver}}
    definition = register(world, containerDefinitions=[container])
    assert definition["containerDefinitions"][0]["logConfiguration"]["logDriver"] == driver


def test_register_for_fargate(world):
    definition = register(
        world,
        networkMode="awsvpc",
        cpu=".25 vCPU",
        memory="0.5GB",
        requiresCompatibilities=["FARGATE"],
        taskRoleArn="arn:aws:iam::000000000000:role/task",
        executionRoleArn="arn:aws:iam::000000000000:role/execution",
        runtimePlatform={
            "cpuArchitecture": architecture_of(platform.machine()),
            "operatingSystemFamily": "LINUX",
        },
    )
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    assert definition["compatibilities"] == ["EC2", "FARGATE"]
    assert definition["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 8443


def test_what_is_made_for_another_processor_is_refused(world):
    here = architecture_of(platform.machine())
    other = "ARM64" if here == "X86_64" else "X86_64"
    with refused("ClientException", f"The CPU architecture {other} on this host ({here}) is not supported"):
        register(world, runtimePlatform={"cpuArchitecture": other})
    made = register(world, runtimePlatform={"cpuArchitecture": here})
    assert made["runtimePlatform"] == {"cpuArchitecture": here}


def test_what_describe_answers_can_be_registered_again(world):
    register(world, **FARGATE, volumes=[{"name": "data"}])
    shown = world.ecs.describe_task_definition(taskDefinition="orders")["taskDefinition"]
    computed = (
        "taskDefinitionArn",
        "revision",
        "status",
        "compatibilities",
        "requiresAttributes",
        "registeredAt",
        "registeredBy",
    )
    for member in computed:
        shown.pop(member)
    again = world.ecs.register_task_definition(**shown)["taskDefinition"]
    assert again["revision"] == 2
    assert again["containerDefinitions"] == shown["containerDefinitions"]


def test_describe(world):
    register(world, tags=[{"key": "a", "value": "b"}])
    register(world)
    for name, revision in (
        ("orders", 2),
        ("orders:1", 1),
        (f"{ECS}:task-definition/orders:1", 1),
        (f"{ECS}:task-definition/orders", 2),
    ):
        answer = world.ecs.describe_task_definition(taskDefinition=name)
        assert answer["taskDefinition"]["revision"] == revision
        assert "tags" not in answer
    tagged = world.ecs.describe_task_definition(taskDefinition="orders:1", include=["TAGS"])
    assert tagged["tags"] == [{"key": "a", "value": "b"}]
    for name in ("none", "orders:9", "arn:aws:ecs:us-east-1:111111111111:task-definition/orders:1"):
        with refused("ClientException", "Unable to describe task definition."):
            world.ecs.describe_task_definition(taskDefinition=name)
    with refused("ClientException", "Unable to describe task definition."):
        world.stranger.describe_task_definition(taskDefinition=f"{ECS}:task-definition/orders:1")


def test_deregister(world):
    register(world)
    gone = world.ecs.deregister_task_definition(taskDefinition="orders:1")["taskDefinition"]
    assert gone["status"] == "INACTIVE"
    assert gone["deregisteredAt"] >= gone["registeredAt"]
    assert world.ecs.describe_task_definition(taskDefinition="orders:1")["taskDefinition"]["status"] == (
        "INACTIVE"
    )
    with refused("ClientException", "Unable to describe task definition."):
        world.ecs.describe_task_definition(taskDefinition="orders")
    assert register(world)["revision"] == 2
    with refused("ClientException", "Revision is missing."):
        world.ecs.deregister_task_definition(taskDefinition="orders")
    with refused("ClientException", "The specified task definition does not exist."):
        world.ecs.deregister_task_definition(taskDefinition="orders:9")
    for wrong in ("x", "0", "-1", "\u00b2", "9" * 5000):
        with refused("InvalidParameterException", f"Invalid revision number. Number: {wrong}"):
            world.ecs.describe_task_definition(taskDefinition=f"orders:{wrong}")
    with refused("InvalidParameterException", "Invalid revision number. Number: x"):
        world.ecs.deregister_task_definition(taskDefinition="orders:x")


def test_lists(world):
    for _ in range(11):
        register(world)
    register(world, "ledger")
    world.ecs.deregister_task_definition(taskDefinition="ledger:1")

    def listed(**members):
        pages = world.ecs.get_paginator("list_task_definitions").paginate(**members)
        return [arn.rsplit("/", 1)[1] for page in pages for arn in page["taskDefinitionArns"]]

    up = [f"orders:{n}" for n in range(1, 12)]
    assert listed(familyPrefix="orders", PaginationConfig={"PageSize": 4}) == up
    assert listed(familyPrefix="orders", sort="DESC", PaginationConfig={"PageSize": 4}) == up[::-1]
    assert listed(familyPrefix="ord") == []
    assert listed(status="INACTIVE") == ["ledger:1"]
    assert listed() == [*up, "web:1"]
    families = world.ecs.list_task_definition_families
    assert families()["families"] == ["ledger", "orders", "web"]
    assert families(status="ACTIVE")["families"] == ["orders", "web"]
    assert families(status="INACTIVE")["families"] == ["ledger"]
    assert families(familyPrefix="o")["families"] == ["orders"]
    assert world.stranger.list_task_definition_families()["families"] == []


def test_what_is_not_honoured_is_refused_and_nothing_registered(world):
    with refused(
        "ClientException", "The parameter 'secrets' of container 'app' is not supported by Sealway."
    ):
        secrets = [{"name": "A", "valueFrom": "arn:aws:ssm:x"}]
        register(world, containerDefinitions=[{**CONTAINER, "secrets": secrets}])
    assert world.ecs.list_task_definition_families()["families"] == ["web"]


def test_a_definition_has_a_size(world):
    environment = [{"name": "A", "value": "x" * 65_536}]
    with refused("ClientException", "Max allowed length is '65536' bytes."):
        world.ecs.register_task_definition(
            family="large", containerDefinitions=[{**CONTAINER, "environment": environment}]
        )


def test_deletion_is_for_inactive_revisions(world):
    register(world)
    register(world)
    world.ecs.deregister_task_definition(taskDefinition="orders:1")
    asked = ["orders:1", f"{ECS}:task-definition/orders:2", "orders:9", "orders"]
    answer = world.ecs.delete_task_definitions(taskDefinitions=asked)
    (deleted,) = answer["taskDefinitions"]
    assert deleted["status"] == "DELETE_IN_PROGRESS"
    assert deleted["deleteRequestedAt"]
    reasons = {failure["arn"]: failure["reason"] for failure in answer["failures"]}
    assert list(reasons) == asked[1:]
    assert "still in ACTIVE status" in reasons[asked[1]]
    assert "does not exist" in reasons["orders:9"]
    listed = world.ecs.list_task_definitions(status="DELETE_IN_PROGRESS")["taskDefinitionArns"]
    assert listed == [f"{ECS}:task-definition/orders:1"]
    again = world.ecs.delete_task_definitions(taskDefinitions=["orders:1"])["taskDefinitions"]
    assert again == [deleted]
    with refused("ClientException", "TaskDefinition is inactive"):
        world.ecs.create_service(cluster="blue", serviceName="s", taskDefinition="orders:1", desiredCount=0)
    with refused("InvalidParameterException", "between 1 and 10"):
        world.ecs.delete_task_definitions(taskDefinitions=[])
    assert world.stranger.delete_task_definitions(taskDefinitions=["orders:1"])["taskDefinitions"] == []


def test_a_deleted_revision_is_gone_and_its_number_too(world):
    register(world)
    world.ecs.deregister_task_definition(taskDefinition="orders:1")
    world.ecs.delete_task_definitions(taskDefinitions=["orders:1"])

    def complete() -> None:
        with world.store.transaction() as tx:
            for resource in definition_plan.plan(definition_plan.read(tx)).puts:
                tx.put(resource)

    world.run(complete)
    with refused("ClientException", "Unable to describe task definition."):
        world.ecs.describe_task_definition(taskDefinition="orders:1")
    assert "does not exist" in str(
        world.ecs.delete_task_definitions(taskDefinitions=["orders:1"])["failures"]
    )
    assert world.ecs.list_task_definition_families()["families"] == ["web"]
    with refused("InvalidParameterException", "task definition was not found"):
        world.ecs.list_tags_for_resource(resourceArn=f"{ECS}:task-definition/orders:1")
    assert register(world)["revision"] == 2
