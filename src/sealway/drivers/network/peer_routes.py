"""Routes to other hosts' networks. They are ours by their protocol number, and known by their gateway, which
is not the load balancer's namespace."""

import structlog

from ...model.peer import Peers
from . import netlink
from .layout import LB_NEXT_HOP, LB_NEXT_HOP6

log = structlog.get_logger(__name__)


def put(ipr: netlink.Socket, peers: Peers) -> None:
    """Exactly these networks have a route by their host."""
    links = {host: netlink.link_towards(ipr, host) for host in sorted(set(peers.values()))}
    for host in [host for host, link in links.items() if link is None]:
        log.warning("a peer is no neighbour of this host; its networks have no route", peer=host)
    wanted = {netlink.Route(network, link, host) for network, host in peers.items() if (link := links[host])}
    gateways = (None, LB_NEXT_HOP, LB_NEXT_HOP6)
    present = {route for route in netlink.our_routes(ipr) if route.gateway not in gateways}
    netlink.change_routes(ipr, present, wanted)
