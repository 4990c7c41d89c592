"""The HTTP side: readiness, sizes, headers, presigned requests, many clients at once, malformed bodies."""

import http.client
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.model.request import Params, RequestContext
from sealway.wire.server import LARGEST_BODY
from tests.support.api_server import ACCESS_KEY, ACCOUNT, SECRET_KEY, ApiServer, stub

TARGET = "AmazonEC2ContainerServiceV20141113."
JSON = {"Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
inside = threading.Semaphore(1)


def alone(_caller: RequestContext, params: Params) -> Params:
    assert inside.acquire(blocking=False), "two operations ran at once"
    try:
        return {"clusters": [{"clusterName": name} for name in params.get("clusters", ())], "failures": []}
    finally:
        inside.release()


OPERATIONS = {
    "sts": {"GetCallerIdentity": stub({"Account": ACCOUNT})},
    "ecs": {"DescribeClusters": alone, "RegisterTaskDefinition": stub({}), "CreateService": stub({})},
    "elbv2": {"CreateListener": stub({}), "CreateLoadBalancer": stub({})},
    "ec2": {"RunInstances": stub({}), "DescribeVpcs": stub({})},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("wire"), operations=OPERATIONS) as running:
        yield running


def send(
    server: ApiServer, signing_name: str | None, headers: dict[str, str], body: bytes, method: str = "POST"
) -> tuple[http.client.HTTPResponse, bytes]:
    request = AWSRequest(method, server.endpoint + "/", data=body, headers=headers)
    if signing_name:
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), signing_name, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
    try:
        connection.request(method, "/", body, dict(request.headers.items()))
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_readiness(tmp_path: Path) -> None:
    with ApiServer(tmp_path, operations={}) as server:
        with urlopen(server.endpoint + "/_sealway/ready", timeout=5) as response:
            assert (response.status, json.load(response)) == (200, {"status": "ready"})
        server.ready = False
        connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=5)
        connection.request("GET", "/_sealway/ready")
        assert connection.getresponse().status == 503
        connection.close()


def test_one_date_header_and_a_request_id(server: ApiServer) -> None:
    response, _ = send(
        server, "ecs", JSON | {"X-Amz-Target": TARGET + "DescribeClusters"}, b'{"clusters": []}'
    )
    assert response.status == 200
    assert len(response.headers.get_all("Date") or []) == 1
    assert len(response.headers["x-amzn-RequestId"]) == 36
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert response.headers["Server"] == "Sealway"


@pytest.mark.parametrize("headers", [JSON | {"X-Amz-Target": TARGET + "DescribeClusters"}, FORM])
def test_a_body_that_is_too_large(server: ApiServer, headers: dict[str, str]) -> None:
    response, body = send(server, None, headers, b"x" * (LARGEST_BODY + 1))
    assert response.status == 413
    assert b"RequestEntityTooLarge" in body


@pytest.mark.parametrize("encoding", ["deflate", "gzip"])
def test_a_body_is_not_unpacked(server: ApiServer, encoding: str) -> None:
    headers = JSON | {"X-Amz-Target": TARGET + "DescribeClusters", "Content-Encoding": encoding}
    packed = zlib.compress(b"{}", wbits={"deflate": 15, "gzip": 31}[encoding])
    response, body = send(server, "ecs", headers, packed)
    assert response.status == 400
    assert b"SerializationException" in body


def test_a_body_that_does_not_come(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealway.wire.server.PATIENCE", 0.01)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"half")
    assert b"The request body did not arrive in time." in connection.getresponse().read()
    connection.send(b"x" * 96)
    connection.close()


def test_a_client_that_leaves_in_the_middle_disturbs_no_one(
    server: ApiServer, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=5)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"half")
    connection.close()
    assert server.client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert "Traceback" not in capfd.readouterr().err


def test_a_presigned_request(server: ApiServer) -> None:
    url = server.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    with urlopen(url, timeout=5) as response:
        assert f"<Account>{ACCOUNT}</Account>".encode() in response.read()


def test_other_paths_and_methods_are_no_api(server: ApiServer) -> None:
    for method, path, status in (("GET", "/other", 404), ("PUT", "/", 405), ("HEAD", "/", 405)):
        connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=5)
        connection.request(method, path)
        assert connection.getresponse().status == status
        connection.close()


OTHERS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("s3", lambda client: client.list_buckets(), "InvalidAction"),
    ("iam", lambda client: client.list_roles(), "InvalidAction"),
    ("logs", lambda client: client.describe_log_groups(), "UnknownOperationException"),
    ("lambda", lambda client: client.list_functions(), "UnknownOperationException"),
]


