from sealway.services.ec2.zones import zone_id
from tests.support.ec2 import Ec2, refused


def test_types_with_their_sizes(bare: Ec2) -> None:
    (found,) = bare.call("DescribeInstanceTypes", InstanceTypes=["m5.large"])["InstanceTypes"]
    assert (found["VCpuInfo"]["DefaultVCpus"], found["MemoryInfo"]["SizeInMiB"]) == (2, 8192)
    with refused("InvalidInstanceType", "[x1.large]"):
        bare.call("DescribeInstanceTypes", InstanceTypes=["x1.large"])
    small = bare.call("DescribeInstanceTypes", Filters=[{"Name": "instance-type", "Values": ["t3.*"]}])
    assert len(small["InstanceTypes"]) == 7


def test_the_one_image(bare: Ec2) -> None:
    (image,) = bare.call("DescribeImages", Owners=["amazon"])["Images"]
    assert image["ImageId"] == "ami-0ea1f0000000ec500"
    assert bare.call("DescribeImages", Owners=["self"]) == {"Images": []}
    with refused("InvalidAMIID.NotFound", "ami-0123456789abcdef0"):
        bare.call("DescribeImages", ImageIds=["ami-0123456789abcdef0"])


def test_zones_and_region(bare: Ec2) -> None:
    zones = bare.call("DescribeAvailabilityZones", ZoneIds=["use1-az3"])["AvailabilityZones"]
    assert [zone["ZoneName"] for zone in zones] == ["us-east-1c"]
    with refused("InvalidParameterValue", "Invalid availability zone: [us-east-1z]"):
        bare.call("DescribeAvailabilityZones", ZoneNames=["us-east-1z"])
    assert [r["RegionName"] for r in bare.call("DescribeRegions")["Regions"]] == ["us-east-1"]
    assert zone_id("ap-northeast-1b") == "apne1-az2"
    assert zone_id("eu-central-1a") == "euc1-az1"
