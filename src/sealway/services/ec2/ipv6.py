"""IPv6 blocks of VPCs and subnets: one each, associated at once.

A VPC's block is chosen here, as on AWS: a /56 that is nobody else's. It is of the range for local use
(RFC 4193, a random /48), since no public addresses are handed out. Source of rules and words:
AssociateVpcCidrBlock, AssociateSubnetCidrBlock and CreateSubnet in the Amazon EC2 API Reference.
"""

from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Network, NetmaskValueError
from typing import TypeVar

from ...model.errors import AwsError
from ...model.ids import IdSource
from ...model.network import NetworkInterface, Subnet, Vpc
from ...model.request import Params
from ...store import Reader
from ..context import Context, Operation
from .lookup import by_id
from .request import operation

N = TypeVar("N", Vpc, Subnet)
VPC_PREFIX = 56
SUBNET_PREFIXES = (56, 60, 64)
_VPC_ASSOCIATION, _SUBNET_ASSOCIATION = "vpc-cidr-assoc-", "subnet-cidr-assoc-"


def new_block(reader: Reader, ids: IdSource) -> str:
    """A /56 that no VPC has, of any account: they share the host's routing."""
    taken = {vpc.ipv6_cidr for vpc in reader.list(Vpc)}
    while True:
        digits = "fd" + ids.hex(12)
        groups = ":".join(digits[at : at + 4] for at in range(0, 12, 4))
        block = str(IPv6Network(f"{groups}:{digits[12:14]}00::/{VPC_PREFIX}"))
        if block not in taken:
            return block


def subnet_block(reader: Reader, vpc: Vpc, text: str) -> str:
    """The block as it is kept, checked against the VPC's and the other subnets'."""
    try:
        network = IPv6Network(text, strict=False)
    except (AddressValueError, NetmaskValueError) as error:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({text}) for parameter ipv6CidrBlock is invalid. This is not a valid IPv6 CIDR block.",
        ) from error
    inside = bool(vpc.ipv6_cidr) and network.subnet_of(IPv6Network(vpc.ipv6_cidr))
    if network.prefixlen not in SUBNET_PREFIXES or not inside:
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
    for other in reader.list(Subnet, vpc_id=vpc.id):
        if other.ipv6_cidr and network.overlaps(IPv6Network(other.ipv6_cidr)):
            raise AwsError("InvalidSubnet.Conflict", f"The CIDR '{network}' conflicts with another subnet")
    return str(network)


def vpc_association(vpc: Vpc) -> Params:
    """EC2's ``VpcIpv6CidrBlockAssociation``. The id is made of the VPC's own digits."""
    return {
        "AssociationId": _VPC_ASSOCIATION + vpc.id.removeprefix("vpc-")[::-1],
        "Ipv6CidrBlock": vpc.ipv6_cidr,
        "Ipv6CidrBlockState": {"State": "associated"},
        "NetworkBorderGroup": vpc.region,
        "Ipv6Pool": "Amazon",
        "Ipv6AddressAttribute": "private",
        "IpSource": "amazon",
    }


def subnet_association(subnet: Subnet) -> Params:
    """EC2's ``SubnetIpv6CidrBlockAssociation``."""
    return {
        "AssociationId": _SUBNET_ASSOCIATION + subnet.id.removeprefix("subnet-"),
        "Ipv6CidrBlock": subnet.ipv6_cidr,
        "Ipv6CidrBlockState": {"State": "associated"},
        "Ipv6AddressAttribute": "private",
        "IpSource": "amazon",
    }


def associate_vpc(ctx: Context, request: Params) -> Params:
    """AssociateVpcCidrBlock: an IPv6 block; a VPC has one of each version here."""
    if not request.get("AmazonProvidedIpv6CidrBlock"):
        raise AwsError(
            "MissingParameter", "The request must contain the parameter AmazonProvidedIpv6CidrBlock"
        )
    with ctx.store.transaction() as tx:
        vpc = by_id(ctx, tx, Vpc, request["VpcId"])
        if vpc.ipv6_cidr:
            raise AwsError(
                "CidrLimitExceeded",
                f"This network '{vpc.id}' has met its maximum number of allowed CIDRs: 1",
            )
        vpc = tx.put(vpc.replace(ipv6_cidr=new_block(tx, ctx.ids)))
    return {"VpcId": vpc.id, "Ipv6CidrBlockAssociation": vpc_association(vpc)}


