"""Names, addresses and MACs of the host's network. Pure; every side of a cable agrees on them here.

Every task and the load balancer's namespace see one gateway, 169.254.1.1, which no interface holds: a
permanent neighbour entry leads to the MAC that all host-side ends share. Nothing ever asks by ARP.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from ...model.address_pool import is_ipv6, mac_for, router_address, wide_router_address

GATEWAY = "169.254.1.1"
"""The next hop of tasks and of the load balancer's namespace."""
HOST_MAC = mac_for(GATEWAY)
"""The MAC of every host-side end."""
LB_NEXT_HOP = "169.254.1.2"
"""The next hop from the host to the load balancer's namespace."""
GATEWAY6, LB_NEXT_HOP6 = "fe80::1", "fe80::2"
"""The same two in IPv6."""
LB_MAC = mac_for(LB_NEXT_HOP)
LB_UPLINK = "eth0"
"""The namespace's end of the pair; the host's is ``sealway0``."""
LB_VIPS = "lb0"
"""The namespace's interface that holds the load balancer addresses."""
TASK_INSIDE = "eth0"
"""A task's own interface."""
TASK_PREFIX = "swt"
ROUTE_PROTOCOL = 83
"""Marks our routes (rtnetlink's protocol number; free in /etc/iproute2/rt_protos)."""
UNASSIGNED_METRIC = 20_000
"""Of the route that refuses VPC addresses nobody holds: any other route of the same size comes first."""


def task_interface(network_interface_id: str) -> str:
    """The host-side interface of a task: 15 characters, the longest that Linux takes."""
    return TASK_PREFIX + network_interface_id[-12:]


def containing(cidrs: Iterable[str], address: str) -> str | None:
    """The first of these networks that the address is in."""
    wanted = ip_address(address)
    return next((cidr for cidr in cidrs if wanted in ip_network(cidr)), None)


def router(cidr: str) -> str:
    """Who the host is to a VPC: the first address of its block, of either version."""
    return wide_router_address(cidr) if is_ipv6(cidr) else router_address(cidr)
