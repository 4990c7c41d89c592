"""What an administrator or a test may change about the agent. Times in seconds."""

import msgspec

from ..drivers.contracts.dataplane import XdpMode
from ..model.architecture import DEFAULT
from ..model.peer import Peers


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every field has a default that suits a machine of one's own."""

    uplinks: tuple[str, ...] = ()
    """The host's outward interfaces, where clients' packets come in."""
    exposed: tuple[str, ...] = ()
    """Interfaces of the host whose own addresses answer internet-facing load balancers' listeners too."""
    xdp: XdpMode = ""
    """How those drop early."""
    architecture: str = DEFAULT
    """The processor that tasks run on."""
    peers: Peers = {}
    """Other hosts' networks, whose addresses may be targets here."""
    relayed: bool = False
    """Targets see this host as their client, which therefore passes their security groups."""
    default_cluster: str = "default"
    """The cluster an instance joins when its user data names none, as the ECS agent does."""
    parallel_starts: int = 8
    """How many tasks may be pulled and started at the same time."""
    resync: float = 15
    """How often everything is looked at again without an event."""
    rest: float = 1
    """How much the loops rest after long passes, of what they do by themselves; 0: never."""
    retry_first: float = 0.25
    retry_limit: float = 5
    """After a failure of a driver: the first pause, doubled up to the limit."""
    attach_attempts: int = 5
    """How often a task's network interface is tried before the task fails to start."""
    early_probe: float = 0.25
    """How soon a target that has not yet answered is probed again, doubled up to its interval."""
    flow_count: float = 10
    """How often the flows of targets that are no longer registered are counted, while there are any."""
    termination_bound: float = 4000
    """How long a terminating instance waits for its tasks: the longest drain and stop, and some."""
