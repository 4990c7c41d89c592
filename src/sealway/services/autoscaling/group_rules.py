"""What a group may be: its sizes, subnets, launch template, termination policies, and what is only kept.

Source: Amazon EC2 Auto Scaling API Reference, CreateAutoScalingGroup; User Guide, "Configure termination
policies", "Quotas".
"""

import re
from typing import Any, NamedTuple

from ...model.auto_scaling import AutoScalingGroup, TemplateChoice
from ...model.errors import AwsError
from ...model.network import Subnet, Vpc
from ...model.request import Params
from ...store import Reader
from ..context import Context
from ..ec2 import launch_template_source
from .errors import unsupported, validation
from .request import refuse_others

MOST_GROUPS = 500
"""AWS's default quota, in an account and region."""
POLICIES = ("Default", "NewestInstance", "OldestInstance", "OldestLaunchTemplate")
KEPT: dict[str, Any] = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "DefaultInstanceWarmup": None,
    "ServiceLinkedRoleARN": None,
}
"""Members of ``AutoScalingGroup.settings`` with their defaults; None: not shown."""
_SPECIFIED = (
    "AutoScalingGroupName",
    "LaunchTemplate",
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "VPCZoneIdentifier",
    "AvailabilityZones",
    "TerminationPolicies",
    "NewInstancesProtectedFromScaleIn",
    *KEPT,
)
_NEUTRAL: dict[str, list[Any]] = {
    "DesiredCapacityType": ["units"],
    "MaxInstanceLifetime": [0],
    "DeletionProtection": ["none"],
    "InstanceMaintenancePolicy": [{"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1}],
    "AvailabilityZoneDistribution": [{"CapacityDistributionStrategy": "balanced-best-effort"}],
    "AvailabilityZoneImpairmentPolicy": [
        {"ZonalShiftEnabled": False},
        {"ZonalShiftEnabled": False, "ImpairedZoneHealthCheckBehavior": "IgnoreUnhealthy"},
    ],
    "CapacityReservationSpecification": [{"CapacityReservationPreference": "default"}],
}
_INSTEAD = {
    "LaunchConfigurationName": "use a launch template",
    "MixedInstancesPolicy": "use a launch template with one instance type",
    "InstanceId": "use a launch template",
    "TargetGroupARNs": "name the target groups in the ECS service",
}


class Ground(NamedTuple):
    """Where instances may go. ``identifier``: VPCZoneIdentifier as given."""

    subnets: tuple[str, ...]
    zones: tuple[str, ...]
    identifier: str


def refuse(request: Params, operation: str) -> None:
    """Refuses what CreateAutoScalingGroup and UpdateAutoScalingGroup cannot do."""
    for name, instead in _INSTEAD.items():
        if request.get(name):
            raise unsupported(f"The parameter {name} of {operation}", instead)
    specified = _SPECIFIED if operation.startswith("Update") else (*_SPECIFIED, "Tags")
    refuse_others(request, specified, _NEUTRAL, operation)


def check_name(name: str) -> None:
    """Up to 255 characters, no colon and no slash."""
    if re.search(r"[:/]", name) or not name.isprintable():
        raise validation(
            f"Invalid Auto Scaling group name '{name}': a name has no colons, slashes or control characters."
        )


def check_sizes(low: int, high: int, desired: int) -> None:
    """Raises for sizes that contradict one another."""
    if low < 0 or high < 0:
        raise validation("MinSize and MaxSize must be greater than or equal to 0.")
    if low > high:
        raise validation(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
    if not low <= desired <= high:
        raise validation(
            f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
        )


def policies(request: Params) -> tuple[str, ...]:
    """The termination policies asked for; none: ``Default``."""
    given = tuple(request.get("TerminationPolicies") or ("Default",))
    for name in given:
        if name not in POLICIES:
            raise unsupported(f"The termination policy {name}", f"use one of {', '.join(POLICIES)}")
    return given


def settings(request: Params, current: dict[str, Any]) -> dict[str, Any]:
    """The members that are only kept, completed from ``current``."""
    kind = request.get("HealthCheckType")
    if kind not in (None, "EC2", "ELB"):
        raise unsupported(f"The health check type {kind}", "use EC2")
    for name in ("DefaultCooldown", "HealthCheckGracePeriod"):
        if (request.get(name) or 0) < 0:
            raise validation(f"{name} must be greater than or equal to 0.")
    given = {name: request[name] for name in KEPT if request.get(name) is not None}
    return {**KEPT, **current, **given}


def ground(ctx: Context, reader: Reader, request: Params) -> Ground | None:
    """The subnets asked for, by VPCZoneIdentifier or zones; None: the request names neither."""
    identifier = request.get("VPCZoneIdentifier") or ""
    zones = tuple(request.get("AvailabilityZones") or ())
    if not identifier:
        return _default_subnets(ctx, reader, zones) if zones else None
    subnets = [_subnet(ctx, reader, key) for key in dict.fromkeys(_split(identifier))]
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise validation("The subnets of a group must all be in one VPC.")
    theirs = tuple(sorted({subnet.availability_zone for subnet in subnets}))
    if not set(zones) <= set(theirs):
        raise validation(
            "The availability zones of the specified subnets and the Auto Scaling group do not match"
        )
    return Ground(tuple(subnet.id for subnet in subnets), theirs, identifier)


def _split(identifier: str) -> list[str]:
    return [part for part in (text.strip() for text in identifier.split(",")) if part]


def _subnet(ctx: Context, reader: Reader, key: str) -> Subnet:
    subnet = reader.get(Subnet, key)
    if subnet is None or (subnet.account_id, subnet.region) != (ctx.account_id, ctx.region):
        raise validation(f"The subnet ID '{key}' does not exist")
    return subnet


def _default_subnets(ctx: Context, reader: Reader, zones: tuple[str, ...]) -> Ground:
    vpcs = reader.list(Vpc, account_id=ctx.account_id, region=ctx.region, is_default=True)
    subnets = reader.list(Subnet, vpc_id=vpcs[0].id, default_for_az=True) if vpcs else []
    chosen = {subnet.availability_zone: subnet.id for subnet in subnets}
    for zone in zones:
        if zone not in chosen:
            raise validation(f"The Availability Zone '{zone}' has no subnet in your default VPC.")
    return Ground(tuple(chosen[zone] for zone in dict.fromkeys(zones)), tuple(sorted(set(zones))), "")


def template(ctx: Context, reader: Reader, given: Params) -> TemplateChoice:
    """The launch template named, which must say by itself what to launch."""
    try:
        found = launch_template_source.find(ctx, reader, given)
        version = launch_template_source.version_of(reader, found, given.get("Version"))
    except AwsError as error:
        raise validation(f"You must use a valid fully-formed launch template. {error.message}") from error
    for member, value in (
        ("ImageId", version.recipe.image_id),
        ("InstanceType", version.recipe.instance_type),
    ):
        if not value:
            raise validation(
                "You must use a valid fully-formed launch template. The request must contain the parameter"
                f" {member}"
            )
    return TemplateChoice(id=found.id, name=found.name, version=given.get("Version") or "$Default")


def resized(group: AutoScalingGroup, request: Params) -> dict[str, int]:
    """The sizes after an update: a desired capacity that is not asked for follows the bounds."""
    low = _given(request, "MinSize", group.min_size)
    high = _given(request, "MaxSize", group.max_size)
    desired = request.get("DesiredCapacity")
    if desired is None:
        desired = max(low, min(high, group.desired_capacity))
    check_sizes(low, high, desired)
    return {"min_size": low, "max_size": high, "desired_capacity": desired}


def _given(request: Params, member: str, current: int) -> int:
    value = request.get(member)
    return current if value is None else int(value)
