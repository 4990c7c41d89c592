"""The instances of groups: DescribeAutoScalingInstances, TerminateInstanceInAutoScalingGroup,
SetInstanceProtection, AttachInstances, DetachInstances.
"""

from ...model.auto_scaling import (
    IN_SERVICE,
    LEAVING,
    NAME_TAG,
    TERMINATING,
    AutoScalingGroup,
    GroupInstance,
    TemplateChoice,
    detached,
    ending,
)
from ...model.ids import uuid
from ...model.instance import Instance
from ...model.launch_template import ID_TAG, VERSION_TAG
from ...model.request import Params
from ...store import Reader, Transaction
from ..context import Context
from . import errors, views
from .lookup import members, membership, own_instance, require_living
from .request import paged, refuse_others

_MOST_NAMED = 50


def describe_auto_scaling_instances(ctx: Context, request: Params) -> Params:
    """DescribeAutoScalingInstances: those named, or all; unknown ids are no error."""
    ids = request.get("InstanceIds") or []
    if len(ids) > _MOST_NAMED:
        raise errors.validation(f"At most {_MOST_NAMED} instances can be named.")
    own = ctx.store.list(GroupInstance, account_id=ctx.account_id, region=ctx.region)
    found = [member for member in own if not ids or member.instance_id in ids]
    chosen, token = paged(request, found, lambda member: member.instance_id, _MOST_NAMED)
    return {"AutoScalingInstances": [views.details_shape(ctx.store, m) for m in chosen], **token}


def terminate_instance(ctx: Context, request: Params) -> Params:
    """TerminateInstanceInAutoScalingGroup: replaced, unless the desired capacity goes down with it."""
    honoured = ("InstanceId", "AutoScalingGroupName", "ShouldDecrementDesiredCapacity")
    refuse_others(request, honoured, {}, "TerminateInstanceInAutoScalingGroup")
    if not request.get("InstanceId"):
        raise errors.validation("The parameter InstanceId is required.")
    with ctx.store.transaction() as tx:
        member = membership(ctx, tx, request["InstanceId"])
        group = _group_of(tx, member)
        if request.get("AutoScalingGroupName") not in (None, "", group.name):
            raise errors.validation(
                f"The instance {member.instance_id} is not part of Auto Scaling group"
                f" {request['AutoScalingGroupName']}."
            )
        if member.state in LEAVING:
            raise errors.validation(f"The instance {member.instance_id} is terminating already.")
        if request["ShouldDecrementDesiredCapacity"]:
            group = _decrement(tx, group, 1)
        tx.put(member.replace(state=TERMINATING))
        why = "instance {} was taken out of service in response to a user request"
        begun = tx.put(
            ending(group, member.instance_id, uuid(ctx.ids), ctx.now, why.format(member.instance_id))
        )
        return {"Activity": views.activity_shape(group, begun)}


def _group_of(reader: Reader, member: GroupInstance) -> AutoScalingGroup:
    group = reader.get(AutoScalingGroup, member.group_arn)
    assert group is not None, "a group outlives its instances"
    return group


def _decrement(tx: Transaction, group: AutoScalingGroup, count: int) -> AutoScalingGroup:
    if group.desired_capacity - count < group.min_size:
        raise errors.validation(
            f"Currently, desiredSize equals minSize ({group.min_size}). Terminating or detaching instances"
            " without replacement will violate group's min size constraint. Either set"
            " shouldDecrementDesiredCapacity flag to false or lower group's min size."
        )
    return tx.put(group.replace(desired_capacity=group.desired_capacity - count))


def set_instance_protection(ctx: Context, request: Params) -> Params:
    """SetInstanceProtection: of all the instances named, or of none."""
    with ctx.store.transaction() as tx:
        group = require_living(ctx, tx, request["AutoScalingGroupName"])
        for member in members(tx, group, request["InstanceIds"]):
            if member.leaving:
                raise errors.validation(f"The instance {member.instance_id} is not in InService or Standby.")
            if member.protected != request["ProtectedFromScaleIn"]:
                tx.put(member.replace(protected=request["ProtectedFromScaleIn"]))
    return {}


def attach_instances(ctx: Context, request: Params) -> Params:
    """AttachInstances: running ones of the group's zones; the desired capacity grows by their number."""
    ids = list(dict.fromkeys(request.get("InstanceIds") or ()))
    with ctx.store.transaction() as tx:
        group = require_living(ctx, tx, request["AutoScalingGroupName"])
        grown = group.desired_capacity + len(ids)
        if grown > group.max_size:
            raise errors.validation(
                f"AutoScalingGroup {group.name} has max-size={group.max_size}, and would have {grown}"
                " instances. Please update the AutoScalingGroup sizes appropriately."
            )
        for key in ids:
            instance = _attachable(ctx, tx, group, key)
            tx.put(_member(group, instance, ctx))
            tx.put(instance.replace(tags={**instance.tags, NAME_TAG: group.name}))
        tx.put(group.replace(desired_capacity=grown))
    return {}


def _attachable(ctx: Context, reader: Reader, group: AutoScalingGroup, key: str) -> Instance:
    instance = own_instance(ctx, reader, key)
    if instance is None:
        raise errors.validation(f"Invalid Instance ID(s): {key} specified")
    if instance.state != "running" or instance.terminate_requested_at is not None:
        raise errors.validation(f"The instance {key} is not in the running state.")
    if reader.get(GroupInstance, key) is not None:
        raise errors.validation(f"The instance {key} is already part of an Auto Scaling group.")
    if instance.availability_zone not in group.availability_zones:
        raise errors.validation(
            f"The instance {key} is in {instance.availability_zone}, which is none of the group's"
            " Availability Zones."
        )
    return instance


def _member(group: AutoScalingGroup, instance: Instance, ctx: Context) -> GroupInstance:
    made_from = instance.tags.get(ID_TAG, "")
    return GroupInstance(
        instance_id=instance.id,
        group_arn=group.arn,
        account_id=group.account_id,
        region=group.region,
        availability_zone=instance.availability_zone,
        instance_type=instance.instance_type,
        image_id=instance.image_id,
        template=TemplateChoice(id=made_from, name="", version=instance.tags.get(VERSION_TAG, "")),
        state=IN_SERVICE,
        protected=group.new_instances_protected,
        joined_at=ctx.now,
    )


def detach_instances(ctx: Context, request: Params) -> Params:
    """DetachInstances: they live on; replaced, unless the desired capacity goes down with them."""
    with ctx.store.transaction() as tx:
        group = require_living(ctx, tx, request["AutoScalingGroupName"])
        leaving = members(tx, group, request.get("InstanceIds") or ())
        for member in leaving:
            if member.state != IN_SERVICE:
                raise errors.validation(f"The instance {member.instance_id} is not in InService.")
        if request["ShouldDecrementDesiredCapacity"]:
            group = _decrement(tx, group, len(leaving))
        shown = []
        for member in leaving:
            tx.delete(member)
            instance = tx.get(Instance, member.instance_id)
            if instance is not None:
                tags = {key: value for key, value in instance.tags.items() if key != NAME_TAG}
                tx.put(instance.replace(tags=tags))
            why = f"instance {member.instance_id} was detached in response to a user request"
            done = tx.put(detached(group, member.instance_id, uuid(ctx.ids), ctx.now, why))
            shown.append(views.activity_shape(group, done))
        return {"Activities": shown}
