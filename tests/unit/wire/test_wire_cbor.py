"""CBOR: RFC 8949's own examples, and everything that is refused."""

import struct

import pytest

from sealway.wire.cbor import Epoch, dumps, loads


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1b000000e8d4a51000", 10**12),
        ("20", -1),
        ("3903e7", -1000),
        ("f4", False),
        ("f5", True),
        ("f6", None),
        ("f7", None),
        ("f93e00", 1.5),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
        ("4401020304", b"\1\2\3\4"),
        ("6449455446", "IETF"),
        ("62c3bc", "ü"),
        ("83010203", [1, 2, 3]),
        ("a26161016162820203", {"a": 1, "b": [2, 3]}),
        ("c11a514b67b0", 1363896240.0),
        ("c1fb41d452d9ec200000", 1363896240.5),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("a0", {}),
    ],
)
def test_what_the_rfc_writes_is_read(text: str, value: object) -> None:
    found = loads(bytes.fromhex(text))
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ends too early"),
        ("19ff", "ends too early"),
        ("62c3", "ends too early"),
        ("9bffffffffffffffff", "ends too early"),
        ("bbffffffffffffffff", "ends too early"),
        ("5bffffffffffffffff", "ends too early"),
        ("9f01", "ends too early"),
        ("0000", "after the end"),
        ("1c", "not well formed"),
        ("61ff", "utf-8"),
        ("a10102", "a key is no text"),
        ("c249010000000000000000", "only times may be tagged"),
        ("c16161", "only times may be tagged"),
        ("d8234161", "only times may be tagged"),
        ("f97e00", "not finite"),
        ("f97c00", "not finite"),
        ("f8ff", "unknown kind"),
        ("ff", "unknown kind"),
        ("7f4161ff", "of another kind"),
        ("7f7f6161ffff", "of another kind"),
        ("81" * 5000, "too deeply"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        loads(bytes.fromhex(text))


@pytest.mark.parametrize(
    "value",
    [0, 23, 24, 255, 256, 65536, 2**32, 2**63 - 1, -1, -24, -25, -(2**63), 1.5, "", "ü" * 300, b"\0", True],
)
def test_what_is_written_is_read_back(value: object) -> None:
    assert loads(dumps({"a": [value, None, {}]})) == {"a": [value, None, {}]}


def test_a_time_is_tagged() -> None:
    assert dumps(Epoch(1.5)) == b"\xc1\xfb" + struct.pack(">d", 1.5)


def test_what_has_no_writing_is_our_own_fault() -> None:
    with pytest.raises(TypeError, match="set cannot be written"):
        dumps({1})
    with pytest.raises(ValueError, match="more than 64 bits"):
        dumps(2**64)
