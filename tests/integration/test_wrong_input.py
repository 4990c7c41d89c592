"""Wrong input of every kind against the living system: AWS's code and message, and nothing half made."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import botocore.auth
import pytest

from tests.support import wrong_cases
from tests.support.waiting import until
from tests.support.world import World
from tests.support.wrong import Clients, account, difference, everything, refusal, session
from tests.support.wrong_cases import CONTRADICTING, MALFORMED, UNKNOWN, Case, definition, filled, listener

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]

OTHER = "111111111111"
ECS = wrong_cases.ECS
NO_REGISTRY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def own(world: World) -> Clients:
    return session(world)


@pytest.fixture
def unchanged(world: World) -> Iterator[None]:
    """The whole state is afterwards as it was before."""
    world.stable()
    before = everything(world)
    yield
    assert difference(before, everything(world)) == []


@pytest.fixture(scope="module")
def names(world: World) -> dict[str, Any]:
    """What a case may refer to."""
    made = world.made
    return {
        "vpc": made.vpc,
        "subnet": made.subnets[0],
        "sg": made.security_group,
        "balancer": made.load_balancer,
        "orders_group": made.orders.target_group,
        "ledger_group": made.ledger.target_group,
        "instance": made.instances[0],
    }


def case_name(case: Case) -> str:
    return f"{case[0]}.{case[1]}-{case[3]}"


@pytest.mark.parametrize(
    "cases", [UNKNOWN, CONTRADICTING, MALFORMED], ids=["unknown", "contradicting", "malformed"]
)
@pytest.mark.usefixtures("unchanged")
def test_each_is_refused_as_by_aws(own: Clients, names: dict[str, Any], cases: list[Case]) -> None:
    wrong = []
    for case in cases:
        api, operation, parameters, code, words = case
        answered = refusal(partial(getattr(own[api], operation), **filled(parameters, names)))
        if answered[0] != code or words not in answered[1]:
            wrong.append(f"{case_name(case)} with {words!r}, answered {answered[0]}: {answered[1]}")
    assert wrong == []


@pytest.mark.usefixtures("unchanged")
def test_too_many_listeners_targets_and_tags(world: World, own: Clients) -> None:
    many = [{"Id": f"10.86.1.{n % 200 + 10}", "Port": n + 1} for n in range(1001)]
    code, _ = refusal(
        lambda: own["elbv2"].register_targets(TargetGroupArn=world.made.ledger.target_group, Targets=many)
    )
    assert code in {"TooManyTargets", "ValidationError"}
    tags = [{"Key": f"k{n}", "Value": ""} for n in range(51)]
    assert (
        refusal(lambda: own["elbv2"].add_tags(ResourceArns=[world.made.load_balancer], Tags=tags))[0]
        == "TooManyTags"
    )
    assert refusal(
        lambda: own["ec2"].create_tags(Resources=[world.made.vpc], Tags=tags)
    )[0] == "TagLimitExceeded"  # fmt: skip


def test_another_account_s_things_are_not_there(world: World, names: dict[str, Any]) -> None:
    other = account(world, OTHER)
    world.stable()
    before = everything(world)
    made, subnet = world.made, world.made.subnets[0]
    ecs, elb, ec2 = other["ecs"], other["elbv2"], other["ec2"]

    assert other["sts"].get_caller_identity()["Account"] == OTHER
    assert ecs.list_clusters()["clusterArns"] == []
    assert elb.describe_load_balancers()["LoadBalancers"] == []
    cluster, service = f"{ECS}:cluster/blue", f"{ECS}:service/blue/orders"
    lookups: list[tuple[Clients, str, dict[str, Any], str]] = [
        (ecs, "describe_services", {"cluster": cluster, "services": ["orders"]}, "ClusterNotFoundException"),
        (ecs, "delete_service", {"cluster": "blue", "service": service}, "ClusterNotFoundException"),
        (ecs, "run_task", {"cluster": cluster, "taskDefinition": "orders"}, "ClusterNotFoundException"),
        (
            ecs,
            "describe_task_definition",
            {"taskDefinition": f"{ECS}:task-definition/orders:1"},
            "ClientException",
        ),
        (
            elb,
            "describe_load_balancer_attributes",
            {"LoadBalancerArn": made.load_balancer},
            "LoadBalancerNotFound",
        ),
        (elb, "describe_target_health", {"TargetGroupArn": made.orders.target_group}, "TargetGroupNotFound"),
        (elb, "create_listener", filled(listener(), names), "LoadBalancerNotFound"),
        (
            elb,
            "set_subnets",
            {"LoadBalancerArn": made.load_balancer, "Subnets": [subnet]},
            "LoadBalancerNotFound",
        ),
        (ec2, "describe_subnets", {"SubnetIds": [subnet]}, "InvalidSubnetID.NotFound"),
        (ec2, "terminate_instances", {"InstanceIds": [made.instances[0]]}, "InvalidInstanceID.NotFound"),
        (ec2, "delete_vpc", {"VpcId": made.vpc}, "InvalidVpcID.NotFound"),
        (ec2, "delete_tags", {"Resources": [made.vpc]}, "InvalidVpcID.NotFound"),
    ]
    for client, operation, parameters, code in lookups:
        assert refusal(partial(getattr(client, operation), **parameters))[0] == code, operation
    elb.delete_load_balancer(LoadBalancerArn=made.load_balancer)  # as on AWS, succeeds without a trace
    assert difference(before, everything(world)) == []


BAD_KEY = {
    "ecs": ("UnrecognizedClientException", "The security token included in the request is invalid."),
    "elbv2": ("InvalidClientTokenId", "The security token included in the request is invalid."),
    "sts": ("InvalidClientTokenId", "The security token included in the request is invalid."),
    "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials"),
}
BAD_SIGNATURE = {
    "ecs": ("InvalidSignatureException", "The request signature we calculated does not match"),
    "elbv2": ("SignatureDoesNotMatch", "The request signature we calculated does not match"),
    "sts": ("SignatureDoesNotMatch", "The request signature we calculated does not match"),
    "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials"),
}
SKEWED = {
    "ecs": ("InvalidSignatureException", "Signature expired: "),
    "elbv2": ("SignatureDoesNotMatch", "Signature expired: "),
    "sts": ("SignatureDoesNotMatch", "Signature expired: "),
    "ec2": ("RequestExpired", "Request has expired."),
}


def ask(clients: Clients) -> dict[str, tuple[str, str]]:
    """How each service refuses a call that would change something."""
    calls = {
        "ecs": lambda: clients["ecs"].create_cluster(clusterName="wrong"),
        "elbv2": lambda: clients["elbv2"].create_target_group(Name="wrong", TargetType="lambda"),
        "sts": clients["sts"].get_caller_identity,
        "ec2": lambda: clients["ec2"].create_security_group(GroupName="wrong", Description="x"),
    }  # fmt: skip
    return {name: refusal(call) for name, call in calls.items()}


def agree(answered: dict[str, tuple[str, str]], expected: dict[str, tuple[str, str]]) -> list[str]:
    """The answers that are not as expected."""
    return [
        f"{name}: {code}: {message}"
        for name, (code, message) in answered.items()
        if code != expected[name][0] or expected[name][1] not in message
    ]


@pytest.mark.usefixtures("unchanged")
def test_a_key_nobody_has(world: World) -> None:
    assert agree(ask(session(world, "AKIANOBODYHASTHISKEY", "secret")), BAD_KEY) == []


@pytest.mark.usefixtures("unchanged")
def test_a_wrong_secret(world: World) -> None:
    assert agree(ask(session(world, secret="not the secret")), BAD_SIGNATURE) == []


@pytest.mark.usefixtures("unchanged")
def test_a_clock_that_is_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=20)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: past)
    clients = session(world)
    assert agree(ask(clients), SKEWED) == []


def test_an_image_nobody_has(world: World, own: Clients) -> None:
    ecs = own["ecs"]
    registered = ecs.register_task_definition(**definition("no-image", image=f"{NO_REGISTRY}/none:1"))
    arn = registered["taskDefinition"]["taskDefinitionArn"]
    world.stable()
    before = everything(world)
    task = ecs.run_task(cluster="blue", taskDefinition=arn)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_stopped").wait(
        cluster="blue", tasks=[task], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

    (stopped,) = ecs.describe_tasks(cluster="blue", tasks=[task])["tasks"]
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("CannotPullContainerError")
    assert "connection refused" in stopped["stoppedReason"]
    ecs.deregister_task_definition(taskDefinition=arn)
    until("no container is left", lambda: everything(world)["containers"] == before["containers"])
    changed = difference(before, everything(world))
    assert {name.partition(" ")[0] for name in changed} <= {"Task", "TaskDefinition", "ContainerInstance"}
