"""Root volumes and metadata options: kept, described, and refused where they would promise too much."""

import pytest

from tests.support.ec2 import IMAGE, Ec2, refused


def run(ec2: Ec2, **request) -> dict:
    return ec2.call("RunInstances", ImageId=IMAGE, MinCount=1, MaxCount=1, **request)["Instances"][0]


def root(**ebs) -> list[dict]:
    return [{"DeviceName": "/dev/xvda", "Ebs": ebs}]


def volume_of(ec2: Ec2, instance: dict) -> dict:
    (mapping,) = instance["BlockDeviceMappings"]
    return ec2.call("DescribeVolumes", VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"][0]


def test_an_instance_has_the_image_s_volume(ec2: Ec2) -> None:
    instance = run(ec2)
    volume = volume_of(ec2, instance)

    assert (volume["Size"], volume["VolumeType"], volume["Iops"], volume["Throughput"]) == (
        30, "gp3", 3000, 125,
    )  # fmt: skip
    assert volume["Attachments"][0]["InstanceId"] == instance["InstanceId"]
    assert instance["RootDeviceName"] == "/dev/xvda"


def test_a_template_s_volume_is_described_with_its_tags(ec2: Ec2) -> None:
    label = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "x"}]}]
    volume = volume_of(
        ec2,
        run(
            ec2,
            BlockDeviceMappings=root(VolumeSize=50, VolumeType="gp2", DeleteOnTermination=True),
            TagSpecifications=label,
        ),
    )

    assert (volume["Size"], volume["VolumeType"], volume["Iops"]) == (50, "gp2", 150)
    assert volume["Tags"] == [{"Key": "team", "Value": "x"}]
    assert "Throughput" not in volume


@pytest.mark.parametrize(
    ("mappings", "code", "words"),
    [
        (root(Encrypted=True), "UnsupportedOperation", "Ebs.Encrypted"),
        (root(DeleteOnTermination=False), "UnsupportedOperation", "outlives its instance"),
        (root(VolumeType="st1"), "UnsupportedOperation", "type st1"),
        (root(VolumeSize=8), "InvalidBlockDeviceMapping", "smaller than snapshot"),
        (root(VolumeSize=20000), "InvalidBlockDeviceMapping", "between 1 and 16384 GiB"),
        (root(VolumeType="io1"), "MissingParameter", "iops"),
        (root(VolumeType="gp2", Throughput=125), "InvalidParameterCombination", "throughput"),
        ([{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 50}}], "UnsupportedOperation", "/dev/xvda"),
        ([{"DeviceName": "/dev/xvda", "NoDevice": "x"}], "UnsupportedOperation", "NoDevice"),
    ],
)
def test_what_would_promise_too_much_is_refused(
    ec2: Ec2, mappings: list[dict], code: str, words: str
) -> None:
    with refused(code, words):
        run(ec2, BlockDeviceMappings=mappings)
    assert ec2.call("DescribeInstances")["Reservations"] == []


def test_volumes_are_found_by_their_instance_and_end_with_it(ec2: Ec2) -> None:
    first, _ = run(ec2), run(ec2)
    by_instance = [{"Name": "attachment.instance-id", "Values": [first["InstanceId"]]}]
    (found,) = ec2.call("DescribeVolumes", Filters=by_instance)["Volumes"]

    assert found["VolumeId"] == volume_of(ec2, first)["VolumeId"]
    with refused("InvalidVolume.NotFound", "vol-0123456789abcdef0"):
        ec2.call("DescribeVolumes", VolumeIds=["vol-0123456789abcdef0"])
    assert ec2.but(account_id="111111111111").call("DescribeVolumes")["Volumes"] == []


def test_metadata_options_are_kept_and_changed(ec2: Ec2) -> None:
    instance = run(ec2, MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 1})
    kept = {"State": "applied", "HttpTokens": "optional", "HttpPutResponseHopLimit": 1}
    assert kept.items() <= instance["MetadataOptions"].items()

    changed = ec2.call(
        "ModifyInstanceMetadataOptions", InstanceId=instance["InstanceId"], HttpTokens="required"
    )
    assert changed["InstanceMetadataOptions"]["HttpTokens"] == "required"
    assert changed["InstanceMetadataOptions"]["HttpPutResponseHopLimit"] == 1
    with refused("InvalidParameterValue", "between 1 and 64"):
        run(ec2, MetadataOptions={"HttpPutResponseHopLimit": 65})


def test_a_template_s_own_search_finds_the_image(bare: Ec2) -> None:
    filters = [
        {"Name": "name", "Values": ["al2023-ami-ecs-hvm-*"]},
        {"Name": "virtualization-type", "Values": ["hvm"]},
        {"Name": "root-device-type", "Values": ["ebs"]},
    ]
    (image,) = bare.call("DescribeImages", Owners=["591542846629"], Filters=filters)["Images"]
    assert image["BlockDeviceMappings"][0]["DeviceName"] == image["RootDeviceName"]
