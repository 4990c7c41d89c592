"""Query and EC2 Query in: dotted names into members."""

from datetime import UTC, datetime

import pytest

from sealway.model.errors import AwsError
from sealway.wire.ec2_query import Ec2Query
from sealway.wire.query import Query, form_fields
from tests.support.wire_shapes import operation


def elb(name: str, form: str) -> dict[str, object]:
    return Query().decode(operation("elbv2", name), form_fields(form))


def ec2(name: str, form: str) -> dict[str, object]:
    return Ec2Query().decode(operation("ec2", name), form_fields(form))


def test_lists_of_structures() -> None:
    form = "Name=a&Tags.member.1.Key=k&Tags.member.1.Value=x+y%2B&Subnets.member.2=b&Subnets.member.1=a"
    assert elb("CreateLoadBalancer", form) == {
        "Name": "a",
        "Tags": [{"Key": "k", "Value": "x y+"}],
        "Subnets": ["a", "b"],
    }


def test_an_empty_list() -> None:
    assert elb("CreateLoadBalancer", "Subnets=") == {"Subnets": []}


def test_numbers_and_booleans() -> None:
    form = "Port=443&HealthCheckEnabled=true"
    assert elb("CreateTargetGroup", form) == {"Port": 443, "HealthCheckEnabled": True}


def test_ec2_lists_have_no_member_and_names_have_a_capital() -> None:
    form = "Filter.1.Name=vpc-id&Filter.1.Value.1=a&Filter.1.Value.2=b&MaxResults=5&SubnetId.1=s"
    assert ec2("DescribeSubnets", form) == {
        "Filters": [{"Name": "vpc-id", "Values": ["a", "b"]}],
        "MaxResults": 5,
        "SubnetIds": ["s"],
    }


def test_ec2_times() -> None:
    decoded = ec2("DescribeSpotPriceHistory", "StartTime=2026-01-02T03%3A04%3A05Z")
    assert decoded == {"StartTime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("Port=x", r"Value \(x\) for parameter Port is not of type integer"),
        ("Port=99999999999", r"is not of type integer"),
        ("HealthCheckEnabled=1", r"is not of type boolean"),
        ("Name=a&Name=b", "The parameter Name is given more than once"),
        ("Port=1&Port.a=2", "Unexpected complex element for parameter Port"),
        ("Port.a=2", "Unexpected complex element for parameter Port"),
        ("Tags.1.Key=a", "Expected member, found 1"),
        ("Tags.member.x.Key=a", "Key x of parameter Tags is not a position in a list"),
        ("Tags.member.1.Key=a&Tags.member.01.Key=b", "Key 01 of parameter Tags"),
        ("Tags.member.\u0661.Key=a", "is not a position in a list"),
        ("Tags.member.1=a", "The parameter Tags.1 must not have a value of its own"),
        ("Tags=a", "The parameter Tags must not have a value of its own"),
        (".".join("a" * 40), "nested too deeply"),
    ],
)
def test_malformed(form: str, message: str) -> None:
    with pytest.raises(AwsError, match=message) as caught:
        elb("CreateTargetGroup", form)
    assert caught.value.code == "MalformedInput"


def test_a_parameter_that_has_no_effect_is_refused_by_name() -> None:
    with pytest.raises(AwsError, match=r"ValidationError: The parameter Tags.1.Colour is not recognized"):
        elb("CreateTargetGroup", "Tags.member.1.Colour=red")
    with pytest.raises(AwsError, match="UnknownParameter: The parameter Colour is not recognized"):
        ec2("DescribeVpcs", "Colour=red")


@pytest.mark.parametrize("form", ["a=%ff", "a=\ud800", "&a" * 10_001])
def test_a_form_that_is_none(form: str) -> None:
    with pytest.raises(ValueError, match=r"utf-8|too many"):
        form_fields(form)
