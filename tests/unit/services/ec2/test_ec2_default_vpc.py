import pytest

from sealway.model.network import Vpc
from sealway.services.ec2.default_vpc import choose_cidr, free_cidr
from tests.support.ec2 import Ec2, refused


@pytest.mark.parametrize(
    ("host", "chosen"),
    [
        ([], "172.31.0.0/16"),
        (["0.0.0.0/0", "192.168.1.0/24", "172.17.0.0/16"], "172.31.0.0/16"),
        (["172.31.16.0/20"], "10.254.0.0/16"),
        (["172.16.0.0/12", "10.254.7.1/32"], "10.253.0.0/16"),
        (["172.31.0.0/16", "10.0.0.0/8"], "172.16.0.0/16"),
        (["172.31.0.0/16", "10.0.0.0/8", "172.16.0.0/16"], "172.30.0.0/16"),
        (["172.16.0.0/12", "10.0.0.0/8"], "192.168.0.0/16"),
    ],
)
def test_keeps_clear_of_the_host(host: list[str], chosen: str) -> None:
    assert choose_cidr(host) == chosen


def test_says_when_no_private_network_is_left() -> None:
    with refused("InvalidVpc.Range", "no room"):
        choose_cidr(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])


def test_has_three_subnets_of_4091_addresses(ec2: Ec2) -> None:
    subnets = ec2.call("DescribeSubnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert sorted((s["AvailabilityZone"], s["CidrBlock"], s["AvailableIpAddressCount"]) for s in subnets) == [
        ("us-east-1a", "172.31.0.0/20", 4091),
        ("us-east-1b", "172.31.16.0/20", 4091),
        ("us-east-1c", "172.31.32.0/20", 4091),
    ]


def test_is_made_once(ec2: Ec2) -> None:
    again = ec2.default_vpc("10.9.0.0/16")
    assert [vpc["VpcId"] for vpc in ec2.call("DescribeVpcs")["Vpcs"]] == [again.id]
    assert again.cidr == "172.31.0.0/16"


def test_a_second_account_gets_its_own_elsewhere(ec2: Ec2) -> None:
    other = ec2.but(account_id="111111111111")
    assert other.call("DescribeVpcs") == {"Vpcs": []}
    made = other.default_vpc(free_cidr(ec2.store, ["10.254.0.0/16"]))
    assert made.cidr == "10.253.0.0/16"
    assert [vpc["VpcId"] for vpc in other.call("DescribeVpcs")["Vpcs"]] == [made.id]


def test_create_default_vpc_only_when_there_is_none(ec2: Ec2) -> None:
    with refused("DefaultVpcAlreadyExists"):
        ec2.call("CreateDefaultVpc")
    elsewhere = ec2.but(region="eu-west-1")
    vpc = elsewhere.call("CreateDefaultVpc")["Vpc"]
    assert (vpc["IsDefault"], vpc["CidrBlock"]) == (True, "10.254.0.0/16")
    assert len(ec2.store.list(Vpc)) == 2


def test_default_group_lets_members_and_the_way_out(ec2: Ec2) -> None:
    (group,) = ec2.call("DescribeSecurityGroups", GroupNames=["default"])["SecurityGroups"]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]
    assert group["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]


def test_account_attributes_name_it(ec2: Ec2) -> None:
    answer = ec2.call("DescribeAccountAttributes", AttributeNames=["default-vpc"])
    ((vpc,),) = [a["AttributeValues"] for a in answer["AccountAttributes"]]
    assert vpc["AttributeValue"].startswith("vpc-")
    none = ec2.but(account_id="111111111111").call("DescribeAccountAttributes")["AccountAttributes"]
    assert none[1]["AttributeValues"] == [{"AttributeValue": "none"}]
