"""EC2 as boto3 sees it: its parsers, paginators, waiters and error classes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sealway.model.instance import Instance
from sealway.services.ec2.default_vpc import ensure_default_vpc
from tests.support.api_server import ACCOUNT, OTHER_ACCESS_KEY, REGION, ApiServer

IMAGE = "ami-0ea1f0000000ec500"
QUICKLY = {"Delay": 0, "MaxAttempts": 3}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path) as running:
        running.run(lambda: seed(running))
        yield running


@pytest.fixture
def ec2(server: ApiServer) -> Any:
    return server.client("ec2")


def seed(server: ApiServer) -> None:
    zones = [f"{REGION}{letter}" for letter in "abc"]
    with server.store.transaction() as tx:
        ensure_default_vpc(tx, ACCOUNT, REGION, zones, "172.31.0.0/16", server.ids)


def move(server: ApiServer, ids: list[str], state: str) -> None:
    """As the node does."""

    def write() -> None:
        with server.store.transaction() as tx:
            for instance_id in ids:
                instance = tx.get(Instance, instance_id)
                assert instance is not None
                tx.put(instance.replace(state=state))

    server.run(write)


def refusal(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


def test_instances_run_and_end(server: ApiServer, ec2: Any) -> None:
    made = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="m5.large",
        MinCount=3,
        MaxCount=3,
        UserData="#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "blue"}]}],
    )["Instances"]
    ids = [instance["InstanceId"] for instance in made]
    move(server, ids, "running")
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICKLY)
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=ids, WaiterConfig=QUICKLY)
    by_name = [{"Name": "tag:Name", "Values": ["b*"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    found = ec2.describe_instances(Filters=by_name)["Reservations"][0]["Instances"]
    assert [(i["InstanceId"], i["PrivateIpAddress"]) for i in found] == [
        (i["InstanceId"], i["PrivateIpAddress"]) for i in made
    ]
    interfaces = ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": ids}, {"Name": "status", "Values": ["in-use"]}]
    )["NetworkInterfaces"]
    assert {i["PrivateIpAddress"] for i in interfaces} == {i["PrivateIpAddress"] for i in made}
    ending = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert {change["CurrentState"]["Name"] for change in ending} == {"shutting-down"}
    move(server, ids, "terminated")
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=QUICKLY)


def test_a_network_of_ones_own(ec2: Any) -> None:
    vpc_id = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc_id], WaiterConfig=QUICKLY)
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    attribute = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")
    assert attribute["EnableDnsHostnames"] == {"Value": True}
    subnets = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")[
            "Subnet"
        ]
        for n, zone in enumerate("ab")
    ]
    ids = [subnet["SubnetId"] for subnet in subnets]
    ec2.get_waiter("subnet_available").wait(SubnetIds=ids, WaiterConfig=QUICKLY)
    group_id = ec2.create_security_group(GroupName="tls", Description="TLS", VpcId=vpc_id)["GroupId"]
    ec2.get_waiter("security_group_exists").wait(GroupIds=[group_id], WaiterConfig=QUICKLY)
    answer = ec2.authorize_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="0.0.0.0/0"
    )
    rule_id = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    rules = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    assert (rules[0]["FromPort"], rules[0]["CidrIpv4"]) == (443, "0.0.0.0/0")
    with refusal("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc_id)
    ec2.delete_security_group(GroupId=group_id)
    for subnet_id in ids:
        ec2.delete_subnet(SubnetId=subnet_id)
    ec2.delete_vpc(VpcId=vpc_id)
    with refusal("InvalidVpcID.NotFound"):
        ec2.describe_vpcs(VpcIds=[vpc_id])


def test_paginators_see_everything_once(ec2: Any) -> None:
    made = [ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in range(11)]
    pages = list(ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5}))
    seen = [vpc["VpcId"] for page in pages for vpc in page["Vpcs"]]
    assert len(pages) == 3
    assert set(seen) > set(made)
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("create_vpc", {"CidrBlock": "172.31.0.0/20"}, "InvalidVpc.Range"),
        ("create_vpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        ("create_vpc", {"CidrBlock": "10.0.0.0/16", "DryRun": True}, "DryRunOperation"),
        ("create_subnet", {"VpcId": "vpc-00000000", "CidrBlock": "10.0.0.0/24"}, "InvalidVpcID.NotFound"),
        ("delete_security_group", {"GroupId": "sg-00000000"}, "InvalidGroup.NotFound"),
        ("terminate_instances", {"InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceID.NotFound"),
        ("terminate_instances", {"InstanceIds": ["blue"]}, "InvalidInstanceID.Malformed"),
        (
            "run_instances",
            {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "EbsOptimized": True},
            "UnsupportedOperation",
        ),
        ("describe_images", {"ImageIds": ["ami-00000000"]}, "InvalidAMIID.NotFound"),
        ("describe_subnets", {"Filters": [{"Name": "x", "Values": ["y"]}]}, "InvalidParameterValue"),
    ],
)
def test_refusals(ec2: Any, operation: str, request_: dict[str, Any], code: str) -> None:
    with refusal(code):
        getattr(ec2, operation)(**request_)


def test_accounts_do_not_see_each_other(server: ApiServer, ec2: Any) -> None:
    stranger = server.client("ec2", aws_access_key_id=OTHER_ACCESS_KEY)
    subnet_id = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    assert stranger.describe_subnets()["Subnets"] == []
    with refusal("InvalidSubnetID.NotFound"):
        stranger.describe_subnets(SubnetIds=[subnet_id])
    with refusal("InvalidSubnetID.NotFound"):
        stranger.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnet_id)
    mine = stranger.create_default_vpc()["Vpc"]
    assert mine["CidrBlock"] != "172.31.0.0/16"


def test_what_describes_the_place(ec2: Any) -> None:
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [zone["ZoneName"] for zone in zones] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert [region["RegionName"] for region in ec2.describe_regions()["Regions"]] == ["us-east-1"]
    types = {t["InstanceType"]: t for t in ec2.describe_instance_types()["InstanceTypes"]}
    assert types["m5.large"]["MemoryInfo"]["SizeInMiB"] == 8192
    assert ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"] == IMAGE
    attributes = ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    assert attributes[0]["AttributeValues"][0]["AttributeValue"] == ec2.describe_vpcs()["Vpcs"][0]["VpcId"]


def test_tags(ec2: Any) -> None:
    vpc_id = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "env", "Value": "dev & <test>"}])
    assert ec2.describe_tags()["Tags"] == [
        {"Key": "env", "Value": "dev & <test>", "ResourceId": vpc_id, "ResourceType": "vpc"}
    ]
    ec2.delete_tags(Resources=[vpc_id], Tags=[{"Key": "env"}])
    assert ec2.describe_vpcs()["Vpcs"][0].get("Tags", []) == []


@pytest.mark.slow
def test_the_command_line_client(server: ApiServer, tmp_path: Path) -> None:
    script = tmp_path / "user-data.sh"
    script.write_text("#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n")
    command = [str(Path(sys.executable).with_name("aws")), "ec2", "run-instances", "--image-id", IMAGE]
    command += ["--count", "2", "--instance-type", "t3.small", "--user-data", f"file://{script}"]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **server.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["Instances"]) == 2
    stored = server.run(lambda: server.store.list(Instance))
    assert {instance.user_data_text for instance in stored} == {script.read_text()}
