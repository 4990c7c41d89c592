"""The host's network: interfaces, addresses, routes, and what its packet filter lets begin."""

import socket
from collections.abc import Mapping
from typing import Protocol

from ...model.guard import Guards
from ...model.peer import NO_PEERS, Peers
from .frozen import Frozen
from .refusal import Refusal

Port = tuple[str, int]
"""Protocol (tcp or udp) and number."""


class TaskEndpoint(Frozen, frozen=True, kw_only=True):
    """An awsvpc task's place in the network: the address that ``interface`` (host side) leads to.
    ``ipv6_address``: its second; empty: it has none."""

    network_interface_id: str
    private_ip: str
    ipv6_address: str = ""
    mac: str


class HostNetwork(Protocol):
    """Interfaces, addresses, routes and the ``sealway-lb`` namespace on this host."""

    async def ensure(self, vpc_cidrs: tuple[str, ...], peers: Peers = NO_PEERS) -> None:
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
