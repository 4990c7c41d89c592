"""Questions to a DNS server on loopback, asked by dnspython: an implementation that is not ours."""

import asyncio
import socket
from contextlib import closing

import dns.asyncquery
import dns.message
import dns.rcode
import dns.rdatatype


def free_port(address: str) -> int:
    """A port that is free on ``address`` for UDP and TCP alike."""
    while True:
        with (
            closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp,
            closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tcp,
        ):
            udp.bind((address, 0))
            port = udp.getsockname()[1]
            try:
                tcp.bind((address, port))
            except OSError:
                continue
            return int(port)


async def ask(
    address: str, port: int, name: str, rtype: str = "A", *, tcp: bool = False, timeout: float = 5
) -> dns.message.Message:
    query = dns.message.make_query(name, rtype, use_edns=0)
    send = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await send(query, address, port=port, timeout=timeout)


def addresses(reply: dns.message.Message) -> list[str]:
    return [str(record) for rrset in reply.answer if rrset.rdtype == dns.rdatatype.A for record in rrset]


async def eventually_refused(address: str, port: int) -> None:
    """Returns when nothing listens there over TCP any more."""
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection(address, port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.01)
