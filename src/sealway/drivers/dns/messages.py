"""DNS messages: from a query's bytes to an answer's, or to the decision to ask another server.

Pure; any bytes may come. What is no query gets no answer (so two servers never talk in circles), what is a
broken query gets FORMERR. Sources: RFC 1035, RFC 2308 (negative answers), RFC 6891 (EDNS).
"""

# mypy: disallow-untyped-calls=False
# dnslib has no annotations.

import struct
from collections.abc import Callable, Sequence
from enum import Enum

import dnslib
from dnslib import CLASS, OPCODE, QTYPE, RCODE, RR

from .zone import DOMAIN, Outcome, Zone, within

TTL = 60
NEGATIVE_TTL = 5
"""Short, so that a load balancer's name is found soon after somebody asked for it too early."""
UDP_PAYLOAD = 1232
"""What fits one packet everywhere. Source: DNS Flag Day 2020."""
_PLAIN_UDP = 512
_HEADER = 12
_RESPONSE_BIT = 0x8000

Shuffle = Callable[[Sequence[str]], Sequence[str]]


class Forward(Enum):
    """The answer when the question is another server's."""

    YES = "forward"


def answer(query: bytes, zone: Zone, shuffle: Shuffle, *, over_tcp: bool = False) -> bytes | Forward | None:
    """The reply to send, ``Forward.YES``, or None for bytes that deserve no reply."""
    if len(query) < _HEADER or struct.unpack_from("!H", query, 2)[0] & _RESPONSE_BIT:
        return None
    try:
        request = dnslib.DNSRecord.parse(query)
    except Exception:
        return bare_reply(query, RCODE.FORMERR)
    if request.header.opcode != OPCODE.QUERY:
        return bare_reply(query, RCODE.NOTIMP)
    if len(request.questions) != 1:
        return bare_reply(query, RCODE.FORMERR)
    outcome = zone.lookup(name_of(request))
    if outcome is Outcome.NOT_OURS:
        return Forward.YES
    return _pack(_reply(request, outcome, shuffle), request, over_tcp)


def name_of(request: dnslib.DNSRecord) -> str:
    """The name asked for, as ``Zone.lookup`` wants it."""
    labels: tuple[bytes, ...] = request.q.qname.label
    return b".".join(labels).decode("latin-1").lower()


def bare_reply(query: bytes, rcode: int) -> bytes:
    """A reply without sections: id and question flags of the query, and the code."""
    ident, flags = struct.unpack_from("!HH", query)
    kept = flags & 0x7900  # the opcode and RD
    return struct.pack("!HHHHHH", ident, _RESPONSE_BIT | kept | 0x0080 | rcode, 0, 0, 0, 0)


def failure(query: bytes) -> bytes:
    """SERVFAIL with the question repeated, as resolvers expect it."""
    request = dnslib.DNSRecord.parse(query)
    reply = request.reply(ra=1, aa=0)
    reply.header.rcode = RCODE.SERVFAIL
    return bytes(reply.pack())


def _soa() -> dnslib.RR:
    times = (1, 3600, 600, 86400, NEGATIVE_TTL)
    data = dnslib.SOA(f"ns.{DOMAIN}", f"hostmaster.{DOMAIN}", times)
    return RR(DOMAIN, QTYPE.SOA, rdata=data, ttl=NEGATIVE_TTL)


def _reply(
    request: dnslib.DNSRecord, outcome: tuple[str, ...] | Outcome, shuffle: Shuffle
) -> dnslib.DNSRecord:
    reply = dnslib.DNSRecord(
        dnslib.DNSHeader(id=request.header.id, qr=1, aa=1, ra=1, rd=request.header.rd), q=request.q
    )
    if outcome is Outcome.NO_SUCH_NAME:
        reply.header.rcode = RCODE.NXDOMAIN
    elif isinstance(outcome, tuple):
        for address in shuffle(outcome):
            _add_address(reply, request, address)
    name = name_of(request)
    if name == DOMAIN and _wants(request, QTYPE.SOA):
        reply.add_answer(_soa())
    if not reply.rr and within(name, DOMAIN):
        reply.add_auth(_soa())
    return reply


def _add_address(reply: dnslib.DNSRecord, request: dnslib.DNSRecord, address: str) -> None:
    kind, data = (QTYPE.AAAA, dnslib.AAAA) if ":" in address else (QTYPE.A, dnslib.A)
    if _wants(request, kind):
        reply.add_answer(RR(request.q.qname, kind, rdata=data(address), ttl=TTL))


def _wants(request: dnslib.DNSRecord, rtype: int) -> bool:
    return request.q.qclass in (CLASS.IN, 255) and request.q.qtype in (rtype, QTYPE.ANY)


def _pack(reply: dnslib.DNSRecord, request: dnslib.DNSRecord, over_tcp: bool) -> bytes:
    limit = _PLAIN_UDP
    option = next((rr for rr in request.ar if rr.rtype == QTYPE.OPT), None)
    if option is not None:
        reply.add_ar(dnslib.EDNS0(udp_len=UDP_PAYLOAD))
        limit = max(_PLAIN_UDP, min(option.rclass, UDP_PAYLOAD))
    packed = bytes(reply.pack())
    if over_tcp or len(packed) <= limit:
        return packed
    reply.rr, reply.auth, reply.header.tc = [], [], 1
    return bytes(reply.pack())
