"""What the node may ask of the outside world. Each Protocol has a real driver and a fake.

Everything here is idempotent: calling again with the same arguments changes nothing, and asking to
remove what is not there succeeds. Failures are ``DriverError`` (``Unavailable`` when the other side
does not answer, so that silence is never taken for death).
"""

import socket
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Literal, Protocol

import msgspec

from ..model.guard import Guards
from ..model.peer import Peers

HOST_INTERFACE = "sealway0"
"""The host's end of the pair that leads to the load balancer's namespace."""
LB_NAMESPACE = "sealway-lb"
BRIDGE_INTERFACE = "sealway-br0"
"""The bridge of Sealway's own Docker network, on which bridge-mode tasks live."""
PAUSE_IMAGE = "sealway/pause:1"
_NO_PEERS: Peers = {}
MANAGED_LABEL = "sealway.managed"
"""Carried by every container of ours, value ``true``; others are never touched."""


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the values that cross this boundary."""


# --- containers -------------------------------------------------------------------------------


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


class ContainerEvent(Frozen, frozen=True, kw_only=True):
    """``action``: start, die, oom, health_status, destroy."""

    container_id: str
    action: str
    labels: Mapping[str, str]


class Terminal(Protocol):
    """A process in a container, with a terminal of its own."""

    async def read(self) -> bytes:
        """What it has written since; empty once it has ended."""
        ...

    async def write(self, data: bytes) -> None:
        """What is typed; nothing happens once the process has ended."""
        ...

    async def resize(self, rows: int, columns: int) -> None:
        """The terminal's size; nothing happens once the process has ended."""
        ...

    async def close(self) -> None:
        """Ends the process, if it still runs, as a terminal that is hung up does."""
        ...


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

    async def list(self) -> list[ContainerState]:
        """All of Sealway's containers, stopped ones too."""
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


# --- the host's network -----------------------------------------------------------------------


Port = tuple[str, int]
"""Protocol (tcp or udp) and number."""


class TaskEndpoint(Frozen, frozen=True, kw_only=True):
    """An awsvpc task's place in the network: the address that ``interface`` (host side) leads to.
    ``ipv6_address``: its second; empty: it has none."""

    network_interface_id: str
    private_ip: str
    ipv6_address: str = ""
    mac: str


class Refusal(Frozen, frozen=True, kw_only=True):
    """Packets of one kind that no rule of a guard let begin. ``source`` is the last one's.

    ``ago`` in seconds. ``port`` is the destination's; of ICMP, type * 256 + code.
    """

    guard: str
    direction: Literal["ingress", "egress"]
    source: str
    destination: str
    protocol: int
    port: int
    packets: int
    ago: int


class HostNetwork(Protocol):
    """Interfaces, addresses, routes and the ``sealway-lb`` namespace on this host."""

    async def ensure(self, vpc_cidrs: tuple[str, ...], peers: Peers = _NO_PEERS) -> None:
        """The namespace, the ``sealway0`` pair, forwarding, the rules, the routes of these VPCs.

        ``vpc_cidrs``: their blocks, of both IP versions; IPv6 is touched only where there is one.
        ``peers``: networks with a route by the host that has them, which sees who calls it. A host that is
        no neighbour now gets none."""
        ...

    async def set_vips(self, vips: frozenset[str]) -> None:
        """Exactly these load balancer addresses are held by the namespace and routed to it."""
        ...

    async def set_host_addresses(self, addresses: frozenset[str]) -> None:
        """Exactly these addresses (container instances, VPC resolvers) are the host's own."""
        ...

    async def attach_task(self, endpoint: TaskEndpoint, pid: int) -> str:
        """Gives the network namespace of ``pid`` the address; answers the host-side interface."""
        ...

    async def detach_task(self, network_interface_id: str) -> None:
        """Takes the interface and its route away."""
        ...

    async def has_task(self, network_interface_id: str) -> bool:
        """Whether that task endpoint is attached; as ``list_tasks`` would say, for one alone."""
        ...

    async def list_tasks(self) -> Mapping[str, str]:
        """Attached task endpoints: network interface id -> host-side interface name."""
        ...

    async def set_bridge_sources(self, sources: Mapping[str, str]) -> None:
        """Exactly these: container's bridge address -> the instance address its connections leave from."""
        ...

    async def own_addresses(self, interfaces: tuple[str, ...]) -> Mapping[str, frozenset[Port]]:
        """IPv4 addresses of these interfaces of the host -> the ports that its own servers have taken there.
        An interface that is not there has none."""
        ...

    async def set_guards(self, guards: Guards, host_passes: bool = False) -> None:
        """What no load balancer carries begins only where these let it. ``host_passes``: this host's own
        connections are not judged."""
        ...

    async def drops(self) -> Mapping[str, int]:
        """Packets that guards refused, by the name of the data plane's reason."""
        ...

    async def refusals(self) -> tuple[Refusal, ...]:
        """What guards refused in the last hour."""
        ...

    def probe_socket(self, source: str) -> socket.socket:
        """A non-blocking TCP socket inside ``sealway-lb``, bound to the address ``source`` (a VIP)."""
        ...

    async def teardown(self) -> None:
        """Removes everything that ``ensure`` and the others made."""
        ...


