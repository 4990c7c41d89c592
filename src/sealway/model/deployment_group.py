"""CodeDeploy's applications, and their deployment groups: which ECS service is deployed how."""

from datetime import datetime
from typing import Any, ClassVar

from . import arn as arns
from .resource import Resource
from .traffic_routing import Routing


class Application(Resource, frozen=True, kw_only=True):
    """Key: the ARN. Of the compute platform ECS."""

    arn: str
    account_id: str
    region: str
    id: str
    name: str
    created_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


class DeploymentConfig(Resource, frozen=True, kw_only=True):
    """Key: the ARN. How production traffic moves, under a name of an account's own."""

    arn: str
    account_id: str
    region: str
    id: str
    name: str
    routing: Routing
    created_at: datetime

    @property
    def key(self) -> str:
        return self.arn


class DeploymentGroup(Resource, frozen=True, kw_only=True):
    """Key: the ARN, which has the application's and the group's names.

    ``load_balancer_info`` is a ``LoadBalancerInfo`` shape, ``blue_green`` a
    ``BlueGreenDeploymentConfiguration`` with every default filled in.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn",)

    arn: str
    account_id: str
    region: str
    id: str
    application_name: str
    name: str
    config_name: str
    role_arn: str
    cluster_name: str
    """As given, like ``service_name``: a name or an ARN."""
    service_name: str
    service_arn: str
    load_balancer_info: dict[str, Any]
    blue_green: dict[str, Any]
    rollback_events: tuple[str, ...] = ()
    """What a deployment is rolled back for; empty: nothing."""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


def code_deploy_arn(region: str, account_id: str, resource: str) -> str:
    """For example ``code_deploy_arn(r, a, "application:orders")``."""
    return arns.make("codedeploy", region, account_id, resource)
