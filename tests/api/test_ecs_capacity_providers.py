import pytest

from tests.support.api_server import ACCOUNT, REGION
from tests.support.ecs_world import ECS, ecs_world, refused

GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/a"


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def test_amazons_own_two(world):
    shown = world.ecs.describe_capacity_providers()["capacityProviders"]
    assert [(p["name"], p["type"], p["status"]) for p in shown] == [
        ("FARGATE", "FARGATE", "ACTIVE"),
        ("FARGATE_SPOT", "FARGATE_SPOT", "ACTIVE"),
    ]
    assert shown[0]["capacityProviderArn"] == f"{ECS}:capacity-provider/FARGATE"
    by_arn = world.ecs.describe_capacity_providers(
        capacityProviders=[shown[1]["capacityProviderArn"], "none"], include=["TAGS"]
    )
    assert [p["name"] for p in by_arn["capacityProviders"]] == ["FARGATE_SPOT"]
    assert by_arn["failures"] == [{"arn": "none", "reason": "MISSING"}]
    page = world.ecs.describe_capacity_providers(maxResults=1)
    rest = world.ecs.describe_capacity_providers(maxResults=1, nextToken=page["nextToken"])
    assert [p["name"] for p in rest["capacityProviders"]] == ["FARGATE_SPOT"]


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        (
            {"autoScalingGroupProvider": {"autoScalingGroupArn": GROUP}},
            "InvalidParameterException",
            f"'{GROUP}'",
        ),
        ({}, "InvalidParameterException", "needs an autoScalingGroupProvider"),
        ({"name": "fargate-mine"}, "InvalidParameterException", "cannot begin with"),
        ({"name": "a b"}, "InvalidParameterException", "is not valid"),
    ],
)
def test_none_can_be_made(world, members, code, message):
    with refused(code, message):
        world.ecs.create_capacity_provider(**{"name": "mine", **members})
    assert len(world.ecs.describe_capacity_providers()["capacityProviders"]) == 2


def test_none_can_be_changed(world):
    with refused("ClientException", "FARGATE is reserved and cannot be deleted"):
        world.ecs.delete_capacity_provider(capacityProvider="FARGATE")
    with refused("InvalidParameterException", "'mine' was not found"):
        world.ecs.delete_capacity_provider(capacityProvider="mine")
    with refused("InvalidParameterException", "'mine' was not found"):
        world.ecs.update_capacity_provider(name="mine")
