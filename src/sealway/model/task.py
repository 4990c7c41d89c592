"""A task: one running copy of a task definition.

Who writes what: handlers and ``control`` create the task and own ``desired_status``, ``stop_*``,
``may_stop`` and placement; the node owns ``last_status``, ``containers`` and the observed times.
Task state only moves forward, in the order of ``LIFECYCLE``.
Source: ECS Developer Guide, "Amazon ECS task lifecycle".
"""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from .port_range import PublishedRange
from .resource import Resource

LIFECYCLE = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)


def is_forward(old: str, new: str) -> bool:
    """Whether ``new`` comes after ``old`` in a task's life."""
    return LIFECYCLE.index(new) > LIFECYCLE.index(old)


class PortBinding(msgspec.Struct, frozen=True, kw_only=True):
    """A published port: ``host_ip:host_port`` on the container instance leads to the container."""

    container_port: int
    host_port: int
    protocol: str = "tcp"
    host_ip: str


class ContainerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A container of a task as the node sees it. ``last_status``: PENDING, RUNNING, STOPPED."""

    name: str
    arn: str
    image: str
    image_digest: str | None = None
    runtime_id: str | None = None
    last_status: str = "PENDING"
    exit_code: int | None = None
    reason: str | None = None
    health_status: str = "UNKNOWN"
    bindings: tuple[PortBinding, ...] = ()
    bridge_ip: str | None = None
    """The container's own address on the Docker bridge (bridge mode): where the data plane sends."""


class TaskInterface(msgspec.Struct, frozen=True, kw_only=True):
    """The network interface of an awsvpc task (``NetworkInterface`` holds the rest)."""

    network_interface_id: str
    attachment_id: str
    subnet_id: str
    private_ip: str
    ipv6_address: str = ""
    mac: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of each IP version one, or of IPv4 alone."""
        return (self.private_ip, self.ipv6_address) if self.ipv6_address else (self.private_ip,)


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """How a task is to be placed that waits for its capacity provider to grow."""

    strategies: tuple[dict[str, Any], ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()


class Task(Resource, frozen=True, kw_only=True):
    """Key: the ARN, ``task/CLUSTER/ID``."""

    INDEXES: ClassVar[tuple[str, ...]] = (
        "cluster_arn",
        "service_arn",
        "container_instance_arn",
        "last_status",
    )

    arn: str
    account_id: str
    region: str
    cluster_arn: str
    task_definition_arn: str
    group: str
    service_arn: str | None = None
    deployment_id: str | None = None
    launch_type: str
    platform_version: str | None = None
    container_instance_arn: str | None = None
    wait: Wait | None = None
    """Set while it waits for an instance; it has no zone and no interface until then."""
    availability_zone: str
    cpu: str
    memory: str
    overrides: dict[str, Any] = {}
    interface: TaskInterface | None = None
    port_ranges: tuple[PublishedRange, ...] = ()
    """The host ports of its ``containerPortRange`` mappings (bridge)."""
    network_configuration: dict[str, Any] | None = None
    started_by: str | None = None
    extra: dict[str, Any] = {}
    """Members echoed as given (enableExecuteCommand, ephemeralStorage, ...)."""
    tags: dict[str, str] = {}
    client_token: str = ""
    client_request: str = ""
    """A digest of the RunTask request that the token stands for."""

    desired_status: str = "RUNNING"
    stop_code: str | None = None
    stopped_reason: str | None = None
    may_stop: bool = False
    """True once its targets are drained: from then on the node may stop its containers."""
    protected_until: datetime | None = None
    """Until then its service keeps it through scale-in, deployments and draining. The user's (or the
    task's own) to say."""

    last_status: str = "PROVISIONING"
    failure: str | None = None
    """Why the task can never start, worded as ``stoppedReason`` (``CannotPullContainerError: ...``).
    The node sets it; control then ends the task with stop code TaskFailedToStart and this reason."""
    health_status: str = "UNKNOWN"
    containers: tuple[ContainerStatus, ...] = ()
    created_at: datetime
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.arn

    @property
    def id(self) -> str:
        """The 32 hexadecimal digits at the end of the ARN."""
        return self.arn.rsplit("/", 1)[-1]
