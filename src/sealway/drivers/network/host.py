"""The host's network, on Linux: netlink for interfaces and routes, iptables for forwarding and NAT, nftables
for security groups.

State is in the kernel alone and read from there, so a new process adopts what a killed one left and the
traffic that runs through it never notices. Routes of ours carry a protocol number, task interfaces a prefix
and an alias, rules live in own chains. Netlink calls run in threads; one change at a time.

``net.ipv4.ip_forward`` is switched on and left on at teardown: others (Docker) need it as well.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import TypeVar

from ...model.address_pool import is_ipv6, resolver_address
from ...model.errors import DriverError
from ...model.guard import Guards
from ...model.peer import NO_PEERS, Peers
from ..contracts.host_network import Port, TaskEndpoint
from ..contracts.names import HOST_INTERFACE, LB_NAMESPACE
from ..contracts.refusal import Refusal
from . import iptables, lb_namespace, netlink, netns, nft, peer_routes, sysctl, task_links
from .host_ports import taken_ports
from .layout import LB_NEXT_HOP, LB_NEXT_HOP6, UNASSIGNED_METRIC, containing, router

T = TypeVar("T")


class LinuxNetwork:
    """``contracts.host_network.HostNetwork`` of the network namespace that this process is in."""

    def __init__(self, namespace: str = LB_NAMESPACE) -> None:
        self._namespace = namespace
        self._lock = asyncio.Lock()
        self._vpc_cidrs: tuple[str, ...] = ()
        self._peers: Peers = {}
        self._host_addresses: frozenset[str] | None = None  # None: not said yet; those there stay
        self._sources: Mapping[str, str] | None = None
        self._guards: tuple[Guards, bool] | None = None  # None: not said yet; those there stay

    async def ensure(self, vpc_cidrs: tuple[str, ...], peers: Peers = NO_PEERS) -> None:
        async with self._lock:
            self._vpc_cidrs, self._peers = vpc_cidrs, dict(peers)
            await _in_thread(self._ensure)
            await self._apply_rules()
            await self._put_guards()

    def _ensure(self) -> None:
        ipv6 = any(is_ipv6(cidr) for cidr in self._vpc_cidrs)
        sysctl.forward_packets(ipv6)
        lb_namespace.ensure(self._namespace, ipv6)
        self._put_host_addresses()
        with netlink.netlink() as ipr:
            wanted = {netlink.Route(cidr, metric=UNASSIGNED_METRIC) for cidr in self._vpc_cidrs}
            present = {route for route in netlink.our_routes(ipr) if route.interface is None}
            netlink.change_routes(ipr, present, wanted)
            peer_routes.put(ipr, self._peers)
        task_links.restore_routes(self._source_towards)

    async def set_vips(self, vips: frozenset[str]) -> None:
        async with self._lock:
            await _in_thread(lambda: self._set_vips(vips))

    def _set_vips(self, vips: frozenset[str]) -> None:
        lb_namespace.set_vips(self._namespace, vips)
        with netlink.netlink() as ipr:
            index = lb_namespace.host_index()
            wanted = {
                netlink.Route(
                    f"{vip}/{128 if is_ipv6(vip) else 32}",
                    index,
                    LB_NEXT_HOP6 if is_ipv6(vip) else LB_NEXT_HOP,
                    source=self._source_towards(vip),
                )
                for vip in vips
            }
            present = {route for route in netlink.our_routes(ipr) if route.interface == index}
            netlink.change_routes(ipr, present, wanted)

    async def set_host_addresses(self, addresses: frozenset[str]) -> None:
        async with self._lock:
            self._host_addresses = addresses
            await _in_thread(self._put_host_addresses)

    def _put_host_addresses(self) -> None:
        routers = {router(cidr) for cidr in self._vpc_cidrs}
        with netlink.netlink() as ipr:
            index = lb_namespace.host_index()
            if self._host_addresses is None:
                netlink.add_addresses(ipr, index, routers)
            else:
                netlink.set_addresses(ipr, index, routers | self._host_addresses)

    async def attach_task(self, endpoint: TaskEndpoint, pid: int) -> str:
        async with self._lock:
            return await _in_thread(lambda: task_links.attach(endpoint, pid, self._source_towards))

    async def detach_task(self, network_interface_id: str) -> None:
        async with self._lock:
            await _in_thread(lambda: task_links.detach(network_interface_id))

    async def has_task(self, network_interface_id: str) -> bool:
        return await _in_thread(lambda: task_links.is_attached(network_interface_id))

    async def list_tasks(self) -> Mapping[str, str]:
        return await _in_thread(task_links.attached)

    async def set_bridge_sources(self, sources: Mapping[str, str]) -> None:
        async with self._lock:
            self._sources = dict(sources)
            await self._apply_rules()

    async def _apply_rules(self) -> None:
        wide = len(self._narrow_cidrs) < len(self._vpc_cidrs)
        await iptables.apply(self._narrow_cidrs, tuple(self._peers), self._sources, wide)

    @property
    def _narrow_cidrs(self) -> tuple[str, ...]:
        return tuple(cidr for cidr in self._vpc_cidrs if not is_ipv6(cidr))

    async def own_addresses(self, interfaces: tuple[str, ...]) -> Mapping[str, frozenset[Port]]:
        return await _in_thread(lambda: _own_addresses(interfaces)) if interfaces else {}

    async def set_guards(self, guards: Guards, host_passes: bool = False) -> None:
        async with self._lock:
            self._guards = (guards, host_passes)
            await self._put_guards()

    async def _put_guards(self) -> None:
        if self._guards is not None:
            guards, host_passes = self._guards
            resolvers = [resolver_address(cidr) for cidr in self._narrow_cidrs]
            await nft.apply(guards, resolvers, host_passes)

    async def drops(self) -> Mapping[str, int]:
        return await nft.counted()

    async def refusals(self) -> tuple[Refusal, ...]:
        return tuple(await nft.refusals(self._guards[0])) if self._guards else ()

    def probe_socket(self, source: str) -> socket.socket:
        return lb_namespace.probe_socket(self._namespace, source)

    async def teardown(self) -> None:
        async with self._lock:
            await _in_thread(self._teardown)
            await iptables.remove()
            await nft.remove()
            self._vpc_cidrs, self._host_addresses, self._sources, self._guards = (), None, None, None

    def _teardown(self) -> None:
        task_links.detach_all()
        with netlink.netlink() as ipr:
            for route in netlink.our_routes(ipr):
                netlink.delete_route(ipr, route)
            link = netlink.find_link(ipr, HOST_INTERFACE)
            if link is not None:
                netlink.delete_link(ipr, link.index)
        netns.remove(self._namespace)

    def _source_towards(self, address: str) -> str | None:
        """Who the host is to an address in a VPC: the VPC's router."""
        cidr = containing(self._vpc_cidrs, address)
        return None if cidr is None else router(cidr)


def _own_addresses(interfaces: tuple[str, ...]) -> dict[str, frozenset[Port]]:
    with netlink.netlink() as ipr:
        links = [link for name in interfaces if (link := netlink.find_link(ipr, name))]
        addresses = {address for link in links for address in netlink.addresses(ipr, link.index)}
    return {address: taken_ports(address) for address in sorted(addresses)}


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        refused = isinstance(error, PermissionError)
        raise DriverError(
            f"the host's network could not be changed: {error}", retryable=not refused
        ) from error
