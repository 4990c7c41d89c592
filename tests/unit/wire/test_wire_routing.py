"""Which service and operation a request is for."""

import pytest

from sealway.wire.request import HttpRequest
from sealway.wire.routing import identify


def request(body: str = "", *, target: str = "/", headers: dict[str, str] | None = None) -> HttpRequest:
    return HttpRequest("POST", target, (headers or {}).items(), body.encode())


def scope(service: str) -> dict[str, str]:
    credential = f"AKID/20260102/us-east-1/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        "X-Amz-Date": "20260102T030405Z",
    }


@pytest.mark.parametrize(
    ("call", "service", "protocol"),
    [
        (request("Action=DescribeTags&Version=2015-12-01"), "elbv2", "query"),
        (request("Action=DescribeTags&Version=2012-06-01"), "elb", "query"),
        (request("Action=DescribeTags&Version=2016-11-15"), "ec2", "ec2"),
        (request("", target="/?Action=DescribeTags&Version=2011-06-15"), "sts", "query"),
        (request("Action=DescribeTags&Version=1999-01-01", headers=scope("ec2")), "ec2", "ec2"),
        (request("Action=DescribeTags", headers=scope("sts")), "sts", "query"),
        (request("Action=DescribeTags&Version=1999-01-01"), None, "query"),
        (
            request("{}", headers={"x-amz-target": "AmazonEC2ContainerServiceV20141113.DescribeTags"}),
            "ecs",
            "json",
        ),
        (request("{}", headers={"X-Amz-Target": "Other.DescribeTags"}), None, "json"),
    ],
)
def test_service(call: HttpRequest, service: str | None, protocol: str) -> None:
    found = identify(call)
    assert (found.service.name if found.service else None, found.protocol) == (service, protocol)
    assert found.action == "DescribeTags"


def test_the_envelope_is_no_parameter() -> None:
    call = identify(request("Action=A&Version=2011-06-15&B=c", target="/?X-Amz-Signature=1&D=e"))
    assert call.fields == [("D", "e"), ("B", "c")]


def test_a_form_that_cannot_be_read_leaves_the_rest_open() -> None:
    call = identify(request("Action=%ff", headers=scope("ec2")))
    assert (call.action, call.fields, call.protocol) == ("", None, "ec2")
