import pytest

from tests.support.ec2 import Ec2, refused


@pytest.fixture
def vpc_id(bare: Ec2) -> str:
    vpc_id: str = bare.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    return vpc_id


def test_create_describe_delete(bare: Ec2, vpc_id: str) -> None:
    made = bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.1.0/24", AvailabilityZone="us-east-1b")[
        "Subnet"
    ]
    assert (made["AvailabilityZoneId"], made["AvailableIpAddressCount"]) == ("use1-az2", 251)
    assert made["SubnetArn"] == f"arn:aws:ec2:us-east-1:000000000000:subnet/{made['SubnetId']}"
    assert bare.call("DescribeSubnets", SubnetIds=[made["SubnetId"]])["Subnets"] == [made]
    bare.call("DeleteSubnet", SubnetId=made["SubnetId"])
    with refused("InvalidSubnetID.NotFound", f"The subnet ID '{made['SubnetId']}' does not exist"):
        bare.call("DescribeSubnets", SubnetIds=[made["SubnetId"]])


@pytest.mark.parametrize("cidr", ["10.2.0.0/24", "10.0.0.0/15", "10.1.0.0/29"])
def test_a_block_outside_or_of_the_wrong_size(bare: Ec2, vpc_id: str, cidr: str) -> None:
    with refused("InvalidSubnet.Range"):
        bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock=cidr)


def test_blocks_of_one_vpc_never_overlap(bare: Ec2, vpc_id: str) -> None:
    bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.0.0/20")
    with refused("InvalidSubnet.Conflict", "The CIDR '10.1.8.0/24' conflicts with another subnet"):
        bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.8.0/24")


def test_a_zone_of_another_place(bare: Ec2, vpc_id: str) -> None:
    with refused(
        "InvalidParameterValue", "Value (eu-west-1a) for parameter availabilityZone is invalid", "us-east-1c"
    ):
        bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.0.0/24", AvailabilityZone="eu-west-1a")


def test_a_zone_by_its_id(bare: Ec2, vpc_id: str) -> None:
    made = bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.0.0/24", AvailabilityZoneId="use1-az3")
    assert made["Subnet"]["AvailabilityZone"] == "us-east-1c"


def test_public_addresses_on_launch_are_kept_and_described(bare: Ec2, vpc_id: str) -> None:
    subnet_id = bare.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    bare.call("ModifySubnetAttribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    assert bare.call("DescribeSubnets", SubnetIds=[subnet_id])["Subnets"][0]["MapPublicIpOnLaunch"] is True
    with refused("UnsupportedOperation", "EnableDns64"):
        bare.call("ModifySubnetAttribute", SubnetId=subnet_id, EnableDns64={"Value": True})


def test_a_subnet_in_use_stays(ec2: Ec2) -> None:
    instance = ec2.call("RunInstances", ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)["Instances"][
        0
    ]
    subnet = ec2.call("DescribeSubnets", SubnetIds=[instance["SubnetId"]])["Subnets"][0]
    assert subnet["AvailableIpAddressCount"] == 4090
    with refused("DependencyViolation", f"The subnet '{subnet['SubnetId']}' has dependencies"):
        ec2.call("DeleteSubnet", SubnetId=subnet["SubnetId"])
