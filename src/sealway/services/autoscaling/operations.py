"""EC2 Auto Scaling: which handler answers which operation."""

from ..context import Operation
from . import absent
from .groups import (
    create_auto_scaling_group,
    delete_auto_scaling_group,
    describe_auto_scaling_groups,
    describe_scaling_activities,
    set_desired_capacity,
    update_auto_scaling_group,
)
from .instances import (
    attach_instances,
    describe_auto_scaling_instances,
    detach_instances,
    set_instance_protection,
    terminate_instance,
)
from .tags import create_or_update_tags, delete_tags, describe_tags

OPERATIONS: dict[str, Operation] = {
    **absent.OPERATIONS,
    "AttachInstances": attach_instances,
    "CreateAutoScalingGroup": create_auto_scaling_group,
    "CreateOrUpdateTags": create_or_update_tags,
    "DeleteAutoScalingGroup": delete_auto_scaling_group,
    "DeleteTags": delete_tags,
    "DescribeAutoScalingGroups": describe_auto_scaling_groups,
    "DescribeAutoScalingInstances": describe_auto_scaling_instances,
    "DescribeScalingActivities": describe_scaling_activities,
    "DescribeTags": describe_tags,
    "DetachInstances": detach_instances,
    "SetDesiredCapacity": set_desired_capacity,
    "SetInstanceProtection": set_instance_protection,
    "TerminateInstanceInAutoScalingGroup": terminate_instance,
    "UpdateAutoScalingGroup": update_auto_scaling_group,
}
