"""Target groups: AWS's defaults, health check settings, what is refused, deletion."""

import re

import pytest

from sealway.model.target_group import Target, TargetGroup, TargetHealth
from tests.support.elbv2_world import RUNNING, VPC, World

HTTP = {"HealthCheckProtocol": "HTTP"}


def test_a_new_target_group_has_the_defaults_of_aws(world: World) -> None:
    made = world.target_group()
    assert re.fullmatch(
        r"arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/orders/[0-9a-f]{16}",
        made.pop("TargetGroupArn"),
    )
    assert made == {
        "TargetGroupName": "orders",
        "Protocol": "TCP",
        "Port": 443,
        "VpcId": VPC,
        "TargetType": "instance",
        "IpAddressType": "ipv4",
        "LoadBalancerArns": [],
        "HealthCheckProtocol": "TCP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 10,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
    }


@pytest.mark.parametrize(("protocol", "timeout"), [("HTTP", 6), ("HTTPS", 10)])
def test_a_web_health_check_has_its_own_defaults(world: World, protocol: str, timeout: int) -> None:
    made = world.target_group(HealthCheckProtocol=protocol)
    assert made["HealthCheckTimeoutSeconds"] == timeout
    assert made["HealthCheckPath"] == "/"
    assert made["Matcher"] == {"HttpCode": "200-399"}


def test_given_settings_are_kept(world: World) -> None:
    settings = {
        "TargetType": "ip",
        "HealthCheckProtocol": "HTTPS",
        "HealthCheckPort": "8443",
        "HealthCheckPath": "/ready?full=1",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 3,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200,204,301-302"},
    }
    made = world.target_group(**settings)
    assert {name: made[name] for name in settings} == settings


def test_a_short_interval_shortens_the_default_timeout(world: World) -> None:
    assert world.target_group(HealthCheckIntervalSeconds=5)["HealthCheckTimeoutSeconds"] == 5


def test_the_same_request_again_answers_the_same_group(world: World) -> None:
    assert world.target_group() == world.target_group()
    assert len(world.store.list(TargetGroup)) == 1
    assert world.error("CreateTargetGroup", Name="orders", Protocol="TCP", Port=80, VpcId=VPC) == (
        "DuplicateTargetGroupName",
        "A target group with the same name 'orders' exists, but with different settings",
    )


