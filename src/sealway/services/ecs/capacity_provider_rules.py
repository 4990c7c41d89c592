"""What CreateCapacityProvider and UpdateCapacityProvider may ask for.

Source: ECS API Reference, AutoScalingGroupProvider, ManagedScaling; Developer Guide, "Creating a capacity
provider".
"""

from ...model.auto_scaling import AutoScalingGroup
from ...model.capacity_provider import CapacityProvider, ManagedScaling
from ...model.request import Params
from ...store import Reader
from ..context import Context
from .errors import invalid, unsupported
from .names import is_name

MOST_STEP = MOST_WARMUP = 10000
_RESERVED = ("aws", "ecs", "fargate")


def check_name(name: str) -> None:
    """What a provider may be called."""
    if not is_name(name) or name.lower().startswith(_RESERVED):
        raise invalid(
            f"The capacity provider name '{name}' is not valid: up to 255 letters, numbers, underscores and"
            " hyphens are allowed, and it cannot begin with aws, ecs or fargate."
        )


def refuse_others(request: Params) -> None:
    """Managed instances are not built; a provider of a group belongs to no cluster."""
    if request.get("managedInstancesProvider"):
        raise unsupported("The parameter 'managedInstancesProvider'")
    if request.get("cluster"):
        raise invalid(
            "The cluster parameter is for capacity providers of managed instances. Associate the capacity"
            " provider with the cluster by PutClusterCapacityProviders."
        )


def free_group(ctx: Context, reader: Reader, given: str) -> AutoScalingGroup:
    """The caller's Auto Scaling group by ARN or name, which no other provider has."""
    groups = reader.list(AutoScalingGroup, account_id=ctx.account_id, region=ctx.region)
    group = next((g for g in groups if given in (g.arn, g.name)), None)
    if group is None or group.delete_requested_at is not None:
        raise invalid(f"The specified Auto Scaling group '{given}' was not found.")
    if reader.list(CapacityProvider, group_arn=group.arn):
        raise invalid(
            "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify"
            " a unique Auto Scaling group ARN and try again."
        )
    return group


def scaling(given: Params | None, current: ManagedScaling) -> ManagedScaling:
    """Managed scaling as asked for, completed from ``current``."""
    asked = given or {}
    wanted = ManagedScaling(
        enabled=asked.get("status", "ENABLED" if current.enabled else "DISABLED") == "ENABLED",
        target=_whole(asked, "targetCapacity", current.target, (1, 100)),
        least_step=_whole(asked, "minimumScalingStepSize", current.least_step, (1, MOST_STEP)),
        most_step=_whole(asked, "maximumScalingStepSize", current.most_step, (1, MOST_STEP)),
        warmup=_whole(asked, "instanceWarmupPeriod", current.warmup, (0, MOST_WARMUP)),
    )
    if wanted.least_step > wanted.most_step:
        raise invalid("The minimumScalingStepSize cannot be greater than the maximumScalingStepSize.")
    return wanted


def _whole(asked: Params, member: str, current: int, bounds: tuple[int, int]) -> int:
    value = asked.get(member)
    if value is None:
        return current
    low, high = bounds
    if not low <= value <= high:
        raise invalid(f"The {member} must be between {low} and {high}, not {value}.")
    return int(value)


def check_protection(group: AutoScalingGroup | None, provider: CapacityProvider) -> None:
    """Protection needs managed scaling, which takes it away again, and a group that protects at first."""
    if not provider.protects:
        return
    if not provider.scaling.enabled:
        raise invalid(
            "The managed termination protection setting for the capacity provider is invalid. To enable"
            " managed termination protection for a capacity provider, managed scaling must be enabled."
        )
    if group is None or not group.new_instances_protected:
        raise invalid(
            "The managed termination protection setting for the capacity provider is invalid. To enable"
            " managed termination protection for a capacity provider, the Auto Scaling group must have"
            " instance protection from scale in enabled."
        )


def switched(asked: Params, member: str, current: bool) -> bool:
    """ENABLED, DISABLED, or as it was."""
    value = asked.get(member)
    return current if value is None else value == "ENABLED"
