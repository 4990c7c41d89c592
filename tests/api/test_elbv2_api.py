"""boto3 against Elastic Load Balancing: the whole life of a load balancer, its errors, its waiters."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from sealway.model.load_balancer import LoadBalancer
from sealway.model.network import NetworkInterface
from sealway.model.target_group import Target, TargetHealth
from tests.support.api_server import OTHER_ACCESS_KEY, ApiServer
from tests.support.elbv2_world import ACCOUNT, GROUP, REGION, RUNNING, RUNNING_B, SUBNETS, VPC, network

AT_ONCE = {"Delay": 0, "MaxAttempts": 2}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path / "data") as running:

        def prepare() -> None:
            with running.store.transaction() as tx:
                for resource in network(ACCOUNT, REGION):
                    tx.put(resource)

        running.run(prepare)
        yield running


@pytest.fixture
def elb(server: ApiServer) -> Any:
    return server.client("elbv2")


@pytest.fixture
def edge(elb: Any) -> Any:
    return elb.create_load_balancer(
        Name="edge",
        Type="network",
        Scheme="internal",
        SubnetMappings=[
            {"SubnetId": SUBNETS["a"], "PrivateIPv4Address": "10.0.0.50"},
            {"SubnetId": SUBNETS["b"]},
        ],
        SecurityGroups=[GROUP],
        Tags=[{"Key": "team", "Value": "blue"}],
    )["LoadBalancers"][0]


@pytest.fixture
def group(elb: Any) -> Any:
    return elb.create_target_group(
        Name="orders",
        Protocol="TCP",
        Port=443,
        VpcId=VPC,
        HealthCheckProtocol="HTTPS",
        Matcher={"HttpCode": "200"},
    )["TargetGroups"][0]


def forward(elb: Any, edge: Any, group: Any, port: int = 443) -> Any:
    return elb.create_listener(
        LoadBalancerArn=edge["LoadBalancerArn"],
        Protocol="TCP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"][0]


def set_state(server: ApiServer, state: str) -> None:
    def write() -> None:
        with server.store.transaction() as tx:
            for one in tx.list(LoadBalancer):
                tx.put(one.replace(state=state))

    server.run(write)


def observe(server: ApiServer, state: str) -> None:
    """What the node would write of every target."""

    def write() -> None:
        with server.store.transaction() as tx:
            for target in tx.list(Target):
                health = tx.get(TargetHealth, target.key) or TargetHealth(
                    target_group_arn=target.target_group_arn,
                    id=target.id,
                    port=target.port,
                    changed_at=target.registered_at,
                )
                tx.put(health.replace(state=state, reason=None, description=None))

    server.run(write)


def end_of_delay(server: ApiServer) -> None:
    """What control does when the deregistration delay has passed."""

    def write() -> None:
        with server.store.transaction() as tx:
            for target in tx.list(Target):
                if target.draining_since is not None:
                    tx.delete(target)

    server.run(write)


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    answer: Any = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]["Code"], answer["Error"]["Message"]


def test_a_load_balancer_from_provisioning_to_deleted(server: ApiServer, elb: Any, edge: Any) -> None:
    arn = edge["LoadBalancerArn"]
    assert edge["State"]["Code"] == "provisioning"
    assert edge["SecurityGroups"] == [GROUP]
    assert edge["AvailabilityZones"][0]["LoadBalancerAddresses"] == [{"PrivateIPv4Address": "10.0.0.50"}]
    with pytest.raises(WaiterError):
        elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig=AT_ONCE)
    set_state(server, "active")
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig=AT_ONCE)
    elb.get_waiter("load_balancer_exists").wait(Names=["edge"], WaiterConfig=AT_ONCE)

    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn], WaiterConfig=AT_ONCE)
    assert server.run(lambda: server.store.list(NetworkInterface)) == []
    assert refused(elb.describe_load_balancers, Names=["edge"]) == (
        "LoadBalancerNotFound",
        "Load balancers '[edge]' not found",
    )


def test_the_interfaces_show_in_ec2(server: ApiServer, edge: Any) -> None:
    described = server.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "description", "Values": ["ELB net/edge/*"]}]
    )["NetworkInterfaces"]
    number = edge["LoadBalancerArn"].rsplit("/", 1)[1]
    assert {one["PrivateIpAddress"] for one in described} == {"10.0.0.50", "10.0.1.4"}
    for one in described:
        assert one["Description"] == f"ELB net/edge/{number}"
        assert one["RequesterId"] == "amazon-elb"
        assert one["RequesterManaged"] is True
        assert one["InterfaceType"] == "network_load_balancer"


def test_targets_from_registration_to_deregistered(
    server: ApiServer, elb: Any, edge: Any, group: Any
) -> None:
    arn = group["TargetGroupArn"]
    assert group["Matcher"] == {"HttpCode": "200"}
    forward(elb, edge, group)
    targets = [{"Id": RUNNING, "Port": 32768}, {"Id": RUNNING_B}]
    elb.register_targets(TargetGroupArn=arn, Targets=targets)

    described = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert {(one["Target"]["Id"], one["HealthCheckPort"]) for one in described} == {
        (RUNNING, "32768"),
        (RUNNING_B, "443"),
    }
    assert {one["TargetHealth"]["Reason"] for one in described} == {"Elb.RegistrationInProgress"}
    observe(server, "healthy")
    elb.get_waiter("target_in_service").wait(TargetGroupArn=arn, WaiterConfig=AT_ONCE)

    elb.deregister_targets(TargetGroupArn=arn, Targets=targets)
    [shown, _] = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert shown["TargetHealth"]["Reason"] == "Target.DeregistrationInProgress"
    with pytest.raises(WaiterError):
        elb.get_waiter("target_deregistered").wait(TargetGroupArn=arn, Targets=targets, WaiterConfig=AT_ONCE)
    end_of_delay(server)
    elb.get_waiter("target_deregistered").wait(TargetGroupArn=arn, Targets=targets, WaiterConfig=AT_ONCE)


def test_listeners_and_rules(elb: Any, edge: Any, group: Any) -> None:
    made = forward(elb, edge, group)
    forward(elb, edge, group, 8443)
    pages = elb.get_paginator("describe_listeners").paginate(
        LoadBalancerArn=edge["LoadBalancerArn"], PaginationConfig={"PageSize": 1}
    )
    assert sorted(one["Port"] for page in pages for one in page["Listeners"]) == [443, 8443]
    changed = elb.modify_listener(ListenerArn=made["ListenerArn"], Port=9443)["Listeners"][0]
    assert changed["Port"] == 9443
    [rule] = elb.describe_rules(ListenerArn=made["ListenerArn"])["Rules"]
    assert rule["IsDefault"] is True
    assert elb.describe_listener_certificates(ListenerArn=made["ListenerArn"])["Certificates"] == []
    assert refused(elb.delete_target_group, TargetGroupArn=group["TargetGroupArn"])[0] == "ResourceInUse"
    elb.delete_listener(ListenerArn=made["ListenerArn"])
    assert refused(elb.describe_listeners, ListenerArns=[made["ListenerArn"]]) == (
        "ListenerNotFound",
        "One or more listeners not found",
    )


def test_attributes(elb: Any, edge: Any, group: Any) -> None:
    listener = forward(elb, edge, group)["ListenerArn"]
    subjects = (
        ("load_balancer", edge["LoadBalancerArn"], "load_balancing.cross_zone.enabled", "true"),
        ("target_group", group["TargetGroupArn"], "deregistration_delay.timeout_seconds", "5"),
        ("listener", listener, "tcp.idle_timeout.seconds", "120"),
    )
    for kind, arn, key, value in subjects:
        member = "".join(word.title() for word in kind.split("_")) + "Arn"
        getattr(elb, f"modify_{kind}_attributes")(**{member: arn}, Attributes=[{"Key": key, "Value": value}])
        shown = getattr(elb, f"describe_{kind}_attributes")(**{member: arn})["Attributes"]
        assert {"Key": key, "Value": value} in shown
    unhealthy = "target_health_state.unhealthy"
    assert refused(
        elb.modify_target_group_attributes,
        TargetGroupArn=group["TargetGroupArn"],
        Attributes=[{"Key": f"{unhealthy}.draining_interval_seconds", "Value": "9"}],
    ) == (
        "InvalidConfigurationRequest",
        f"You cannot have both '{unhealthy}.connection_termination.enabled' set to 'true' and"
        f" '{unhealthy}.draining_interval_seconds' set to '9': an interval above '0' needs"
        f" '{unhealthy}.connection_termination.enabled' to be 'false'",
    )


def test_tags_and_limits(elb: Any, edge: Any, group: Any) -> None:
    both = [edge["LoadBalancerArn"], group["TargetGroupArn"]]
    elb.add_tags(ResourceArns=both, Tags=[{"Key": "stage", "Value": "test"}])
    elb.remove_tags(ResourceArns=both[:1], TagKeys=["team"])
    described = elb.describe_tags(ResourceArns=both)["TagDescriptions"]
    assert [one["Tags"] for one in described] == [[{"Key": "stage", "Value": "test"}]] * 2
    elb.remove_tags(ResourceArns=both, TagKeys=["stage"])
    assert elb.describe_tags(ResourceArns=both[:1])["TagDescriptions"][0]["Tags"] == []
    names = {one["Name"] for one in elb.describe_account_limits()["Limits"]}
    assert "network-load-balancers" in names


def test_settings_after_creation(elb: Any, edge: Any) -> None:
    arn = edge["LoadBalancerArn"]
    answer = elb.set_subnets(LoadBalancerArn=arn, Subnets=[SUBNETS["a"], SUBNETS["c"]])
    assert [zone["ZoneName"] for zone in answer["AvailabilityZones"]] == ["us-east-1a", "us-east-1c"]
    assert elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[GROUP])["SecurityGroupIds"] == [GROUP]
    assert elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")["IpAddressType"] == "ipv4"


def test_a_target_groups_health_check_can_change(elb: Any, group: Any) -> None:
    changed = elb.modify_target_group(
        TargetGroupArn=group["TargetGroupArn"], HealthCheckPath="/ready", UnhealthyThresholdCount=4
    )["TargetGroups"][0]
    assert (changed["HealthCheckPath"], changed["UnhealthyThresholdCount"]) == ("/ready", 4)
    elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    assert elb.describe_target_groups()["TargetGroups"] == []


def test_what_a_client_can_get_wrong(elb: Any, edge: Any, group: Any) -> None:
    arn, of = group["TargetGroupArn"], {"LoadBalancerArn": edge["LoadBalancerArn"]}
    to = {"DefaultActions": [{"Type": "forward", "TargetGroupArn": arn}]}
    forward(elb, edge, group)
    lb = {"Name": "second", "Type": "network"}
    tcp = {"Protocol": "TCP", "Port": 443, "VpcId": VPC}
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (elb.create_load_balancer, {"Name": "web", "Subnets": [SUBNETS["a"]]}, "OperationNotPermitted"),
        (elb.create_load_balancer, {"Name": "a_b", "Type": "network"}, "ValidationError"),
        (
            elb.create_load_balancer,
            {**lb, "Subnets": ["subnet-0"]},
            "SubnetNotFound",
        ),
        (elb.create_target_group, {"Name": "u", **tcp, "Protocol": "QUIC"}, "InvalidConfigurationRequest"),
        (elb.create_target_group, {"Name": "orders", **tcp}, "DuplicateTargetGroupName"),
        (elb.create_listener, {**of, **to, "Protocol": "TLS", "Port": 1}, "UnsupportedProtocol"),
        (elb.create_listener, {**of, **to, "Protocol": "TCP"}, "ValidationError"),
        (elb.register_targets, {"TargetGroupArn": arn, "Targets": [{"Id": "i-0"}]}, "InvalidTarget"),
        (elb.describe_target_health, {"TargetGroupArn": arn + "0"}, "TargetGroupNotFound"),
        (elb.delete_listener, {"ListenerArn": "x"}, "ValidationError"),
    ]
    for call, request, code in cases:
        assert refused(call, **request)[0] == code, request


def test_another_account_sees_and_touches_nothing(server: ApiServer, elb: Any, edge: Any, group: Any) -> None:
    listener = forward(elb, edge, group)["ListenerArn"]
    other = server.client("elbv2", aws_access_key_id=OTHER_ACCESS_KEY)
    assert other.describe_load_balancers()["LoadBalancers"] == []
    assert other.describe_target_groups()["TargetGroups"] == []
    other.delete_load_balancer(LoadBalancerArn=edge["LoadBalancerArn"])
    other.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    assert refused(other.delete_listener, ListenerArn=listener)[0] == "ListenerNotFound"
    assert refused(other.describe_tags, ResourceArns=[group["TargetGroupArn"]])[0] == "TargetGroupNotFound"
    assert len(elb.describe_load_balancers()["LoadBalancers"]) == 1
