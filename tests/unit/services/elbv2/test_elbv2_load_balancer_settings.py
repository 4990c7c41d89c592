"""Subnets and security groups of a load balancer after its creation."""

import pytest

from sealway.model.load_balancer import LoadBalancer
from sealway.model.network import NetworkInterface, Subnet
from tests.support.elbv2_world import GROUP, OTHER_GROUP, OTHER_SUBNET, SECOND_IN_A, SUBNETS, World

A, B, C = SUBNETS["a"], SUBNETS["b"], SUBNETS["c"]


def vips(world: World) -> dict[str, str]:
    [stored] = world.store.list(LoadBalancer)
    return {zone.subnet_id: zone.vip for zone in stored.zones}


def test_subnets_that_stay_keep_their_address(world: World) -> None:
    arn = world.load_balancer(zones="ab")["LoadBalancerArn"]
    before = vips(world)
    answer = world("SetSubnets", LoadBalancerArn=arn, Subnets=[C, B])
    assert [zone["SubnetId"] for zone in answer["AvailabilityZones"]] == [B, C]
    assert vips(world) == {B: before[B], C: "10.0.2.4"}
    assert {item.subnet_id for item in world.store.list(NetworkInterface)} == {B, C}


def test_subnets_that_do_not_fit_are_refused(world: World) -> None:
    arn = world.load_balancer(zones="ab", Scheme="internal")["LoadBalancerArn"]
    assert world.error("SetSubnets", LoadBalancerArn=arn, Subnets=[OTHER_SUBNET])[0] == (
        "InvalidConfigurationRequest"
    )
    mapping = [{"SubnetId": A, "PrivateIPv4Address": "10.0.0.99"}]
    assert world.error("SetSubnets", LoadBalancerArn=arn, SubnetMappings=mapping)[0] == (
        "InvalidConfigurationRequest"
    )
    assert world.error("SetSubnets", LoadBalancerArn=arn, Subnets=[A], IpAddressType="dualstack")[0] == (
        "InvalidConfigurationRequest"
    )
    gone = arn[:-16] + "0" * 16
    assert world.error("SetSubnets", LoadBalancerArn=gone, Subnets=[A]) == (
        "LoadBalancerNotFound",
        f"Load balancer '{gone}' not found",
    )


