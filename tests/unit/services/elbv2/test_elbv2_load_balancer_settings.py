"""Subnets and security groups of a load balancer after its creation."""

from sealway.model.load_balancer import LoadBalancer
from sealway.model.network import NetworkInterface
from tests.support.elbv2_world import GROUP, OTHER_GROUP, OTHER_SUBNET, SUBNETS, World

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


def test_the_address_type_is_ipv4(world: World) -> None:
    arn = world.load_balancer()["LoadBalancerArn"]
    answer = world("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4")
    assert answer == {"IpAddressType": "ipv4"}
    assert world.error("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="dualstack")[0] == (
        "InvalidConfigurationRequest"
    )
