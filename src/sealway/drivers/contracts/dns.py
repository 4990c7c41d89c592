"""Names: the server that tasks ask."""

from collections.abc import Mapping
from typing import Protocol


class Dns(Protocol):
    """The authoritative server that tasks ask. It outlives this process, as the data plane does."""

    async def start(self, addresses: frozenset[str]) -> None:
        """Serves on exactly these addresses, port 53, UDP and TCP."""
        ...

    async def set_records(self, records: Mapping[str, tuple[str, ...]]) -> None:
        """Exactly these names (no trailing dot) -> IPv4 addresses. An empty tuple: the name exists,
        with no address."""
        ...

    async def teardown(self) -> None:
        """Stops the server and removes its files."""
        ...
