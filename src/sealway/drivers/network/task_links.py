"""A task's veth: one end in the task's namespace with the task's addresses, the other on the host. Blocking.

The host-side interface carries the network interface's id as its alias, so a later process knows whose it is.
"""

import os
from collections.abc import Callable
from pathlib import Path

from ...model.address_pool import is_ipv6
from ...model.errors import DriverError
from ..contracts.host_network import TaskEndpoint
from . import netlink, netns, sysctl
from .layout import GATEWAY, GATEWAY6, HOST_MAC, TASK_INSIDE, TASK_PREFIX, task_interface

SourceTowards = Callable[[str], str | None]
"""Whose address the host uses towards a task's."""


def attach(endpoint: TaskEndpoint, pid: int, source_towards: SourceTowards) -> str:
    """Makes or completes the pair."""
    name = task_interface(endpoint.network_interface_id)
    namespace = _open_namespace(pid)
    try:
        path = Path(f"/proc/self/fd/{namespace}")
        with netlink.netlink() as ipr:
            _ensure_pair(ipr, name, endpoint, namespace)
            netns.run_inside(path, lambda: _configure_inside(endpoint))
            _configure_host(ipr, name, endpoint, source_towards)
    finally:
        os.close(namespace)
    return name


def _open_namespace(pid: int) -> int:
    """By descriptor from here on: the process may end, and its number be given to another."""
    try:
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise DriverError(f"process {pid} is gone, and its network namespace with it") from error
    if os.fstat(descriptor).st_ino == os.stat("/proc/thread-self/ns/net").st_ino:
        os.close(descriptor)
        raise DriverError(f"process {pid} has no network namespace of its own", retryable=False)
    return descriptor


def _ensure_pair(ipr: netlink.Socket, name: str, endpoint: TaskEndpoint, namespace: int) -> None:
    host = netlink.find_link(ipr, name)
    if host is not None:
        inside = netns.run_inside(Path(f"/proc/self/fd/{namespace}"), _find_inside)
        if inside is not None and (host.peer_index, inside.peer_index) == (inside.index, host.index):
            return
        netlink.delete_link(ipr, host.index)  # of a former container of this task
    netlink.add_veth(ipr, (name, HOST_MAC), (TASK_INSIDE, endpoint.mac), namespace)


def _find_inside() -> netlink.Link | None:
    with netlink.netlink() as ipr:
        return netlink.find_link(ipr, TASK_INSIDE)


def _addresses(endpoint: TaskEndpoint) -> set[str]:
    return {endpoint.private_ip, endpoint.ipv6_address} - {""}


def _configure_inside(endpoint: TaskEndpoint) -> None:
    sysctl.task_namespace(("lo", TASK_INSIDE), ipv6=bool(endpoint.ipv6_address))
    with netlink.netlink() as ipr:
        loopback, link = netlink.require_link(ipr, "lo"), netlink.require_link(ipr, TASK_INSIDE)
        ipr.link("set", index=loopback.index, state="up")
        ipr.link("set", index=link.index, state="up")
        netlink.set_addresses(ipr, link.index, _addresses(endpoint))
        for gateway in (GATEWAY, GATEWAY6) if endpoint.ipv6_address else (GATEWAY,):
            netlink.set_neighbour(ipr, link.index, gateway, HOST_MAC)
            netlink.set_default_route(ipr, link.index, gateway)


def _configure_host(
    ipr: netlink.Socket, name: str, endpoint: TaskEndpoint, source_towards: SourceTowards
) -> None:
    link = netlink.require_link(ipr, name)
    sysctl.host_side(name, ipv6=bool(endpoint.ipv6_address))
    ipr.link("set", index=link.index, state="up", ifalias=endpoint.network_interface_id)
    for address in _addresses(endpoint):
        netlink.set_neighbour(ipr, link.index, address, endpoint.mac)
        netlink.put_route(ipr, _route(address, link.index, source_towards))


def _route(address: str, interface: int, source_towards: SourceTowards) -> netlink.Route:
    bits = 128 if is_ipv6(address) else 32
    return netlink.Route(f"{address}/{bits}", interface, source=source_towards(address))


def restore_routes(source_towards: SourceTowards) -> None:
    """Routes that the tasks' interfaces lack: one goes with the address that it names as source.

    The neighbour entry, which nothing else takes away, tells the task's address.
    """
    with netlink.netlink() as ipr:
        tasks = {link.index for link in netlink.all_links(ipr) if _is_task(link) and link.alias}
        routed = {(route.interface, route.destination) for route in netlink.our_routes(ipr)}
        for index, address in netlink.neighbours(ipr) if tasks else ():
            route = _route(address, index, source_towards)
            if index in tasks and (index, route.destination) not in routed:
                netlink.put_route(ipr, route)


def detach(network_interface_id: str) -> None:
    """The pair goes, and with it the route and the neighbour."""
    with netlink.netlink() as ipr:
        link = netlink.find_link(ipr, task_interface(network_interface_id))
        if link is not None:
            netlink.delete_link(ipr, link.index)


def is_attached(network_interface_id: str) -> bool:
    """Whether there is a finished one."""
    with netlink.netlink() as ipr:
        link = netlink.find_link(ipr, task_interface(network_interface_id))
        return link is not None and link.alias == network_interface_id and _is_task(link)


def attached() -> dict[str, str]:
    """Network interface id -> host-side interface, of the finished ones."""
    with netlink.netlink() as ipr:
        return {link.alias: link.name for link in netlink.all_links(ipr) if _is_task(link) and link.alias}


def detach_all() -> None:
    """Removes every task's interface, half-made ones too."""
    with netlink.netlink() as ipr:
        for link in netlink.all_links(ipr):
            if _is_task(link):
                netlink.delete_link(ipr, link.index)


def _is_task(link: netlink.Link) -> bool:
    return link.name.startswith(TASK_PREFIX) and link.peer_index is not None
