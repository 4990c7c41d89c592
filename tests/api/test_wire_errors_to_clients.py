"""What boto3 and the AWS CLI are told when something is wrong, over real HTTP with stub operations."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from sealway.model.errors import AwsError, Conflict
from sealway.model.request import Params, RequestContext
from tests.support.api_server import ACCOUNT, OTHER_ACCESS_KEY, OTHER_ACCOUNT, ApiServer, stub

UNCHECKED = Config(parameter_validation=False, retries={"max_attempts": 0})


def identity(caller: RequestContext, _: Params) -> Params:
    return {"Account": caller.account_id, "UserId": caller.access_key_id, "Arn": f"arn:{caller.region}"}


def raising(error: Exception) -> Callable[[RequestContext, Params], Params]:
    def handler(_caller: RequestContext, _params: Params) -> Params:
        raise error

    return handler


OPERATIONS = {
    "sts": {"GetCallerIdentity": identity},
    "ecs": {
        "DescribeClusters": stub({"clusters": [], "failures": []}),
        "RunTask": stub({}),
        "ListClusters": raising(RuntimeError("the secret")),
        "DeleteCluster": raising(AwsError("ClusterNotFoundException", "Cluster not found.")),
        "ListTasks": raising(Conflict("stale")),
        "StopTask": stub({"tusk": {}}),
        "TagResource": raising(AwsError("ServerException", "Down.")),
    },
    "elbv2": {
        "DescribeLoadBalancers": raising(AwsError("LoadBalancerNotFound", "Load balancers '[a]' not found")),
        "DescribeTags": raising(RuntimeError("the secret")),
        "CreateTargetGroup": stub({}),
    },
    "ec2": {
        "DescribeVpcs": raising(AwsError("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist")),
        "CreateSubnet": stub({}),
        "DescribeSubnets": raising(RuntimeError("the secret")),
    },
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path, operations=OPERATIONS) as running:
        yield running


def refusal(client: BaseClient, method: str, **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        getattr(client, method)(**params)
    response = caught.value.response
    assert response["ResponseMetadata"]["RequestId"]
    return (
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Message"],
    )


def test_the_caller_is_known_to_the_operation(server: ApiServer) -> None:
    answer = server.client("sts", region_name="eu-west-1").get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (ACCOUNT, "arn:eu-west-1")
    other = server.client("sts", aws_access_key_id=OTHER_ACCESS_KEY).get_caller_identity()
    assert other["Account"] == OTHER_ACCOUNT


def test_the_services_own_errors_are_the_clients_exception_classes(server: ApiServer) -> None:
    ecs, elbv2 = server.client("ecs"), server.client("elbv2")
    with pytest.raises(ecs.exceptions.ClusterNotFoundException, match="Cluster not found"):
        ecs.delete_cluster(cluster="a")
    with pytest.raises(elbv2.exceptions.LoadBalancerNotFoundException, match="not found"):
        elbv2.describe_load_balancers(Names=["a"])
    assert refusal(server.client("ec2"), "describe_vpcs")[:2] == ("InvalidVpcID.NotFound", 400)
    assert refusal(server.client("ecs", config=UNCHECKED), "tag_resource", resourceArn="a", tags=[])[:2] == (
        "ServerException",
        500,
    )


@pytest.mark.parametrize(
    ("service", "method", "expected"),
    [
        ("ecs", "list_services", ("UnknownOperationException", 400)),
        ("elbv2", "describe_rules", ("InvalidAction", 400)),
        ("elb", "describe_tags", ("InvalidAction", 400)),
        ("ec2", "describe_images", ("InvalidAction", 400)),
    ],
)
def test_what_sealway_does_not_have(
    server: ApiServer, service: str, method: str, expected: tuple[str, int]
) -> None:
    code, status, message = refusal(server.client(service, config=UNCHECKED), method)
    assert (code, status) == expected
    assert message.startswith("Sealway does not implement the operation ")


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("ecs", "describe_clusters", "UnrecognizedClientException", 400),
        ("sts", "get_caller_identity", "InvalidClientTokenId", 403),
        ("elbv2", "describe_load_balancers", "InvalidClientTokenId", 403),
        ("ec2", "describe_vpcs", "AuthFailure", 401),
    ],
)
def test_an_unknown_key(server: ApiServer, service: str, method: str, code: str, status: int) -> None:
    client = server.client(service, aws_access_key_id="AKIDNOBODY", config=UNCHECKED)
    assert refusal(client, method)[:2] == (code, status)


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("ecs", "describe_clusters", "InvalidSignatureException", 400),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch", 403),
        ("elbv2", "describe_load_balancers", "SignatureDoesNotMatch", 403),
        ("ec2", "describe_vpcs", "AuthFailure", 401),
    ],
)
def test_another_secret(server: ApiServer, service: str, method: str, code: str, status: int) -> None:
    client = server.client(service, aws_secret_access_key="other", config=UNCHECKED)
    assert refusal(client, method)[:2] == (code, status)


@pytest.mark.parametrize(
    ("service", "method", "code", "words"),
    [
        ("ecs", "describe_clusters", "InvalidSignatureException", "Signature expired: "),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch", "Signature expired: "),
        ("ec2", "describe_vpcs", "RequestExpired", "Request has expired."),
    ],
)
def test_a_clock_that_is_off(tmp_path: Path, service: str, method: str, code: str, words: str) -> None:
    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=20)

    with ApiServer(tmp_path, operations=OPERATIONS, clock=ahead) as server:
        told = refusal(server.client(service, config=UNCHECKED), method)
    assert told[0] == code
    assert told[2].startswith(words)


def test_unsigned(server: ApiServer) -> None:
    from botocore import UNSIGNED  # noqa: PLC0415 - a sentinel, of use here alone

    unsigned = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    for service, method, code, status in (
        ("ecs", "describe_clusters", "MissingAuthenticationTokenException", 400),
        ("sts", "get_caller_identity", "MissingAuthenticationToken", 403),
        ("ec2", "describe_vpcs", "MissingParameter", 400),
    ):
        assert refusal(server.client(service, config=unsigned), method)[:2] == (code, status)


def test_constraints_are_checked_here_too(server: ApiServer) -> None:
    def told(service: str, method: str, **params: Any) -> str:
        code, status, message = refusal(server.client(service, config=UNCHECKED), method, **params)
        assert status == 400
        return f"{code}: {message}"

    assert told("ecs", "run_task").startswith(
        "InvalidParameterException: 1 validation error detected: Value null at 'taskDefinition'"
    )
    assert told("elbv2", "create_target_group", Name="a", Port=99999).startswith(
        "ValidationError: 1 validation error detected: Value '99999' at 'port'"
    )
    assert told("ec2", "create_subnet") == "MissingParameter: The request must contain the parameter VpcId"
    assert told("ecs", "run_task", taskDefinition=5, count="x").startswith("SerializationException: ")
    assert told("elbv2", "create_target_group", Name="a", Port="x").startswith("MalformedInput: ")


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("ecs", "list_clusters", "ServerException"),
        ("elbv2", "describe_tags", "InternalFailure"),
        ("ec2", "describe_subnets", "InternalError"),
    ],
)
def test_a_bug_of_ours_tells_nothing(server: ApiServer, service: str, method: str, code: str) -> None:
    params = {"ResourceArns": ["a"]} if service == "elbv2" else {}
    told = refusal(server.client(service, config=UNCHECKED), method, **params)
    assert told[:2] == (code, 500)
    assert "secret" not in told[2]


def test_a_conflict_in_the_store_may_be_tried_again(server: ApiServer) -> None:
    assert refusal(server.client("ecs", config=UNCHECKED), "list_tasks")[:2] == ("ServiceUnavailable", 503)


def test_an_output_that_does_not_fit_is_seen_in_tests(server: ApiServer) -> None:
    assert refusal(server.client("ecs", config=UNCHECKED), "stop_task", task="a")[1] == 500


def cli(server: ApiServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    aws = Path(sys.executable).with_name("aws")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **server.environment()}
    return subprocess.run(
        [str(aws), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_aws_cli(server: ApiServer) -> None:
    good = cli(server, "sts", "get-caller-identity", "--query", "Account", "--output", "text")
    assert (good.stdout.strip(), good.returncode) == (ACCOUNT, 0), good.stderr
    clusters = cli(server, "ecs", "describe-clusters", "--query", "clusters", "--output", "json")
    assert (clusters.stdout.strip(), clusters.returncode) == ("[]", 0), clusters.stderr
    bad = cli(server, "elbv2", "describe-load-balancers", "--names", "a")
    assert bad.returncode != 0
    assert "(LoadBalancerNotFound) when calling the DescribeLoadBalancers operation" in bad.stderr
