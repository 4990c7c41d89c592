"""CreateAutoScalingGroup, UpdateAutoScalingGroup, DescribeAutoScalingGroups, DeleteAutoScalingGroup,
SetDesiredCapacity, DescribeScalingActivities.

The handlers write what the user wants; ``control`` launches and terminates.
"""

from datetime import UTC, datetime, timedelta

from ...model.auto_scaling import AutoScalingGroup, GroupInstance, ScalingActivity, group_arn
from ...model.ids import uuid
from ...model.request import Params
from ...store import Reader, Transaction
from ..context import Context
from . import errors, group_rules, tags, views
from .lookup import find_group, owned, require_group, require_living
from .request import paged, refuse_others

_MOST_ACTIVITIES = 100
_FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)


def create_auto_scaling_group(ctx: Context, request: Params) -> Params:
    """CreateAutoScalingGroup."""
    name = request["AutoScalingGroupName"]
    group_rules.refuse(request, "CreateAutoScalingGroup")
    group_rules.check_name(name)
    low, high = request["MinSize"], request["MaxSize"]
    desired = low if request.get("DesiredCapacity") is None else request["DesiredCapacity"]
    group_rules.check_sizes(low, high, desired)
    if not request.get("LaunchTemplate"):
        raise errors.validation("Valid requests must contain the LaunchTemplate parameter.")
    with ctx.store.transaction() as tx:
        if find_group(ctx, tx, name) is not None:
            raise errors.already_exists(name)
        if len(owned(ctx, tx)) >= group_rules.MOST_GROUPS:
            raise errors.limit_exceeded(f"You have {group_rules.MOST_GROUPS} Auto Scaling groups already.")
        ground = group_rules.ground(ctx, tx, request)
        if ground is None:
            raise errors.validation("At least one Availability Zone or VPC Subnet is required.")
        tx.put(
            AutoScalingGroup(
                arn=group_arn(ctx.region, ctx.account_id, uuid(ctx.ids), name),
                account_id=ctx.account_id,
                region=ctx.region,
                name=name,
                template=group_rules.template(ctx, tx, request["LaunchTemplate"]),
                min_size=low,
                max_size=high,
                desired_capacity=desired,
                subnets=ground.subnets,
                availability_zones=ground.zones,
                vpc_zone_identifier=ground.identifier,
                termination_policies=group_rules.policies(request),
                new_instances_protected=bool(request.get("NewInstancesProtectedFromScaleIn")),
                settings=group_rules.settings(request, {}),
                tags=tags.parse(request.get("Tags"), name),
                created_at=ctx.now,
            )
        )
    return {}


def update_auto_scaling_group(ctx: Context, request: Params) -> Params:
    """UpdateAutoScalingGroup: what is given replaces what was; instances there are stay as they are."""
    group_rules.refuse(request, "UpdateAutoScalingGroup")
    with ctx.store.transaction() as tx:
        group = require_living(ctx, tx, request["AutoScalingGroupName"])
        changes: Params = dict(group_rules.resized(group, request))
        if request.get("LaunchTemplate"):
            changes["template"] = group_rules.template(ctx, tx, request["LaunchTemplate"])
        if (ground := group_rules.ground(ctx, tx, request)) is not None:
            changes |= {
                "subnets": ground.subnets,
                "availability_zones": ground.zones,
                "vpc_zone_identifier": ground.identifier,
            }
        if request.get("TerminationPolicies"):
            changes["termination_policies"] = group_rules.policies(request)
        if request.get("NewInstancesProtectedFromScaleIn") is not None:
            changes["new_instances_protected"] = request["NewInstancesProtectedFromScaleIn"]
        changes["settings"] = group_rules.settings(request, group.settings)
        tx.put(group.replace(**changes))
    return {}


