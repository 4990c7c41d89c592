"""Creating, describing and deleting load balancers, and the interfaces that come and go with them."""

import re

import pytest

from sealway.model.load_balancer import Listener, LoadBalancer
from sealway.model.network import NetworkInterface
from tests.support.elbv2_world import (
    GROUP,
    OTHER_GROUP,
    OTHER_SUBNET,
    SECOND_IN_A,
    SUBNETS,
    VPC,
    World,
)

A, B, C = SUBNETS["a"], SUBNETS["b"], SUBNETS["c"]


def interfaces(world: World) -> list[NetworkInterface]:
    return world.store.list(NetworkInterface)


def test_a_new_load_balancer_reads_as_on_aws(world: World) -> None:
    made = world.load_balancer(Tags=[{"Key": "team", "Value": "blue"}])

    assert re.fullmatch(
        r"arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/edge/[0-9a-f]{16}",
        made["LoadBalancerArn"],
    )
    number = made["LoadBalancerArn"][-16:]
    assert made["DNSName"] == f"edge-{number}.elb.us-east-1.sealway.internal"
    assert made["CanonicalHostedZoneId"] == "Z26RNL4JYFTOTI"
    assert made["Scheme"] == "internet-facing"
    assert made["Type"] == "network"
    assert made["IpAddressType"] == "ipv4"
    assert made["VpcId"] == VPC
    assert made["State"] == {"Code": "provisioning"}
    assert made["CreatedTime"] == world.now
    assert made["AvailabilityZones"] == [
        {"ZoneName": "us-east-1a", "SubnetId": A, "LoadBalancerAddresses": []},
        {"ZoneName": "us-east-1b", "SubnetId": B, "LoadBalancerAddresses": []},
    ]
    assert "SecurityGroups" not in made


def test_each_zone_has_an_interface_with_the_vip(world: World) -> None:
    made = world.load_balancer(SecurityGroups=[GROUP])
    number = made["LoadBalancerArn"][-16:]
    stored = world.store.get(LoadBalancer, made["LoadBalancerArn"])
    assert stored
    assert [zone.vip for zone in stored.zones] == ["10.0.0.4", "10.0.1.4"]

    for zone in stored.zones:
        shown = world.store.get(NetworkInterface, zone.network_interface_id)
        assert shown
        assert shown.private_ip == zone.vip
        assert shown.subnet_id == zone.subnet_id
        assert shown.description == f"ELB net/edge/{number}"
        assert (shown.requester_id, shown.requester_managed) == ("amazon-elb", True)
        assert shown.interface_type == "network_load_balancer"
        assert shown.security_groups == (GROUP,)
        assert shown.attachment


def test_the_next_load_balancer_takes_the_next_addresses(world: World) -> None:
    world.load_balancer("one", "a")
    world.load_balancer("two", "a")
    assert sorted(item.private_ip for item in interfaces(world)) == ["10.0.0.4", "10.0.0.5"]


def test_a_chosen_address_is_taken_and_shown(world: World) -> None:
    made = world(
        "CreateLoadBalancer",
        Name="edge",
        Type="network",
        Scheme="internal",
        SubnetMappings=[{"SubnetId": A, "PrivateIPv4Address": "10.0.0.77"}, {"SubnetId": B}],
    )["LoadBalancers"][0]
    assert [zone["LoadBalancerAddresses"] for zone in made["AvailabilityZones"]] == [
        [{"PrivateIPv4Address": "10.0.0.77"}],
        [],
    ]
    code, message = world.error(
        "CreateLoadBalancer",
        Name="other",
        Type="network",
        Scheme="internal",
        SubnetMappings=[{"SubnetId": A, "PrivateIPv4Address": "10.0.0.77"}],
    )
    assert code == "InvalidConfigurationRequest"
    assert "already in use" in message


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.255", "10.0.1.9", "8.8.8.8"])
def test_an_address_outside_the_subnets_own_is_refused(world: World, address: str) -> None:
    code, message = world.error(
        "CreateLoadBalancer",
        Name="edge",
        Type="network",
        Scheme="internal",
        SubnetMappings=[{"SubnetId": A, "PrivateIPv4Address": address}],
    )
    assert code == "InvalidConfigurationRequest"
    assert address in message


def test_the_same_request_again_answers_the_same_load_balancer(world: World) -> None:
    first = world.load_balancer(SecurityGroups=[GROUP], Tags=[{"Key": "a", "Value": "1"}])
    again = world.load_balancer(zones="ba", SecurityGroups=[GROUP], Tags=[{"Key": "a", "Value": "1"}])
    assert again == first
    assert len(interfaces(world)) == 2


