"""What every ``contracts.dns.Dns`` does: the detached server and the fake."""

from collections.abc import AsyncIterator
from pathlib import Path

import dns.rcode
import pytest

from sealway.drivers.contracts.dns import Dns
from sealway.drivers.dns.driver import DnsServerProcess
from sealway.drivers.dns.fake import FakeDns
from tests.support.dns_client import addresses, ask, free_port

HERE, THERE = "127.0.0.61", "127.0.0.62"
NAME = "edge-1f2e.elb.us-east-1.sealway.internal"


class Harness:
    """A DNS and its client: ``lookup`` answers addresses, None (no such name) or raises ConnectionError."""

    dns: Dns

    async def lookup(self, address: str, name: str) -> set[str] | None:
        raise NotImplementedError


class FakeHarness(Harness):
    def __init__(self) -> None:
        self.fake = FakeDns()
        self.dns = self.fake

    async def lookup(self, address: str, name: str) -> set[str] | None:
        found = self.fake.lookup(address, name)
        return None if found is None else set(found)


class ServerHarness(Harness):
    def __init__(self, directory: Path) -> None:
        self.port = free_port(HERE)
        self.dns = DnsServerProcess(directory / "dns", port=self.port, upstreams=["127.0.0.1:1"])

    async def lookup(self, address: str, name: str) -> set[str] | None:
        reply = await ask(address, self.port, name, tcp=True)
        return None if reply.rcode() == dns.rcode.NXDOMAIN else set(addresses(reply))


@pytest.fixture(params=["fake", "server"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    made = FakeHarness() if request.param == "fake" else ServerHarness(tmp_path)
    yield made
    await made.dns.teardown()


async def test_records_are_served_on_every_address(harness: Harness) -> None:
    await harness.dns.start(frozenset({HERE, THERE}))
    await harness.dns.set_records({NAME: ("10.0.0.1", "10.0.1.1")})
    for address in (HERE, THERE):
        assert await harness.lookup(address, NAME) == {"10.0.0.1", "10.0.1.1"}


async def test_records_given_before_the_start_count(harness: Harness) -> None:
    await harness.dns.set_records({NAME: ("10.0.0.1",)})
    await harness.dns.start(frozenset({HERE}))
    assert await harness.lookup(HERE, NAME) == {"10.0.0.1"}


async def test_records_are_replaced_whole(harness: Harness) -> None:
    await harness.dns.start(frozenset({HERE}))
    await harness.dns.set_records({NAME: ("10.0.0.1",), "other.sealway.internal": ("10.0.0.2",)})
    await harness.dns.set_records({NAME: ("10.0.0.9",)})
    assert await harness.lookup(HERE, NAME) == {"10.0.0.9"}
    assert await harness.lookup(HERE, "other.sealway.internal") is None


async def test_a_name_without_an_address_exists(harness: Harness) -> None:
    await harness.dns.start(frozenset({HERE}))
    await harness.dns.set_records({NAME: ()})
    assert await harness.lookup(HERE, NAME) == set()
    assert await harness.lookup(HERE, "elb.us-east-1.sealway.internal") == set()
    assert await harness.lookup(HERE, "x." + NAME) is None


async def test_case_does_not_matter(harness: Harness) -> None:
    await harness.dns.start(frozenset({HERE}))
    await harness.dns.set_records({NAME.replace("edge", "Edge"): ("10.0.0.1",)})
    assert await harness.lookup(HERE, NAME.upper()) == {"10.0.0.1"}


async def test_exactly_the_given_addresses_listen(harness: Harness) -> None:
    await harness.dns.start(frozenset({HERE}))
    await harness.dns.set_records({NAME: ("10.0.0.1",)})
    with pytest.raises(ConnectionError):
        await harness.lookup(THERE, NAME)
    await harness.dns.start(frozenset({THERE}))
    assert await harness.lookup(THERE, NAME) == {"10.0.0.1"}
    with pytest.raises(ConnectionError):
        await harness.lookup(HERE, NAME)


async def test_starting_and_ending_twice_is_fine(harness: Harness) -> None:
    await harness.dns.teardown()
    await harness.dns.start(frozenset({HERE}))
    await harness.dns.start(frozenset({HERE}))
    await harness.dns.set_records({NAME: ("10.0.0.1",)})
    await harness.dns.teardown()
    await harness.dns.teardown()
    with pytest.raises(ConnectionError):
        await harness.lookup(HERE, NAME)
    await harness.dns.start(frozenset({HERE}))
    assert await harness.lookup(HERE, NAME) is None
