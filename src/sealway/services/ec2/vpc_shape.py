"""A VPC as DescribeVpcs shows it."""

from ...model.network import Vpc
from ...model.request import Params
from . import tags
from .ipv6 import vpc_association


def association_id(vpc: Vpc) -> str:
    """The id of the association of the VPC with its one CIDR block: the VPC's own digits."""
    return "vpc-cidr-assoc-" + vpc.id.removeprefix("vpc-")


def vpc_shape(vpc: Vpc) -> Params:
    """EC2's ``Vpc``."""
    return {
        "VpcId": vpc.id,
        "OwnerId": vpc.account_id,
        "CidrBlock": vpc.cidr,
        "CidrBlockAssociationSet": [
            {
                "AssociationId": association_id(vpc),
                "CidrBlock": vpc.cidr,
                "CidrBlockState": {"State": "associated"},
            }
        ],
        "Ipv6CidrBlockAssociationSet": [vpc_association(vpc)] if vpc.ipv6_cidr else [],
        "State": "available",
        "IsDefault": vpc.is_default,
        "InstanceTenancy": "default",
        "DhcpOptionsId": "default",
        "Tags": tags.shape(vpc.tags),
    }
