"""An Auto Scaling group, the instances that are in it, and the record of what was done to it.

Users own the group's specification; ``desired_capacity`` is also set by a capacity provider's managed
scaling, as on AWS. ``control`` owns the memberships' lifecycle and the activities; a handler that ends or
detaches an instance begins what ``control`` finishes.
"""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from . import arn
from .resource import Resource

NAME_TAG = "aws:autoscaling:groupName"
"""The tag of an instance that says which group it is in."""
PENDING, IN_SERVICE = "Pending", "InService"
TERMINATING, TERMINATING_WAIT = "Terminating", "Terminating:Wait"
"""Wait: its tasks move away first."""
LEAVING = (TERMINATING, TERMINATING_WAIT)
ACTIVITIES_KEPT = 100


class TemplateChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The launch template of a group. ``version`` as asked for: a number, ``$Latest`` or ``$Default``."""

    id: str
    name: str
    version: str


class GroupTag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag of a group; ``propagate``: its new instances get it too."""

    key: str
    value: str
    propagate: bool


class AutoScalingGroup(Resource, frozen=True, kw_only=True):
    """Key: the ARN. Names are unique in an account and region."""

    arn: str
    account_id: str
    region: str
    name: str
    template: TemplateChoice
    min_size: int
    max_size: int
    desired_capacity: int
    subnets: tuple[str, ...]
    availability_zones: tuple[str, ...]
    vpc_zone_identifier: str = ""
    """The subnets as given; empty when zones were."""
    termination_policies: tuple[str, ...] = ("Default",)
    new_instances_protected: bool = False
    settings: dict[str, Any] = {}
    """Members that are kept and described (DefaultCooldown, HealthCheckType, ...)."""
    tags: tuple[GroupTag, ...] = ()
    delete_requested_at: datetime | None = None
    created_at: datetime

    @property
    def key(self) -> str:
        return self.arn


class GroupInstance(Resource, frozen=True, kw_only=True):
    """An instance's membership of a group. Key: the instance's id.

    ``state``: Pending, InService, Terminating:Wait, Terminating. It ends with the instance.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("group_arn",)

    instance_id: str
    group_arn: str
    account_id: str
    region: str
    availability_zone: str
    instance_type: str
    image_id: str
    template: TemplateChoice
    """``version``: the number it was launched from."""
    state: str = PENDING
    healthy: bool = True
    protected: bool = False
    """From scale-in."""
    joined_at: datetime

    @property
    def key(self) -> str:
        return self.instance_id

    @property
    def leaving(self) -> bool:
        """Whether it counts no longer."""
        return self.state in LEAVING


class ScalingActivity(Resource, frozen=True, kw_only=True):
    """Something done to a group. Key: the id. ``status``: InProgress, Successful, Failed."""

    INDEXES: ClassVar[tuple[str, ...]] = ("group_arn",)

    id: str
    group_arn: str
    account_id: str
    region: str
    instance_id: str | None = None
    description: str
    cause: str
    status: str = "InProgress"
    status_message: str = ""
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.id


def group_arn(region: str, account_id: str, digits: str, name: str) -> str:
    """The ARN of a group; ``digits``: a UUID."""
    return arn.make(
        "autoscaling", region, account_id, f"autoScalingGroup:{digits}:autoScalingGroupName/{name}"
    )


def cause(now: datetime, happened: str) -> str:
    """Why, as AWS words it."""
    return f"At {now:%Y-%m-%dT%H:%M:%SZ} {happened}."


def launching(
    group: AutoScalingGroup, instance_id: str | None, digits: str, now: datetime, why: str
) -> ScalingActivity:
    """A launch begins. ``digits``: a UUID; ``why``: what happened."""
    subject = f": {instance_id}" if instance_id else "."
    return _activity(group, instance_id, digits, now, (f"Launching a new EC2 instance{subject}", why))


def ending(
    group: AutoScalingGroup, instance_id: str, digits: str, now: datetime, why: str
) -> ScalingActivity:
    """An instance begins to end."""
    return _activity(group, instance_id, digits, now, (f"Terminating EC2 instance: {instance_id}", why))


def detached(
    group: AutoScalingGroup, instance_id: str, digits: str, now: datetime, why: str
) -> ScalingActivity:
    """An instance has left the group, and lives on."""
    begun = _activity(group, instance_id, digits, now, (f"Detaching EC2 instance: {instance_id}", why))
    return begun.replace(status="Successful", ended_at=now)


def _activity(
    group: AutoScalingGroup, instance_id: str | None, digits: str, now: datetime, words: tuple[str, str]
) -> ScalingActivity:
    description, why = words
    return ScalingActivity(
        id=digits,
        group_arn=group.arn,
        account_id=group.account_id,
        region=group.region,
        instance_id=instance_id,
        description=description,
        cause=cause(now, why),
        started_at=now,
    )
