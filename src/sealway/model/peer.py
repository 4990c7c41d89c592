"""Other hosts with a Sealway of their own: networks (IPv4) -> the address of the host that has them."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

Peers = Mapping[str, str]
NO_PEERS: Peers = {}


def host_of(peers: Peers, address: str) -> str:
    """Which host has the address, by the smallest network that it is in; empty: none."""
    if not peers or ":" in address:
        return ""
    holding = [network for network in peers if ip_address(address) in ip_network(network)]
    return peers[max(holding, key=lambda each: ip_network(each).prefixlen)] if holding else ""


def overlap(peers: Iterable[str], cidrs: Iterable[str]) -> tuple[str, str] | None:
    """The first of these networks that shares addresses with one of the others (IPv4), and that one."""
    own = [cidr for cidr in cidrs if ":" not in cidr]
    return next(((p, c) for p in peers for c in own if ip_network(p).overlaps(ip_network(c))), None)
