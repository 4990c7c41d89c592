"""Resources as the API's output shapes."""

from ...model.load_balancer import Listener, LoadBalancer, LoadBalancerZone
from ...model.request import Params
from ...model.target_group import HealthCheck, TargetGroup


def load_balancer(item: LoadBalancer) -> Params:
    """The ``LoadBalancer`` shape."""
    state: Params = {"Code": item.state}
    if item.state_reason:
        state["Reason"] = item.state_reason
    view: Params = {
        "LoadBalancerArn": item.arn,
        "DNSName": item.dns_name,
        "CanonicalHostedZoneId": item.canonical_hosted_zone_id,
        "CreatedTime": item.created_at,
        "LoadBalancerName": item.name,
        "Scheme": item.scheme,
        "VpcId": item.vpc_id,
        "State": state,
        "Type": item.type,
        "AvailabilityZones": zones(item.zones),
        "IpAddressType": item.ip_address_type,
        "EnablePrefixForIpv6SourceNat": on_or_off(item.ipv6_source_nat),
    }
    if item.security_groups:
        view["SecurityGroups"] = list(item.security_groups)
        view["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] = "on"
    return view


def on_or_off(value: bool) -> str:
    """As AWS writes some of its switches."""
    return "on" if value else "off"


def zones(items: tuple[LoadBalancerZone, ...]) -> list[Params]:
    """The ``AvailabilityZones`` list. As on AWS, an address is shown only where the user chose it."""
    return [
        {
            "ZoneName": zone.availability_zone,
            "SubnetId": zone.subnet_id,
            "LoadBalancerAddresses": [{"PrivateIPv4Address": zone.vip}] if zone.address_given else [],
        }
        for zone in items
    ]


def listener(item: Listener) -> Params:
    """The ``Listener`` shape."""
    return {
        "ListenerArn": item.arn,
        "LoadBalancerArn": item.load_balancer_arn,
        "Port": item.port,
        "Protocol": item.protocol,
        "DefaultActions": list(item.default_actions),
    }


def target_group(item: TargetGroup, load_balancer_arns: list[str]) -> Params:
    """The ``TargetGroup`` shape; ``load_balancer_arns``: those whose listeners forward to it."""
    return {
        "TargetGroupArn": item.arn,
        "TargetGroupName": item.name,
        "Protocol": item.protocol,
        "Port": item.port,
        "VpcId": item.vpc_id,
        **_health_check(item.health_check),
        "LoadBalancerArns": load_balancer_arns,
        "TargetType": item.target_type,
        "IpAddressType": item.ip_address_type,
    }


def _health_check(check: HealthCheck) -> Params:
    view: Params = {
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
    }
    if check.path is not None:
        view["HealthCheckPath"] = check.path
    if check.matcher is not None:
        view["Matcher"] = {"HttpCode": check.matcher}
    return view
