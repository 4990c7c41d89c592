import pytest

from tests.support.api_server import ACCOUNT, OTHER_ACCOUNT
from tests.support.ecs_world import ecs_world, refused

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
PERIOD = "fargateTaskRetirementWaitPeriod"


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def settings(ecs, **members):
    pages = ecs.get_paginator("list_account_settings").paginate(**members)
    return {setting["name"]: setting["value"] for page in pages for setting in page["settings"]}


def test_what_holds_where_nothing_was_chosen(world):
    assert settings(world.ecs) == {}
    effective = settings(world.ecs, effectiveSettings=True)
    assert len(effective) == 12
    assert effective["dualStackIPv6"] == "enabled"
    assert effective["taskLongArnFormat"] == "enabled"
    assert effective[PERIOD] == "7"


def test_a_principals_choice_comes_before_the_accounts(world):
    default = world.ecs.put_account_setting_default(name=PERIOD, value="14")["setting"]
    assert default == {"name": PERIOD, "value": "14", "principalArn": ROOT, "type": "user"}
    assert settings(world.ecs, principalArn=ALICE) == {}
    assert settings(world.ecs, principalArn=ALICE, effectiveSettings=True)[PERIOD] == "14"
    world.ecs.put_account_setting(name=PERIOD, value="0", principalArn=ALICE)
    assert settings(world.ecs, principalArn=ALICE, effectiveSettings=True, name=PERIOD) == {PERIOD: "0"}
    assert settings(world.ecs) == {PERIOD: "14"}
    for _ in range(2):
        gone = world.ecs.delete_account_setting(name=PERIOD, principalArn=ALICE)["setting"]
        assert gone["value"] == "14"
    assert world.ecs.delete_account_setting(name=PERIOD)["setting"]["value"] == "7"
    assert settings(world.ecs) == {}


def test_choosing_again_replaces(world):
    world.ecs.put_account_setting(name="awsvpcTrunking", value="enabled")
    world.ecs.put_account_setting(name="awsvpcTrunking", value="disabled")
    assert settings(world.ecs) == {"awsvpcTrunking": "disabled"}
    assert settings(world.ecs, name="awsvpcTrunking", value="enabled") == {}


def test_regions_and_accounts_are_apart(world):
    world.ecs.put_account_setting_default(name=PERIOD, value="14")
    assert settings(world.stranger, effectiveSettings=True)[PERIOD] == "7"
    assert settings(world.client("ecs", region_name="eu-west-1"), effectiveSettings=True)[PERIOD] == "7"


def test_pages_of_ten(world):
    page = world.ecs.list_account_settings(effectiveSettings=True)
    assert len(page["settings"]) == 10
    rest = world.ecs.list_account_settings(effectiveSettings=True, nextToken=page["nextToken"])
    assert len(rest["settings"]) == 2
    with refused("InvalidParameterException", "between 1 and 10"):
        world.ecs.list_account_settings(maxResults=11)
    with refused("InvalidParameterException", "Invalid token"):
        world.ecs.list_account_settings(nextToken="x")


@pytest.mark.parametrize(
    ("name", "value", "code", "message"),
    [
        ("taskLongArnFormat", "disabled", "InvalidParameterException", "no longer disable Long Arn"),
        ("taskLongArnFormat", "on", "InvalidParameterException", "The value 'on' is not valid"),
        (PERIOD, "8", "InvalidParameterException", "one of 0, 7, 14"),
        ("containerInsights", "enhanced", "ClientException", "The value 'enhanced'"),
        ("fargateFIPSMode", "enabled", "ClientException", "fargateFIPSMode is not supported"),
        ("defaultLogDriverMode", "non-blocking", "ClientException", "'non-blocking'"),
        ("guardDutyActivate", "on", "InvalidParameterException", "managed by AWS"),
    ],
)
def test_values_refused(world, name, value, code, message):
    with refused(code, message):
        world.ecs.put_account_setting_default(name=name, value=value)
    assert settings(world.ecs) == {}


@pytest.mark.parametrize(
    "principal",
    ["alice", f"arn:aws:iam::{OTHER_ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:group/x", f"{ALICE} "],
)
def test_principals_refused(world, principal):
    with refused("InvalidParameterException", "Invalid principal"):
        world.ecs.put_account_setting(name=PERIOD, value="0", principalArn=principal)


def test_a_filter_by_value_needs_a_name(world):
    with refused("InvalidParameterException", "specify the account setting's name"):
        world.ecs.list_account_settings(value="enabled")
