"""Target groups of IPv6: what they take, and which load balancers take them."""

from typing import Any

import pytest

from sealway.model.network import NetworkInterface, Subnet, Vpc
from sealway.model.target_group import Target
from tests.support.elbv2_world import SUBNETS, VPC, World

A, B, C = (SUBNETS[zone] for zone in "abc")
IN_A, IN_B = "fd00:1:2::a00:7", "fd00:1:2:1::a00:107"
DUAL: dict[str, Any] = {"IpAddressType": "dualstack"}
INVALID = "InvalidConfigurationRequest"
NOT_WITH_IPV4 = (
    INVALID,
    "You cannot associate an IPv6 target group with a load balancer that has an 'ipv4' IP address type",
)


@pytest.fixture
def wide(world: World) -> World:
    """Its VPC and subnets have IPv6 blocks."""
    with world.store.transaction() as tx:
        vpc = tx.get(Vpc, VPC)
        assert vpc is not None
        tx.put(vpc.replace(ipv6_cidr="fd00:1:2::/56"))
        for number, subnet in enumerate((A, B, C)):
            found = tx.get(Subnet, subnet)
            assert found is not None
            tx.put(found.replace(ipv6_cidr=f"fd00:1:2:{number}::/64"))
    return world


def six(world: World, name: str = "six", **more: Any) -> Any:
    return world.target_group(name, TargetType="ip", IpAddressType="ipv6", **more)


def ids(world: World) -> set[str]:
    return {target.id for target in world.store.list(Target)}


def test_one_is_made_described_and_found_again(wide: World) -> None:
    made = six(wide)
    assert (made["IpAddressType"], made["TargetType"]) == ("ipv6", "ip")
    assert six(wide)["TargetGroupArn"] == made["TargetGroupArn"]
    request = {"Name": "six", "Protocol": "TCP", "Port": 443, "VpcId": VPC, "TargetType": "ip"}
    assert wide.error("CreateTargetGroup", **request)[0] == "DuplicateTargetGroupName"


def test_instances_have_no_ipv6_addresses(wide: World) -> None:
    request = {"Name": "six", "Protocol": "TCP", "Port": 443, "VpcId": VPC, "IpAddressType": "ipv6"}
    code, message = wide.error("CreateTargetGroup", **request)
    assert (code, "use 'ip'" in message) == (INVALID, True)


@pytest.mark.parametrize(("protocol", "default"), [("TCP", "false"), ("UDP", "true"), ("TCP_UDP", "true")])
def test_the_clients_address_is_kept_as_for_ipv4(wide: World, protocol: str, default: str) -> None:
    made = six(wide, Protocol=protocol)
    answer = wide("DescribeTargetGroupAttributes", TargetGroupArn=made["TargetGroupArn"])
    assert {one["Key"]: one["Value"] for one in answer["Attributes"]}["preserve_client_ip.enabled"] == default


