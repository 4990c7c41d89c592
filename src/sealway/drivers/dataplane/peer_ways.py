"""How other hosts are reached from this thread's network namespace, as its routes say."""

from collections.abc import Iterable
from typing import Any

from pyroute2 import IPRoute  # type: ignore[attr-defined]
from pyroute2.netlink.exceptions import NetlinkError

from .slots_plan import Place

_open_netlink: Any = IPRoute


def ways_to(hosts: Iterable[str]) -> dict[str, Place]:
    """Host's address -> the interface on the way and this host's address there; without those nowhere."""
    wanted = sorted(set(hosts))
    if not wanted:
        return {}
    with _open_netlink() as netlink:
        return {host: place for host in wanted if (place := _way_to(netlink, host))}


def _way_to(netlink: Any, host: str) -> Place | None:
    try:
        (route,) = netlink.route("get", dst=host)
    except NetlinkError:
        return None
    ifindex, source = route.get_attr("RTA_OIF"), route.get_attr("RTA_PREFSRC")
    return Place(ifindex, source=source) if ifindex and source else None
