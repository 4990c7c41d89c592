"""The tasks' interfaces on this host: read at the start and on a timer, meanwhile told by who attaches and
detaches them. So the data plane need not ask the kernel for all of them whenever one comes.
"""

from collections.abc import Mapping

from ..drivers.contracts.host_network import HostNetwork, TaskEndpoint


class Endpoints:
    """One host's."""

    def __init__(self, network: HostNetwork) -> None:
        self._network = network
        self._attached: dict[str, str] | None = None
        self._meanwhile: list[dict[str, str | None]] = []
        """For each reading under way: what was attached or detached since it began."""
        self._moved: set[str] = set()

    async def attach(self, endpoint: TaskEndpoint, pid: int) -> None:
        """See ``HostNetwork.attach_task``."""
        name = await self._network.attach_task(endpoint, pid)
        self._note(endpoint.network_interface_id, name)

    async def detach(self, network_interface_id: str) -> None:
        """See ``HostNetwork.detach_task``."""
        await self._network.detach_task(network_interface_id)
        self._note(network_interface_id, None)

    async def has(self, network_interface_id: str) -> bool:
        """Whether it is there now."""
        found = await self._network.has_task(network_interface_id)
        if not found:
            self._note(network_interface_id, None)
        return found

    async def known(self) -> Mapping[str, str]:
        """Network interface id -> host-side interface."""
        return await self.read() if self._attached is None else self._attached

    async def read(self) -> Mapping[str, str]:
        """The same, as the kernel has them now."""
        meanwhile: dict[str, str | None] = {}
        self._meanwhile.append(meanwhile)
        try:
            listed = {**await self._network.list_tasks(), **meanwhile}
        finally:
            self._meanwhile = [each for each in self._meanwhile if each is not meanwhile]
        found = {key: name for key, name in listed.items() if name is not None}
        before = self._attached or {}
        self._moved |= {key for key, _ in found.items() ^ before.items()}
        self._attached = found
        return found

    def moved(self) -> set[str]:
        """The network interfaces whose host side has come, gone or changed since the last call."""
        moved, self._moved = self._moved, set()
        return moved

    def _note(self, key: str, name: str | None) -> None:
        for each in self._meanwhile:
            each[key] = name
        if self._attached is None or self._attached.get(key) == name:
            return
        self._moved.add(key)
        if name is None:
            del self._attached[key]
        else:
            self._attached[key] = name
