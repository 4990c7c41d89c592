import base64

import pytest

from sealway.model.instance import Instance
from sealway.model.network import NetworkInterface
from tests.support.ec2 import IMAGE, NOW, Ec2, refused

USER_DATA = base64.b64encode(b"#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n").decode()


def run(ec2: Ec2, count: int = 1, **request) -> list[dict]:
    answer = ec2.call("RunInstances", **{"ImageId": IMAGE, "MinCount": count, "MaxCount": count, **request})
    return answer["Instances"]


def test_an_instance_has_an_address_and_an_interface(ec2: Ec2) -> None:
    (made,) = run(ec2, InstanceType="m5.large", UserData=USER_DATA, KeyName="me")
    assert made["State"] == {"Code": 0, "Name": "pending"}
    assert made["PrivateDnsName"] == f"ip-{made['PrivateIpAddress'].replace('.', '-')}.ec2.internal"
    interface = made["NetworkInterfaces"][0]
    assert interface["PrivateIpAddress"] == made["PrivateIpAddress"]
    filters = [{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}]
    (described,) = ec2.call("DescribeNetworkInterfaces", Filters=filters)["NetworkInterfaces"]
    assert described["NetworkInterfaceId"] == interface["NetworkInterfaceId"]
    assert described["Attachment"]["DeleteOnTermination"] is True
    assert ec2.store.get(Instance, made["InstanceId"]).user_data_text.startswith(
        "#!/bin/bash\necho ECS_CLUSTER"
    )


def test_launches_spread_over_the_zones(ec2: Ec2) -> None:
    zones = [run(ec2)[0]["Placement"]["AvailabilityZone"] for _ in range(3)]
    assert sorted(zones) == ["us-east-1a", "us-east-1b", "us-east-1c"]


def test_a_reservation_of_three(ec2: Ec2) -> None:
    made = run(ec2, 3)
    assert [i["AmiLaunchIndex"] for i in made] == [0, 1, 2]
    assert len({i["PrivateIpAddress"] for i in made}) == 3
    (reservation,) = ec2.call("DescribeInstances")["Reservations"]
    assert [i["InstanceId"] for i in reservation["Instances"]] == [i["InstanceId"] for i in made]


def test_the_interface_form(ec2: Ec2) -> None:
    subnet = ec2.call("DescribeSubnets")["Subnets"][0]
    group = ec2.call("CreateSecurityGroup", GroupName="g", Description="d")["GroupId"]
    interface = {"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "Groups": [group]}
    (made,) = run(ec2, NetworkInterfaces=[interface])
    assert (made["SubnetId"], made["SecurityGroups"][0]["GroupId"]) == (subnet["SubnetId"], group)
    with refused("InvalidParameterCombination"):
        run(ec2, NetworkInterfaces=[interface], SubnetId=subnet["SubnetId"])
    with refused("UnsupportedOperation", "NetworkInterfaces[0].AssociatePublicIpAddress"):
        run(ec2, NetworkInterfaces=[{**interface, "AssociatePublicIpAddress": True}])


def test_a_wanted_address(ec2: Ec2) -> None:
    subnet = ec2.call("DescribeSubnets", Filters=[{"Name": "cidr", "Values": ["172.31.0.0/20"]}])["Subnets"][
        0
    ]
    place = {"SubnetId": subnet["SubnetId"]}
    (made,) = run(ec2, **place, PrivateIpAddress="172.31.0.10")
    assert made["PrivateIpAddress"] == "172.31.0.10"
    with refused("InvalidIPAddress.InUse", "Address 172.31.0.10 is in use."):
        run(ec2, **place, PrivateIpAddress="172.31.0.10")
    with refused("InvalidParameterValue", "does not fall within"):
        run(ec2, **place, PrivateIpAddress="172.31.99.10")
    with refused("InvalidParameterValue", "reserved"):
        run(ec2, **place, PrivateIpAddress="172.31.0.2")


def test_a_full_subnet(ec2: Ec2) -> None:
    vpc_id = ec2.call("CreateVpc", CidrBlock="10.1.0.0/28")["Vpc"]["VpcId"]
    subnet_id = ec2.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.0.0/28")["Subnet"]["SubnetId"]
    assert len(run(ec2, MaxCount=20, SubnetId=subnet_id)) == 11
    assert ec2.call("DescribeSubnets", SubnetIds=[subnet_id])["Subnets"][0]["AvailableIpAddressCount"] == 0
    with refused("InsufficientFreeAddressesInSubnet"):
        run(ec2, SubnetId=subnet_id)


def test_an_account_has_so_many_instances(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealway.services.ec2.instance_run.MOST_INSTANCES", 3)
    assert len(run(ec2, MaxCount=2**31 - 1)) == 3
    with refused("InstanceLimitExceeded", "allows for 0 more running instance(s). You requested at least 1"):
        run(ec2)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"ImageId": "ami-nope"}, "InvalidAMIID.Malformed", 'Invalid id: "ami-nope"'),
        ({"ImageId": ""}, "MissingParameter", "ImageId"),
        ({"InstanceType": "p5.48xlarge"}, "InvalidParameterValue", "m5.large"),
        ({"MinCount": 0}, "InvalidParameterValue", "minCount"),
        ({"MinCount": 3}, "InvalidParameterValue", "maxCount"),
        ({"SubnetId": "subnet-00000000"}, "InvalidSubnetID.NotFound", "subnet-00000000"),
        ({"SecurityGroupIds": ["sg-00000000"]}, "InvalidGroup.NotFound", "sg-00000000"),
        ({"UserData": "%%%"}, "InvalidUserData.Malformed", "BASE64"),
        ({"UserData": "\u00fc"}, "InvalidUserData.Malformed", "BASE64"),
        ({"UserData": base64.b64encode(b"x" * 16385).decode()}, "InvalidParameterValue", "16384"),
        ({"EbsOptimized": True}, "UnsupportedOperation", "EbsOptimized"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, "InvalidLaunchTemplateId.Malformed", "lt-1"),
        ({"Placement": {"Tenancy": "host"}}, "UnsupportedOperation", "Placement.Tenancy"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue", "us-east-1z"),
        ({"DryRun": True}, "DryRunOperation", "would have succeeded"),
    ],
)
def test_what_is_refused_leaves_nothing(ec2: Ec2, request_: dict, code: str, words: str) -> None:
    with refused(code, words):
        run(ec2, **request_)
    assert ec2.store.list(Instance) == []
    assert ec2.store.list(NetworkInterface) == []


