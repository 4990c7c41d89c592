"""Load balancer nodes: one per enabled subnet, each with an address (VIP) and a network interface.

A subnet's addresses are those of its network interfaces, so choosing one and writing the interface in the
same transaction is what reserves it. Source: CreateLoadBalancer; DescribeNetworkInterfaces of an NLB.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network

import msgspec

from ...model import address_pool, arn
from ...model.errors import AwsError
from ...model.load_balancer import LoadBalancer, LoadBalancerZone
from ...model.network import InterfaceAttachment, NetworkInterface, Subnet
from ...model.request import Params
from ...store import Reader, Transaction
from ..context import Context
from . import errors, lookup

INTERFACE_TYPE = "network_load_balancer"
ANY_PREFIX = "auto_assigned"


class ZoneRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A subnet to enable, and the address wished for, if any."""

    subnet: Subnet
    address: str | None = None


def requested(ctx: Context, reader: Reader, request: Params, *, scheme: str) -> list[ZoneRequest]:
    """The zones that ``Subnets`` or ``SubnetMappings`` ask for, checked against each other."""
    mappings = _mappings(request)
    chosen = []
    for mapping in mappings:
        subnet = lookup.find(ctx, reader, Subnet, mapping["SubnetId"])
        if subnet is None:
            raise AwsError("SubnetNotFound", f"The subnet ID '{mapping['SubnetId']}' does not exist")
        address = mapping.get("PrivateIPv4Address")
        if address and scheme != "internal":
            raise errors.invalid_configuration(
                "You can specify a private IPv4 address only for an internal load balancer"
            )
        chosen.append(ZoneRequest(subnet=subnet, address=address))
    _check_together([zone.subnet for zone in chosen])
    return chosen


def _mappings(request: Params) -> list[Params]:
    subnets, mappings = request.get("Subnets") or [], request.get("SubnetMappings") or []
    if subnets and mappings:
        raise errors.validation("You can specify either subnets or subnet mappings, but not both")
    if not subnets and not mappings:
        raise errors.validation("You must specify either subnets or subnet mappings")
    for mapping in mappings:
        if not mapping.get("SubnetId"):
            raise errors.validation("A subnet ID must be specified in each subnet mapping")
        if mapping.get("AllocationId"):
            raise AwsError(
                "AllocationIdNotFound",
                f"The allocation ID '{mapping['AllocationId']}' does not exist:"
                " AllocationId (Elastic IP addresses) is not supported",
            )
        if mapping.get("IPv6Address"):
            raise errors.not_supported("IPv6Address")
        if mapping.get("SourceNatIpv6Prefix") not in {None, ANY_PREFIX}:
            raise errors.not_supported("A SourceNatIpv6Prefix of one's own", f"use '{ANY_PREFIX}'")
    return mappings or [{"SubnetId": subnet} for subnet in subnets]


def _check_together(subnets: Sequence[Subnet]) -> None:
    vpcs = lookup.unique(subnet.vpc_id for subnet in subnets)
    if len(vpcs) > 1:
        raise errors.invalid_configuration(f"All subnets must belong to the same VPC: '{', '.join(vpcs)}'")
    if len({subnet.availability_zone for subnet in subnets}) < len(subnets):
        raise errors.invalid_configuration(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )


def check_wide(ip_address_type: str, subnets: Iterable[Subnet]) -> None:
    """Where the load balancer shall have IPv6 addresses, every subnet needs a block of them."""
    if ip_address_type != "dualstack":
        return
    for subnet in subnets:
        if not subnet.ipv6_cidr:
            raise errors.invalid_configuration(
                f"You must specify subnets with an associated IPv6 CIDR block: '{subnet.id}' has none"
            )


def with_type(tx: Transaction, zone: LoadBalancerZone, ip_address_type: str) -> LoadBalancerZone:
    """The node with or without its IPv6 address, as the type says; its interface likewise."""
    subnet = tx.get(Subnet, zone.subnet_id)
    wide = address_pool.wide_address(subnet.ipv6_cidr, zone.vip) if subnet and subnet.ipv6_cidr else ""
    vip6 = (zone.vip6 or wide) if ip_address_type == "dualstack" else ""
    interface = tx.get(NetworkInterface, zone.network_interface_id)
    if interface is not None and vip6 != zone.vip6:
        tx.put(interface.replace(ipv6_addresses=(vip6,) if vip6 else ()))
    return msgspec.structs.replace(zone, vip6=vip6)


def enable(
    ctx: Context, tx: Transaction, load_balancer: LoadBalancer, wanted: Iterable[ZoneRequest]
) -> tuple[LoadBalancerZone, ...]:
    """Allocates a VIP and writes its interface in each subnet."""
    return tuple(_enable(ctx, tx, load_balancer, zone) for zone in wanted)


def disable(tx: Transaction, removed: Iterable[LoadBalancerZone]) -> None:
    """Deletes the interfaces, which frees their addresses."""
    for zone in removed:
        interface = tx.get(NetworkInterface, zone.network_interface_id)
        if interface is not None:
            tx.delete(interface)


def _enable(
    ctx: Context, tx: Transaction, load_balancer: LoadBalancer, wanted: ZoneRequest
) -> LoadBalancerZone:
    subnet = wanted.subnet
    vip = _address(tx, subnet, wanted.address)
    interface = NetworkInterface(
        id=f"eni-{ctx.ids.hex(17)}",
        account_id=ctx.account_id,
        region=ctx.region,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        availability_zone=subnet.availability_zone,
        private_ip=vip,
        mac=address_pool.mac_for(vip),
        interface_type=INTERFACE_TYPE,
        description=f"ELB net/{load_balancer.name}/{arn.last(load_balancer.arn)}",
        requester_id="amazon-elb",
        requester_managed=True,
        security_groups=load_balancer.security_groups,
        attachment=InterfaceAttachment(
            id=f"ela-attach-{ctx.ids.hex(17)}", attached_at=ctx.now, device_index=1
        ),
        created_at=ctx.now,
    )
    tx.put(interface)
    zone = LoadBalancerZone(
        subnet_id=subnet.id,
        availability_zone=subnet.availability_zone,
        vip=vip,
        network_interface_id=interface.id,
        address_given=wanted.address is not None,
    )
    return with_type(tx, zone, load_balancer.ip_address_type)


def _address(tx: Transaction, subnet: Subnet, wanted: str | None) -> str:
    taken = {interface.private_ip for interface in tx.list(NetworkInterface, subnet_id=subnet.id)}
    if wanted is None:
        free = address_pool.first_free(subnet.cidr, taken, start=_after_last(subnet.cidr, taken))
        if free is None:
            raise AwsError("InvalidSubnet", f"Not enough IP space available in {subnet.id}")
        return free
    try:
        inside = IPv4Address(wanted) in IPv4Network(subnet.cidr)
    except ValueError as error:
        raise errors.validation(f"'{wanted}' is not a valid IPv4 address") from error
    if not inside or address_pool.is_reserved(subnet.cidr, wanted):
        raise errors.invalid_configuration(
            f"The private IPv4 address '{wanted}' is not available in subnet '{subnet.id}' ({subnet.cidr})"
        )
    if wanted in taken:
        raise errors.invalid_configuration(
            f"The private IPv4 address '{wanted}' is already in use in subnet '{subnet.id}'"
        )
    return wanted


def _after_last(cidr: str, taken: Iterable[str]) -> int:
    """The search starts behind the highest address in use, so that a freed VIP rests for a while."""
    first = int(IPv4Network(cidr).network_address) + address_pool.RESERVED_AT_START
    return max((int(IPv4Address(address)) - first + 1 for address in taken), default=0)
