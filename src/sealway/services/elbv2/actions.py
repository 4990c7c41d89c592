"""A listener's default action: forward, to one target group or to several by weight.

Actions are stored in one full form (``TargetGroupArn`` when there is one group, and ``ForwardConfig`` with
weights), which is also how they are described. Source: CreateListener; ForwardActionConfig.
"""

from collections.abc import Sequence

from ...model.errors import AwsError
from ...model.lb_protocol import FORWARDS_TO
from ...model.load_balancer import LoadBalancer
from ...model.request import Params
from ...model.target_group import TargetGroup
from ...store import Reader
from ..context import Context
from . import errors, limits, lookup

HEAVIEST = 999
LONGEST_STICKINESS = 7 * 24 * 3600
_FORWARDS = {"Type", "TargetGroupArn", "ForwardConfig", "Order"}


def check(
    ctx: Context, reader: Reader, load_balancer: LoadBalancer, protocol: str, asked: Sequence[Params]
) -> tuple[Params, ...]:
    """The actions in full form, every target group checked to fit listener and load balancer."""
    actions = parse(asked)
    groups = [
        _checked(ctx, reader, load_balancer, protocol, group["TargetGroupArn"])
        for group in actions[0]["ForwardConfig"]["TargetGroups"]
    ]
    if len({group.ip_address_type for group in groups}) > 1:
        raise errors.invalid_configuration(
            "The target groups of a forward action must all have the same IP address type"
        )
    return actions


def check_ip_version(load_balancer: LoadBalancer, group: TargetGroup) -> None:
    """Targets of IPv6 need a load balancer that has IPv6 addresses."""
    if group.ip_address_type == "ipv6" and load_balancer.ip_address_type != "dualstack":
        raise errors.invalid_configuration(
            "You cannot associate an IPv6 target group with a load balancer"
            f" that has an '{load_balancer.ip_address_type}' IP address type"
        )


def parse(asked: Sequence[Params]) -> tuple[Params, ...]:
    """The one forward action in full form. Raises for anything else a listener here cannot do."""
    if len(asked) != 1:
        raise AwsError(
            "TooManyActions", "A listener of a Network Load Balancer has exactly one default action"
        )
    action = asked[0]
    if action.get("Type") != "forward":
        raise AwsError(
            "InvalidLoadBalancerAction",
            f"Actions of type '{action.get('Type')}' are not supported on load balancers with type 'network'",
        )
    for member in action.keys() - _FORWARDS:
        raise errors.validation(f"{member} cannot be specified for an action of type 'forward'")
    stickiness = _stickiness(action.get("ForwardConfig") or {})
    groups = _groups(action)
    full: Params = {"Type": "forward"}
    if len(groups) == 1:
        full["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    if action.get("Order"):
        full["Order"] = action["Order"]
    full["ForwardConfig"] = {"TargetGroups": groups, "TargetGroupStickinessConfig": stickiness}
    return (full,)


def _stickiness(config: Params) -> Params:
    """Between target groups there is none; the duration that it would have is shown as it was given."""
    given = config.get("TargetGroupStickinessConfig") or {}
    if given.get("Enabled"):
        raise errors.not_supported("TargetGroupStickinessConfig.Enabled 'true'")
    seconds = given.get("DurationSeconds")
    if seconds is None:
        return {"Enabled": False}
    if not 1 <= seconds <= LONGEST_STICKINESS:
        raise errors.validation(
            f"The stickiness duration of target groups must be between 1 and {LONGEST_STICKINESS} seconds"
        )
    return {"Enabled": False, "DurationSeconds": seconds}


def _groups(action: Params) -> list[Params]:
    config = action.get("ForwardConfig") or {}
    single, several = action.get("TargetGroupArn"), config.get("TargetGroups") or []
    groups = [_weighted(group) for group in several] or ([_weighted(action)] if single else [])
    if not groups:
        raise errors.validation("A target group must be specified in a forward action")
    if single and [group["TargetGroupArn"] for group in groups] != [single]:
        raise errors.validation(
            "With both ForwardConfig and TargetGroupArn, ForwardConfig must name that target group alone"
        )
    if len({group["TargetGroupArn"] for group in groups}) < len(groups):
        raise errors.validation("A target group can be specified only once in an action")
    if len(groups) > limits.TARGET_GROUPS_PER_ACTION:
        raise AwsError(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            f"A forward action can have at most {limits.TARGET_GROUPS_PER_ACTION} target groups",
        )
    return groups


def _weighted(group: Params) -> Params:
    arn, weight = group.get("TargetGroupArn"), group.get("Weight")
    if not arn:
        raise errors.validation("A target group ARN must be specified")
    weight = 1 if weight is None else weight
    if not 0 <= weight <= HEAVIEST:
        raise errors.validation(f"The weight of a target group must be between 0 and {HEAVIEST}")
    return {"TargetGroupArn": arn, "Weight": weight}


def _checked(
    ctx: Context, reader: Reader, load_balancer: LoadBalancer, protocol: str, arn: str
) -> TargetGroup:
    lookup.check_arn(TargetGroup, arn)
    group = lookup.find(ctx, reader, TargetGroup, arn)
    if group is None:
        raise errors.target_group_not_found([arn])
    if group.protocol not in FORWARDS_TO[protocol]:
        raise AwsError(
            "IncompatibleProtocols",
            f"The listener protocol '{protocol}' and the protocol '{group.protocol}'"
            f" of target group '{arn}' are incompatible",
        )
    if group.vpc_id != load_balancer.vpc_id:
        raise errors.invalid_configuration(
            f"The target group '{arn}' is not in the VPC of the load balancer: '{load_balancer.vpc_id}'"
        )
    if set(lookup.load_balancer_arns_of(reader, arn)) - {load_balancer.arn}:
        raise AwsError(
            "TargetGroupAssociationLimit",
            f"The following target groups cannot be associated with more than one load balancer: {arn}",
        )
    check_ip_version(load_balancer, group)
    return group
