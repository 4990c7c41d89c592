from ipaddress import IPv6Network

import pytest

from tests.support.ec2 import Ec2, refused

UNKNOWN = "vpc-cidr-assoc-0123456789abcdef0"


def block_of(vpc: dict) -> str:  # type: ignore[type-arg]
    (association,) = vpc["Ipv6CidrBlockAssociationSet"]
    assert association["Ipv6CidrBlockState"] == {"State": "associated"}
    return str(association["Ipv6CidrBlock"])


@pytest.fixture
def vpc(bare: Ec2) -> dict:  # type: ignore[type-arg]
    made: dict = bare.call(  # type: ignore[type-arg]
        "CreateVpc", CidrBlock="10.1.0.0/16", AmazonProvidedIpv6CidrBlock=True
    )["Vpc"]
    return made


def part(vpc: dict, number: int, prefix: int = 64) -> str:  # type: ignore[type-arg]
    return str(list(IPv6Network(block_of(vpc)).subnets(new_prefix=prefix))[number])


def test_a_vpcs_block_is_its_own(bare: Ec2, vpc: dict) -> None:  # type: ignore[type-arg]
    network = IPv6Network(block_of(vpc))
    assert (network.prefixlen, network.is_private) == (56, True)
    other = bare.call("CreateVpc", CidrBlock="10.2.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    assert not network.overlaps(IPv6Network(block_of(other)))
    plain = bare.call("CreateVpc", CidrBlock="10.3.0.0/16")["Vpc"]
    assert plain["Ipv6CidrBlockAssociationSet"] == []
    found = bare.call(
        "DescribeVpcs",
        Filters=[{"Name": "ipv6-cidr-block-association.ipv6-cidr-block", "Values": [str(network)]}],
    )["Vpcs"]
    assert found == [vpc]


def test_a_block_can_come_and_go_later(bare: Ec2) -> None:
    vpc_id = bare.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    made = bare.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    association = made["Ipv6CidrBlockAssociation"]["AssociationId"]
    (vpc,) = bare.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
    assert vpc["Ipv6CidrBlockAssociationSet"] == [made["Ipv6CidrBlockAssociation"]]
    assert association != vpc["CidrBlockAssociationSet"][0]["AssociationId"]
    with refused("CidrLimitExceeded"):
        bare.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    gone = bare.call("DisassociateVpcCidrBlock", AssociationId=association)
    assert gone["Ipv6CidrBlockAssociation"]["Ipv6CidrBlockState"] == {"State": "disassociated"}
    with refused("InvalidVpcCidrBlockAssociationID.NotFound", association):
        bare.call("DisassociateVpcCidrBlock", AssociationId=association)


def test_a_block_that_a_subnet_has_a_part_of_stays(bare: Ec2, vpc: dict) -> None:  # type: ignore[type-arg]
    bare.call("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.1.0/24", Ipv6CidrBlock=part(vpc, 0))
    (association,) = vpc["Ipv6CidrBlockAssociationSet"]
    with refused("InvalidCidrBlock.InUse"):
        bare.call("DisassociateVpcCidrBlock", AssociationId=association["AssociationId"])


def test_subnets_take_parts(bare: Ec2, vpc: dict) -> None:  # type: ignore[type-arg]
    first = bare.call(
        "CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.1.0/24", Ipv6CidrBlock=part(vpc, 1)
    )["Subnet"]
    assert first["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == part(vpc, 1)
    second = bare.call("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.2.0/24")["Subnet"]
    assert second["Ipv6CidrBlockAssociationSet"] == []
    with refused("InvalidSubnet.Conflict"):
        bare.call("AssociateSubnetCidrBlock", SubnetId=second["SubnetId"], Ipv6CidrBlock=part(vpc, 1))
    made = bare.call("AssociateSubnetCidrBlock", SubnetId=second["SubnetId"], Ipv6CidrBlock=part(vpc, 2))
    found = bare.call(
        "DescribeSubnets",
        Filters=[{"Name": "ipv6-cidr-block-association.ipv6-cidr-block", "Values": [part(vpc, 2)]}],
    )["Subnets"]
    assert found[0]["Ipv6CidrBlockAssociationSet"] == [made["Ipv6CidrBlockAssociation"]]
    with refused("CidrLimitExceeded"):
        bare.call("AssociateSubnetCidrBlock", SubnetId=second["SubnetId"], Ipv6CidrBlock=part(vpc, 3))
    association = made["Ipv6CidrBlockAssociation"]["AssociationId"]
    bare.call("DisassociateSubnetCidrBlock", AssociationId=association)
    with refused("InvalidSubnetCidrBlockAssociationID.NotFound"):
        bare.call("DisassociateSubnetCidrBlock", AssociationId=association)


@pytest.mark.parametrize("block", ["2001:db8::/64", "fd00::/64"])
def test_a_part_of_another_block(bare: Ec2, vpc: dict, block: str) -> None:  # type: ignore[type-arg]
    with refused("InvalidSubnet.Range"):
        bare.call("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.1.0/24", Ipv6CidrBlock=block)


@pytest.mark.parametrize("prefix", [57, 63])
def test_a_part_of_the_wrong_size(bare: Ec2, vpc: dict, prefix: int) -> None:  # type: ignore[type-arg]
    with refused("InvalidSubnet.Range"):
        bare.call(
            "CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.1.0/24", Ipv6CidrBlock=part(vpc, 0, prefix)
        )


@pytest.mark.parametrize("block", ["10.1.0.0/24", "fd00::", "fd00::/200", "x"])
def test_what_is_no_ipv6_block(bare: Ec2, vpc: dict, block: str) -> None:  # type: ignore[type-arg]
    with refused("InvalidSubnet.Range" if block == "fd00::" else "InvalidParameterValue"):
        bare.call("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.1.0/24", Ipv6CidrBlock=block)


def test_a_vpc_without_a_block(bare: Ec2) -> None:
    vpc_id = bare.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    with refused("InvalidSubnet.Range"):
        bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.1.0/24", Ipv6CidrBlock="fd00::/64")


def test_what_is_not_built_is_refused_by_name(bare: Ec2, vpc: dict) -> None:  # type: ignore[type-arg]
    with refused("UnsupportedOperation", "CidrBlock"):
        bare.call("AssociateVpcCidrBlock", VpcId=vpc["VpcId"], CidrBlock="10.9.0.0/16")
    with refused("MissingParameter"):
        bare.call("AssociateVpcCidrBlock", VpcId=vpc["VpcId"])
    with refused("InvalidVpcCidrBlockAssociationID.NotFound"):
        bare.call("DisassociateVpcCidrBlock", AssociationId=UNKNOWN)


def test_assign_ipv6_address_on_creation_is_kept_where_there_is_a_block(bare: Ec2, vpc: dict) -> None:  # type: ignore[type-arg]
    without = bare.call("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.2.0/24")["Subnet"]["SubnetId"]
    on = {"AssignIpv6AddressOnCreation": {"Value": True}}
    with refused("InvalidParameterValue", "no IPv6"):
        bare.call("ModifySubnetAttribute", SubnetId=without, **on)
    made = bare.call("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock="10.1.1.0/24", Ipv6CidrBlock=part(vpc, 1))
    subnet = made["Subnet"]
    assert subnet["AssignIpv6AddressOnCreation"] is False

    def described() -> bool:
        [found] = bare.call("DescribeSubnets", SubnetIds=[subnet["SubnetId"]])["Subnets"]
        return bool(found["AssignIpv6AddressOnCreation"])

    bare.call("ModifySubnetAttribute", SubnetId=subnet["SubnetId"], **on)
    assert described()
    bare.call(
        "DisassociateSubnetCidrBlock",
        AssociationId=subnet["Ipv6CidrBlockAssociationSet"][0]["AssociationId"],
    )
    assert not described()
