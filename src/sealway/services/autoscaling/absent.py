"""What groups cannot have here, described as truly absent: hooks, policies, warm pools, load balancers.

The operations that would make one are unknown here, so nothing is taken and forgotten. What tools ask to be
taken away unasked is answered, since it is not there.
"""

from collections.abc import Callable

from ...model.errors import AwsError
from ...model.request import Params
from ..context import Context, Operation
from . import group_rules
from .lookup import owned, require_group


def _none_of(member: str) -> Operation:
    """An empty list, of a group that exists where one is named."""

    def describe(ctx: Context, request: Params) -> Params:
        if request.get("AutoScalingGroupName"):
            require_group(ctx, ctx.store, request["AutoScalingGroupName"])
        if request.get("NextToken"):
            raise AwsError("InvalidNextToken", "The token is not valid.")  # nothing was ever left to tell
        return {member: []}

    return describe


def _disable_metrics_collection(ctx: Context, request: Params) -> Params:
    """DisableMetricsCollection: no group's metrics are collected, so it is as was asked."""
    require_group(ctx, ctx.store, request["AutoScalingGroupName"])
    return {}


def _always(answer: Callable[[Context], Params]) -> Operation:
    return lambda ctx, _: answer(ctx)


def _limits(ctx: Context) -> Params:
    return {
        "MaxNumberOfAutoScalingGroups": group_rules.MOST_GROUPS,
        "MaxNumberOfLaunchConfigurations": 0,
        "NumberOfAutoScalingGroups": len(owned(ctx, ctx.store)),
        "NumberOfLaunchConfigurations": 0,
    }


OPERATIONS: dict[str, Operation] = {
    "DisableMetricsCollection": _disable_metrics_collection,
    "DescribeInstanceRefreshes": _none_of("InstanceRefreshes"),
    "DescribeLaunchConfigurations": _none_of("LaunchConfigurations"),
    "DescribeLifecycleHooks": _none_of("LifecycleHooks"),
    "DescribeLoadBalancerTargetGroups": _none_of("LoadBalancerTargetGroups"),
    "DescribeLoadBalancers": _none_of("LoadBalancers"),
    "DescribeNotificationConfigurations": _none_of("NotificationConfigurations"),
    "DescribePolicies": _none_of("ScalingPolicies"),
    "DescribeScheduledActions": _none_of("ScheduledUpdateGroupActions"),
    "DescribeTrafficSources": _none_of("TrafficSources"),
    "DescribeWarmPool": _none_of("Instances"),
    "DescribeAccountLimits": _always(_limits),
    "DescribeTerminationPolicyTypes": _always(
        lambda _: {"TerminationPolicyTypes": list(group_rules.POLICIES)}
    ),
}
