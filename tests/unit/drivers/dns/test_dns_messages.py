import struct

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealway.drivers.dns.messages import NEGATIVE_TTL, TTL, Forward, answer, failure
from sealway.drivers.dns.zone import Zone

NAME = "edge.elb.us-east-1.sealway.internal"
ZONE = Zone(
    {
        NAME: ("10.0.0.1", "10.0.0.2"),
        "both.sealway.internal": ("10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2"),
        "many.sealway.internal": tuple(f"10.1.0.{n}" for n in range(200)),
    }
)


def reply_to(query: dns.message.Message, **options) -> dns.message.Message:
    wire = answer(query.to_wire(), ZONE, lambda found: found[::-1], **options)
    assert isinstance(wire, bytes)
    return dns.message.from_wire(wire)


def test_addresses_come_shuffled_authoritative_and_for_a_minute() -> None:
    query = dns.message.make_query(NAME.upper(), "A")
    reply = reply_to(query)
    assert reply.id == query.id
    assert reply.flags & dns.flags.AA
    (rrset,) = reply.answer
    assert ([str(r) for r in rrset], rrset.ttl) == (["10.0.0.2", "10.0.0.1"], TTL)
    assert reply.question[0].name == query.question[0].name


@pytest.mark.parametrize("rtype", ["AAAA", "MX", "HTTPS", "TXT"])
def test_other_types_of_a_name_that_exists(rtype: str) -> None:
    reply = reply_to(dns.message.make_query(NAME, rtype))
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert reply.authority[0].ttl == NEGATIVE_TTL


def test_a_name_with_addresses_of_both_versions() -> None:
    said = {
        rtype: {
            str(r)
            for rrset in reply_to(dns.message.make_query("both.sealway.internal", rtype)).answer
            for r in rrset
        }
        for rtype in ("A", "AAAA", "ANY", "MX")
    }
    four, six = {"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}
    assert said == {"A": four, "AAAA": six, "ANY": four | six, "MX": set()}


def test_a_name_nobody_has() -> None:
    reply = reply_to(dns.message.make_query("nobody.sealway.internal", "A"))
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.authority[0].rdtype == dns.rdatatype.SOA


def test_other_peoples_names_are_forwarded() -> None:
    query = dns.message.make_query("example.com", "A")
    assert answer(query.to_wire(), ZONE, list) is Forward.YES
    assert dns.message.from_wire(failure(query.to_wire())).rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize(("payload", "limit"), [(None, 512), (900, 900), (4096, 1232)])
def test_an_answer_too_long_for_udp_says_so(payload: int | None, limit: int) -> None:
    query = dns.message.make_query(
        "many.sealway.internal", "A", use_edns=payload is not None and 0, payload=payload
    )
    wire = answer(query.to_wire(), ZONE, list)
    assert isinstance(wire, bytes)
    assert len(wire) <= limit
    assert dns.message.from_wire(wire).flags & dns.flags.TC
    whole = reply_to(query, over_tcp=True)
    assert len(whole.answer[0]) == 200


def test_edns_is_answered_with_edns() -> None:
    assert reply_to(dns.message.make_query(NAME, "A", use_edns=0)).edns == 0
    assert reply_to(dns.message.make_query(NAME, "A", use_edns=False)).edns == -1


def test_what_is_no_plain_question() -> None:
    update = struct.pack("!HHHHHH", 7, 5 << 11, 0, 0, 0, 0)
    none = struct.pack("!HHHHHH", 7, 0x0100, 0, 0, 0, 0)
    assert answer(update, ZONE, list)[3] & 15 == dns.rcode.NOTIMP
    assert answer(none, ZONE, list)[3] & 15 == dns.rcode.FORMERR
    assert answer(none[:2] + b"\x81" + none[3:], ZONE, list) is None  # a response: never answered
    assert answer(b"short", ZONE, list) is None


@given(st.binary(max_size=600))
def test_any_bytes_are_answered_under_their_id_or_not_at_all(query: bytes) -> None:
    check(query)


@given(st.data())
def test_a_query_with_damaged_bytes(data: st.DataObject) -> None:
    wire = bytearray(dns.message.make_query(NAME, "A", use_edns=0).to_wire())
    for position in data.draw(st.lists(st.integers(0, len(wire) - 1), max_size=8)):
        wire[position] = data.draw(st.integers(0, 255))
    check(bytes(wire[: data.draw(st.integers(0, len(wire)))]))


def check(query: bytes) -> None:
    reply = answer(query, ZONE, list)
    if isinstance(reply, bytes):
        assert reply[:2] == query[:2]
        assert reply[2] & 0x80
    elif reply is Forward.YES:
        assert failure(query)[:2] == query[:2]
