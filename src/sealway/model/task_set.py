"""A task set: tasks of one kind within a service whose deployment controller is EXTERNAL or CODE_DEPLOY.

Such a service has no deployments of its own. Whoever controls it (somebody outside, or CodeDeploy) creates
task sets, scales each to a part of the service's desired count, says which one is PRIMARY, and deletes them.
The user owns the specification and ``status``; ``control`` owns ``steady`` and ``backoff``, and removes a
DRAINING one when its last task is STOPPED.
Source: ECS API Reference, ``TaskSet``.
"""

import math
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from .resource import Resource
from .service import Backoff, Service

EXTERNAL = "EXTERNAL"
"""The deployment controller of a service whose task sets anybody makes through the API."""
CODE_DEPLOY = "CODE_DEPLOY"
"""The deployment controller of a service whose task sets CodeDeploy makes, all but the first."""


class TaskSet(Resource, frozen=True, kw_only=True):
    """Key: the ARN, ``task-set/CLUSTER/SERVICE/ecs-svc/NUMBER``. ``status``: ACTIVE, PRIMARY, DRAINING.

    Its tasks carry its id as their ``deployment_id``.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn",)

    arn: str
    account_id: str
    region: str
    id: str
    """``ecs-svc/NUMBER``."""
    service_arn: str
    cluster_arn: str
    status: str = "ACTIVE"
    external_id: str | None = None
    """Of one that CodeDeploy made: its deployment's id."""
    started_by: str | None = None
    """CODE_DEPLOY, if CodeDeploy made it."""
    task_definition_arn: str
    launch_type: str
    platform_version: str | None = None
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    load_balancers: tuple[dict[str, Any], ...] = ()
    network_configuration: dict[str, Any] | None = None
    scale: float = 0.0
    """Percent of the service's desired count."""
    steady: bool = False
    steady_at: datetime
    """When ``steady`` became what it is."""
    backoff: Backoff | None = None
    client_token: str = ""
    tags: dict[str, str] = {}
    created_at: datetime
    updated_at: datetime

    @property
    def key(self) -> str:
        return self.arn

    def desired_count(self, of_service: int) -> int:
        """How many tasks it is to have: its part of the service's desired count, rounded up."""
        if self.status == "DRAINING":
            return 0
        return math.ceil(Decimal(str(self.scale)) * of_service / 100)

    def unsettled(self, now: datetime) -> Self:
        """It, as one that has to settle anew."""
        return self.replace(steady=False, steady_at=now) if self.steady else self

    def draining(self, now: datetime) -> Self:
        """It, as one that is deleted: its tasks are to stop."""
        return self.unsettled(now).replace(status="DRAINING", updated_at=now)


def with_specification(service: Service, task_set: TaskSet) -> Service:
    """The service with what its task set specifies: as its PRIMARY one is shown, and as a set is run."""
    return service.replace(
        task_definition_arn=task_set.task_definition_arn,
        launch_type=task_set.launch_type,
        platform_version=task_set.platform_version,
        load_balancers=task_set.load_balancers,
        network_configuration=task_set.network_configuration,
        extra={**service.extra, "capacityProviderStrategy": list(task_set.capacity_provider_strategy)},
    )
