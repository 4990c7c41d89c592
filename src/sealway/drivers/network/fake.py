"""A host's network in memory, for tests. What was asked for is what it has; passes the real one's tests."""

import socket
from collections.abc import Mapping

from ...model.address_pool import is_ipv6
from ...model.errors import DriverError
from ...model.guard import Guards
from ...model.peer import NO_PEERS, Peers
from ..contracts.host_network import Port, TaskEndpoint
from ..contracts.refusal import Refusal
from .layout import task_interface


class FakeNetwork:
    """``contracts.host_network.HostNetwork`` in memory. ``fail_with``: every call raises it while set."""

    def __init__(self) -> None:
        self.vpc_cidrs: tuple[str, ...] = ()
        self.peers: dict[str, str] = {}
        self.vips: frozenset[str] = frozenset()
        self.host_addresses: frozenset[str] = frozenset()
        self.bridge_sources: dict[str, str] = {}
        self.tasks: dict[str, tuple[TaskEndpoint, int]] = {}
        self.interfaces: dict[str, dict[str, frozenset[Port]]] = {}
        """The host's own: name -> its addresses, and the ports taken there."""
        self.guards = Guards()
        self.host_passes = False
        self.refused: tuple[Refusal, ...] = ()
        self.calls: list[str] = []
        self.ensured = False
        self.fail_with: DriverError | None = None
        self.dead_pids: set[int] = set()

    async def ensure(self, vpc_cidrs: tuple[str, ...], peers: Peers = NO_PEERS) -> None:
        self._call("ensure", needs_network=False)
        self.peers = dict(peers)
        self.ensured = True
        self.vpc_cidrs = vpc_cidrs

    async def set_vips(self, vips: frozenset[str]) -> None:
        self._call("set_vips")
        self.vips = vips

    async def set_host_addresses(self, addresses: frozenset[str]) -> None:
        self._call("set_host_addresses")
        self.host_addresses = addresses

    async def attach_task(self, endpoint: TaskEndpoint, pid: int) -> str:
        self._call("attach_task", needs_network=False)
        if pid in self.dead_pids:
            raise DriverError(f"process {pid} is gone, and its network namespace with it")
        self.tasks[endpoint.network_interface_id] = (endpoint, pid)
        return task_interface(endpoint.network_interface_id)

    async def detach_task(self, network_interface_id: str) -> None:
        self._call("detach_task", needs_network=False)
        self.tasks.pop(network_interface_id, None)

    async def has_task(self, network_interface_id: str) -> bool:
        self._call("has_task", needs_network=False)
        return network_interface_id in self.tasks

    async def list_tasks(self) -> Mapping[str, str]:
        self._call("list_tasks", needs_network=False)
        return {name: task_interface(name) for name in self.tasks}

    async def set_bridge_sources(self, sources: Mapping[str, str]) -> None:
        self._call("set_bridge_sources", needs_network=False)
        self.bridge_sources = dict(sources)

    async def own_addresses(self, interfaces: tuple[str, ...]) -> Mapping[str, frozenset[Port]]:
        self._call("own_addresses", needs_network=False)
        return {a: ports for name in interfaces for a, ports in self.interfaces.get(name, {}).items()}

    async def set_guards(self, guards: Guards, host_passes: bool = False) -> None:
        self._call("set_guards", needs_network=False)
        self.guards, self.host_passes = guards, host_passes

    async def drops(self) -> Mapping[str, int]:
        self._call("drops", needs_network=False)
        return {"security_group": sum(each.packets for each in self.refused)}

    async def refusals(self) -> tuple[Refusal, ...]:
        self._call("refusals", needs_network=False)
        return self.refused

    def probe_socket(self, source: str) -> socket.socket:
        """On this machine's own network, not bound: probes in tests go to loopback."""
        self._call("probe_socket")
        if source not in self.vips:
            raise DriverError(f"no probe can leave from {source}: Cannot assign requested address")
        family = socket.AF_INET6 if is_ipv6(source) else socket.AF_INET
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

    async def teardown(self) -> None:
        self._call("teardown", needs_network=False)
        self.vpc_cidrs, self.vips, self.host_addresses = (), frozenset(), frozenset()
        self.bridge_sources, self.tasks, self.ensured = {}, {}, False
        self.guards, self.refused = Guards(), ()

    def _call(self, name: str, needs_network: bool = True) -> None:
        self.calls.append(name)
        if self.fail_with is not None:
            raise self.fail_with
        if needs_network and not self.ensured:
            raise DriverError("the interface sealway0 is not there: it was never made, or was removed")
