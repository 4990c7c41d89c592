"""Query and EC2 Query out: envelopes, and what XML cannot hold."""

from datetime import UTC, datetime

import pytest

from sealway.model.errors import AwsError
from sealway.wire import xml
from sealway.wire.reply import EncodeError, strict
from tests.support.wire_shapes import operation


def test_a_query_answer() -> None:
    output = {
        "LoadBalancers": [{"LoadBalancerName": "<a>&", "CreatedTime": datetime(2026, 1, 2, tzinfo=UTC)}]
    }
    reply = xml.encode_query(operation("elbv2", "DescribeLoadBalancers"), output, strict, "urn:x", "r-1")
    assert reply.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DescribeLoadBalancersResponse xmlns="urn:x"><DescribeLoadBalancersResult><LoadBalancers><member>'
        "<LoadBalancerName>&lt;a&gt;&amp;</LoadBalancerName><CreatedTime>2026-01-02T00:00:00.000Z</CreatedTime>"
        "</member></LoadBalancers></DescribeLoadBalancersResult>"
        "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DescribeLoadBalancersResponse>\n"
    )


def test_an_ec2_answer() -> None:
    output = {"Vpcs": [{"VpcId": "vpc-1", "IsDefault": True, "Tags": []}]}
    reply = xml.encode_ec2(operation("ec2", "DescribeVpcs"), output, strict, "urn:x", "r-1")
    assert reply.body.decode().endswith(
        '<DescribeVpcsResponse xmlns="urn:x"><requestId>r-1</requestId><vpcSet><item><vpcId>vpc-1</vpcId>'
        "<isDefault>true</isDefault><tagSet/></item></vpcSet></DescribeVpcsResponse>\n"
    )


def test_an_ec2_operation_without_output_returns_true() -> None:
    reply = xml.encode_ec2(operation("ec2", "DeleteVpc"), {}, strict, "urn:x", "r-1")
    assert b"<requestId>r-1</requestId><return>true</return>" in reply.body


@pytest.mark.parametrize(("status", "blame"), [(400, b"Sender"), (503, b"Receiver")])
def test_a_query_error_says_whose_fault(status: int, blame: bytes) -> None:
    reply = xml.query_failure(AwsError("A", "<b>", status), "urn:x", "r-1")
    assert b"<Type>" + blame + b"</Type><Code>A</Code><Message>&lt;b&gt;</Message></Error>" in reply.body
    assert reply.status == status


def test_an_ec2_error() -> None:
    reply = xml.ec2_failure(AwsError("A", "b"), "r-1")
    assert reply.body.endswith(
        b"<Response><Errors><Error><Code>A</Code><Message>b</Message></Error></Errors>"
        b"<RequestID>r-1</RequestID></Response>\n"
    )


def test_what_xml_cannot_hold_is_replaced_and_a_carriage_return_kept() -> None:
    assert xml.text("a\x00\x1b\ud800\uffff\r\n") == "a\ufffd\ufffd\ufffd\ufffd&#13;\n"


def test_an_output_that_does_not_fit_is_our_bug() -> None:
    with pytest.raises(EncodeError, match="DescribeVpcs has no member Vpc"):
        xml.encode_ec2(operation("ec2", "DescribeVpcs"), {"Vpc": {}}, strict, "urn:x", "r-1")
    with pytest.raises(EncodeError, match=r"DescribeVpcs.Vpcs\[\].VpcId is int, not string"):
        xml.encode_ec2(operation("ec2", "DescribeVpcs"), {"Vpcs": [{"VpcId": 1}]}, strict, "urn:x", "r-1")
