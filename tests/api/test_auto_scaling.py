"""Auto Scaling groups through boto3, with control and a node of fakes behind the API."""

from collections import Counter

import pytest

from tests.support.ecs_world import refused
from tests.support.fleet_world import IMAGE, fleet_world


@pytest.fixture
def world(tmp_path):
    with fleet_world(tmp_path) as world:
        yield world


def test_a_group_launches_what_is_desired_spread_over_its_zones(world):
    world.group(
        DesiredCapacity=4,
        Tags=[{"Key": "team", "Value": "a", "PropagateAtLaunch": True}, {"Key": "own", "Value": "b"}],
        NewInstancesProtectedFromScaleIn=True,
    )
    assert world.states() == []
    world.settle()
    assert world.states() == ["InService"] * 4
    shown = world.shown()
    zones = Counter(member["AvailabilityZone"] for member in shown["Instances"])
    assert sorted(zones.values()) == [1, 1, 2]
    assert all(member["ProtectedFromScaleIn"] for member in shown["Instances"])
    reservation = world.ec2.describe_instances(InstanceIds=world.members())["Reservations"][0]
    assert {i["State"]["Name"] for i in reservation["Instances"]} == {"running"}
    tags = {tag["Key"]: tag["Value"] for tag in reservation["Instances"][0]["Tags"]}
    assert tags == {
        "aws:autoscaling:groupName": "nodes",
        "aws:ec2launchtemplate:id": world.template,
        "aws:ec2launchtemplate:version": "1",
        "team": "a",
    }


def test_what_a_description_says(world):
    world.group(DesiredCapacity=1, HealthCheckGracePeriod=5, DefaultCooldown=7, MinSize=1)
    shown = world.shown()
    assert shown["AutoScalingGroupARN"].startswith("arn:aws:autoscaling:us-east-1:000000000000:autoScal")
    assert shown["AutoScalingGroupARN"].endswith(":autoScalingGroupName/nodes")
    assert shown["LaunchTemplate"] == {
        "LaunchTemplateId": world.template,
        "LaunchTemplateName": "nodes",
        "Version": "$Default",
    }
    assert (shown["MinSize"], shown["MaxSize"], shown["DesiredCapacity"]) == (1, 10, 1)
    assert (shown["HealthCheckType"], shown["HealthCheckGracePeriod"], shown["DefaultCooldown"]) == (
        "EC2",
        5,
        7,
    )
    assert shown["AvailabilityZones"] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert shown["TerminationPolicies"] == ["Default"]
    assert "Status" not in shown
    assert (
        world.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["none"])["AutoScalingGroups"] == []
    )
    assert world.stranger.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_a_terminated_instance_is_replaced(world):
    world.group(DesiredCapacity=2)
    world.settle()
    before = world.members()
    world.ec2.terminate_instances(InstanceIds=before[:1])
    world.settle()
    after = world.members()
    assert len(after) == 2
    assert before[1] in after
    assert before[0] not in after
    activities = world.scaling.describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
    ended = next(a for a in activities if a["Description"] == f"Terminating EC2 instance: {before[0]}")
    assert "EC2 health check" in ended["Cause"]
    assert {activity["StatusCode"] for activity in activities} == {"Successful"}
    assert len(activities) == 4


def test_scaling_in_takes_unprotected_instances_of_the_fullest_zone(world):
    world.group(DesiredCapacity=4)
    world.settle()
    kept = world.members()[0]
    world.scaling.set_instance_protection(
        InstanceIds=[kept], AutoScalingGroupName="nodes", ProtectedFromScaleIn=True
    )
    world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=3)
    world.settle()
    zones = Counter(member["AvailabilityZone"] for member in world.shown()["Instances"])
    assert sorted(zones.values()) == [1, 1, 1]
    world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=0)
    world.settle()
    assert world.members() == [kept]


@pytest.mark.parametrize(("policy", "survivor"), [("OldestInstance", -1), ("NewestInstance", 0)])
def test_the_termination_policy_decides(world, policy, survivor):
    world.group(TerminationPolicies=[policy], VPCZoneIdentifier=world.subnets[0], MaxSize=3)
    order = []
    for desired in (1, 2, 3):
        world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=desired)
        world.settle()
        order += [key for key in world.members() if key not in order]
        world.later(minutes=1)
    world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
    world.settle()
    assert world.members() == [order[survivor]]


