"""The record of a service's deployments: what each rolled out, and how it ended.

A *revision* is what a deployment makes tasks of; it never changes. A *service deployment* is the way from the
revisions that ran to another. Handlers write both with the deployment itself (``service.Deployment``, whose
id they carry); ``control`` moves the service deployment on until it has come to an end.
"""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .resource import Resource
from .traffic_shift import Shift

ENDED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
"""Of ``ServiceDeployment.status``; before: PENDING, IN_PROGRESS, ROLLBACK_REQUESTED, ROLLBACK_IN_PROGRESS."""


class ServiceRevision(Resource, frozen=True, kw_only=True):
    """Key: the ARN, ``service-revision/CLUSTER/SERVICE/NUMBER``."""

    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn",)

    arn: str
    account_id: str
    region: str
    service_arn: str
    cluster_arn: str
    deployment_id: str
    """Of the deployment that rolls it out, and of the one that comes back to it."""
    task_definition_arn: str
    launch_type: str
    platform_version: str | None = None
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    load_balancers: tuple[dict[str, Any], ...] = ()
    network_configuration: dict[str, Any] | None = None
    alternate: bool = False
    """Whether its tasks are in the alternate target groups."""
    created_at: datetime

    @property
    def key(self) -> str:
        return self.arn


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """The return to an earlier revision, and to the deployment that rolled it out."""

    reason: str
    started_at: datetime
    revision_arn: str
    deployment_id: str


class ServiceDeployment(Resource, frozen=True, kw_only=True):
    """Key: the ARN, ``service-deployment/CLUSTER/SERVICE/ID``."""

    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn",)

    arn: str
    account_id: str
    region: str
    service_arn: str
    cluster_arn: str
    deployment_id: str
    target_revision_arn: str
    source_revision_arns: tuple[str, ...] = ()
    deployment_configuration: dict[str, Any]
    """As the service's was when it began."""
    status: str = "PENDING"
    status_reason: str | None = None
    failed_tasks: int = 0
    rollback: Rollback | None = None
    shift: Shift | None = None
    """How far it has taken over the traffic, where its strategy is not ROLLING."""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.arn

    @property
    def ended(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.status in ENDED

    @property
    def good_revision_arn(self) -> str | None:
        """The revision that reached a steady state by it."""
        if self.status == "SUCCESSFUL":
            return self.target_revision_arn
        if self.status == "ROLLBACK_SUCCESSFUL" and self.rollback is not None:
            return self.rollback.revision_arn
        return None
