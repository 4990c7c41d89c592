"""A service: so many tasks of one definition, kept running, behind target groups.

The user owns the specification; ``control`` owns ``deployments`` (after the first), ``events`` and
``backoff``. Running and pending counts are not stored: they are counted from the tasks.
"""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .resource import Resource
from .traffic_shift import Shift

EVENTS_KEPT = 100
STRATEGY = "capacityProviderStrategy"
"""The member of ``Service.extra`` that holds the strategy."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout of a service. ``status``: PRIMARY, ACTIVE, INACTIVE.

    ``rollout_state``: IN_PROGRESS, COMPLETED, FAILED.
    """

    id: str
    status: str
    task_definition_arn: str
    desired_count: int
    created_at: datetime
    updated_at: datetime
    launch_type: str
    platform_version: str | None = None
    network_configuration: dict[str, Any] | None = None
    rollout_state: str = "IN_PROGRESS"
    rollout_reason: str = ""
    failed_tasks: int = 0
    load_balancers: tuple[dict[str, Any], ...] | None = None
    """As the service's were when it began; None: as they are."""
    alternate: bool = False
    """Whether its tasks are in the alternate target groups."""
    capacity: tuple[dict[str, Any], ...] | None = None
    """Its capacity provider strategy; None: the service's."""
    shift: Shift | None = None

    @property
    def shifting(self) -> bool:
        """Whether it is to take over the traffic of another, and has not ended."""
        return self.shift is not None and self.rollout_state != "COMPLETED" and self.shift.under_way


class ServiceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the service's history, worded as AWS words it."""

    id: str
    created_at: datetime
    message: str


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Crash loops: consecutive failures to start, and when the next start may be tried."""

    failures: int
    not_before: datetime
    deployment_id: str = ""
    """The deployment whose tasks fail: a newer one starts with a clean slate."""


class Service(Resource, frozen=True, kw_only=True):
    """Key: the ARN. ``status``: ACTIVE, DRAINING, INACTIVE.

    ``load_balancers`` and ``network_configuration`` are kept exactly as given.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("cluster_arn", "status")

    arn: str
    account_id: str
    region: str
    name: str
    cluster_arn: str
    status: str = "ACTIVE"
    task_definition_arn: str
    desired_count: int
    launch_type: str
    platform_version: str | None = None
    scheduling_strategy: str = "REPLICA"
    deployment_controller: str = "ECS"
    """ECS; or EXTERNAL or CODE_DEPLOY: see ``made_of_task_sets``."""
    load_balancers: tuple[dict[str, Any], ...] = ()
    network_configuration: dict[str, Any] | None = None
    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    deployment_configuration: dict[str, Any] = {}
    health_check_grace_period_seconds: int | None = None
    placement_constraints: tuple[dict[str, Any], ...] = ()
    placement_strategy: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = {}
    """Members of CreateService that are echoed as given (enableECSManagedTags, propagateTags, ...)."""
    deployments: tuple[Deployment, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    backoff: Backoff | None = None
    steady: bool = False
    rebalancing: int = 0
    """Tasks started above the desired count, to move the service to emptier Availability Zones."""
    created_at: datetime
    created_by: str = ""
    stopped_at: datetime | None = None
    client_token: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn

    @property
    def strategy(self) -> tuple[dict[str, Any], ...]:
        """The capacity provider strategy; empty: its launch type rules."""
        return tuple(self.extra.get(STRATEGY) or ())

    @property
    def made_of_task_sets(self) -> bool:
        """Whether it has task sets in the place of deployments of its own."""
        return self.deployment_controller != "ECS"

    @property
    def primary(self) -> Deployment:
        """The deployment that is being rolled out, or was last."""
        return next(d for d in self.deployments if d.status == "PRIMARY")

    def balancers_of(self, deployment_id: str | None) -> tuple[dict[str, Any], ...]:
        """``load_balancers`` as they stand for a deployment's tasks: with their own target groups."""
        own = next((d for d in self.deployments if d.id == deployment_id), None)
        if own is None:
            return self.load_balancers
        given = self.load_balancers if own.load_balancers is None else own.load_balancers
        if not own.alternate:
            return given
        return tuple(in_group(balancer, own.alternate) for balancer in given)

    @property
    def breaker_threshold(self) -> int:
        """How many failed tasks the circuit breaker gives a deployment up after."""
        return max(3, min(200, -(-self.desired_count // 2)))


def in_group(balancer: dict[str, Any], alternate: bool) -> dict[str, Any]:
    """One of ``load_balancers`` with its alternate target group in the place of the first, if asked for."""
    other = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
    return {**balancer, "targetGroupArn": other} if alternate and other else balancer
