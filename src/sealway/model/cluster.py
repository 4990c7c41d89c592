"""A cluster and the container instances registered in it."""

from datetime import datetime
from typing import Any, ClassVar

from .resource import Resource


class Cluster(Resource, frozen=True, kw_only=True):
    """Key: the ARN. ``status``: ACTIVE or INACTIVE."""

    arn: str
    account_id: str
    region: str
    name: str
    status: str = "ACTIVE"
    settings: tuple[dict[str, Any], ...] = ()
    configuration: dict[str, Any] | None = None
    capacity_providers: tuple[str, ...] = ()
    default_capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    created_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


AGENT_PORTS = (22, 2375, 2376, 51678, 51679, 51680)
"""TCP ports of SSH, Docker and the agent on AWS. Source: ECS API Reference, PortMapping."""


class ContainerInstance(Resource, frozen=True, kw_only=True):
    """An instance as ECS sees it. Key: the ARN.

    Registered by the node when the instance boots. ``status``: ACTIVE, DRAINING (the user's, or managed
    draining's), INACTIVE (deregistered). What is in use is not stored: it is the sum over the tasks here.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("cluster_arn", "ec2_instance_id", "capacity_provider")

    arn: str
    account_id: str
    region: str
    cluster_arn: str
    ec2_instance_id: str
    private_ip: str
    availability_zone: str
    status: str = "ACTIVE"
    agent_connected: bool = True
    cpu_units: int
    memory_mib: int
    reserved_tcp_ports: tuple[int, ...] = AGENT_PORTS
    reserved_udp_ports: tuple[int, ...] = ()
    attributes: dict[str, str] = {}
    capacity_provider: str | None = None
    """The name of the cluster's capacity provider whose group it is in; ``control`` says."""
    registered_at: datetime
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn
