"""Subnets: create, describe, delete, and their one attribute.

Free addresses are counted, not stored: the block's capacity less the network interfaces in it.
"""

from ipaddress import IPv4Network

from ...model.address_pool import capacity
from ...model.errors import AwsError
from ...model.network import NetworkInterface, Subnet, Vpc
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from . import tags
from .arns import ec2_arn
from .filters import select
from .ipv6 import subnet_association, subnet_block
from .lookup import by_id, described
from .request import operation, paged, unsupported
from .vpc import check_size, parse_cidr
from .zones import zone_id, zone_names


def _zone(ctx: Context, request: Params) -> str:
    names = zone_names(ctx.region)
    wanted, wanted_id = request.get("AvailabilityZone"), request.get("AvailabilityZoneId")
    if wanted and wanted not in names:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({wanted}) for parameter availabilityZone is invalid. Subnets can currently only be "
            f"created in the following availability zones: {', '.join(names)}.",
        )
    known = {zone_id(name): name for name in names}
    if wanted_id and wanted_id not in known:
        raise AwsError(
            "InvalidParameterValue", f"Value ({wanted_id}) for parameter availabilityZoneId is invalid."
        )
    if wanted and wanted_id and known[wanted_id] != wanted:
        raise AwsError("InvalidParameterCombination", "AvailabilityZone and AvailabilityZoneId differ.")
    return wanted or known.get(wanted_id or "") or names[0]


def _check_block(reader: Reader, vpc: Vpc, network: IPv4Network) -> None:
    check_size(network, "InvalidSubnet.Range")
    if not network.subnet_of(IPv4Network(vpc.cidr)):
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{network}' is invalid.")
    for other in reader.list(Subnet, vpc_id=vpc.id):
        if network.overlaps(IPv4Network(other.cidr)):
            raise AwsError("InvalidSubnet.Conflict", f"The CIDR '{network}' conflicts with another subnet")


def create_subnet(ctx: Context, request: Params) -> Params:
    """CreateSubnet; the first zone when none is named."""
    zone = _zone(ctx, request)
    if not request.get("CidrBlock"):
        raise AwsError("MissingParameter", "The request must contain the parameter CidrBlock")
    network = parse_cidr(request["CidrBlock"])
    labels = tags.specified(request, "subnet")["subnet"]
    with ctx.store.transaction() as tx:
        vpc = by_id(ctx, tx, Vpc, request["VpcId"])
        _check_block(tx, vpc, network)
        subnet = tx.put(
            Subnet(
                id=f"subnet-{ctx.ids.hex(17)}",
                account_id=ctx.account_id,
                region=ctx.region,
                vpc_id=vpc.id,
                cidr=str(network),
                ipv6_cidr=subnet_block(tx, vpc, wide) if (wide := request.get("Ipv6CidrBlock")) else "",
                availability_zone=zone,
                availability_zone_id=zone_id(zone),
                tags=labels,
            )
        )
        answer = _shape(tx, subnet)
    return {"Subnet": answer}


def free_addresses(reader: Reader, subnet: Subnet) -> int:
    """How many addresses of the subnet nobody holds."""
    return capacity(subnet.cidr) - len(reader.list(NetworkInterface, subnet_id=subnet.id))


def _shape(reader: Reader, subnet: Subnet) -> Params:
    return {
        "SubnetId": subnet.id,
        "SubnetArn": ec2_arn(subnet, f"subnet/{subnet.id}"),
        "OwnerId": subnet.account_id,
        "VpcId": subnet.vpc_id,
        "CidrBlock": subnet.cidr,
        "AvailabilityZone": subnet.availability_zone,
        "AvailabilityZoneId": subnet.availability_zone_id,
        "AvailableIpAddressCount": free_addresses(reader, subnet),
        "DefaultForAz": subnet.default_for_az,
        "MapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": subnet.assign_ipv6_address_on_creation,
        "Ipv6CidrBlockAssociationSet": [subnet_association(subnet)] if subnet.ipv6_cidr else [],
        "Ipv6Native": False,
        "EnableDns64": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "State": "available",
        "Tags": tags.shape(subnet.tags),
    }


