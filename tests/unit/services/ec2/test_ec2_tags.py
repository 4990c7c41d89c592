from tests.support.ec2 import Ec2, refused


def test_tags_come_and_go(ec2: Ec2) -> None:
    vpc_id = ec2.call("DescribeVpcs")["Vpcs"][0]["VpcId"]
    subnet_id = ec2.call("DescribeSubnets")["Subnets"][0]["SubnetId"]
    both = [vpc_id, subnet_id]
    ec2.call("CreateTags", Resources=both, Tags=[{"Key": "env", "Value": "dev"}, {"Key": "x", "Value": ""}])
    entries = ec2.call("DescribeTags", Filters=[{"Name": "key", "Values": ["env"]}])["Tags"]
    assert {(t["ResourceType"], t["ResourceId"]) for t in entries} == {("vpc", vpc_id), ("subnet", subnet_id)}
    ec2.call("DeleteTags", Resources=[vpc_id], Tags=[{"Key": "env", "Value": "other"}, {"Key": "x"}])
    assert ec2.call("DescribeVpcs")["Vpcs"][0]["Tags"] == [{"Key": "env", "Value": "dev"}]
    ec2.call("DeleteTags", Resources=both)
    assert ec2.call("DescribeTags") == {"Tags": []}


def test_what_tags_may_not_be(ec2: Ec2) -> None:
    vpc_id = ec2.call("DescribeVpcs")["Vpcs"][0]["VpcId"]

    def tag(*tags: dict, resources: tuple = (vpc_id,)) -> None:
        ec2.call("CreateTags", Resources=list(resources), Tags=list(tags))

    with refused("InvalidParameterValue", "aws:"):
        tag({"Key": "aws:x", "Value": "y"})
    with refused("InvalidParameterValue"):
        tag({"Key": "k" * 128, "Value": "y"})
    with refused("TagLimitExceeded"):
        tag(*({"Key": str(n), "Value": ""} for n in range(51)))
    with refused("InvalidID", "nonsense"):
        tag({"Key": "a", "Value": "b"}, resources=("nonsense",))
    with refused("InvalidVpcID.NotFound"):
        tag({"Key": "a", "Value": "b"}, resources=(vpc_id, "vpc-00000000"))
    with refused("InvalidParameterValue", "Tag key length"):
        ec2.call("DeleteTags", Resources=[vpc_id], Tags=[{"Value": "b"}])
    assert ec2.call("DescribeTags") == {"Tags": []}
    with refused("InvalidParameterValue", "'instance' is not a valid taggable resource type"):
        ec2.call(
            "CreateVpc",
            CidrBlock="10.0.0.0/16",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        )
