"""A DNS in memory, answering as the server does. It passes ``tests/contract/test_dns.py`` too."""

from collections.abc import Mapping

from .zone import Outcome, Zone


class FakeDns:
    """``contracts.dns.Dns`` without a process. ``lookup`` is what a client would see."""

    def __init__(self) -> None:
        self.addresses: frozenset[str] = frozenset()
        self.records: dict[str, tuple[str, ...]] = {}

    async def start(self, addresses: frozenset[str]) -> None:
        self.addresses = addresses

    async def set_records(self, records: Mapping[str, tuple[str, ...]]) -> None:
        self.records = dict(records)

    async def teardown(self) -> None:
        self.addresses = frozenset()
        self.records = {}

    def lookup(self, address: str, name: str) -> tuple[str, ...] | None:
        """The addresses of ``name`` as the server at ``address`` says; None: no such name.

        Raises ConnectionRefusedError when nothing listens there.
        """
        if address not in self.addresses:
            raise ConnectionRefusedError(address)
        outcome = Zone(self.records).lookup(name.lower())
        return None if isinstance(outcome, Outcome) else outcome
