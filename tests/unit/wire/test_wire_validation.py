"""Constraints, and how each protocol words a violation."""

from typing import Any

import pytest

from sealway.model.errors import AwsError
from sealway.wire.validation import check, compiled
from tests.support.wire_shapes import operation


def refusal(service: str, name: str, params: dict[str, Any]) -> AwsError:
    model = operation(service, name)
    with pytest.raises(AwsError) as caught:
        check(model.metadata["protocol"], model, params)
    return caught.value


def accepted(service: str, name: str, params: dict[str, Any]) -> None:
    model = operation(service, name)
    check(model.metadata["protocol"], model, params)


def test_query_lists_all_violations_in_one_sentence() -> None:
    error = refusal("elbv2", "CreateLoadBalancer", {"Type": "mesh"})
    assert (error.code, error.status) == ("ValidationError", 400)
    assert error.message == (
        "2 validation errors detected: "
        "Value null at 'name' failed to satisfy constraint: Member must not be null; "
        "Value 'mesh' at 'type' failed to satisfy constraint: Member must satisfy enum value set: "
        "[application, network, gateway]"
    )


@pytest.mark.parametrize(
    ("port", "constraint"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (65536, "Member must have value less than or equal to 65535"),
    ],
)
def test_a_port_out_of_range(port: int, constraint: str) -> None:
    error = refusal("elbv2", "CreateTargetGroup", {"Name": "a", "Port": port})
    assert error.message == (
        f"1 validation error detected: Value '{port}' at 'port' failed to satisfy constraint: {constraint}"
    )


def test_an_item_of_a_list_is_named_by_its_place() -> None:
    error = refusal("elbv2", "AddTags", {"ResourceArns": ["a"], "Tags": [{"Key": "a"}, {"Key": "b" * 129}]})
    assert (
        "at 'tags.2.member.key' failed to satisfy constraint: Member must have length less" in error.message
    )


def test_json_says_invalid_parameter() -> None:
    error = refusal("ecs", "RunTask", {"taskDefinition": "a", "launchType": "MOON"})
    assert error.code == "InvalidParameterException"
    assert error.message.startswith(
        "1 validation error detected: Value 'MOON' at 'launchType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [EC2, FARGATE"
    )


def test_a_null_in_a_list_is_missing() -> None:
    error = refusal("ecs", "DescribeTasks", {"tasks": [None]})
    assert "Value null at 'tasks.1.member'" in error.message


def test_a_long_list_of_wrong_items_is_not_told_to_its_end() -> None:
    error = refusal("ecs", "DescribeTasks", {"tasks": [None] * 100_000})
    assert error.message.startswith("100 validation errors detected: ")


def test_a_union_has_exactly_one_member() -> None:
    hint = {"taskDefinition": "a", "overrides": {"containerOverrides": [{"name": "a"}]}}
    accepted("ecs", "RunTask", hint)


def test_ec2_names_the_missing_parameter_as_it_is_sent() -> None:
    error = refusal("ec2", "CreateSubnet", {"CidrBlock": "10.0.0.0/24"})
    assert (error.code, error.message) == (
        "MissingParameter",
        "The request must contain the parameter VpcId",
    )


def test_ec2_says_what_it_expected() -> None:
    error = refusal("ec2", "DescribeVpcs", {"MaxResults": 1})
    assert (error.code, error.message) == (
        "InvalidParameterValue",
        "Value ( 1 ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.",
    )


def test_ec2_does_not_list_a_thousand_instance_types() -> None:
    error = refusal("ec2", "RunInstances", {"MinCount": 1, "MaxCount": 1, "InstanceType": "t9.huge"})
    assert error.message == "Invalid value 't9.huge' for InstanceType."


def test_a_long_value_is_cut() -> None:
    error = refusal("elbv2", "CreateLoadBalancer", {"Name": "a", "Type": "x" * 10_000})
    assert len(error.message) < 600


@pytest.mark.parametrize("value", ["a", "Größe 9", "a b", "日本", "a_.:/=+-@"])
def test_javas_categories_are_understood(value: str) -> None:
    assert compiled(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$").fullmatch(value)


@pytest.mark.parametrize(("value", "fits"), [("a b\t", True), ("\U0001f680", True), ("\x07", False)])
def test_characters_that_take_two_of_javas(value: str, fits: bool) -> None:
    pattern = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*"
    assert bool(compiled(pattern).fullmatch(value)) is fits


def test_javas_categories_have_an_end() -> None:
    assert not compiled(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$").fullmatch("a&b")