# --- the data plane ---------------------------------------------------------------------------


XdpMode = Literal["", "auto", "native", "generic"]
"""How an uplink drops early: not at all; natively where there is a device whose driver can; natively; in the
kernel's own way, for any interface."""


class Interface(Frozen, frozen=True, kw_only=True):
    """Where packets are looked at. ``role``: host (sealway0), task (a task's veth), bridge, uplink.

    ``address``, and ``address6`` in IPv6: the only ones that may open flows from a task's interface. No
    ``address``: any may.
    """

    name: str
    role: Literal["host", "task", "bridge", "uplink"]
    address: str = ""
    address6: str = ""
    xdp: XdpMode = ""


class Backend(Frozen, frozen=True, kw_only=True):
    """A target as the kernel sees it: ``address:port`` reached through ``interface``; empty: another host
    has it, the one whose network the address is in (``DataPlaneState.peers``).

    For an instance target this is the container's own bridge address and port; see DESIGN section 5.
    """

    address: str
    port: int
    interface: str


class WeightedBackend(Frozen, frozen=True, kw_only=True):
    """A backend's share of a frontend's new flows, and how it gets them: whether it sees its clients'
    addresses, and whether a TCP connection begins with a Proxy Protocol v2 header."""

    backend: Backend
    weight: int = 1
    preserve_client_ip: bool = True
    proxy_protocol: bool = False


class Frontend(Frozen, frozen=True, kw_only=True):
    """``vip:port``: where a listener is answered in one zone, and who takes its new flows.

    No backends: new connections are refused with a reset. ``sticky``: a client's address alone chooses
    its backend. ``idle_timeout`` in seconds. ``counterpart``: the same node's address of the other
    IP version, which targets of that version see as their client; without one they get no flow.
    """

    vip: str
    port: int
    protocol: Literal["tcp", "udp"] = "tcp"
    backends: tuple[WeightedBackend, ...] = ()
    sticky: bool = False
    node: str = ""
    """The load balancer's own address, if ``vip`` is the host's: what security groups know it by."""
    idle_timeout: int = 350
    counterpart: str = ""


class DataPlaneState(Frozen, frozen=True, kw_only=True):
    """All that the data plane should do, whole. ``draining``: backends that keep established flows
    but take no new one; a backend in neither set loses its flows. ``vips`` without a frontend on the
    asked port answer ping and refuse connections.
    """

    vips: frozenset[str] = frozenset()
    frontends: tuple[Frontend, ...] = ()
    draining: frozenset[Backend] = frozenset()
    interfaces: frozenset[Interface] = frozenset()
    endpoints: Mapping[str, str] = {}
    """Task address -> its host-side interface: where an answer to a task goes."""
    shared: frozenset[str] = frozenset()
    """Frontends' addresses that are the host's own: what is not for a frontend is left to the host."""
    guards: Guards = Guards()
    """What the security groups of load balancers, targets and tasks let begin."""
    peers: Peers = {}
    """Networks of other hosts' tasks (IPv4) -> the address of the host. Targets there get flows whose client
    keeps its address through a tunnel; what such a host sends through one reaches the tasks here."""


