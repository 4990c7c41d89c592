"""Small idempotent steps over rtnetlink, on one ``IPRoute`` of whichever namespace it was opened in.

Each step reads before it writes or tolerates that its work is done, so any of them can be repeated after
a crash. Blocking, but short: around a millisecond each.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from pyroute2 import IPRoute, NetlinkError  # type: ignore[attr-defined]

from ...model.address_pool import is_ipv6
from ...model.errors import DriverError
from .layout import ROUTE_PROTOCOL

_UNICAST, _UNREACHABLE = 1, 7  # rtm_type, from linux/rtnetlink.h
_USUAL_METRIC = 1024  # what an IPv6 route has that was given none
_PERMANENT = 0x80  # NUD_PERMANENT, from linux/neighbour.h


Socket = Any
"""A pyroute2 ``IPRoute``: its methods are made at run time and have no types."""


class Link(msgspec.Struct, frozen=True):
    """An interface. ``peer_index``: of a veth's other end, in its namespace."""

    index: int
    name: str
    mac: str
    alias: str | None
    peer_index: int | None


class Route(msgspec.Struct, frozen=True):
    """One of our routes. No ``interface``: packets are refused as unreachable."""

    destination: str
    interface: int | None = None
    gateway: str | None = None
    source: str | None = None
    metric: int | None = None


@contextmanager
def netlink() -> Iterator[Socket]:
    """A netlink socket in the calling thread's namespace; its failures become DriverError."""
    try:
        with IPRoute() as ipr:  # type: ignore[no-untyped-call]
            yield ipr
    except NetlinkError as error:
        refused = error.code == errno.EPERM
        hint = " (root is needed)" if refused else ""
        raise DriverError(
            f"the kernel refused a network change: {error}{hint}", retryable=not refused
        ) from error


def find_link(ipr: Socket, name: str) -> Link | None:
    """The interface of that name."""
    try:
        (found,) = ipr.link("get", ifname=name)
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        raise
    return _link(found)


def require_link(ipr: Socket, name: str) -> Link:
    """The interface of that name, which somebody made before. Raises DriverError."""
    link = find_link(ipr, name)
    if link is None:
        raise DriverError(f"the interface {name} is not there: it was never made, or was removed")
    return link


def all_links(ipr: Socket) -> list[Link]:
    """Every interface of the namespace."""
    return [_link(found) for found in ipr.get_links()]


def _link(found: Any) -> Link:
    return Link(
        found["index"], found.get("ifname"), found.get("address"), found.get("ifalias"), found.get("link")
    )


def delete_link(ipr: Socket, index: int) -> None:
    """Removes an interface (a veth's other end goes with it); gone already is fine."""
    try:
        ipr.link("del", index=index)
    except NetlinkError as error:
        if error.code != errno.ENODEV:
            raise


def add_veth(ipr: Socket, host: tuple[str, str], inside: tuple[str, str], namespace: int) -> None:
    """A pair: ``host`` and ``inside`` are (name, MAC); ``namespace`` the inner end's descriptor."""
    peer = {"ifname": inside[0], "address": inside[1], "net_ns_fd": namespace}
    ipr.link("add", ifname=host[0], address=host[1], kind="veth", peer=peer)


def addresses(ipr: Socket, index: int) -> set[str]:
    """The interface's IPv4 addresses."""
    return {found.get("local") or found.get("address") for found in ipr.get_addr(index=index, family=2)}


def _all_addresses(ipr: Socket, index: int) -> set[str]:
    """Of both versions; not those that IPv6 makes itself for the link."""
    wide = {found.get("address") for found in ipr.get_addr(index=index, family=10)}
    return addresses(ipr, index) | {address for address in wide if not address.startswith("fe80:")}


def _prefix(address: str) -> int:
    return 128 if is_ipv6(address) else 32


def set_addresses(ipr: Socket, index: int, wanted: set[str]) -> None:
    """Exactly these addresses, each alone in its network; what is there already is not touched."""
    present = _all_addresses(ipr, index)
    for address in wanted - present:
        ipr.addr("add", index=index, address=address, prefixlen=_prefix(address))
    for address in present - wanted:
        ipr.addr("del", index=index, address=address, prefixlen=_prefix(address))


def add_addresses(ipr: Socket, index: int, wanted: set[str]) -> None:
    """These addresses too."""
    for address in wanted - _all_addresses(ipr, index):
        ipr.addr("add", index=index, address=address, prefixlen=_prefix(address))


def set_neighbour(ipr: Socket, index: int, address: str, mac: str) -> None:
    """A permanent entry: ``address`` is reached at ``mac`` through this interface."""
    ipr.neigh("replace", dst=address, lladdr=mac, ifindex=index, state="permanent")


def neighbours(ipr: Socket) -> list[tuple[int, str]]:
    """(interface, address) of the permanent entries, of both versions."""
    found = [each for family in (2, 10) for each in ipr.get_neighbours(family=family)]
    return [(each["ifindex"], each.get("dst")) for each in found if each["state"] & _PERMANENT]


def set_default_route(ipr: Socket, index: int, gateway: str) -> None:
    """Everything of the gateway's IP version leaves through this interface."""
    everything = "::/0" if is_ipv6(gateway) else "default"
    ipr.route("replace", dst=everything, gateway=gateway, oif=index, flags=["onlink"])


def our_routes(ipr: Socket) -> set[Route]:
    """The routes in the main table that carry our protocol number."""
    return {
        Route(
            destination=f"{found.get('dst')}/{found['dst_len']}",
            interface=found.get("oif") if found["type"] == _UNICAST else None,
            gateway=found.get("gateway"),
            source=found.get("prefsrc"),
            metric=None if found.get("priority") == _USUAL_METRIC else found.get("priority"),
        )
        for family in (2, 10)
        for found in ipr.get_routes(proto=ROUTE_PROTOCOL, family=family)
    }


def put_route(ipr: Socket, route: Route) -> None:
    """Adds the route, or replaces the one with its destination and metric."""
    ipr.route("replace", **_request(route))


def delete_route(ipr: Socket, route: Route) -> None:
    """Removes it; gone already is fine."""
    try:
        ipr.route("del", **_request(route))
    except NetlinkError as error:
        if error.code not in (errno.ESRCH, errno.ENODEV):
            raise


def change_routes(ipr: Socket, present: set[Route], wanted: set[Route]) -> None:
    """From the one to the other, with no moment without a route that is only replaced."""
    for route in wanted - present:
        put_route(ipr, route)
    replaced = {(route.destination, route.metric) for route in wanted}
    for route in present - wanted:
        if (route.destination, route.metric) not in replaced:
            delete_route(ipr, route)


def link_towards(ipr: Socket, neighbour: str) -> int | None:
    """The interface by which a neighbour is reached; None: it is none, or not now."""
    try:
        (route,) = ipr.route("get", dst=neighbour)
    except NetlinkError:
        return None
    return None if route.get("gateway") or route["type"] != _UNICAST else route.get("oif")


def _request(route: Route) -> dict[str, Any]:
    request: dict[str, Any] = {"dst": route.destination, "proto": ROUTE_PROTOCOL}
    if route.interface is None:
        request["type"] = "unreachable"
    else:
        request["oif"] = route.interface
    if route.gateway is not None:
        request |= {"gateway": route.gateway, "flags": ["onlink"]}
    elif route.interface is not None and not is_ipv6(route.destination):
        request["scope"] = "link"
    if route.source is not None:
        request["prefsrc"] = route.source
    if route.metric is not None:
        request["priority"] = route.metric
    return request