def disassociate_vpc(ctx: Context, request: Params) -> Params:
    """DisassociateVpcCidrBlock: of the IPv6 block, once no subnet has a part of it."""
    wanted = request["AssociationId"]
    with ctx.store.transaction() as tx:
        vpc = _associated(ctx, tx, Vpc, vpc_association, wanted)
        if any(subnet.ipv6_cidr for subnet in tx.list(Subnet, vpc_id=vpc.id)):
            raise AwsError(
                "InvalidCidrBlock.InUse",
                f"The vpc {vpc.id} currently has a subnet within CIDR block {vpc.ipv6_cidr}",
            )
        tx.put(vpc.replace(ipv6_cidr=""))
    return _ended(vpc_association(vpc)) | {"VpcId": vpc.id}


def associate_subnet(ctx: Context, request: Params) -> Params:
    """AssociateSubnetCidrBlock."""
    if not request.get("Ipv6CidrBlock"):
        raise AwsError("MissingParameter", "The request must contain the parameter ipv6CidrBlock")
    with ctx.store.transaction() as tx:
        subnet = by_id(ctx, tx, Subnet, request["SubnetId"])
        if subnet.ipv6_cidr:
            raise AwsError(
                "CidrLimitExceeded",
                f"This subnet '{subnet.id}' has met its maximum number of allowed IPv6 CIDRs: 1",
            )
        vpc = by_id(ctx, tx, Vpc, subnet.vpc_id)
        subnet = tx.put(subnet.replace(ipv6_cidr=subnet_block(tx, vpc, request["Ipv6CidrBlock"])))
    return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": subnet_association(subnet)}


def disassociate_subnet(ctx: Context, request: Params) -> Params:
    """DisassociateSubnetCidrBlock: refused while a network interface has an address of it."""
    wanted = request["AssociationId"]
    with ctx.store.transaction() as tx:
        subnet = _associated(ctx, tx, Subnet, subnet_association, wanted)
        if any(eni.ipv6_addresses for eni in tx.list(NetworkInterface, subnet_id=subnet.id)):
            raise AwsError(
                "DependencyViolation",
                f"The subnet '{subnet.id}' has dependencies: addresses of {subnet.ipv6_cidr} are in use.",
            )
        tx.put(subnet.replace(ipv6_cidr="", assign_ipv6_address_on_creation=False))
    return _ended(subnet_association(subnet)) | {"SubnetId": subnet.id}


def _associated(
    ctx: Context, reader: Reader, kind: type[N], association: Callable[[N], Params], wanted: str
) -> N:
    """The caller's VPC or subnet that has the association of that id."""
    for each in reader.list(kind, account_id=ctx.account_id, region=ctx.region):
        if each.ipv6_cidr and association(each)["AssociationId"] == wanted:
            return each
    noun = kind.__name__
    raise AwsError(
        f"Invalid{noun}CidrBlockAssociationID.NotFound",
        f"The {noun.lower()} CIDR block association ID '{wanted}' does not exist",
    )


def _ended(association: Params) -> Params:
    return {"Ipv6CidrBlockAssociation": {**association, "Ipv6CidrBlockState": {"State": "disassociated"}}}


OPERATIONS: dict[str, Operation] = {
    "AssociateVpcCidrBlock": operation(associate_vpc, "VpcId", "AmazonProvidedIpv6CidrBlock"),
    "DisassociateVpcCidrBlock": operation(disassociate_vpc, "AssociationId"),
    "AssociateSubnetCidrBlock": operation(associate_subnet, "SubnetId", "Ipv6CidrBlock"),
    "DisassociateSubnetCidrBlock": operation(disassociate_subnet, "AssociationId"),
}
