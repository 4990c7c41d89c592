"""Every attribute: its default, what it may be, and that nothing is accepted which is not honoured."""

from typing import Any

import pytest

from tests.support.elbv2_world import World

LOAD_BALANCER = {
    "deletion_protection.enabled": "false",
    "load_balancing.cross_zone.enabled": "false",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "ipv6.deny_all_igw_traffic": "false",
    "zonal_shift.config.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "secondary_ips.auto_assigned.per_subnet": "0",
}
TARGET_GROUP = {
    "deregistration_delay.timeout_seconds": "300",
    "deregistration_delay.connection_termination.enabled": "false",
    "stickiness.enabled": "false",
    "stickiness.type": "source_ip",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "preserve_client_ip.enabled": "true",
    "proxy_protocol_v2.enabled": "false",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
CUTS = "target_health_state.unhealthy.connection_termination.enabled"
INTERVAL = "target_health_state.unhealthy.draining_interval_seconds"


class Subject:
    """A resource with attributes."""

    def __init__(self, world: World, kind: str) -> None:
        self.world = world
        edge, group = world.load_balancer(), world.target_group()
        arns = {
            "LoadBalancer": edge["LoadBalancerArn"],
            "TargetGroup": group["TargetGroupArn"],
            "Listener": world.listener(edge, group)["ListenerArn"],
        }
        self.kind, self.arn = kind, {f"{kind}Arn": arns[kind]}

    def all(self) -> dict[str, str]:
        return _pairs(self.world(f"Describe{self.kind}Attributes", **self.arn))

    def set(self, key: str, value: str) -> dict[str, str]:
        return self.set_all({key: value})

    def set_all(self, wanted: dict[str, str]) -> dict[str, str]:
        attributes = [{"Key": key, "Value": value} for key, value in wanted.items()]
        return _pairs(self.world(f"Modify{self.kind}Attributes", **self.arn, Attributes=attributes))

    def refused(self, *attributes: tuple[str, str]) -> tuple[str, str]:
        pairs = [{"Key": key, "Value": value} for key, value in attributes]
        return self.world.error(f"Modify{self.kind}Attributes", **self.arn, Attributes=pairs)


def _pairs(answer: Any) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in answer["Attributes"]}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("LoadBalancer", LOAD_BALANCER),
        ("TargetGroup", TARGET_GROUP),
        ("Listener", {"tcp.idle_timeout.seconds": "350"}),
    ],
)
def test_defaults(world: World, kind: str, expected: dict[str, str]) -> None:
    subject = Subject(world, kind)
    assert subject.all() == expected
    for key, value in expected.items():
        assert subject.set(key, value) == expected


def test_the_clients_address_is_hidden_from_ip_targets_by_default(world: World) -> None:
    arn = world.target_group("ledger", TargetType="ip")["TargetGroupArn"]
    shown = _pairs(world("DescribeTargetGroupAttributes", TargetGroupArn=arn))
    assert shown == {**TARGET_GROUP, "preserve_client_ip.enabled": "false"}


def test_an_internal_load_balancer_denies_the_internet(world: World) -> None:
    arn = world.load_balancer(Scheme="internal")["LoadBalancerArn"]
    shown = _pairs(world("DescribeLoadBalancerAttributes", LoadBalancerArn=arn))
    assert shown == {**LOAD_BALANCER, "ipv6.deny_all_igw_traffic": "true"}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("LoadBalancer", "deletion_protection.enabled", "true"),
        ("LoadBalancer", "load_balancing.cross_zone.enabled", "true"),
        ("TargetGroup", "deregistration_delay.timeout_seconds", "0"),
        ("TargetGroup", "deregistration_delay.timeout_seconds", "3600"),
        ("TargetGroup", "deregistration_delay.connection_termination.enabled", "true"),
        ("TargetGroup", "preserve_client_ip.enabled", "false"),
        ("TargetGroup", "target_health_state.unhealthy.connection_termination.enabled", "false"),
        ("TargetGroup", "load_balancing.cross_zone.enabled", "false"),
        ("TargetGroup", "stickiness.enabled", "true"),
        ("TargetGroup", "proxy_protocol_v2.enabled", "true"),
        ("TargetGroup", "target_group_health.dns_failover.minimum_healthy_targets.count", "2"),
        ("Listener", "tcp.idle_timeout.seconds", "60"),
        ("Listener", "tcp.idle_timeout.seconds", "6000"),
    ],
)
def test_what_can_be_set(world: World, kind: str, key: str, value: str) -> None:
    subject = Subject(world, kind)
    before = subject.all()
    assert subject.set(key, value) == {**before, key: value}
    assert subject.all() == {**before, key: value}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("LoadBalancer", "deletion_protection.enabled", "yes"),
        ("LoadBalancer", "dns_record.client_routing_policy", "nearest"),
        ("LoadBalancer", "secondary_ips.auto_assigned.per_subnet", "8"),
        ("LoadBalancer", "idle_timeout.timeout_seconds", "60"),
        ("TargetGroup", "deregistration_delay.timeout_seconds", "3601"),
        ("TargetGroup", "deregistration_delay.timeout_seconds", "-1"),
        ("TargetGroup", "deregistration_delay.timeout_seconds", "5.5"),
        ("TargetGroup", "stickiness.type", "lb_cookie"),
        ("TargetGroup", "slow_start.duration_seconds", "30"),
        ("TargetGroup", INTERVAL, "360001"),
        ("TargetGroup", "target_group_health.dns_failover.minimum_healthy_targets.percentage", "101"),
        ("Listener", "tcp.idle_timeout.seconds", "59"),
        ("Listener", "tcp.idle_timeout.seconds", "6001"),
        ("Listener", "routing.http.response.server.enabled", "true"),
    ],
)
def test_what_is_wrong(world: World, kind: str, key: str, value: str) -> None:
    subject = Subject(world, kind)
    before = subject.all()
    code, message = subject.refused((key, value))
    assert code == "ValidationError"
    assert key in message
    assert subject.all() == before


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("LoadBalancer", "access_logs.s3.enabled", "true"),
        ("LoadBalancer", "zonal_shift.config.enabled", "true"),
        ("LoadBalancer", "dns_record.client_routing_policy", "availability_zone_affinity"),
        ("LoadBalancer", "secondary_ips.auto_assigned.per_subnet", "1"),
    ],
)
def test_what_is_not_built_is_refused_by_name(world: World, kind: str, key: str, value: str) -> None:
    subject = Subject(world, kind)
    code, message = subject.refused((key, value))
    assert code == "InvalidConfigurationRequest"
    assert f"attribute '{key}' with value '{value}' is not supported" in message


