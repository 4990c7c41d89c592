import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import dns.message
import dns.rcode

from sealway.drivers.dns.forwarder import Forwarder, ResolvConf, parse_resolv_conf

QUERY = dns.message.make_query("example.com", "A")
Respond = Callable[[bytes], list[bytes]]


class Upstream(asyncio.DatagramProtocol):
    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.seen: list[bytes] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self.seen.append(data)
        for reply in self.respond(data):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def upstream(respond: Respond) -> AsyncIterator[tuple[tuple[str, int], Upstream]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Upstream(respond), local_addr=("127.0.0.1", 0)
    )
    yield transport.get_extra_info("sockname"), protocol
    transport.close()


def refusing(query: bytes) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(query))
    reply.set_rcode(dns.rcode.REFUSED)
    return reply.to_wire()


async def rcode_of(forwarder: Forwarder) -> tuple[int, int]:
    reply = dns.message.from_wire(await forwarder.ask(QUERY.to_wire(), over_tcp=False))
    return reply.id, reply.rcode()


async def test_the_answer_comes_back_under_the_clients_id() -> None:
    async with upstream(lambda q: [refusing(q)]) as (address, seen):
        assert await rcode_of(Forwarder(lambda: [address])) == (QUERY.id, dns.rcode.REFUSED)
        assert seen.seen[0][2:] == QUERY.to_wire()[2:]


async def test_only_the_answer_to_this_question_counts() -> None:
    def forged(query: bytes) -> list[bytes]:
        other = dns.message.make_response(
            dns.message.make_query("evil.example", "A", id=int.from_bytes(query[:2]))
        )
        return [b"", bytes(2) + refusing(query)[2:], other.to_wire(), query, refusing(query)]

    async with upstream(forged) as (address, _):
        assert await rcode_of(Forwarder(lambda: [address])) == (QUERY.id, dns.rcode.REFUSED)


async def test_a_silent_resolver_is_followed_by_the_next() -> None:
    async with upstream(lambda _: []) as (silent, _), upstream(lambda q: [refusing(q)]) as (second, _):
        forwarder = Forwarder(lambda: [silent, second], timeout=0.05)
        assert await rcode_of(forwarder) == (QUERY.id, dns.rcode.REFUSED)


async def test_nobody_answers() -> None:
    async with upstream(lambda _: []) as (silent, _):
        assert await rcode_of(Forwarder(lambda: [silent], timeout=0.05)) == (QUERY.id, dns.rcode.SERVFAIL)
    assert await rcode_of(Forwarder(lambda: [])) == (QUERY.id, dns.rcode.SERVFAIL)
    tcp = await Forwarder(lambda: [("127.0.0.1", 1)]).ask(QUERY.to_wire(), over_tcp=True)
    assert dns.message.from_wire(tcp).rcode() == dns.rcode.SERVFAIL


def test_the_hosts_resolvers_without_ourselves(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# nameserver 1.1.1.1\nsearch x\nnameserver 10.0.0.2\nnameserver  192.168.1.1 # home\nnameserver\n"
    )
    resolvers = ResolvConf(path, lambda: frozenset({"10.0.0.2"}))
    assert resolvers() == [("192.168.1.1", 53)]
    path.write_text("nameserver fe80::1%eth0\n")
    os.utime(path, ns=(1, 1))
    assert resolvers() == [("fe80::1%eth0", 53)]
    path.unlink()
    assert resolvers() == []
    assert parse_resolv_conf("") == []
