"""The load balancer's namespace and the pair of interfaces that leads there. Blocking.

host  sealway0 ---- eth0  sealway-lb
      every /32 of      lb0: the load balancer addresses, each /32
      the host's own    default via 169.254.1.1
"""

import os
import socket

from ...model.address_pool import is_ipv6
from ...model.errors import DriverError
from ..contracts.names import HOST_INTERFACE
from . import netlink, netns, sysctl
from .layout import GATEWAY, GATEWAY6, HOST_MAC, LB_MAC, LB_NEXT_HOP, LB_NEXT_HOP6, LB_UPLINK, LB_VIPS

FIRST_PROBE_PORT, LAST_PROBE_PORT = 61000, 65535


def ensure(name: str, ipv6: bool = False) -> None:
    """The namespace, the pair, both ends configured. The caller is in the host's namespace. ``ipv6``: too."""
    netns.ensure(name)
    with netlink.netlink() as ipr:
        _ensure_pair(ipr, name)
        link = netlink.require_link(ipr, HOST_INTERFACE)
        sysctl.host_side(HOST_INTERFACE, ipv6)
        ipr.link("set", index=link.index, state="up")
        netlink.set_neighbour(ipr, link.index, LB_NEXT_HOP, LB_MAC)
        if ipv6:
            netlink.set_neighbour(ipr, link.index, LB_NEXT_HOP6, LB_MAC)
    netns.run_inside(netns.path_of(name), lambda: _configure_inside(ipv6))


def host_index() -> int:
    """The index of ``sealway0``."""
    with netlink.netlink() as ipr:
        return netlink.require_link(ipr, HOST_INTERFACE).index


def _ensure_pair(ipr: netlink.Socket, name: str) -> None:
    host = netlink.find_link(ipr, HOST_INTERFACE)
    inside = netns.run_inside(netns.path_of(name), lambda: _find(LB_UPLINK))
    if host is not None and inside is not None and _are_pair(host, inside):
        return
    if host is not None:  # its other end is in a namespace that is no longer ours
        netlink.delete_link(ipr, host.index)
    descriptor = os.open(netns.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        netlink.add_veth(ipr, (HOST_INTERFACE, HOST_MAC), (LB_UPLINK, LB_MAC), descriptor)
    finally:
        os.close(descriptor)


def _are_pair(host: netlink.Link, inside: netlink.Link) -> bool:
    return (host.peer_index, inside.peer_index) == (inside.index, host.index)


def _find(name: str) -> netlink.Link | None:
    with netlink.netlink() as ipr:
        return netlink.find_link(ipr, name)


def _configure_inside(ipv6: bool) -> None:
    with netlink.netlink() as ipr:
        if netlink.find_link(ipr, LB_VIPS) is None:
            # A bridge without ports, as a place for addresses: kernels exist that have no dummy devices.
            ipr.link("add", ifname=LB_VIPS, kind="bridge")
        wide = ("lo", LB_VIPS, LB_UPLINK) if ipv6 else ()
        sysctl.load_balancer_namespace(FIRST_PROBE_PORT, LAST_PROBE_PORT, wide)
        for name in ("lo", LB_VIPS, LB_UPLINK):
            ipr.link("set", index=netlink.require_link(ipr, name).index, state="up")
        uplink = netlink.require_link(ipr, LB_UPLINK)
        netlink.set_neighbour(ipr, uplink.index, GATEWAY, HOST_MAC)
        netlink.set_default_route(ipr, uplink.index, GATEWAY)
        if ipv6:
            netlink.set_neighbour(ipr, uplink.index, GATEWAY6, HOST_MAC)
            netlink.set_default_route(ipr, uplink.index, GATEWAY6)


def set_vips(name: str, vips: frozenset[str]) -> None:
    """Exactly these addresses in the namespace."""

    def work() -> None:
        with netlink.netlink() as ipr:
            link = netlink.require_link(ipr, LB_VIPS)
            netlink.set_addresses(ipr, link.index, set(vips))

    netns.run_inside(netns.path_of(name), work)


def probe_socket(name: str, source: str) -> socket.socket:
    """A non-blocking TCP socket there, bound to ``source`` and a port of the probes' range."""
    family = socket.AF_INET6 if is_ipv6(source) else socket.AF_INET

    def work() -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # The port is chosen at connect, so one source port serves many targets.
            made.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            made.bind((source, 0))
        except OSError:
            made.close()
            raise
        return made

    try:
        return netns.run_inside(netns.path_of(name), work)
    except OSError as error:
        raise DriverError(f"no probe can leave from {source}: {error}") from error


_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python 3.11 does not name it
