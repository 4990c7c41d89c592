"""Finding groups and their instances: of the caller's account and region, or AWS's error."""

from collections.abc import Iterable

from ...model.auto_scaling import AutoScalingGroup, GroupInstance
from ...model.instance import Instance
from ...store import Reader
from ..context import Context
from .errors import group_not_found, validation


def owned(ctx: Context, reader: Reader) -> list[AutoScalingGroup]:
    """All the caller's groups."""
    return reader.list(AutoScalingGroup, account_id=ctx.account_id, region=ctx.region)


def find_group(ctx: Context, reader: Reader, name: str) -> AutoScalingGroup | None:
    """The caller's group by its name or ARN."""
    return next((group for group in owned(ctx, reader) if name in (group.name, group.arn)), None)


def require_group(ctx: Context, reader: Reader, name: str) -> AutoScalingGroup:
    """The caller's group, or ValidationError."""
    group = find_group(ctx, reader, name)
    if group is None:
        raise group_not_found(name)
    return group


def require_living(ctx: Context, reader: Reader, name: str) -> AutoScalingGroup:
    """A group that is not being deleted."""
    group = require_group(ctx, reader, name)
    if group.delete_requested_at is not None:
        raise validation(f"The AutoScalingGroup '{group.name}' is pending deletion.")
    return group


def own_instance(ctx: Context, reader: Reader, key: str) -> Instance | None:
    """The caller's instance, unless it is terminated."""
    instance = reader.get(Instance, key)
    if instance is None or (instance.account_id, instance.region) != (ctx.account_id, ctx.region):
        return None
    return None if instance.state == "terminated" else instance


def membership(ctx: Context, reader: Reader, key: str) -> GroupInstance:
    """The membership of the caller's instance, or ValidationError."""
    found = reader.get(GroupInstance, key)
    if found is None or (found.account_id, found.region) != (ctx.account_id, ctx.region):
        raise validation(f"Instance Id not found - No managed instance found for instance ID: {key}")
    return found


def members(reader: Reader, group: AutoScalingGroup, ids: Iterable[str]) -> list[GroupInstance]:
    """The memberships of these instances, each of which is in the group."""
    found = []
    for key in dict.fromkeys(ids):
        member = reader.get(GroupInstance, key)
        if member is None or member.group_arn != group.arn:
            raise validation(f"The instance {key} is not part of Auto Scaling group {group.name}.")
        found.append(member)
    return found
