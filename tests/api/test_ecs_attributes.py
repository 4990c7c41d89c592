import pytest

from tests.support.ecs_world import ecs_world, refused


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def attribute(target, name="disk", value="fast", **members):
    return {"name": name, "value": value, "targetId": target, "targetType": "container-instance", **members}


def listed(world, **members):
    pages = world.ecs.get_paginator("list_attributes").paginate(
        cluster="blue", targetType="container-instance", **members
    )
    return [(a["targetId"], a["name"], a.get("value")) for page in pages for a in page["attributes"]]


def test_put_list_delete(world):
    one = world.instance(1, attributes={"ecs.os-type": "linux", "ecs.capability.task-eni": ""})
    two = world.instance(2)
    put = [attribute(one), attribute(two.rsplit("/")[-1], value="slow"), attribute(two, "plain", "")]
    answer = world.ecs.put_attributes(cluster="blue", attributes=put)["attributes"]
    assert [a["targetId"] for a in answer] == [one, two, two]
    assert listed(world, attributeName="disk") == [(one, "disk", "fast"), (two, "disk", "slow")]
    assert listed(world, attributeName="disk", attributeValue="slow") == [(two, "disk", "slow")]
    assert listed(world, PaginationConfig={"PageSize": 2})[2:] == [
        (one, "ecs.os-type", "linux"),
        (two, "disk", "slow"),
        (two, "plain", None),
    ]
    gone = [{"name": "disk", "targetId": one}, {"name": "never", "targetId": one}]
    world.ecs.delete_attributes(cluster="blue", attributes=gone)
    assert listed(world, attributeName="disk") == [(two, "disk", "slow")]
    (shown,) = world.ecs.describe_container_instances(cluster="blue", containerInstances=[two])[
        "containerInstances"
    ]
    assert {"name": "disk", "value": "slow"} in shown["attributes"]
    assert {"name": "plain"} in shown["attributes"]


def test_placement_reads_them(world):
    world.instance(1)
    fast = world.instance(2)
    world.ecs.put_attributes(cluster="blue", attributes=[attribute(fast)])
    constraints = [{"type": "memberOf", "expression": "attribute:disk == fast"}]
    tasks = world.ecs.run_task(
        cluster="blue", taskDefinition="web", count=3, placementConstraints=constraints
    )["tasks"]
    assert {task["containerInstanceArn"] for task in tasks} == {fast}
    world.ecs.delete_attributes(cluster="blue", attributes=[{"name": "disk", "targetId": fast}])
    refusal = world.ecs.run_task(cluster="blue", taskDefinition="web", placementConstraints=constraints)
    assert refusal["tasks"] == []
    assert len(refusal["failures"]) == 2


def test_ten_custom_attributes(world):
    one = world.instance(1, attributes={"ecs.os-type": "linux"})
    ten = [attribute(one, f"a{n}") for n in range(10)]
    world.ecs.put_attributes(cluster="blue", attributes=ten)
    world.ecs.put_attributes(cluster="blue", attributes=[attribute(one, "a0", "other")])
    with refused("AttributeLimitExceededException", "up to 10 custom attributes"):
        world.ecs.put_attributes(cluster="blue", attributes=[attribute(one, "b")])
    with refused("InvalidParameterException", "between 1 and 10 attributes"):
        world.ecs.put_attributes(cluster="blue", attributes=[*ten, attribute(one, "b")])


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        ({"targetId": "none"}, "TargetNotFoundException", "'none' was not found"),
        ({"targetId": ""}, "InvalidParameterException", "need a targetId"),
        ({"name": "a b"}, "InvalidParameterException", "name 'a b'"),
        ({"name": "ecs.os-type"}, "InvalidParameterException", "reserved"),
        ({"value": " x"}, "InvalidParameterException", "value ' x'"),
        ({"value": "x" * 129}, "InvalidParameterException", "is not valid"),
    ],
)
def test_put_refuses_all_or_none(world, wrong, code, message):
    one = world.instance(1)
    with refused(code, message):
        world.ecs.put_attributes(cluster="blue", attributes=[attribute(one), attribute(one, **wrong)])
    assert listed(world) == []


def test_other_refusals(world):
    one = world.instance(1)
    short = {"name": "disk", "value": "x", "targetId": one.rsplit("/")[-1]}
    with refused("InvalidParameterException", "need a targetType"):
        world.ecs.put_attributes(cluster="blue", attributes=[short])
    with refused("InvalidParameterException", "not its value"):
        world.ecs.delete_attributes(cluster="blue", attributes=[attribute(one)])
    with refused("InvalidParameterException", "specify the attribute's name"):
        listed(world, attributeValue="x")
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.stranger.put_attributes(cluster="blue", attributes=[attribute(one)])
    world.stranger.create_cluster(clusterName="blue")
    with refused("TargetNotFoundException", "was not found"):
        world.stranger.put_attributes(cluster="blue", attributes=[attribute(one)])


def test_agents_are_always_up_to_date(world):
    with refused("NoUpdateAvailableException", "no update available"):
        world.ecs.update_container_agent(cluster="blue", containerInstance=world.instance())
    with refused("InvalidParameterException", "container instance was not found"):
        world.ecs.update_container_agent(cluster="blue", containerInstance="none")
