"""The data plane: what carries connections."""

from collections.abc import Collection, Mapping
from typing import Literal, Protocol

from ...model.guard import Guards
from ...model.peer import Peers
from .frozen import Frozen
from .refusal import Refusal

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