def test_security_groups_can_be_changed_where_there_were_some(world: World) -> None:
    arn = world.load_balancer(SecurityGroups=[GROUP])["LoadBalancerArn"]
    answer = world("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=[GROUP])
    assert answer["SecurityGroupIds"] == [GROUP]
    assert world.error("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=[])[0] == (
        "InvalidConfigurationRequest"
    )
    assert world.error("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=[OTHER_GROUP])[0] == (
        "InvalidConfigurationRequest"
    )
    bare = world.load_balancer("bare")["LoadBalancerArn"]
    assert world.error("SetSecurityGroups", LoadBalancerArn=bare, SecurityGroups=[GROUP])[0] == (
        "InvalidConfigurationRequest"
    )


def test_without_ipv6_in_the_subnets_the_address_type_is_ipv4(world: World) -> None:
    arn = world.load_balancer()["LoadBalancerArn"]
    answer = world("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4")
    assert answer == {"IpAddressType": "ipv4"}
    assert world.error("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="dualstack")[0] == (
        "InvalidConfigurationRequest"
    )


def wide(world: World) -> None:
    """Gives the VPC and its subnets IPv6 blocks."""
    with world.store.transaction() as tx:
        for number, subnet in enumerate((A, B, C)):
            found = tx.get(Subnet, subnet)
            assert found is not None
            tx.put(found.replace(ipv6_cidr=f"fd00:1:2:{number}::/64"))


def addresses(world: World) -> list[tuple[str, str]]:
    [stored] = world.store.list(LoadBalancer)
    return [(zone.vip, zone.vip6) for zone in stored.zones]


def held(world: World) -> dict[str, tuple[str, ...]]:
    return {item.private_ip: item.ipv6_addresses for item in world.store.list(NetworkInterface)}


BOTH = [("10.0.0.4", "fd00:1:2::a00:4"), ("10.0.1.4", "fd00:1:2:1::a00:104")]


def test_dual_stack_from_the_start(world: World) -> None:
    wide(world)
    made = world.load_balancer(IpAddressType="dualstack")
    assert made["IpAddressType"] == "dualstack"
    assert addresses(world) == BOTH
    assert held(world) == {four: (six,) for four, six in BOTH}
    assert world.load_balancer(IpAddressType="dualstack")["LoadBalancerArn"] == made["LoadBalancerArn"]
    request = {"Name": "edge", "Type": "network", "Subnets": [A, B]}
    assert world.error("CreateLoadBalancer", **request)[0] == "DuplicateLoadBalancerName"


def test_dual_stack_comes_and_goes(world: World) -> None:
    wide(world)
    arn = world.load_balancer()["LoadBalancerArn"]
    assert world("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="dualstack") == {
        "IpAddressType": "dualstack"
    }
    assert addresses(world) == BOTH
    world("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4")
    assert addresses(world) == [(four, "") for four, _ in BOTH]
    assert held(world) == {four: () for four, _ in BOTH}
    answer = world("SetSubnets", LoadBalancerArn=arn, Subnets=[B, C], IpAddressType="dualstack")
    assert answer["IpAddressType"] == "dualstack"
    assert addresses(world) == [BOTH[1], ("10.0.2.4", "fd00:1:2:2::a00:204")]
    assert world("DescribeLoadBalancers")["LoadBalancers"][0]["IpAddressType"] == "dualstack"


def test_a_subnet_without_ipv6_cannot_join(world: World) -> None:
    wide(world)
    arn = world.load_balancer(IpAddressType="dualstack")["LoadBalancerArn"]
    code, message = world.error("SetSubnets", LoadBalancerArn=arn, Subnets=[SECOND_IN_A])
    assert code == "InvalidConfigurationRequest"
    assert SECOND_IN_A in message
    assert addresses(world) == BOTH


@pytest.mark.parametrize("protocol", ["UDP", "TCP_UDP"])
def test_udp_and_dual_stack_exclude_each_other_without_source_nat(world: World, protocol: str) -> None:
    wide(world)
    both = world.load_balancer("both", IpAddressType="dualstack")
    group = world.target_group(Protocol=protocol, Port=53)
    action = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    wanted = {"Protocol": protocol, "Port": 53, "DefaultActions": action}
    refused = (
        "InvalidConfigurationRequest",
        f"The protocol '{protocol}' cannot be specified with IpAddressType 'dualstack',"
        " unless EnablePrefixForIpv6SourceNat is 'on'",
    )
    assert world.error("CreateListener", LoadBalancerArn=both["LoadBalancerArn"], **wanted) == refused
    four = world.load_balancer("four")
    world.listener(four, group, 53, Protocol=protocol)
    arn = four["LoadBalancerArn"]
    assert world.error("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="dualstack") == refused
    on = {"LoadBalancerArn": arn, "Subnets": [A, B], "EnablePrefixForIpv6SourceNat": "on"}
    answer = world("SetSubnets", **on, IpAddressType="dualstack")
    assert (answer["IpAddressType"], answer["EnablePrefixForIpv6SourceNat"]) == ("dualstack", "on")
    assert world.error("SetSubnets", **on | {"EnablePrefixForIpv6SourceNat": "off"}) == refused


class TestSourceNat:
    """EnablePrefixForIpv6SourceNat: what lets UDP and both IP versions be together."""

    def test_from_the_start(self, world: World) -> None:
        wide(world)
        mappings = [{"SubnetId": subnet, "SourceNatIpv6Prefix": "auto_assigned"} for subnet in (A, B)]
        request = {
            "Name": "edge",
            "Type": "network",
            "IpAddressType": "dualstack",
            "SubnetMappings": mappings,
        }
        [made] = world("CreateLoadBalancer", **request, EnablePrefixForIpv6SourceNat="on")["LoadBalancers"]
        assert made["EnablePrefixForIpv6SourceNat"] == "on"
        assert world.error("CreateLoadBalancer", **request)[0] == "DuplicateLoadBalancerName"
        group = world.target_group(Protocol="UDP", Port=53)
        assert world.listener(made, group, 53, Protocol="UDP")["Protocol"] == "UDP"

    def test_is_kept_where_it_is_not_named(self, world: World) -> None:
        wide(world)
        both = world.load_balancer(IpAddressType="dualstack", EnablePrefixForIpv6SourceNat="on")
        arn = both["LoadBalancerArn"]
        assert world("SetSubnets", LoadBalancerArn=arn, Subnets=[A])["EnablePrefixForIpv6SourceNat"] == "on"
        off = world("SetSubnets", LoadBalancerArn=arn, Subnets=[A], EnablePrefixForIpv6SourceNat="off")
        assert off["EnablePrefixForIpv6SourceNat"] == "off"
        [described] = world("DescribeLoadBalancers")["LoadBalancers"]
        assert described["EnablePrefixForIpv6SourceNat"] == "off"

    def test_is_for_dualstack_alone(self, world: World) -> None:
        wide(world)
        both = world.load_balancer(IpAddressType="dualstack", EnablePrefixForIpv6SourceNat="on")
        refused = (
            "InvalidConfigurationRequest",
            "EnablePrefixForIpv6SourceNat 'on' can only be specified with IpAddressType 'dualstack'",
        )
        arn = both["LoadBalancerArn"]
        assert world.error("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4") == refused
        four = world.load_balancer("four")["LoadBalancerArn"]
        on = {"LoadBalancerArn": four, "Subnets": [A], "EnablePrefixForIpv6SourceNat": "on"}
        assert world.error("SetSubnets", **on) == refused
