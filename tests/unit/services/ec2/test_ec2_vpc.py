import pytest

from sealway.model.network import Vpc
from tests.support.ec2 import Ec2, make_ec2, refused


def test_a_vpc_lives_and_dies_with_its_default_group(bare: Ec2) -> None:
    vpc = bare.call(
        "CreateVpc",
        CidrBlock="10.1.2.3/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "one"}]}],
    )["Vpc"]
    assert (vpc["CidrBlock"], vpc["IsDefault"]) == ("10.1.0.0/16", False)
    found = bare.call("DescribeVpcs", Filters=[{"Name": "tag:Name", "Values": ["o?e"]}])["Vpcs"]
    assert found == [vpc]
    groups = bare.call("DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])
    assert [g["GroupName"] for g in groups["SecurityGroups"]] == ["default"]
    bare.call("DeleteVpc", VpcId=vpc["VpcId"])
    assert bare.call("DescribeVpcs") == {"Vpcs": []}
    assert bare.call("DescribeSecurityGroups") == {"SecurityGroups": []}


@pytest.mark.parametrize("cidr", ["10.0.0.0", "10.0.0.0/33", "10.0.0.256/16", "fd00::/16", "x"])
def test_what_is_no_network(bare: Ec2, cidr: str) -> None:
    with refused("InvalidParameterValue", f"Value ({cidr})"):
        bare.call("CreateVpc", CidrBlock=cidr)


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0/15", "10.0.0.0/29", "127.1.0.0/16", "169.254.0.0/16", "224.0.0.0/16"]
)
def test_what_is_no_vpc(bare: Ec2, cidr: str) -> None:
    with refused("InvalidVpc.Range"):
        bare.call("CreateVpc", CidrBlock=cidr)


def test_two_vpcs_on_one_host_never_overlap_whoever_owns_them(ec2: Ec2) -> None:
    with refused("InvalidVpc.Range", "overlaps 172.31.0.0/16", "another VPC on this host"):
        ec2.but(account_id="111111111111").call("CreateVpc", CidrBlock="172.31.128.0/20")


def test_a_vpc_never_covers_what_the_host_routes(tmp_path) -> None:
    ec2 = make_ec2(tmp_path, host_networks=("0.0.0.0/0", "192.168.178.0/24"))
    with refused("InvalidVpc.Range", "192.168.178.0/24", "routes elsewhere"):
        ec2.call("CreateVpc", CidrBlock="192.168.0.0/16")
    ec2.call("CreateVpc", CidrBlock="10.0.0.0/16")
    ec2.store.close()


def test_a_vpc_with_a_subnet_stays(ec2: Ec2) -> None:
    vpc_id = ec2.call("DescribeVpcs")["Vpcs"][0]["VpcId"]
    with refused("DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted."):
        ec2.call("DeleteVpc", VpcId=vpc_id)


def test_another_accounts_vpc_does_not_exist(ec2: Ec2) -> None:
    vpc_id = ec2.call("DescribeVpcs")["Vpcs"][0]["VpcId"]
    for other in (ec2.but(account_id="111111111111"), ec2.but(region="eu-west-1")):
        with refused("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist"):
            other.call("DescribeVpcs", VpcIds=[vpc_id])
        with refused("InvalidVpcID.NotFound"):
            other.call("DeleteVpc", VpcId=vpc_id)
        with refused("InvalidVpcID.NotFound"):
            other.call("CreateSubnet", VpcId=vpc_id, CidrBlock="172.31.64.0/20")


def test_dns_attributes(bare: Ec2) -> None:
    vpc_id = bare.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ask = {"VpcId": vpc_id, "Attribute": "enableDnsHostnames"}
    assert bare.call("DescribeVpcAttribute", **ask)["EnableDnsHostnames"] == {"Value": False}
    bare.call("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    assert bare.call("DescribeVpcAttribute", **ask)["EnableDnsHostnames"] == {"Value": True}
    with refused("UnsupportedOperation", "EnableDnsSupport"):
        bare.call("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsSupport={"Value": False})


def test_what_is_not_built_is_refused_by_name(bare: Ec2) -> None:
    with refused("UnsupportedOperation", "Ipv6CidrBlock"):
        bare.call("CreateVpc", CidrBlock="10.0.0.0/16", Ipv6CidrBlock="2600:1f18::/56")
    with refused("UnsupportedOperation", "dedicated", "InstanceTenancy"):
        bare.call("CreateVpc", CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")
    bare.call(
        "CreateVpc", CidrBlock="10.0.0.0/16", InstanceTenancy="default", AmazonProvidedIpv6CidrBlock=False
    )


def test_dry_run_finds_the_errors_and_changes_nothing(ec2: Ec2) -> None:
    with refused("DryRunOperation", "Request would have succeeded"):
        ec2.call("CreateVpc", CidrBlock="10.0.0.0/16", DryRun=True)
    with refused("InvalidVpc.Range"):
        ec2.call("CreateVpc", CidrBlock="172.31.0.0/16", DryRun=True)
    with refused("DryRunOperation"):
        ec2.call("DescribeVpcs", DryRun=True)
    assert len(ec2.store.list(Vpc)) == 1


def test_pages_and_unknown_filters(bare: Ec2) -> None:
    made = {bare.call("CreateVpc", CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in range(7)}
    first = bare.call("DescribeVpcs", MaxResults=5)
    rest = bare.call("DescribeVpcs", MaxResults=5, NextToken=first["NextToken"])
    assert (len(first["Vpcs"]), len(rest["Vpcs"])) == (5, 2)
    assert {vpc["VpcId"] for vpc in first["Vpcs"] + rest["Vpcs"]} == made
    assert "NextToken" not in rest
    with refused("InvalidNextToken"):
        bare.call("DescribeVpcs", NextToken="nonsense")
    with refused("InvalidParameterValue", "The filter 'colour' is invalid"):
        bare.call("DescribeVpcs", Filters=[{"Name": "colour", "Values": ["red"]}])
