"""The addresses of each subnet in use, and the one given out last; kept up interface by interface."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address

from ..model.network import NetworkInterface
from ..model.task import Task

Given = tuple[datetime, int]
"""When an address was given out, and the address as a number."""


class AddressBook:
    """Nobody else changes what it answers."""

    def __init__(self) -> None:
        self._taken: dict[str, set[str]] = defaultdict(set)
        self._of: dict[str, tuple[str, str]] = {}
        self._last: dict[str, Given] = {}

    @property
    def taken(self) -> Mapping[str, set[str]]:
        """Subnet id -> the private addresses of its interfaces."""
        return self._taken

    @property
    def last_given(self) -> Mapping[str, Given]:
        """Subnet id -> the newest address there, also when it is free again."""
        return self._last

    def put_interface(self, key: str, interface: NetworkInterface | None) -> None:
        """None: it is gone, its address free."""
        if key in self._of:
            subnet, address = self._of.pop(key)
            self._taken[subnet].discard(address)
        if interface is not None:
            self._of[key] = interface.subnet_id, interface.private_ip
            self._taken[interface.subnet_id].add(interface.private_ip)
            self._note(interface.subnet_id, interface.created_at, interface.private_ip)

    def put_task(self, task: Task) -> None:
        """One whose interface is gone was given its address all the same."""
        if task.interface is not None:
            self._note(task.interface.subnet_id, task.created_at, task.interface.private_ip)

    def _note(self, subnet: str, at: datetime, address: str) -> None:
        given = (at, int(IPv4Address(address)))
        self._last[subnet] = max(given, self._last.get(subnet, given))