def test_an_unhealthy_draining_interval_is_for_connections_that_are_not_cut_at_once(world: World) -> None:
    subject = Subject(world, "TargetGroup")
    assert subject.refused((INTERVAL, "60")) == (
        "InvalidConfigurationRequest",
        f"You cannot have both '{CUTS}' set to 'true' and '{INTERVAL}' set to '60':"
        f" an interval above '0' needs '{CUTS}' to be 'false'",
    )
    subject.set(CUTS, "false")
    assert subject.set(INTERVAL, "60")[INTERVAL] == "60"
    assert subject.refused((CUTS, "true"))[0] == "InvalidConfigurationRequest"
    subject.set(INTERVAL, "0")
    assert subject.set(CUTS, "true") == TARGET_GROUP


def test_udp_targets_keep_their_flows_when_they_turn_unhealthy(world: World) -> None:
    subject = Subject(world, "TargetGroup")
    subject.arn = {"TargetGroupArn": world.target_group("names", Protocol="UDP")["TargetGroupArn"]}
    assert subject.all()[CUTS] == "false"
    assert subject.refused((CUTS, "true"))[0] == "ValidationError"
    assert subject.set(INTERVAL, "60")[INTERVAL] == "60"


def test_one_wrong_attribute_refuses_all(world: World) -> None:
    subject = Subject(world, "TargetGroup")
    refused = subject.refused(
        ("deregistration_delay.timeout_seconds", "5"),
        (INTERVAL, "5"),
    )
    assert refused[0] == "InvalidConfigurationRequest"
    assert subject.all() == TARGET_GROUP
    twice = subject.refused(
        ("deregistration_delay.timeout_seconds", "5"), ("deregistration_delay.timeout_seconds", "6")
    )
    assert twice[0] == "ValidationError"


def test_of_what_is_not_there(world: World) -> None:
    for kind, code in (
        ("LoadBalancer", "LoadBalancerNotFound"),
        ("TargetGroup", "TargetGroupNotFound"),
        ("Listener", "ListenerNotFound"),
    ):
        subject = Subject(world, kind)
        assert world.error(f"Describe{kind}Attributes", **subject.arn, account="111111111111")[0] == code


def test_groups_of_one_action_may_differ(world: World) -> None:
    edge, orders = world.load_balancer(), world.target_group()
    ledger = world.target_group("ledger", TargetType="ip")
    pair = [{"TargetGroupArn": group["TargetGroupArn"], "Weight": 1} for group in (orders, ledger)]
    world(
        "CreateListener",
        LoadBalancerArn=edge["LoadBalancerArn"],
        Protocol="TCP",
        Port=443,
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": pair}}],
    )


DNS = "target_group_health.dns_failover.minimum_healthy_targets"
ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        ({f"{ROUTING}.count": "2"}, True),
        ({f"{ROUTING}.count": "2", f"{DNS}.count": "2"}, False),
        ({f"{ROUTING}.count": "2", f"{DNS}.count": "off"}, False),
        ({f"{ROUTING}.percentage": "50"}, False),
        ({f"{ROUTING}.percentage": "50", f"{DNS}.percentage": "49"}, True),
    ],
)
def test_a_zone_leaves_its_name_before_its_traffic_goes_to_unhealthy_targets(
    world: World, wanted: dict[str, str], refused: bool
) -> None:
    subject = Subject(world, "TargetGroup")
    if not refused:
        assert subject.set_all(wanted) == {**TARGET_GROUP, **wanted}
        return
    code, message = subject.refused(*wanted.items())
    assert code == "ValidationError"
    assert "must be greater than or equal to" in message
    assert subject.all() == TARGET_GROUP
