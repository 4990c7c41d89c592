"""Groups, their instances and activities as AWS describes them."""

import json

from ...model.auto_scaling import AutoScalingGroup, GroupInstance, ScalingActivity, TemplateChoice
from ...model.request import Params
from ...store import Reader
from . import tags


def group_shape(reader: Reader, group: AutoScalingGroup, *, instances: bool = True) -> Params:
    """``AutoScalingGroup``."""
    own = reader.list(GroupInstance, group_arn=group.arn) if instances else []
    shape: Params = {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "LaunchTemplate": template_shape(group.template),
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "DesiredCapacity": group.desired_capacity,
        "AvailabilityZones": list(group.availability_zones),
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "Instances": [member_shape(member) for member in own],
        "CreatedTime": group.created_at,
        "SuspendedProcesses": [],
        "VPCZoneIdentifier": group.vpc_zone_identifier,
        "EnabledMetrics": [],
        "Tags": tags.render(group),
        "TerminationPolicies": list(group.termination_policies),
        "NewInstancesProtectedFromScaleIn": group.new_instances_protected,
        "CapacityRebalance": False,
        "TrafficSources": [],
        **{name: value for name, value in group.settings.items() if value is not None},
    }
    if group.delete_requested_at is not None:
        shape["Status"] = "Delete in progress"
    return shape


def template_shape(choice: TemplateChoice) -> Params:
    """``LaunchTemplateSpecification``."""
    return {
        "LaunchTemplateId": choice.id,
        "LaunchTemplateName": choice.name,
        "Version": choice.version,
    }


def member_shape(member: GroupInstance) -> Params:
    """``Instance``, and what ``AutoScalingInstanceDetails`` shares with it."""
    return {
        "InstanceId": member.instance_id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.availability_zone,
        "LifecycleState": member.state,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": template_shape(member.template),
        "ProtectedFromScaleIn": member.protected,
    }


def details_shape(reader: Reader, member: GroupInstance) -> Params:
    """``AutoScalingInstanceDetails``: its health is in capitals, as on AWS."""
    group = reader.get(AutoScalingGroup, member.group_arn)
    shown = member_shape(member)
    return {
        **shown,
        "HealthStatus": shown["HealthStatus"].upper(),
        "AutoScalingGroupName": group.name if group else "",
    }


def activity_shape(group: AutoScalingGroup, activity: ScalingActivity) -> Params:
    """``Activity``."""
    shape: Params = {
        "ActivityId": activity.id,
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.started_at,
        "StatusCode": activity.status,
        "Progress": 50 if activity.ended_at is None else 100,
        "Details": json.dumps({"Availability Zones": list(group.availability_zones)}),
    }
    if activity.ended_at is not None:
        shape["EndTime"] = activity.ended_at
    if activity.status_message:
        shape["StatusMessage"] = activity.status_message
    return shape