def test_defaults_that_tools_send_unasked_are_let_through(ec2: Ec2) -> None:
    run(
        ec2,
        EbsOptimized=False,
        DisableApiTermination=False,
        Monitoring={"Enabled": False},
        HibernationOptions={"Configured": False},
        CreditSpecification={"CpuCredits": "unlimited"},
        Placement={"AvailabilityZone": "", "Tenancy": "default"},
    )
    with refused("UnsupportedOperation", "CreditSpecification"):
        run(ec2, CreditSpecification={"CpuCredits": "standard"})


def test_groups_of_another_vpc(ec2: Ec2) -> None:
    vpc_id = ec2.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    group = ec2.call("CreateSecurityGroup", GroupName="g", Description="d", VpcId=vpc_id)["GroupId"]
    with refused("InvalidParameter", "belong to different networks"):
        run(ec2, SecurityGroupIds=[group])


def test_a_client_token_launches_once(ec2: Ec2) -> None:
    first, again = (run(ec2, ClientToken="t-1") for _ in range(2))
    assert first == again
    for other in ({"MaxCount": 2}, {"DisableApiTermination": True}, {"Placement": {"AvailabilityZone": ""}}):
        with refused("IdempotentParameterMismatch", "inconsistent with arguments used in previous"):
            run(ec2, ClientToken="t-1", **other)
    with refused("InvalidParameterValue", "at most 64 ASCII characters"):
        run(ec2, ClientToken="t" * 65)
    with refused("IdempotentParameterMismatch"):
        run(ec2, ClientToken="t-1", InstanceType="m5.large")


def test_the_profile_and_tags_are_kept(ec2: Ec2) -> None:
    (made,) = run(
        ec2,
        IamInstanceProfile={"Name": "ecsInstanceRole"},
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "blue-1"}]},
            {"ResourceType": "network-interface", "Tags": [{"Key": "net", "Value": "x"}]},
        ],
    )
    assert made["IamInstanceProfile"] == {"Arn": "arn:aws:iam::000000000000:instance-profile/ecsInstanceRole"}
    assert made["Tags"] == [{"Key": "Name", "Value": "blue-1"}]
    eni = ec2.call("DescribeNetworkInterfaces", Filters=[{"Name": "tag:net", "Values": ["x"]}])
    assert len(eni["NetworkInterfaces"]) == 1
    assert eni["NetworkInterfaces"][0]["Attachment"]["AttachTime"] == NOW