def test_an_update_keeps_desired_within_the_bounds_and_new_versions_are_for_new_instances(world):
    world.group(DesiredCapacity=2)
    world.settle()
    old = set(world.members())
    world.ec2.create_launch_template_version(
        LaunchTemplateId=world.template,
        SourceVersion="1",
        LaunchTemplateData={"InstanceType": "t3.small"},
    )
    world.scaling.update_auto_scaling_group(
        AutoScalingGroupName="nodes",
        MinSize=3,
        LaunchTemplate={"LaunchTemplateName": "nodes", "Version": "$Latest"},
    )
    assert world.shown()["DesiredCapacity"] == 3
    world.settle()
    types = {m["InstanceType"] for m in world.shown()["Instances"] if m["InstanceId"] not in old}
    assert types == {"t3.small"}
    world.scaling.update_auto_scaling_group(AutoScalingGroupName="nodes", MinSize=0, MaxSize=1)
    world.settle()
    assert [m["InstanceType"] for m in world.shown()["Instances"]] == ["t3.small"]


def test_terminating_one_with_and_without_replacement(world):
    world.group(DesiredCapacity=2, MinSize=1)
    world.settle()
    first, second = world.members()
    told = world.scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=first, ShouldDecrementDesiredCapacity=True
    )["Activity"]
    assert (told["StatusCode"], told["Progress"]) == ("InProgress", 50)
    world.settle()
    assert world.members() == [second]
    with refused("ValidationError", "desiredSize equals minSize (1)"):
        world.scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=second, ShouldDecrementDesiredCapacity=True
        )
    world.scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=second, ShouldDecrementDesiredCapacity=False
    )
    world.settle()
    assert len(world.members()) == 1
    assert world.members() != [second]
    with refused("ValidationError", "No managed instance found"):
        world.scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=second, ShouldDecrementDesiredCapacity=False
        )


def test_attaching_and_detaching(world):
    world.group(DesiredCapacity=1, MaxSize=2)
    run = world.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=world.subnets[0])
    guest = run["Instances"][0]["InstanceId"]
    with refused("ValidationError", "not in the running state"):
        world.scaling.attach_instances(InstanceIds=[guest], AutoScalingGroupName="nodes")
    world.settle()
    world.scaling.attach_instances(InstanceIds=[guest], AutoScalingGroupName="nodes")
    with refused("ValidationError", "max-size=2"):
        world.scaling.attach_instances(InstanceIds=[guest], AutoScalingGroupName="nodes")
    world.settle()
    assert guest in world.members()
    assert world.shown()["DesiredCapacity"] == 2
    (activity,) = world.scaling.detach_instances(
        InstanceIds=[guest], AutoScalingGroupName="nodes", ShouldDecrementDesiredCapacity=True
    )["Activities"]
    assert activity["StatusCode"] == "Successful"
    world.settle()
    assert guest not in world.members()
    assert len(world.members()) == 1
    (left,) = world.ec2.describe_instances(InstanceIds=[guest])["Reservations"][0]["Instances"]
    assert left["State"]["Name"] == "running"
    assert left["Tags"] == []


def test_a_detached_instance_is_replaced_unless_fewer_are_desired(world):
    world.group(DesiredCapacity=1)
    world.settle()
    (first,) = world.members()
    world.scaling.detach_instances(
        InstanceIds=[first], AutoScalingGroupName="nodes", ShouldDecrementDesiredCapacity=False
    )
    world.settle()
    assert len(world.members()) == 1
    assert world.members() != [first]