class FrontendCounters(Frozen, frozen=True, kw_only=True):
    """Totals since the frontend was made, with CloudWatch's meanings (AWS/NetworkELB)."""

    new_flows: int
    active_flows: int
    packets: int
    bytes: int
    established: int = 0
    """Flows whose handshake the client completed."""
    rejected: int = 0
    """New flows that found no room in the flow table, or were dropped for the limit of handshakes."""
    ports_exhausted: int = 0
    """New flows that found no source port towards their target."""
    blocked: int = 0
    """New flows that a security group refused."""
    client_resets: int = 0
    target_resets: int = 0
    resets: int = 0
    """The load balancer's own, to targets whose flow was over."""
    over_limit: int = 0
    """SYNs beyond the limit of uncompleted handshakes."""


class FlowEvent(Frozen, frozen=True, kw_only=True):
    """A flow began, or ended and how. ``cut``: its target was removed, or nothing came for too long."""

    what: Literal["start", "finished", "client reset", "target reset", "cut"]
    protocol: Literal["tcp", "udp"]
    client: str
    client_port: int
    vip: str
    port: int
    target: str
    target_port: int


WATCH_SECONDS = 10
"""How long flow events are kept for who does not ask for them."""


class DataPlane(Protocol):
    """What carries connections. Outlives this process."""

    async def start(self) -> None:
        """Loads or adopts what runs already. Raises ``DriverError`` saying what is missing."""
        ...

    async def apply(self, state: DataPlaneState) -> None:
        """Makes the kernel match; writes only differences; each frontend changes atomically.

        The same state again mends what somebody else took away meanwhile.
        """
        ...

    async def flows(self, backends: Collection[Backend] | None = None) -> Mapping[Backend, int]:
        """How many flows each backend carries. ``backends``: these alone, as far as the state knows them,
        which takes less time."""
        ...

    async def counters(self) -> Mapping[tuple[str, int, str], FrontendCounters]:
        """By (vip, port, protocol)."""
        ...

    async def drops(self) -> Mapping[str, int]:
        """Packets dropped, by the name of the reason."""
        ...

    async def refusals(self) -> tuple[Refusal, ...]:
        """Which flows security groups refused lately, and whose."""
        ...

    async def flow_events(self) -> tuple[FlowEvent, ...]:
        """What flows did since the last call; nothing at the first, and after ``WATCH_SECONDS`` without any.
        The latest are missing where too many came. A flow that only falls silent is not told of until a
        packet finds it over."""
        ...

    async def stop(self) -> None:
        """Lets go; traffic goes on where the implementation can (eBPF)."""
        ...

    async def teardown(self) -> None:
        """Detaches and removes everything; traffic ends."""
        ...


# --- names ------------------------------------------------------------------------------------


class Dns(Protocol):
    """The authoritative server that tasks ask. It outlives this process, as the data plane does."""

    async def start(self, addresses: frozenset[str]) -> None:
        """Serves on exactly these addresses, port 53, UDP and TCP."""
        ...

    async def set_records(self, records: Mapping[str, tuple[str, ...]]) -> None:
        """Exactly these names (no trailing dot) -> IPv4 addresses. An empty tuple: the name exists,
        with no address."""
        ...

    async def teardown(self) -> None:
        """Stops the server and removes its files."""
        ...


# --- the prober -------------------------------------------------------------------------------


class Probe(Frozen, frozen=True, kw_only=True):
    """One health probe: connect from ``source`` to ``address:port``. ``timeout`` in seconds.
    ``proxy_protocol``: begin with a Proxy Protocol v2 header that tells of no client."""

    source: str
    address: str
    port: int
    protocol: Literal["TCP", "HTTP", "HTTPS"]
    path: str = "/"
    matcher: str = "200-399"
    timeout: float = 10
    proxy_protocol: bool = False


class ProbeResult(Frozen, frozen=True, kw_only=True):
    """``reason`` is AWS's code (Target.Timeout, Target.FailedHealthChecks,
    Target.ResponseCodeMismatch), None when it passed."""

    passed: bool
    reason: str | None = None
    description: str | None = None


class Prober(Protocol):
    """Sends probes."""

    async def probe(self, probe: Probe) -> ProbeResult:
        """Never raises for a target's fault."""
        ...


Json = dict[str, Any]
