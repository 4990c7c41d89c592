"""SetSubnets, SetSecurityGroups and SetIpAddressType: a load balancer's settings after its creation."""

from ...model.load_balancer import Listener, LoadBalancer, LoadBalancerZone
from ...model.network import NetworkInterface, Subnet
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...store import Transaction
from ..context import Context
from . import actions, errors, listeners, load_balancers, lookup, views, zones


def set_subnets(ctx: Context, request: Params) -> Params:
    """SetSubnets: nodes of subnets that stay keep their address; the others go, new ones come."""
    asked = request.get("IpAddressType")
    load_balancers.check_ip_address_type(asked)
    with ctx.store.transaction() as tx:
        found = lookup.load_balancer(ctx, tx, request["LoadBalancerArn"])
        wanted = zones.requested(ctx, tx, request, scheme=found.scheme)
        if wanted[0].subnet.vpc_id != found.vpc_id:
            raise errors.invalid_configuration(
                f"The subnets must belong to the VPC of the load balancer: '{found.vpc_id}'"
            )
        kind = asked or found.ip_address_type
        zones.check_wide(kind, [zone.subnet for zone in wanted])
        source_nat = load_balancers.check_source_nat(
            request.get("EnablePrefixForIpv6SourceNat"), kind, found.ipv6_source_nat
        )
        found = found.replace(ip_address_type=kind, ipv6_source_nat=source_nat)
        _check_listeners(tx, found)
        kept = [zones.with_type(tx, zone, kind) for zone in _kept(found, wanted)]
        staying = {zone.subnet_id for zone in kept}
        zones.disable(tx, [zone for zone in found.zones if zone.subnet_id not in staying])
        added = zones.enable(ctx, tx, found, [zone for zone in wanted if zone.subnet.id not in staying])
        changed = tx.put(found.replace(zones=(*kept, *added)))
    return {
        "AvailabilityZones": views.zones(changed.zones),
        "IpAddressType": changed.ip_address_type,
        "EnablePrefixForIpv6SourceNat": views.on_or_off(changed.ipv6_source_nat),
    }


def set_security_groups(ctx: Context, request: Params) -> Params:
    """SetSecurityGroups: only where the load balancer was made with some, as on AWS."""
    if request.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") == "off":
        raise errors.not_supported("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic 'off'")
    with ctx.store.transaction() as tx:
        found = lookup.load_balancer(ctx, tx, request["LoadBalancerArn"])
        if not found.security_groups:
            raise errors.invalid_configuration(
                "You cannot set security groups on a Network Load Balancer that was created without any"
            )
        groups = load_balancers.check_security_groups(ctx, tx, request["SecurityGroups"], found.vpc_id)
        if not groups:
            raise errors.invalid_configuration("At least one security group must be specified")
        for zone in found.zones:
            interface = tx.get(NetworkInterface, zone.network_interface_id)
            if interface is not None:
                tx.put(interface.replace(security_groups=groups))
        tx.put(found.replace(security_groups=groups))
    return {
        "SecurityGroupIds": list(groups),
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "on",
    }


def set_ip_address_type(ctx: Context, request: Params) -> Params:
    """SetIpAddressType: each node gets an IPv6 address beside its own, or loses it."""
    kind = load_balancers.check_ip_address_type(request["IpAddressType"])
    with ctx.store.transaction() as tx:
        found = lookup.load_balancer(ctx, tx, request["LoadBalancerArn"])
        load_balancers.check_source_nat(None, kind, found.ipv6_source_nat)
        found = found.replace(ip_address_type=kind)
        _check_listeners(tx, found)
        subnets = [lookup.find(ctx, tx, Subnet, zone.subnet_id) for zone in found.zones]
        zones.check_wide(kind, [subnet for subnet in subnets if subnet])
        changed = tuple(zones.with_type(tx, zone, kind) for zone in found.zones)
        tx.put(found.replace(zones=changed))
    return {"IpAddressType": kind}


def _check_listeners(tx: Transaction, found: LoadBalancer) -> None:
    """Those it has suit the IP address type that it shall have."""
    own = tx.list(Listener, load_balancer_arn=found.arn)
    listeners.check_versions(found, [listener.protocol for listener in own])
    for arn in {arn for listener in own for arn in listener.target_group_weights}:
        if (group := tx.get(TargetGroup, arn)) is not None:
            actions.check_ip_version(found, group)


def _kept(found: LoadBalancer, wanted: list[zones.ZoneRequest]) -> list[LoadBalancerZone]:
    addresses = {zone.subnet.id: zone.address for zone in wanted}
    kept = [zone for zone in found.zones if zone.subnet_id in addresses]
    for zone in kept:
        if addresses[zone.subnet_id] not in {None, zone.vip}:
            raise errors.invalid_configuration(
                f"The private IPv4 address in subnet '{zone.subnet_id}' cannot be changed"
            )
    return kept