def test_deleting(world):
    world.group(DesiredCapacity=2)
    world.settle()
    with refused("ResourceInUse", "instances"):
        world.scaling.delete_auto_scaling_group(AutoScalingGroupName="nodes")
    world.scaling.set_instance_protection(
        InstanceIds=world.members(), AutoScalingGroupName="nodes", ProtectedFromScaleIn=True
    )
    ids = world.members()
    world.scaling.delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
    assert world.shown()["Status"] == "Delete in progress"
    with refused("ValidationError", "pending deletion"):
        world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
    world.settle()
    assert world.scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert world.scaling.describe_scaling_activities()["Activities"] == []
    found = world.ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"]
    assert {instance["State"]["Name"] for instance in found} == {"terminated"}
    world.group()
    world.scaling.delete_auto_scaling_group(AutoScalingGroupName="nodes")
    with refused("ValidationError", "'nodes' not found"):
        world.scaling.delete_auto_scaling_group(AutoScalingGroupName="nodes")


def test_a_launch_that_cannot_be_is_recorded_once_and_tried_again(world):
    world.group(DesiredCapacity=1)
    world.ec2.delete_launch_template(LaunchTemplateId=world.template)
    world.settle()
    world.later(minutes=5)
    (failed,) = world.scaling.describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
    assert failed["StatusCode"] == "Failed"
    assert "launch template" in failed["StatusMessage"]
    data = {"ImageId": IMAGE, "InstanceType": "t3.micro", "SecurityGroupIds": ["sg-00000000000000009"]}
    world.ec2.create_launch_template(LaunchTemplateName="other", LaunchTemplateData=data)
    world.scaling.update_auto_scaling_group(
        AutoScalingGroupName="nodes", LaunchTemplate={"LaunchTemplateName": "other"}
    )
    world.settle()
    newest = world.scaling.describe_scaling_activities()["Activities"][0]
    assert "sg-00000000000000009" in newest["StatusMessage"]
    world.ec2.create_launch_template_version(
        LaunchTemplateName="other", LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"}
    )
    world.ec2.modify_launch_template(LaunchTemplateName="other", DefaultVersion="2")
    world.settle()
    assert world.states() == ["InService"]


def test_activities_come_in_pages_newest_first(world):
    for desired in (1, 2, 3):
        if desired == 1:
            world.group(DesiredCapacity=1)
        world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=desired)
        world.later(seconds=1)
    page = world.scaling.describe_scaling_activities(AutoScalingGroupName="nodes", MaxRecords=1)
    world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=4)
    world.later(seconds=1)
    rest = world.scaling.describe_scaling_activities(
        AutoScalingGroupName="nodes", NextToken=page["NextToken"]
    )
    said = [activity["Cause"][-7:] for activity in (*page["Activities"], *rest["Activities"])]
    assert said == ["2 to 3.", "1 to 2.", "0 to 1."]


def test_zones_in_place_of_subnets_mean_the_default_ones(world):
    world.group(VPCZoneIdentifier=None, AvailabilityZones=["us-east-1b"], DesiredCapacity=1)
    world.settle()
    (member,) = world.shown()["Instances"]
    assert member["AvailabilityZone"] == "us-east-1b"


def test_instances_are_described_by_themselves(world):
    world.group(DesiredCapacity=3)
    world.settle()
    page = world.scaling.describe_auto_scaling_instances(MaxRecords=2)
    rest = world.scaling.describe_auto_scaling_instances(MaxRecords=2, NextToken=page["NextToken"])
    found = page["AutoScalingInstances"] + rest["AutoScalingInstances"]
    assert {one["InstanceId"] for one in found} == set(world.members())
    assert {(one["AutoScalingGroupName"], one["HealthStatus"]) for one in found} == {("nodes", "HEALTHY")}
    assert world.stranger.describe_auto_scaling_instances()["AutoScalingInstances"] == []