def describe_auto_scaling_groups(ctx: Context, request: Params) -> Params:
    """DescribeAutoScalingGroups: those named, or all; unknown names are no error."""
    names = request.get("AutoScalingGroupNames") or []
    found = [g for g in owned(ctx, ctx.store) if not names or g.name in names or g.arn in names]
    chosen, token = paged(request, tags.select(found, request.get("Filters")), lambda group: group.name)
    whole = request.get("IncludeInstances") is not False
    shown = [views.group_shape(ctx.store, group, instances=whole) for group in chosen]
    return {"AutoScalingGroups": shown, **token}


def delete_auto_scaling_group(ctx: Context, request: Params) -> Params:
    """DeleteAutoScalingGroup: an empty one at once; by force its instances are terminated first."""
    with ctx.store.transaction() as tx:
        group = require_group(ctx, tx, request["AutoScalingGroupName"])
        own = tx.list(GroupInstance, group_arn=group.arn)
        if not own:
            _remove(tx, group)
        elif request.get("ForceDelete"):
            if group.delete_requested_at is None:
                tx.put(group.replace(delete_requested_at=ctx.now, min_size=0, desired_capacity=0))
        elif all(member.leaving for member in own):
            raise errors.in_progress(
                "You cannot delete an AutoScalingGroup while there are scaling"
                " activities in progress for that group."
            )
        else:
            raise errors.in_use(
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance"
                " request(s) still in the group."
            )
    return {}


def _remove(tx: Transaction, group: AutoScalingGroup) -> None:
    for activity in tx.list(ScalingActivity, group_arn=group.arn):
        tx.delete(activity)
    tx.delete(group)


def set_desired_capacity(ctx: Context, request: Params) -> Params:
    """SetDesiredCapacity: within the group's bounds."""
    wanted = request["DesiredCapacity"]
    with ctx.store.transaction() as tx:
        group = require_living(ctx, tx, request["AutoScalingGroupName"])
        if wanted > group.max_size:
            raise errors.validation(
                f"New SetDesiredCapacity value {wanted} is above max value {group.max_size} for the"
                " AutoScalingGroup."
            )
        if wanted < group.min_size:
            raise errors.validation(
                f"New SetDesiredCapacity value {wanted} is below min value {group.min_size} for the"
                " AutoScalingGroup."
            )
        if request.get("HonorCooldown"):
            _check_cooldown(ctx, tx, group)
        if wanted != group.desired_capacity:
            tx.put(group.replace(desired_capacity=wanted))
    return {}


def _check_cooldown(ctx: Context, reader: Reader, group: AutoScalingGroup) -> None:
    rest = timedelta(seconds=group.settings["DefaultCooldown"])
    for activity in reader.list(ScalingActivity, group_arn=group.arn):
        if activity.ended_at is None or (
            activity.status == "Successful" and ctx.now < activity.ended_at + rest
        ):
            raise errors.in_progress(
                f"Scaling activity {activity.id} is in progress or its cooldown period has not ended, and"
                " blocks this action"
            )


def _newest_first(activity: ScalingActivity) -> str:
    """Pages go up in order of their keys, so the newest has the smallest."""
    return f"{(_FAR_AHEAD - activity.started_at).total_seconds():020.6f}{activity.id}"


def describe_scaling_activities(ctx: Context, request: Params) -> Params:
    """DescribeScalingActivities: newest first; the last hundred of a group are kept."""
    refuse_others(
        request,
        ("ActivityIds", "AutoScalingGroupName", "IncludeManagedResources", "MaxRecords", "NextToken"),
        {},
        "DescribeScalingActivities",
    )
    name = request.get("AutoScalingGroupName")
    groups = [require_group(ctx, ctx.store, name)] if name else owned(ctx, ctx.store)
    asked = request.get("ActivityIds")
    found = [
        (group, activity)
        for group in groups
        for activity in ctx.store.list(ScalingActivity, group_arn=group.arn)
        if not asked or activity.id in asked
    ]
    chosen, token = paged(request, found, lambda pair: _newest_first(pair[1]), _MOST_ACTIVITIES)
    return {"Activities": [views.activity_shape(group, activity) for group, activity in chosen], **token}
