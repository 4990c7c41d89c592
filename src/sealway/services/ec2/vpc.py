"""VPCs: create, describe, delete, and their DNS attributes.

Overlapping VPCs are AWS's right and one host's impossibility: refused, see docs/adr/0002.
"""

import re
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError

from ...model.errors import AwsError
from ...model.network import NetworkInterface, SecurityGroup, Subnet, Vpc
from ...model.request import Params
from ...store import Transaction
from ..context import Context, Operation
from . import tags
from .default_vpc import overlapping, put_default_group
from .filters import select
from .ipv6 import new_block, vpc_association
from .lookup import by_id, described
from .request import operation, paged, unsupported
from .vpc_shape import association_id, vpc_shape

_DNS_SUPPORT, _DNS_HOSTNAMES = "enableDnsSupport", "enableDnsHostnames"
NEW_ATTRIBUTES = {_DNS_SUPPORT: True, _DNS_HOSTNAMES: False}


def parse_cidr(text: str | None, parameter: str = "cidrBlock") -> IPv4Network:
    """A network as the client writes it; host bits are cut off, as AWS does."""
    try:
        if text and re.fullmatch(r"[0-9.]+/[0-9]{1,2}", text):
            return IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError):
        pass  # the one answer below is for every way of being no network
    raise AwsError(
        "InvalidParameterValue",
        f"Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block.",
    )


def check_size(network: IPv4Network, code: str) -> None:
    """A VPC's and a subnet's block is a /16 to a /28."""
    if not 16 <= network.prefixlen <= 28:
        raise AwsError(code, f"The CIDR '{network}' is invalid.")


def _check_range(tx: Transaction, network: IPv4Network, host_networks: tuple[str, ...]) -> None:
    check_size(network, "InvalidVpc.Range")
    if network.is_loopback or network.is_link_local or network.is_multicast or network.is_reserved:
        raise AwsError("InvalidVpc.Range", f"The CIDR '{network}' is invalid.")
    taken = overlapping(str(network), [vpc.cidr for vpc in tx.list(Vpc)])
    if taken:
        raise AwsError(
            "InvalidVpc.Range",
            f"The CIDR '{network}' overlaps {taken}, the CIDR of another VPC on this host. "
            "All VPCs share the host's routing, so they must not overlap.",
        )
    routed = overlapping(str(network), host_networks)
    if routed:
        raise AwsError(
            "InvalidVpc.Range",
            f"The CIDR '{network}' overlaps {routed}, which this host routes elsewhere. Choose another.",
        )


def create_vpc(ctx: Context, request: Params) -> Params:
    """CreateVpc, with the default security group that every VPC has."""
    if not request.get("CidrBlock"):
        raise AwsError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    network = parse_cidr(request["CidrBlock"])
    labels = tags.specified(request, "vpc")["vpc"]
    with ctx.store.transaction() as tx:
        _check_range(tx, network, ctx.host_networks)
        vpc = tx.put(
            Vpc(
                id=f"vpc-{ctx.ids.hex(17)}",
                account_id=ctx.account_id,
                region=ctx.region,
                cidr=str(network),
                ipv6_cidr=new_block(tx, ctx.ids) if request.get("AmazonProvidedIpv6CidrBlock") else "",
                attributes=dict(NEW_ATTRIBUTES),
                tags=labels,
            )
        )
        put_default_group(tx, vpc, ctx.ids)
    return {"Vpc": vpc_shape(vpc)}


_FILTERS = {
    "vpc-id": lambda v: v.id,
    "cidr": lambda v: v.cidr,
    "cidr-block": lambda v: v.cidr,
    "cidrBlock": lambda v: v.cidr,
    "cidr-block-association.cidr-block": lambda v: v.cidr,
    "cidr-block-association.association-id": association_id,
    "cidr-block-association.state": lambda v: "associated",
    "ipv6-cidr-block-association.ipv6-cidr-block": lambda v: v.ipv6_cidr or None,
    "ipv6-cidr-block-association.association-id": lambda v: (
        vpc_association(v)["AssociationId"] if v.ipv6_cidr else None
    ),
    "ipv6-cidr-block-association.state": lambda v: "associated" if v.ipv6_cidr else None,
    "dhcp-options-id": lambda v: "default",
    "is-default": lambda v: v.is_default,
    "isDefault": lambda v: v.is_default,
    "owner-id": lambda v: v.account_id,
    "state": lambda v: "available",
}


def describe_vpcs(ctx: Context, request: Params) -> Params:
    """DescribeVpcs."""
    vpcs = select(described(ctx, Vpc, request.get("VpcIds")), request.get("Filters"), _FILTERS)
    return paged(request, vpcs, vpc_shape, "Vpcs")


def delete_vpc(ctx: Context, request: Params) -> Params:
    """DeleteVpc: its default security group goes with it; anything else in it forbids."""
    with ctx.store.transaction() as tx:
        vpc = by_id(ctx, tx, Vpc, request["VpcId"])
        groups = tx.list(SecurityGroup, vpc_id=vpc.id)
        subnets, interfaces = tx.list(Subnet, vpc_id=vpc.id), tx.list(NetworkInterface, vpc_id=vpc.id)
        if subnets or interfaces or any(group.name != "default" for group in groups):
            raise AwsError(
                "DependencyViolation", f"The vpc '{vpc.id}' has dependencies and cannot be deleted."
            )
        for group in groups:
            tx.delete(group)
        tx.delete(vpc)
    return {}


def describe_vpc_attribute(ctx: Context, request: Params) -> Params:
    """DescribeVpcAttribute."""
    vpc = by_id(ctx, ctx.store, Vpc, request["VpcId"])
    attribute = request["Attribute"]
    member = attribute[:1].upper() + attribute[1:]
    return {"VpcId": vpc.id, member: {"Value": vpc.attributes.get(attribute, False)}}


def modify_vpc_attribute(ctx: Context, request: Params) -> Params:
    """ModifyVpcAttribute: one attribute a call, as on AWS.

    DNS support cannot be turned off: every task of the host asks the one resolver.
    """
    given = {k: v["Value"] for k, v in request.items() if k.startswith("Enable") and "Value" in (v or {})}
    if len(given) != 1:
        raise AwsError("InvalidParameterCombination", "Exactly one attribute must be given.")
    ((member, value),) = given.items()
    if member == "EnableNetworkAddressUsageMetrics" and value:
        raise unsupported("EnableNetworkAddressUsageMetrics=true")
    if member == "EnableDnsSupport" and not value:
        raise unsupported("EnableDnsSupport=false")
    with ctx.store.transaction() as tx:
        vpc = by_id(ctx, tx, Vpc, request["VpcId"])
        attribute = member[:1].lower() + member[1:]
        tx.put(vpc.replace(attributes={**vpc.attributes, attribute: value}))
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateVpc": operation(
        create_vpc,
        "CidrBlock",
        "AmazonProvidedIpv6CidrBlock",
        "TagSpecifications",
        neutral={"InstanceTenancy": ["default"]},
    ),
    "DescribeVpcs": operation(describe_vpcs, "VpcIds", "Filters", "MaxResults", "NextToken"),
    "DeleteVpc": operation(delete_vpc, "VpcId"),
    "DescribeVpcAttribute": operation(describe_vpc_attribute, "VpcId", "Attribute"),
    "ModifyVpcAttribute": operation(
        modify_vpc_attribute,
        "VpcId",
        "EnableDnsSupport",
        "EnableDnsHostnames",
        "EnableNetworkAddressUsageMetrics",
    ),
}