@pytest.mark.parametrize(("name", "call", "code"), OTHERS)
def test_another_service_s_client_is_told_what_is_offered(
    server: ApiServer, name: str, call: Callable[[Any], Any], code: str
) -> None:
    with pytest.raises(
        ClientError, match=f"does not offer the service {name}: it offers autoscaling,"
    ) as told:
        call(server.client(name))
    assert told.value.response["Error"]["Code"].endswith(code)


def test_a_classic_load_balancer(server: ApiServer) -> None:
    with pytest.raises(ClientError, match="Classic Load Balancers are not available"):
        server.client("elb").describe_load_balancers()


def test_no_answer_is_longer_than_anyone_reads(server: ApiServer) -> None:
    _, body = send(server, None, FORM, b"Version=2016-11-15&Action=" + b"A" * 100_000)
    assert len(body) < 10_000


def test_a_request_for_nothing(server: ApiServer) -> None:
    response, body = send(server, None, {}, b"", "GET")
    assert response.status == 400
    assert b"<Code>MissingAction</Code>" in body


def test_an_operation_that_aws_does_not_have(server: ApiServer) -> None:
    for headers, body, words in (
        (JSON | {"X-Amz-Target": TARGET + "MakeTea"}, b"{}", b"UnknownOperationException"),
        (JSON | {"X-Amz-Target": "Tea.Make"}, b"{}", b"UnknownOperationException"),
        (
            FORM,
            b"Action=MakeTea&Version=2015-12-01",
            b"Could not find operation MakeTea for version 2015-12-01",
        ),
        (FORM, b"Action=MakeTea&Version=2", b"Could not find operation MakeTea for version 2"),
        (
            FORM,
            b"Action=MakeTea&Version=2016-11-15",
            b"The action MakeTea is not valid for this web service.",
        ),
    ):
        response, answer = send(server, None, headers, body)
        assert response.status == 400
        assert words in answer


def test_an_ec2_version_that_is_none(server: ApiServer) -> None:
    response, body = send(server, "ec2", FORM, b"Action=DescribeVpcs&Version=1999-01-01")
    assert response.status == 400
    assert b"<Code>NoSuchVersion</Code>" in body


def test_many_clients_at_once_are_served_one_after_the_other(server: ApiServer) -> None:
    ecs = server.client("ecs")

    def ask(number: int) -> str:
        return str(ecs.describe_clusters(clusters=[f"c{number}"])["clusters"][0]["clusterName"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == [f"c{number}" for number in range(200)]


FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MEMBERS = st.sampled_from(
    ["family", "containerDefinitions", "portMappings", "tags", "key", "name", "environment"]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["family", "containerDefinitions", "portMappings", "tags", "key", "name", "environment"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["DescribeClusters", "RegisterTaskDefinition", "CreateService", "", "\u00fc", "a.b"]),
    JUNK.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
)
@FUZZ
def test_no_json_is_our_fault(server: ApiServer, operation: str, body: bytes) -> None:
    target = (TARGET + operation).encode().decode("latin-1")
    response, _ = send(server, "ecs", JSON | {"X-Amz-Target": target}, body)
    assert response.status in {200, 400}


PARTS = (
    "Action Version Name Tags Subnets member entry Filter NetworkInterface Value Key Port 1 2 -1 0 x . "
    "Certificates DefaultActions ForwardConfig BlockDeviceMapping Ebs UserData MinCount"
)
NAMES = st.lists(st.sampled_from(PARTS.split(" ")), min_size=1, max_size=6).map(".".join)
VALUES = st.one_of(st.binary(max_size=6), st.text(st.characters(exclude_categories=["Cs"]), max_size=6)).map(
    quote
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(
    st.sampled_from(
        [
            ("elasticloadbalancing", "Action=CreateListener&Version=2015-12-01&"),
            ("elasticloadbalancing", "Action=CreateLoadBalancer&Version=2015-12-01&"),
            ("ec2", "Action=RunInstances&Version=2016-11-15&"),
            ("ec2", "Action=DescribeVpcs&Version=2016-11-15&"),
            ("sts", ""),
        ]
    ),
    FIELDS.map(lambda fields: "&".join(f"{name}={value}" for name, value in fields).encode())
    | st.binary(max_size=60),
)
@FUZZ
def test_no_form_is_our_fault(server: ApiServer, call: tuple[str, str], form: bytes) -> None:
    service, start = call
    response, _ = send(server, service, FORM, start.encode() + form)
    assert response.status in {200, 400}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80), st.booleans())
@FUZZ
def test_no_authorization_is_our_fault(server: ApiServer, text: str, start: bool) -> None:
    header = ("AWS4-HMAC-SHA256 Credential=" if start else "") + text
    headers = JSON | {
        "X-Amz-Target": TARGET + "DescribeClusters",
        "Authorization": header,
        "X-Amz-Date": "20260102T030405Z",
    }
    response, _ = send(server, None, headers, b"{}")
    assert response.status == 400
