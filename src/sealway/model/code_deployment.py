"""A CodeDeploy deployment: a service's green task set takes over from its blue one.

The stages go forward only. ``control`` owns them, and everything below ``stage``; the user owns the rest, and
says with ``stop`` and ``continued`` what is to happen. All that a deployment needs to know stands in it, so
its group may be changed or deleted meanwhile.
Source: CodeDeploy API Reference, ``DeploymentInfo`` and ``ECSTarget``.
"""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .resource import Resource
from .task_set import TaskSet
from .traffic_routing import Routing

PREPARE = "PREPARE"
"""What earlier deployments left is removed; then the green task set is made."""
INSTALL = "INSTALL"
"""The green task set becomes steady."""
READY = "READY"
"""Test traffic is the green task set's; production waits to be told."""
SHIFT = "SHIFT"
"""Production traffic moves."""
TERMINATION_WAIT = "TERMINATION_WAIT"
"""The green task set serves; the blue one is there to go back to."""
TERMINATE = "TERMINATE"
"""The blue task set goes."""
UNDER_WAY = ("InProgress", "Ready")
"""Values of ``status`` with which a deployment has not ended."""
BEFORE_TRAFFIC = (PREPARE, INSTALL, READY)


class LifecycleEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``status``: Pending, InProgress, Succeeded, Failed, Skipped."""

    name: str
    status: str = "Pending"
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """The user's wish to end a deployment; ``rollback``: and to have the traffic back where it was."""

    rollback: bool


class CodeDeployment(Resource, frozen=True, kw_only=True):
    """Key: the ARN, which has the id (``d-`` and nine characters). ``status``: InProgress, Ready, Succeeded,
    Failed, Stopped.

    ``revision``: a ``RevisionLocation`` shape. ``blue_arn``: the task set that was PRIMARY; ``green``: the
    one to be made, as it was asked for; ``blue_group`` and ``green_group``: their target groups' ARNs.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("group_id", "service_arn", "status")

    arn: str
    account_id: str
    region: str
    id: str
    application_name: str
    group_name: str
    group_id: str
    config_name: str
    routing: Routing
    """How production traffic moves."""
    description: str = ""
    revision: dict[str, Any]
    load_balancer_info: dict[str, Any]
    blue_green: dict[str, Any]
    rollback_events: tuple[str, ...] = ()
    service_arn: str
    blue_arn: str
    green: TaskSet
    blue_group: str
    green_group: str
    production_listener: str
    test_listener: str | None = None
    created_at: datetime
    stop: Stop | None = None
    continued: tuple[str, ...] = ()
    """The waits (READY_WAIT, TERMINATION_WAIT) that the user ended."""

    status: str = "InProgress"
    stage: str = PREPARE
    stage_since: datetime
    percent: float = 0
    """Of the production traffic, the green task set's."""
    stepped_at: datetime | None = None
    lifecycle: tuple[LifecycleEvent, ...] = ()
    error_code: str = ""
    error_message: str = ""
    rollback_message: str = ""
    completed_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.arn

    @property
    def ready_option(self) -> dict[str, Any]:
        """The ``DeploymentReadyOption``."""
        option: dict[str, Any] = self.blue_green["deploymentReadyOption"]
        return option

    @property
    def termination_minutes(self) -> int:
        """How long the blue task set is kept once production traffic is the green one's."""
        option = self.blue_green["terminateBlueInstancesOnDeploymentSuccess"]
        return int(option["terminationWaitTimeInMinutes"])


def lifecycle_of(*, tested: bool) -> tuple[LifecycleEvent, ...]:
    """The events of a deployment that has yet to begin; ``tested``: with a test listener."""
    test = ("AllowTestTraffic", "AfterAllowTestTraffic") if tested else ()
    names = ("BeforeInstall", "Install", "AfterInstall", *test)
    names += ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
    return tuple(LifecycleEvent(name=name) for name in names)


def passed(
    events: tuple[LifecycleEvent, ...], last: str, now: datetime, begun: str = ""
) -> tuple[LifecycleEvent, ...]:
    """The events with all up to ``last`` succeeded, and ``begun`` under way."""
    end = [event.name for event in events].index(last)
    return tuple(
        _ended(event, "Succeeded", now)
        if at <= end and event.status != "Succeeded"
        else msgspec.structs.replace(event, status="InProgress", started_at=now)
        if event.name == begun and event.status == "Pending"
        else event
        for at, event in enumerate(events)
    )


def broken_off(events: tuple[LifecycleEvent, ...], now: datetime) -> tuple[LifecycleEvent, ...]:
    """The events of a deployment that ends: what was under way has failed, what was to come is skipped."""
    ends = {"InProgress": "Failed", "Pending": "Skipped"}
    return tuple(_ended(e, ends[e.status], now) if e.status in ends else e for e in events)


def _ended(event: LifecycleEvent, status: str, now: datetime) -> LifecycleEvent:
    return msgspec.structs.replace(event, status=status, started_at=event.started_at or now, ended_at=now)