REFUSED = {
    "QUIC": ({"Protocol": "QUIC"}, "InvalidConfigurationRequest", "use one of 'TCP, UDP, TCP_UDP'"),
    "TLS": ({"Protocol": "TLS"}, "InvalidConfigurationRequest", "Protocol 'TLS'"),
    "HTTP": ({"Protocol": "HTTP"}, "InvalidConfigurationRequest", "Protocol 'HTTP'"),
    "no protocol": ({"Protocol": None}, "ValidationError", "A protocol must be specified"),
    "no port": ({"Port": None}, "ValidationError", "A port must be specified"),
    "no VPC": ({"VpcId": None}, "ValidationError", "A VPC ID must be specified"),
    "an unknown VPC": ({"VpcId": "vpc-0"}, "ValidationError", "The VPC ID 'vpc-0' is not found"),
    "a function": ({"TargetType": "lambda"}, "InvalidConfigurationRequest", "Target type 'lambda'"),
    "a load balancer as target": ({"TargetType": "alb"}, "InvalidConfigurationRequest", "'alb'"),
    "IPv6": ({"IpAddressType": "ipv6"}, "InvalidConfigurationRequest", "IpAddressType"),
    "a protocol version": ({"ProtocolVersion": "GRPC"}, "ValidationError", "ProtocolVersion"),
    "a control port": ({"TargetControlPort": 1}, "InvalidConfigurationRequest", "TargetControlPort"),
    "a bad name": ({"Name": "a_b"}, "ValidationError", "Target group name 'a_b' can only contain"),
    "a long name": ({"Name": "a" * 33}, "ValidationError", "cannot be longer than '32' characters"),
    "no health check": ({"HealthCheckEnabled": False}, "ValidationError", "cannot be disabled"),
    "a UDP health check": ({"HealthCheckProtocol": "UDP"}, "ValidationError", "one of 'HTTP, HTTPS, TCP'"),
    "a path for TCP": ({"HealthCheckPath": "/"}, "ValidationError", "path"),
    "codes for TCP": ({"Matcher": {"HttpCode": "200"}}, "ValidationError", "Matcher"),
    "a relative path": ({**HTTP, "HealthCheckPath": "x"}, "ValidationError", "must begin with a '/'"),
    "a path with a space": ({**HTTP, "HealthCheckPath": "/a b"}, "ValidationError", "invalid characters"),
    "codes out of range": ({**HTTP, "Matcher": {"HttpCode": "100-200"}}, "ValidationError", "200-599"),
    "codes backwards": ({**HTTP, "Matcher": {"HttpCode": "300-200"}}, "ValidationError", "200-599"),
    "codes in words": ({**HTTP, "Matcher": {"HttpCode": "ok"}}, "ValidationError", "200-599"),
    "gRPC codes": ({**HTTP, "Matcher": {"GrpcCode": "0"}}, "InvalidConfigurationRequest", "GrpcCode"),
    "a port out of range": ({"HealthCheckPort": "70000"}, "ValidationError", "1 to 65535"),
    "a port in words": ({"HealthCheckPort": "web"}, "ValidationError", "traffic-port"),
    "a timeout above the interval": (
        {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 6},
        "ValidationError",
        "timeout",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(world: World, case: str) -> None:
    change, code, words = REFUSED[case]
    request = {"Name": "orders", "Protocol": "TCP", "Port": 443, "VpcId": VPC, **change}
    refused = world.error("CreateTargetGroup", **request)
    assert refused[0] == code
    assert words in refused[1]


def test_describe_by_name_arn_and_load_balancer(world: World) -> None:
    one, two = world.target_group("one"), world.target_group("two")
    edge = world.load_balancer()
    world.listener(edge, two)

    def names(**request: object) -> list[str]:
        return [
            group["TargetGroupName"] for group in world("DescribeTargetGroups", **request)["TargetGroups"]
        ]

    assert sorted(names()) == ["one", "two"]
    assert sorted(names(Names=["two", "one"])) == ["one", "two"]
    assert names(TargetGroupArns=[one["TargetGroupArn"]]) == ["one"]
    assert names(LoadBalancerArn=edge["LoadBalancerArn"]) == ["two"]
    [shown] = world("DescribeTargetGroups", Names=["two"])["TargetGroups"]
    assert shown["LoadBalancerArns"] == [edge["LoadBalancerArn"]]


def test_describing_what_is_not_there(world: World) -> None:
    arn = world.target_group()["TargetGroupArn"]
    missing = ("TargetGroupNotFound", "One or more target groups not found")
    assert world.error("DescribeTargetGroups", Names=["nobody"]) == missing
    assert world.error("DescribeTargetGroups", TargetGroupArns=[arn[:-16] + "0" * 16]) == missing
    assert world.error("DescribeTargetGroups", TargetGroupArns=[arn], account="111111111111") == missing
    assert world.error("DescribeTargetGroups", TargetGroupArns=["x"]) == (
        "ValidationError",
        "'x' is not a valid target group ARN",
    )
    assert world.error("DescribeTargetGroups", Names=["a"], TargetGroupArns=[arn])[0] == "ValidationError"


def test_modifying_keeps_what_is_not_named(world: World) -> None:
    arn = world.target_group(HealthCheckIntervalSeconds=20)["TargetGroupArn"]
    changed = world("ModifyTargetGroup", TargetGroupArn=arn, HealthyThresholdCount=3)["TargetGroups"][0]
    assert (changed["HealthCheckIntervalSeconds"], changed["HealthyThresholdCount"]) == (20, 3)

    web = world("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckProtocol="HTTP", HealthCheckPath="/up")
    assert web["TargetGroups"][0]["HealthCheckPath"] == "/up"
    assert web["TargetGroups"][0]["HealthCheckTimeoutSeconds"] == 6
    plain = world("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckProtocol="TCP")["TargetGroups"][0]
    assert "HealthCheckPath" not in plain
    assert "Matcher" not in plain
    assert world.error("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckIntervalSeconds=5)[0] == (
        "ValidationError"
    )


def test_a_group_in_use_stays(world: World) -> None:
    group, edge = world.target_group(), world.load_balancer()
    arn = group["TargetGroupArn"]
    listener = world.listener(edge, group)
    assert world.error("DeleteTargetGroup", TargetGroupArn=arn) == (
        "ResourceInUse",
        f"Target group '{arn}' is currently in use by a listener or a rule",
    )
    world("DeleteListener", ListenerArn=listener["ListenerArn"])
    world("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": RUNNING}])
    with world.store.transaction() as tx:
        tx.put(TargetHealth(target_group_arn=arn, id=RUNNING, port=443, changed_at=world.now))
    world("DeleteTargetGroup", TargetGroupArn=arn)
    for kind in (TargetGroup, Target, TargetHealth):
        assert world.store.list(kind) == []
    assert world("DeleteTargetGroup", TargetGroupArn=arn) == {}


@pytest.mark.parametrize("protocol", ["UDP", "TCP_UDP"])
@pytest.mark.parametrize("target_type", ["instance", "ip"])
def test_udp_targets_always_see_the_client(world: World, protocol: str, target_type: str) -> None:
    made = world.target_group(Protocol=protocol, TargetType=target_type)
    assert (made["Protocol"], made["HealthCheckProtocol"]) == (protocol, "TCP")
    arn = made["TargetGroupArn"]
    found = world("DescribeTargetGroupAttributes", TargetGroupArn=arn)["Attributes"]
    values = {each["Key"]: each["Value"] for each in found}
    assert values["preserve_client_ip.enabled"] == "true"
    assert values["deregistration_delay.connection_termination.enabled"] == "true"
    hidden = [{"Key": "preserve_client_ip.enabled", "Value": "false"}]
    refused = world.error("ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=hidden)
    assert refused == (
        "ValidationError",
        "Target group attribute 'preserve_client_ip.enabled' value 'false' must be one of 'true'",
    )