@pytest.mark.parametrize(
    "change",
    [{"Scheme": "internal"}, {"Subnets": [A]}, {"SecurityGroups": [GROUP]}, {"Tags": [{"Key": "a"}]}],
)
def test_the_same_name_with_other_settings_is_a_duplicate(world: World, change: dict[str, object]) -> None:
    world.load_balancer()
    request = {"Name": "edge", "Type": "network", "Subnets": [A, B], **change}
    assert world.error("CreateLoadBalancer", **request) == (
        "DuplicateLoadBalancerName",
        "A load balancer with the same name 'edge' exists, but with different settings",
    )


REFUSED = {
    "an application load balancer": (
        {"Type": "application"},
        "OperationNotPermitted",
        "type 'application'",
    ),
    "no type, which means application": ({"Type": None}, "OperationNotPermitted", "type 'application'"),
    "a gateway": ({"Type": "gateway"}, "OperationNotPermitted", "type 'gateway'"),
    "dual stack without IPv6": (
        {"IpAddressType": "dualstack"},
        "InvalidConfigurationRequest",
        "associated IPv6 CIDR block",
    ),
    "IPv6 outside alone": (
        {"IpAddressType": "dualstack-without-public-ipv4"},
        "InvalidConfigurationRequest",
        "use 'ipv4' or 'dualstack'",
    ),
    "a long name": (
        {"Name": "a" * 33},
        "ValidationError",
        f"The load balancer name '{'a' * 33}' cannot be longer than '32' characters",
    ),
    "a name with an underscore": ({"Name": "a_b"}, "ValidationError", "alphanumeric"),
    "a hyphen first": ({"Name": "-a"}, "ValidationError", "cannot begin or end with a hyphen"),
    "a hyphen last": ({"Name": "a-"}, "ValidationError", "cannot begin or end with a hyphen"),
    "AWS's own prefix": ({"Name": "internal-a"}, "ValidationError", "cannot begin with 'internal-'"),
    "no subnet": ({"Subnets": None}, "ValidationError", "either subnets or subnet mappings"),
    "both ways of naming subnets": (
        {"SubnetMappings": [{"SubnetId": A}]},
        "ValidationError",
        "but not both",
    ),
    "an unknown subnet": (
        {"Subnets": ["subnet-00000000000000000"]},
        "SubnetNotFound",
        "The subnet ID 'subnet-00000000000000000' does not exist",
    ),
    "two subnets of one zone": (
        {"Subnets": [A, SECOND_IN_A]},
        "InvalidConfigurationRequest",
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    ),
    "the same subnet twice": (
        {"Subnets": [A, A]},
        "InvalidConfigurationRequest",
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    ),
    "subnets of two VPCs": (
        {"Subnets": [B, OTHER_SUBNET]},
        "InvalidConfigurationRequest",
        "same VPC",
    ),
    "an Elastic IP": (
        {"Subnets": None, "SubnetMappings": [{"SubnetId": A, "AllocationId": "eipalloc-1"}]},
        "AllocationIdNotFound",
        "AllocationId (Elastic IP addresses) is not supported",
    ),
    "an IPv6 address": (
        {"Subnets": None, "SubnetMappings": [{"SubnetId": A, "IPv6Address": "2001:db8::1"}]},
        "InvalidConfigurationRequest",
        "IPv6Address is not supported",
    ),
    "a private address on the internet": (
        {"Subnets": None, "SubnetMappings": [{"SubnetId": A, "PrivateIPv4Address": "10.0.0.9"}]},
        "InvalidConfigurationRequest",
        "only for an internal load balancer",
    ),
    "an unknown security group": (
        {"SecurityGroups": ["sg-00000000000000000"]},
        "InvalidSecurityGroup",
        "sg-00000000000000000",
    ),
    "another VPC's security group": (
        {"SecurityGroups": [OTHER_GROUP]},
        "InvalidConfigurationRequest",
        "not in VPC",
    ),
    "a tag twice": (
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
        "DuplicateTagKeys",
        "Duplicate tag keys",
    ),
    "too many tags": (
        {"Tags": [{"Key": str(number), "Value": ""} for number in range(51)]},
        "TooManyTags",
        "50",
    ),
    "AWS's own tag": ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "ValidationError", "aws:"),
    "an address pool": ({"CustomerOwnedIpv4Pool": "ipv4pool-coip-1"}, "InvalidConfigurationRequest", "Pool"),
    "IPv6 source NAT": (
        {"EnablePrefixForIpv6SourceNat": "on"},
        "InvalidConfigurationRequest",
        "EnablePrefixForIpv6SourceNat",
    ),
    "a prefix of one's own": (
        {
            "Subnets": [],
            "SubnetMappings": [{"SubnetId": A, "SourceNatIpv6Prefix": "fd00:1:2:0:1::/80"}],
        },
        "InvalidConfigurationRequest",
        "use 'auto_assigned'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_and_leaves_nothing(world: World, case: str) -> None:
    change, code, words = REFUSED[case]
    request = {"Name": "edge", "Type": "network", "Subnets": [A, B], **change}
    refused = world.error("CreateLoadBalancer", **request)
    assert refused[0] == code
    assert words in refused[1]


def test_a_full_subnet_is_refused_and_leaves_nothing_in_the_other(world: World) -> None:
    for number in range(11):
        world("CreateLoadBalancer", Name=f"lb{number}", Type="network", Subnets=[SECOND_IN_A])
    assert world.error("CreateLoadBalancer", Name="edge", Type="network", Subnets=[B, SECOND_IN_A]) == (
        "InvalidSubnet",
        f"Not enough IP space available in {SECOND_IN_A}",
    )


def test_an_account_has_fifty_load_balancers(world: World) -> None:
    for number in range(50):
        world.load_balancer(f"lb{number}", "a")
    assert world.error("CreateLoadBalancer", Name="more", Type="network", Subnets=[A])[0] == (
        "TooManyLoadBalancers"
    )


def test_describe_by_name_by_arn_and_in_pages(world: World) -> None:
    made = {name: world.load_balancer(name, "a")["LoadBalancerArn"] for name in ("one", "two", "three")}

    by_name = world("DescribeLoadBalancers", Names=["two", "one"])["LoadBalancers"]
    assert {one["LoadBalancerName"] for one in by_name} == {"two", "one"}
    by_arn = world("DescribeLoadBalancers", LoadBalancerArns=[made["three"]])["LoadBalancers"]
    assert [one["LoadBalancerName"] for one in by_arn] == ["three"]

    seen: list[str] = []
    marker: dict[str, str] = {}
    for _ in range(3):
        answer = world("DescribeLoadBalancers", PageSize=1, **marker)
        seen += [one["LoadBalancerArn"] for one in answer["LoadBalancers"]]
        marker = {"Marker": answer["NextMarker"]} if "NextMarker" in answer else {}
    assert seen == sorted(made.values())
    assert not marker


def test_describing_what_is_not_there(world: World) -> None:
    made = world.load_balancer()
    gone = made["LoadBalancerArn"][:-16] + "0" * 16
    assert world.error("DescribeLoadBalancers", Names=["nobody"]) == (
        "LoadBalancerNotFound",
        "Load balancers '[nobody]' not found",
    )
    assert world.error("DescribeLoadBalancers", LoadBalancerArns=[gone]) == (
        "LoadBalancerNotFound",
        "One or more load balancers not found",
    )
    assert world.error("DescribeLoadBalancers", LoadBalancerArns=["nonsense"]) == (
        "ValidationError",
        "'nonsense' is not a valid load balancer ARN",
    )
    assert world.error("DescribeLoadBalancers", LoadBalancerArns=[gone], Names=["a"])[0] == "ValidationError"
    assert world.error("DescribeLoadBalancers", Marker="???")[0] == "ValidationError"


def test_nothing_is_seen_from_another_account_or_region(world: World) -> None:
    made = world.load_balancer()
    for elsewhere in ({"account": "111111111111"}, {"region": "eu-west-1"}):
        assert world("DescribeLoadBalancers", **elsewhere)["LoadBalancers"] == []
        assert (
            world.error("DescribeLoadBalancers", LoadBalancerArns=[made["LoadBalancerArn"]], **elsewhere)[0]
            == "LoadBalancerNotFound"
        )
        world("DeleteLoadBalancer", LoadBalancerArn=made["LoadBalancerArn"], **elsewhere)
        assert (
            world.error("CreateLoadBalancer", Name="edge", Type="network", Subnets=[A], **elsewhere)[0]
            == "SubnetNotFound"
        )
    assert world("DescribeLoadBalancers")["LoadBalancers"] == [made]


def test_deleting_takes_listeners_and_interfaces_along(world: World) -> None:
    made, group = world.load_balancer(), world.target_group()
    world.listener(made, group)
    world("DeleteLoadBalancer", LoadBalancerArn=made["LoadBalancerArn"])

    assert world.store.list(LoadBalancer) == []
    assert world.store.list(Listener) == []
    assert interfaces(world) == []
    assert world("DescribeTargetGroups")["TargetGroups"][0]["LoadBalancerArns"] == []
    assert world("DeleteLoadBalancer", LoadBalancerArn=made["LoadBalancerArn"]) == {}
    assert world.error("DescribeLoadBalancers", Names=["edge"])[0] == "LoadBalancerNotFound"


def test_deletion_protection(world: World) -> None:
    arn = world.load_balancer()["LoadBalancerArn"]

    def protect(value: str) -> None:
        world(
            "ModifyLoadBalancerAttributes",
            LoadBalancerArn=arn,
            Attributes=[{"Key": "deletion_protection.enabled", "Value": value}],
        )

    protect("true")
    assert world.error("DeleteLoadBalancer", LoadBalancerArn=arn) == (
        "OperationNotPermitted",
        f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
    )
    protect("false")
    world("DeleteLoadBalancer", LoadBalancerArn=arn)
    assert world.store.list(LoadBalancer) == []
