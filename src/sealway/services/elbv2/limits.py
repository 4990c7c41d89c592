"""Quotas that are enforced, at AWS's default values, and DescribeAccountLimits that lists them.

Source: Elastic Load Balancing, "Quotas for your Network Load Balancers".
"""

from ...model import pagination
from ...model.errors import AwsError
from ...model.load_balancer import Listener
from ...model.request import Params
from ...model.target_group import Target
from ...store import Reader
from ..context import Context
from . import errors

LOAD_BALANCERS = 50
LISTENERS_PER_LOAD_BALANCER = 50
TARGET_GROUPS = 3000
TARGETS_PER_TARGET_GROUP = 1000
TARGETS_PER_LOAD_BALANCER = 3000
TARGET_GROUPS_PER_ACTION = 5
TAGS_PER_RESOURCE = 50

_LIMITS = {
    "application-load-balancers": 0,
    "gateway-load-balancers": 0,
    "network-load-balancers": LOAD_BALANCERS,
    "listeners-per-network-load-balancer": LISTENERS_PER_LOAD_BALANCER,
    "target-groups": TARGET_GROUPS,
    "target-groups-per-action-on-network-load-balancer": TARGET_GROUPS_PER_ACTION,
    "targets-per-network-load-balancer": TARGETS_PER_LOAD_BALANCER,
}
"""AWS's names of limits; those of what does not exist here are 0."""


def describe_account_limits(ctx: Context, request: Params) -> Params:
    """DescribeAccountLimits."""
    try:
        names, following = pagination.page(
            list(_LIMITS), str, request.get("Marker"), request.get("PageSize") or len(_LIMITS)
        )
    except ValueError as error:
        raise errors.validation("The specified marker is not valid") from error
    answer: Params = {"Limits": [{"Name": name, "Max": str(_LIMITS[name])} for name in names]}
    return answer | ({"NextMarker": following} if following else {})


def check_targets(reader: Reader, target_group_arn: str, load_balancer_arns: list[str]) -> None:
    """Raises ``TooManyTargets`` when the group, or a load balancer in front of it, has too many."""
    if _registered(reader, target_group_arn) > TARGETS_PER_TARGET_GROUP:
        raise AwsError(
            "TooManyTargets",
            f"The maximum number of targets has been reached on target group '{target_group_arn}'",
        )
    for arn in load_balancer_arns:
        listeners = reader.list(Listener, load_balancer_arn=arn)
        groups = {group for one in listeners for group in one.target_group_weights}
        if sum(_registered(reader, group) for group in groups) > TARGETS_PER_LOAD_BALANCER:
            raise AwsError(
                "TooManyTargets", f"The maximum number of targets has been reached on load balancer '{arn}'"
            )


def _registered(reader: Reader, target_group_arn: str) -> int:
    targets = reader.list(Target, target_group_arn=target_group_arn)
    return sum(1 for target in targets if target.draining_since is None)
