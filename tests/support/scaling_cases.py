"""Requests with another owner's identifier in the place of one's own: to EC2 Auto Scaling, and to ECS about
capacity providers."""

from collections.abc import Callable
from typing import Any

from tests.support.accounts import TAGS, Has

Request = dict[str, Any]
Build = Callable[[Has, Has], Request]
"""The caller's own identifiers, and the other's, into a request."""


def scaled(**members: Any) -> Build:
    """A request that names the other's Auto Scaling group."""
    return lambda _, t: {"AutoScalingGroupName": t.scaling_group, **members}


def scaling_tag(t: Has) -> Request:
    return {"ResourceId": t.scaling_group, "ResourceType": "auto-scaling-group", **TAGS[0]}


AUTO_SCALING: list[tuple[str, Build]] = [
    (
        "AttachInstances",
        lambda m, t: {"AutoScalingGroupName": m.scaling_group, "InstanceIds": [t.instance]},
    ),
    (
        "AttachInstances",
        lambda m, t: {"AutoScalingGroupName": t.scaling_group, "InstanceIds": [m.instance]},
    ),
    (
        "CreateAutoScalingGroup",
        lambda m, t: {
            "AutoScalingGroupName": "n",
            "MinSize": 0,
            "MaxSize": 0,
            "LaunchTemplate": {"LaunchTemplateId": t.template},
            "VPCZoneIdentifier": m.subnet,
        },
    ),
    (
        "CreateAutoScalingGroup",
        lambda m, t: {
            "AutoScalingGroupName": "n",
            "MinSize": 0,
            "MaxSize": 0,
            "LaunchTemplate": {"LaunchTemplateId": m.template},
            "VPCZoneIdentifier": t.subnet,
        },
    ),
    ("CreateOrUpdateTags", lambda _, t: {"Tags": [scaling_tag(t)]}),
    ("DeleteAutoScalingGroup", scaled(ForceDelete=True)),
    ("DeleteTags", lambda _, t: {"Tags": [scaling_tag(t)]}),
    ("DescribeAutoScalingGroups", lambda _, t: {"AutoScalingGroupNames": [t.scaling_group]}),
    ("DescribeAutoScalingInstances", lambda _, t: {"InstanceIds": [t.scaled_instance]}),
    ("DisableMetricsCollection", scaled()),
    ("DescribeInstanceRefreshes", scaled()),
    ("DescribeLifecycleHooks", scaled()),
    ("DescribeLoadBalancerTargetGroups", scaled()),
    ("DescribeLoadBalancers", scaled()),
    ("DescribePolicies", scaled()),
    ("DescribeScalingActivities", scaled()),
    ("DescribeScheduledActions", scaled()),
    (
        "DescribeTags",
        lambda _, t: {"Filters": [{"Name": "auto-scaling-group", "Values": [t.scaling_group]}]},
    ),
    ("DescribeTrafficSources", scaled()),
    ("DescribeWarmPool", scaled()),
    (
        "DetachInstances",
        lambda m, t: {
            "AutoScalingGroupName": m.scaling_group,
            "InstanceIds": [t.scaled_instance],
            "ShouldDecrementDesiredCapacity": True,
        },
    ),
    ("SetDesiredCapacity", scaled(DesiredCapacity=2)),
    (
        "SetInstanceProtection",
        lambda m, t: {
            "AutoScalingGroupName": m.scaling_group,
            "InstanceIds": [t.scaled_instance],
            "ProtectedFromScaleIn": True,
        },
    ),
    (
        "TerminateInstanceInAutoScalingGroup",
        lambda _, t: {"InstanceId": t.scaled_instance, "ShouldDecrementDesiredCapacity": True},
    ),
    ("UpdateAutoScalingGroup", scaled(MaxSize=9)),
]
CAPACITY: list[tuple[str, Build]] = [
    (
        "CreateCapacityProvider",
        lambda _, t: {"name": "n", "autoScalingGroupProvider": {"autoScalingGroupArn": t.scaling_group}},
    ),
    ("DeleteCapacityProvider", lambda _, t: {"capacityProvider": t.provider}),
    ("DescribeCapacityProviders", lambda _, t: {"capacityProviders": [t.provider, t.provider_name]}),
    ("TagResource", lambda _, t: {"resourceArn": t.provider, "tags": [{"key": "a", "value": "c"}]}),
    (
        "UpdateCapacityProvider",
        lambda _, t: {"name": t.provider, "autoScalingGroupProvider": {"managedDraining": "DISABLED"}},
    ),
    (
        "PutClusterCapacityProviders",
        lambda m, t: {
            "cluster": m.cluster,
            "capacityProviders": [t.provider],
            "defaultCapacityProviderStrategy": [],
        },
    ),
]
