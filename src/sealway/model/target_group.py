"""Target groups, their targets, and how healthy each is.

``Target`` is desired (who is registered, who drains); ``TargetHealth`` and ``TargetFlows`` are observed: by
the prober, and by who counts the flows of targets that are no longer registered.
Health as a client sees it is the two together with the listeners: see ``services/elbv2``.
"""

from datetime import datetime
from typing import ClassVar

import msgspec

from .resource import Resource

_UNHEALTHY = "target_health_state.unhealthy"
UNHEALTHY = ("unhealthy", "unhealthy.draining")
"""States of a target that failed its health checks."""


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How targets are probed. Times in seconds. ``port`` is a number or ``traffic-port``."""

    enabled: bool = True
    protocol: str = "TCP"
    port: str = "traffic-port"
    path: str | None = None
    matcher: str | None = None
    interval: int = 30
    timeout: int = 10
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2


class TargetGroup(Resource, frozen=True, kw_only=True):
    """Key: the ARN. ``target_type``: instance, ip. ``attributes`` holds every key, defaults included."""

    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    arn: str
    account_id: str
    region: str
    name: str
    protocol: str
    port: int
    vpc_id: str
    target_type: str
    ip_address_type: str = "ipv4"
    health_check: HealthCheck
    attributes: dict[str, str] = {}
    created_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn

    @property
    def deregistration_delay(self) -> int:
        """Seconds a deregistered target keeps its established flows."""
        return int(self.attributes["deregistration_delay.timeout_seconds"])

    @property
    def cuts_deregistered(self) -> bool:
        """Whether established flows end with the deregistration delay."""
        name = "deregistration_delay.connection_termination.enabled"
        return self.attributes.get(name, "false") == "true"

    @property
    def cuts_unhealthy(self) -> bool:
        """Whether established flows end at the moment their target turns unhealthy."""
        return self.attributes.get(f"{_UNHEALTHY}.connection_termination.enabled", "true") == "true"

    @property
    def unhealthy_draining(self) -> int:
        """Seconds a target that turns unhealthy is ``unhealthy.draining`` first; when they are over, its
        flows end. Zero: there is no such state."""
        return (
            0
            if self.cuts_unhealthy
            else int(self.attributes.get(f"{_UNHEALTHY}.draining_interval_seconds", 0))
        )


def target_key(target_group_arn: str, target_id: str, port: int) -> str:
    """The key of a target and of its health."""
    return f"{target_group_arn}|{target_id}:{port}"


class Target(Resource, frozen=True, kw_only=True):
    """An instance or address registered in a target group.

    ``draining_since`` set: deregistered; no new flow, established ones until the delay ends, when
    the target is deleted. Or, where the group lets connections go on, ``unused_since`` is set: for everybody
    it is no longer registered, and here it stays until its last flow has ended.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("target_group_arn", "task_arn", "id")

    target_group_arn: str
    id: str
    port: int
    availability_zone: str
    task_arn: str | None = None
    """The task it stands for, when a service registered it."""
    registered_at: datetime
    draining_since: datetime | None = None
    unused_since: datetime | None = None

    @property
    def key(self) -> str:
        return target_key(self.target_group_arn, self.id, self.port)


class TargetHealth(Resource, frozen=True, kw_only=True):
    """What the prober last concluded. ``state``: initial, healthy, unhealthy.draining, unhealthy."""

    INDEXES: ClassVar[tuple[str, ...]] = ("target_group_arn",)

    target_group_arn: str
    id: str
    port: int
    state: str = "initial"
    reason: str | None = "Elb.RegistrationInProgress"
    description: str | None = "Target registration is in progress"
    changed_at: datetime

    @property
    def key(self) -> str:
        return target_key(self.target_group_arn, self.id, self.port)


class TargetFlows(Resource, frozen=True, kw_only=True):
    """An unused target's last flow has ended. ``unused_since``: the target's own, which says of which
    registration this was seen."""

    INDEXES: ClassVar[tuple[str, ...]] = ("target_group_arn",)

    target_group_arn: str
    id: str
    port: int
    unused_since: datetime
    ended_at: datetime

    @property
    def key(self) -> str:
        return target_key(self.target_group_arn, self.id, self.port)