def describe_subnets(ctx: Context, request: Params) -> Params:
    """DescribeSubnets."""
    filters = {
        "subnet-id": lambda s: s.id,
        "vpc-id": lambda s: s.vpc_id,
        "cidr": lambda s: s.cidr,
        "cidr-block": lambda s: s.cidr,
        "cidrBlock": lambda s: s.cidr,
        "availability-zone": lambda s: s.availability_zone,
        "availabilityZone": lambda s: s.availability_zone,
        "availability-zone-id": lambda s: s.availability_zone_id,
        "availabilityZoneId": lambda s: s.availability_zone_id,
        "available-ip-address-count": lambda s: free_addresses(ctx.store, s),
        "default-for-az": lambda s: s.default_for_az,
        "defaultForAz": lambda s: s.default_for_az,
        "map-public-ip-on-launch": lambda s: s.map_public_ip_on_launch,
        "owner-id": lambda s: s.account_id,
        "state": lambda s: "available",
        "subnet-arn": lambda s: ec2_arn(s, f"subnet/{s.id}"),
        "ipv6-cidr-block-association.ipv6-cidr-block": lambda s: s.ipv6_cidr or None,
        "ipv6-cidr-block-association.association-id": lambda s: (
            subnet_association(s)["AssociationId"] if s.ipv6_cidr else None
        ),
        "ipv6-cidr-block-association.state": lambda s: "associated" if s.ipv6_cidr else None,
        "ipv6-native": lambda s: False,
    }
    subnets = select(described(ctx, Subnet, request.get("SubnetIds")), request.get("Filters"), filters)
    return paged(request, subnets, lambda subnet: _shape(ctx.store, subnet), "Subnets")


def delete_subnet(ctx: Context, request: Params) -> Params:
    """DeleteSubnet: refused while any network interface is in it."""
    with ctx.store.transaction() as tx:
        subnet = by_id(ctx, tx, Subnet, request["SubnetId"])
        if tx.list(NetworkInterface, subnet_id=subnet.id):
            raise AwsError(
                "DependencyViolation", f"The subnet '{subnet.id}' has dependencies and cannot be deleted."
            )
        tx.delete(subnet)
    return {}


def modify_subnet_attribute(ctx: Context, request: Params) -> Params:
    """ModifySubnetAttribute. MapPublicIpOnLaunch and AssignIpv6AddressOnCreation are kept and described: see
    docs/limits.md."""
    given = {k: v for k, v in request.items() if k not in {"SubnetId", "DryRun"} and v is not None}
    if len(given) != 1:
        raise AwsError("InvalidParameterCombination", "Exactly one attribute must be given.")
    ((name, value),) = given.items()
    switch = value.get("Value") if isinstance(value, dict) else value
    if name not in _SWITCHES and switch not in (False, "ip-name"):
        raise unsupported(f"The parameter {name}")
    with ctx.store.transaction() as tx:
        subnet = by_id(ctx, tx, Subnet, request["SubnetId"])
        if name == "AssignIpv6AddressOnCreation" and switch and not subnet.ipv6_cidr:
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid value 'true' for assignIpv6AddressOnCreation: the subnet '{subnet.id}' has no IPv6"
                " CIDR block.",
            )
        if name in _SWITCHES:
            tx.put(subnet.replace(**{_SWITCHES[name]: bool(switch)}))
    return {}


_SWITCHES = {
    "MapPublicIpOnLaunch": "map_public_ip_on_launch",
    "AssignIpv6AddressOnCreation": "assign_ipv6_address_on_creation",
}


OPERATIONS: dict[str, Operation] = {
    "CreateSubnet": operation(
        create_subnet,
        "VpcId",
        "CidrBlock",
        "Ipv6CidrBlock",
        "AvailabilityZone",
        "AvailabilityZoneId",
        "TagSpecifications",
    ),
    "DescribeSubnets": operation(describe_subnets, "SubnetIds", "Filters", "MaxResults", "NextToken"),
    "DeleteSubnet": operation(delete_subnet, "SubnetId"),
    "ModifySubnetAttribute": operation(
        modify_subnet_attribute,
        "SubnetId",
        "MapPublicIpOnLaunch",
        "AssignIpv6AddressOnCreation",
        "EnableDns64",
        "MapCustomerOwnedIpOnLaunch",
        "PrivateDnsHostnameTypeOnLaunch",
        "EnableResourceNameDnsARecordOnLaunch",
        "EnableResourceNameDnsAAAARecordOnLaunch",
    ),
}