def test_tags(world):
    world.group(Tags=[{"Key": "team", "Value": "a", "PropagateAtLaunch": True}])
    own = {"ResourceId": "nodes", "ResourceType": "auto-scaling-group"}
    world.scaling.create_or_update_tags(Tags=[{**own, "Key": "zone", "Value": "b"}])
    shown = world.scaling.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": ["nodes"]}])["Tags"]
    assert [(t["Key"], t["Value"], t["PropagateAtLaunch"]) for t in shown] == [
        ("team", "a", True),
        ("zone", "b", False),
    ]
    assert world.shown()["Tags"] == shown
    by_tag = world.scaling.describe_auto_scaling_groups(Filters=[{"Name": "tag:team", "Values": ["a"]}])
    assert len(by_tag["AutoScalingGroups"]) == 1
    world.scaling.delete_tags(Tags=[{**own, "Key": "team"}])
    assert [tag["Key"] for tag in world.shown()["Tags"]] == ["zone"]
    with refused("ValidationError", "reserved"):
        world.scaling.create_or_update_tags(Tags=[{**own, "Key": "aws:x", "Value": "b"}])
    with refused("ValidationError", "resource type 'x'"):
        world.scaling.delete_tags(Tags=[{**own, "ResourceType": "x", "Key": "zone"}])
    with refused("InvalidNextToken", "not valid"):
        world.scaling.describe_policies(NextToken="x")


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A world in which nothing is made."""
    with fleet_world(tmp_path_factory.mktemp("still")) as world:
        yield world


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"MinSize": 3, "MaxSize": 2}, "Max bound, 2"),
        ({"DesiredCapacity": 11}, "Desired capacity:11"),
        ({"VPCZoneIdentifier": "subnet-0000000000000000f"}, "does not exist"),
        ({"VPCZoneIdentifier": None}, "At least one Availability Zone"),
        ({"LaunchTemplate": {"LaunchTemplateName": "none"}}, "valid fully-formed launch template"),
        ({"LaunchTemplate": {"LaunchTemplateName": "nodes", "Version": "7"}}, "specified version 7"),
        ({"TargetGroupARNs": ["arn"]}, "TargetGroupARNs"),
        ({"MixedInstancesPolicy": {"InstancesDistribution": {"SpotMaxPrice": "1"}}}, "MixedInstancesPolicy"),
        ({"MaxInstanceLifetime": 86400}, "MaxInstanceLifetime"),
        ({"CapacityRebalance": True}, "CapacityRebalance"),
        ({"TerminationPolicies": ["ClosestToNextInstanceHour"]}, "ClosestToNextInstanceHour"),
        ({"AutoScalingGroupName": "a:b"}, "no colons"),
    ],
)
def test_what_is_refused_leaves_nothing(still, members, message):
    with refused("ValidationError", message):
        still.group(**members)
    assert still.scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_a_name_is_taken_once(world):
    world.group()
    with refused("AlreadyExists", "nodes already exists"):
        world.group()


def test_a_template_must_say_what_to_launch(world):
    world.ec2.create_launch_template(LaunchTemplateName="bare", LaunchTemplateData={"ImageId": IMAGE})
    with refused("ValidationError", "the parameter InstanceType"):
        world.group(LaunchTemplate={"LaunchTemplateName": "bare"})


def test_what_cannot_be_is_described_as_absent(world):
    world.group()
    named = {"AutoScalingGroupName": "nodes"}
    assert world.scaling.describe_load_balancer_target_groups(**named)["LoadBalancerTargetGroups"] == []
    assert world.scaling.describe_lifecycle_hooks(**named)["LifecycleHooks"] == []
    assert world.scaling.describe_policies(**named)["ScalingPolicies"] == []
    assert world.scaling.describe_warm_pool(**named)["Instances"] == []
    world.scaling.disable_metrics_collection(**named)
    with refused("ValidationError", "not found"):
        world.scaling.describe_lifecycle_hooks(AutoScalingGroupName="none")
    with refused("InvalidAction", "PutScalingPolicy"):
        world.scaling.put_scaling_policy(
            **named, PolicyName="p", PolicyType="SimpleScaling", AdjustmentType="ChangeInCapacity"
        )


def test_a_cooldown_is_honoured_where_asked_for(world):
    world.group(DesiredCapacity=1)
    world.settle()
    with refused("ScalingActivityInProgress", "cooldown"):
        world.scaling.set_desired_capacity(
            AutoScalingGroupName="nodes", DesiredCapacity=2, HonorCooldown=True
        )
    world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=2)
    for wanted, words in ((11, "above max value 10"), (-1, "")):
        with refused("ValidationError", words):
            world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=wanted)