class TestTargets:
    def test_are_addresses_of_the_vpcs_subnets(self, wide: World) -> None:
        group = six(wide)
        wide(
            "RegisterTargets",
            TargetGroupArn=group["TargetGroupArn"],
            Targets=[{"Id": IN_A}, {"Id": IN_B, "AvailabilityZone": "us-east-1b"}],
        )
        assert {target.id: target.availability_zone for target in wide.store.list(Target)} == {
            IN_A: "us-east-1a",
            IN_B: "us-east-1b",
        }

    def test_are_the_same_however_they_are_written(self, wide: World) -> None:
        group = six(wide)["TargetGroupArn"]
        for text in ("FD00:1:2:0:0:0:a00:7", "fd00:1:2::0a00:0007", IN_A):
            wide("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": text}])
        assert ids(wide) == {IN_A}
        asked = [{"Id": "fd00:0001:2::a00:7"}]
        [seen] = wide("DescribeTargetHealth", TargetGroupArn=group, Targets=asked)["TargetHealthDescriptions"]
        assert (seen["Target"]["Id"], seen["TargetHealth"]["Reason"]) == (IN_A, "Target.NotInUse")
        wide("DeregisterTargets", TargetGroupArn=group, Targets=asked)
        assert ids(wide) == set()

    @pytest.mark.parametrize(
        ("target", "code", "words"),
        [
            ({"Id": "10.0.0.7"}, "ValidationError", "The IP address '10.0.0.7' is not a valid IPv6 address"),
            ({"Id": f"{IN_A}%eth0"}, "ValidationError", "is not a valid IPv6 address"),
            ({"Id": "i-0aaaaaaaaaaaaaaa1"}, "ValidationError", "is not a valid IPv6 address"),
            ({"Id": "2001:db8::1"}, "ValidationError", f"IPv6 CIDR of the VPC '{VPC}'"),
            ({"Id": "fd00:1:2:7::1"}, "InvalidTarget", "not in a subnet"),
            ({"Id": IN_A, "AvailabilityZone": "us-east-1b"}, "ValidationError", "is not that of"),
        ],
    )
    def test_that_cannot_be_are_refused(
        self, wide: World, target: dict[str, str], code: str, words: str
    ) -> None:
        group = six(wide)["TargetGroupArn"]
        refused = wide.error("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": IN_B}, target])
        assert refused[0] == code
        assert words in refused[1]

    def test_of_a_vpc_without_a_block(self, world: World) -> None:
        group = six(world)["TargetGroupArn"]
        assert world.error("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": IN_A}]) == (
            "ValidationError",
            f"The IP address '{IN_A}' is not within the IPv6 CIDR of the VPC '{VPC}'",
        )

    def test_of_ipv4_stay_so(self, wide: World) -> None:
        group = wide.target_group(TargetType="ip")["TargetGroupArn"]
        assert wide.error("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": IN_A}]) == (
            "ValidationError",
            f"The IP address '{IN_A}' is not a valid IPv4 address",
        )

    def test_at_a_nodes_address_are_not_usable(self, wide: World) -> None:
        """As in IPv4: a load balancer is no target."""
        both = wide.load_balancer(**DUAL)
        group = six(wide)
        wide.listener(both, group)
        vip = wide.store.list(NetworkInterface)[0].ipv6_addresses[0]
        wide("RegisterTargets", TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": vip}])
        [seen] = wide("DescribeTargetHealth", TargetGroupArn=group["TargetGroupArn"])[
            "TargetHealthDescriptions"
        ]
        assert seen["TargetHealth"]["Reason"] == "Target.IpUnusable"


class TestListeners:
    def test_of_a_dualstack_load_balancer(self, wide: World) -> None:
        both = wide.load_balancer(**DUAL, EnablePrefixForIpv6SourceNat="on")
        for port, protocol in ((443, "TCP"), (53, "UDP"), (54, "TCP_UDP")):
            group = six(wide, f"six{port}", Protocol=protocol)
            assert wide.listener(both, group, port, Protocol=protocol)["Port"] == port

    def test_of_an_ipv4_one_refuse_them(self, wide: World) -> None:
        four, group = wide.load_balancer(), six(wide)
        arn, action = (
            four["LoadBalancerArn"],
            [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
        )
        request = {"Protocol": "TCP", "Port": 443, "DefaultActions": action}
        assert wide.error("CreateListener", LoadBalancerArn=arn, **request) == NOT_WITH_IPV4
        listener = wide.listener(four, wide.target_group("four"))["ListenerArn"]
        assert wide.error("ModifyListener", ListenerArn=listener, DefaultActions=action) == NOT_WITH_IPV4

    def test_that_forward_to_them_keep_their_load_balancer_as_it_is(self, wide: World) -> None:
        both = wide.load_balancer(**DUAL)
        wide.listener(both, six(wide))
        arn = both["LoadBalancerArn"]
        assert wide.error("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4") == NOT_WITH_IPV4
        subnets = {"LoadBalancerArn": arn, "Subnets": [A, B], "IpAddressType": "ipv4"}
        assert wide.error("SetSubnets", **subnets) == NOT_WITH_IPV4

    def test_forward_to_one_version(self, wide: World) -> None:
        both, groups = wide.load_balancer(**DUAL), [six(wide), wide.target_group("four")]
        forward = {"TargetGroups": [{"TargetGroupArn": group["TargetGroupArn"]} for group in groups]}
        action = [{"Type": "forward", "ForwardConfig": forward}]
        request = {"Protocol": "TCP", "Port": 443, "DefaultActions": action}
        assert wide.error("CreateListener", LoadBalancerArn=both["LoadBalancerArn"], **request) == (
            INVALID,
            "The target groups of a forward action must all have the same IP address type",
        )
