"""Containers, and the engine that runs them."""

from collections.abc import AsyncIterator, Mapping
from typing import Literal, Protocol

from .frozen import Frozen
from .terminal import Terminal

PAUSE_IMAGE = "sealway/pause:1"
"""Of the container that holds an awsvpc task's network namespace."""
MANAGED_LABEL = "sealway.managed"
"""Carried by every container of ours, value ``true``; others are never touched."""


class PublishedPort(Frozen, frozen=True, kw_only=True):
    """``host_port`` 0: the engine chooses."""

    container_port: int
    host_ip: str
    host_port: int = 0
    protocol: Literal["tcp", "udp"] = "tcp"


class Mount(Frozen, frozen=True, kw_only=True):
    """``type`` bind (``source`` a host path), volume (``source`` a volume name) or tmpfs."""

    target: str
    type: Literal["bind", "volume", "tmpfs"] = "bind"
    source: str = ""
    read_only: bool = False
    tmpfs_size: int | None = None
    tmpfs_options: tuple[str, ...] = ()
    volume_labels: Mapping[str, str] = {}
    """Of the volume that comes into being."""


class Ulimit(Frozen, frozen=True, kw_only=True):
    """As setrlimit(2) counts."""

    name: str
    soft: int
    hard: int


class ContainerHealthCheck(Frozen, frozen=True, kw_only=True):
    """``command`` as Docker takes it (CMD, CMD-SHELL). Times in seconds."""

    command: tuple[str, ...]
    interval: int = 30
    timeout: int = 5
    retries: int = 3
    start_period: int = 0


class ContainerSpec(Frozen, frozen=True, kw_only=True):
    """A container to make. ``network``: none, bridge (Sealway's own), or container:NAME to join one.

    ``memory``, ``memory_reservation`` and ``shm_size`` in bytes; ``cpu_shares`` in CPU units.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = {}
    user: str | None = None
    working_directory: str | None = None
    hostname: str | None = None
    network: str = "none"
    published_ports: tuple[PublishedPort, ...] = ()
    dns_servers: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    cpu_shares: int | None = None
    cpu_quota_units: int | None = None
    """A hard limit in CPU units (1024 = one CPU), as a Fargate task has."""
    memory: int | None = None
    memory_reservation: int | None = None
    mounts: tuple[Mount, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    read_only_root: bool = False
    init: bool = False
    shm_size: int | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    tty: bool = False
    open_stdin: bool = False
    sysctls: Mapping[str, str] = {}
    links: tuple[str, ...] = ()
    """``CONTAINER:ALIAS``, on the bridge network."""
    volumes_from: tuple[str, ...] = ()
    """``CONTAINER:ro`` or ``CONTAINER:rw``: its volumes, at the same paths."""
    health_check: ContainerHealthCheck | None = None
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = {}
    stop_timeout: int | None = None


class ContainerState(Frozen, frozen=True, kw_only=True):
    """A container as it is. ``status``: created, running, paused, restarting, exited, dead.

    ``started_at`` and ``finished_at`` are ISO 8601 as the engine gives them; ``pid`` is 0 unless running.
    """

    id: str
    name: str
    labels: Mapping[str, str]
    status: str
    pid: int = 0
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    health: str = "UNKNOWN"
    """UNKNOWN (no check, or still starting), HEALTHY, UNHEALTHY."""
    image: str = ""
    image_digest: str | None = None
    bridge_ip: str | None = None
    published_ports: tuple[PublishedPort, ...] = ()
    started_at: str | None = None
    finished_at: str | None = None


class ContainerSummary(Frozen, frozen=True, kw_only=True):
    """What the engine tells of a container among all: as ``ContainerState``."""

    id: str
    name: str
    labels: Mapping[str, str]
    status: str
    health: str = "UNKNOWN"


class ContainerEvent(Frozen, frozen=True, kw_only=True):
    """``action``: start, die, oom, health_status, destroy."""

    container_id: str
    action: str
    labels: Mapping[str, str]


class ContainerRuntime(Protocol):
    """A container engine. Only containers with Sealway's own label are ever listed or touched."""

    async def ping(self) -> None:
        """Raises ``Unavailable`` when the engine does not answer."""
        ...

    async def ensure_image(self, image: str) -> None:
        """Makes sure the image is here; pulls it if it is not. Raises ``ImageUnavailable``."""
        ...

    async def create(self, spec: ContainerSpec) -> str:
        """The new container's id; the existing one's when the name is taken by a container of ours."""
        ...

    async def start(self, container_id: str) -> None:
        """Starts it; a running one is left alone."""
        ...

    async def stop(self, container_id: str, timeout: int) -> None:
        """Sends the image's stop signal, waits ``timeout`` seconds, kills. Absent: fine."""
        ...

    async def remove(self, container_id: str) -> None:
        """Removes it with its anonymous volumes, by force. Absent: fine."""
        ...

    async def inspect(self, container_id: str) -> ContainerState | None:
        """The container by id or name, or None when there is none."""
        ...

    async def list(self) -> list[ContainerSummary]:
        """All of Sealway's containers, stopped ones too, in one question to the engine."""
        ...

    def events(self) -> AsyncIterator[ContainerEvent]:
        """Events of Sealway's containers from this call on, also those before the first is awaited.

        Ends when the engine goes away; raises ``Unavailable`` when it is not there at the start.
        """
        ...

    async def open_terminal(self, container_id: str, command: tuple[str, ...]) -> Terminal:
        """Runs the command in a running container, as the container's user. Raises ``DriverError`` when it
        does not run. A command that is not there ends at once, and says so on its terminal."""
        ...

    async def remove_volume(self, name: str) -> None:
        """Removes a named volume that was made for a container of ours. Absent, or not ours: fine."""
        ...

    async def teardown(self) -> None:
        """Removes every container, volume and network of Sealway's."""
        ...
