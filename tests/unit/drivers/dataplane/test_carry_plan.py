"""Members go by their names, wherever they lie; what cannot be derived is told."""

import struct

import pytest

from sealway.drivers.dataplane import abi
from sealway.drivers.dataplane.btf import Types
from sealway.drivers.dataplane.carry_plan import (
    FlowCells,
    Side,
    Translation,
    cells_of,
    flag_bits,
    is_for_both,
    missing,
    side_of,
    with_flags,
)
from tests.support.btf_writer import Writer

NOW = 1000


class Layout:
    """Some numbers to make structs of."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.u8, self.u16, self.u32 = (self.writer.number(f"u{8 * n}", n) for n in (1, 2, 4))
        self.be32 = self.writer.typedef("__be32", self.writer.typedef("__u32", self.u32))

    def side(self, size: int, **members: tuple[int, int]) -> Side:
        made = self.writer.struct("some", size, **members)
        return side_of(Types(self.writer.bytes()), made)


def test_members_are_described_with_their_place_and_kind() -> None:
    layout = Layout()
    pads = layout.writer.array(layout.u8, 3)
    side = layout.side(16, address=(layout.be32, 0), id=(layout.u16, 4), pad=(pads, 6), state=(layout.u8, 9))
    assert side.size == 16
    assert {name: field[:4] for name, field in side.fields.items()} == {
        "address": (0, 4, 1, False),
        "id": (4, 2, 1, True),
        "pad": (6, 1, 3, True),
        "state": (9, 1, 1, True),
    }


def test_what_is_no_little_endian_description_is_refused() -> None:
    with pytest.raises(ValueError, match="little-endian"):
        Types(b"\xeb\x9f".ljust(24, b"\0"))


def test_values_go_by_name_into_other_places_and_widths() -> None:
    layout = Layout()
    old = layout.side(
        12, address=(layout.be32, 0), port=(layout.u16, 4), id=(layout.u16, 6), gone=(layout.u32, 8)
    )
    new = layout.side(
        16, fresh=(layout.u32, 0), id=(layout.u32, 4), address=(layout.be32, 8), port=(layout.u16, 12)
    )
    value = b"\x0a\x01\x01\x64" + struct.pack("<HHI", 443, 7, 99)
    assert Translation(old, new)(value) == struct.pack("<II4sHxx", 0, 7, b"\x0a\x01\x01\x64", 443)
    assert Translation(old, new)(b"--" + value, 2) == Translation(old, new)(value)
    assert Translation(old, new, {"id", "port"})(value) == struct.pack(
        "<II4sHxx", 0, 0, b"\x0a\x01\x01\x64", 0
    )


def test_a_number_that_does_not_fit_is_no_other_number() -> None:
    layout = Layout()
    wide, narrow = layout.side(4, id=(layout.u32, 0)), layout.side(2, id=(layout.u16, 0))
    assert Translation(wide, narrow)(struct.pack("<I", 65535)) == b"\xff\xff"
    with pytest.raises(struct.error):
        Translation(wide, narrow)(struct.pack("<I", 65536))


def test_what_is_needed_and_cannot_be_derived_is_told() -> None:
    layout = Layout()
    long = layout.writer.array(layout.u8, 16)
    old = layout.side(16, address=(layout.be32, 0), id=(layout.u16, 4), key=(layout.u32, 8))
    new = layout.side(
        64, address=(long, 0), id=(layout.u32, 16), state=(layout.u8, 20), key=(layout.be32, 24)
    )
    needed = ("address", "id", "state", "key", "of none of both")
    assert missing(old.fields, new.fields, needed) == ["address", "state"]


def test_flags_go_by_name() -> None:
    theirs = {
        "SEALWAY_FLOW_ANSWER": 1 << 4,
        "SEALWAY_FLOW_ESTABLISHED": 1 << 5,
        "SEALWAY_FLOW_FORGOTTEN": 1 << 6,
    }
    bits = flag_bits(theirs)
    assert with_flags(1 << 4 | 1 << 6, bits) == abi.FlowFlag.ANSWER
    assert with_flags(1 << 5, bits) == abi.FlowFlag.ESTABLISHED
    ours = sum(abi.FlowFlag)
    assert with_flags(ours, flag_bits({})) == ours


FLOW = "<8sIIII"


def ours(layout: Layout) -> Side:
    key = layout.writer.array(layout.u8, 8)
    u32 = layout.u32
    return layout.side(
        24, key=(key, 0), protocol=(u32, 8), flags=(u32, 12), backend=(u32, 16), expires=(u32, 20)
    )


def flat(layout: Layout) -> int:
    """A bucket whose entries have everything themselves."""
    key = layout.writer.array(layout.u8, 8)
    u32 = layout.u32
    entry = layout.writer.struct(
        "entry", 24, expires=(u32, 0), key=(key, 4), backend=(u32, 12), protocol=(u32, 16), flags=(u32, 20)
    )
    return layout.writer.struct("bucket", 48, entries=(layout.writer.array(entry, 2), 0))


def test_entries_that_have_everything_themselves() -> None:
    layout = Layout()
    bucket = flat(layout)
    new = ours(layout)
    cells = cells_of(Types(layout.writer.bytes()), bucket)
    assert cells is not None
    flows = FlowCells(cells, new, flag_bits({}), 8)
    free = bytes(24)
    used = struct.pack("<I8sIII", NOW, b"key-of-1", 7, 6, abi.FlowFlag.ESTABLISHED)
    [flow] = flows.of(free + used, NOW)
    assert flow == struct.pack(FLOW, b"key-of-1", 6, abi.FlowFlag.ESTABLISHED, 7, NOW)
    assert (flows.key(flow), flows.flags(flow)) == (b"key-of-1", abi.FlowFlag.ESTABLISHED)
    assert list(flows.of(free + used, NOW + 1)) == [], "its time is over"
    assert list(flows.of(bytes(48), NOW)) == []


def test_entries_of_which_the_buckets_head_has_a_part() -> None:
    layout = Layout()
    key = layout.writer.array(layout.u8, 8)
    u32 = layout.u32
    entry = layout.writer.struct(
        "entry", 20, key=(key, 0), backend=(u32, 8), protocol=(u32, 12), flags=(u32, 16)
    )
    tags, ends = layout.writer.array(layout.u16, 2), layout.writer.array(u32, 2)
    head = layout.writer.struct("head", 16, expires=(ends, 0), tags=(tags, 8), spilled=(u32, 12))
    bucket = layout.writer.struct("bucket", 56, head=(head, 0), entries=(layout.writer.array(entry, 2), 16))
    new = ours(layout)
    cells = cells_of(Types(layout.writer.bytes()), bucket)
    assert cells is not None
    assert missing(cells.places[0].fields, new.fields, tuple(new.fields)) == []
    first = struct.pack("<8sIII", b"key-of-0", 5, 6, 0)
    second = struct.pack("<8sIII", b"key-of-1", 7, 17, 0)
    value = struct.pack("<IIHHI", NOW + 1, NOW + 2, 1, 2, 3) + first + second
    assert list(FlowCells(cells, new, flag_bits({}), 8).of(value, NOW)) == [
        struct.pack(FLOW, b"key-of-0", 6, 0, 5, NOW + 1),
        struct.pack(FLOW, b"key-of-1", 17, 0, 7, NOW + 2),
    ]


@pytest.mark.parametrize(
    ("flags", "forward", "answer"),
    [
        ({"FORWARD", "ANSWER"}, True, True),
        ({"FORWARD"}, True, False),
        ({"ANSWER"}, False, True),
        (set(), False, False),
    ],
)
def test_entries_that_may_be_for_both_directions(flags: set[str], forward: bool, answer: bool) -> None:
    layout = Layout()
    u16, u32, be32 = layout.u16, layout.u32, layout.be32
    members = {
        **{
            "key_source": (be32, 0),
            "key_destination": (be32, 4),
            "source": (be32, 8),
            "destination": (be32, 12),
        },
        **{"key_source_port": (u16, 16), "key_destination_port": (u16, 18)},
        **{"source_port": (u16, 20), "destination_port": (u16, 22)},
        **{"protocol": (u32, 24), "flags": (u32, 28), "expires": (u32, 32)},
    }
    entry = layout.writer.struct("entry", 36, **members)
    bucket = layout.writer.struct("bucket", 72, entries=(layout.writer.array(entry, 2), 0))
    cells = cells_of(Types(layout.writer.bytes()), bucket)
    assert cells is not None
    theirs = {"SEALWAY_FLOW_ANSWER": 2, "SEALWAY_FLOW_FORWARD": 4, "SEALWAY_FLOW_ESTABLISHED": 8}
    assert is_for_both(theirs)
    assert not is_for_both({"SEALWAY_FLOW_ANSWER": 2})
    flows = FlowCells(cells, cells.places[0]._replace(size=36), flag_bits(theirs), 8, for_both=True)
    used = struct.pack("<4s4s4s4s4HIII", b"clnt", b"vip.", b"lb..", b"task", 1, 2, 3, 4, 6,
                       8 + sum(theirs[f"SEALWAY_FLOW_{flag}"] for flag in flags), NOW)  # fmt: skip
    turned = struct.pack("<4s4s4s4s4HIII", b"task", b"lb..", b"vip.", b"clnt", 4, 3, 2, 1, 6,
                         abi.FlowFlag.ESTABLISHED | abi.FlowFlag.ANSWER, NOW)  # fmt: skip
    plain = used[:28] + int(abi.FlowFlag.ESTABLISHED).to_bytes(4, "little") + used[32:]
    assert list(flows.of(used + bytes(36), NOW)) == [plain] * forward + [turned] * answer


def test_what_is_no_bucket_has_no_entries() -> None:
    layout = Layout()
    single = layout.writer.struct("single", 4, id=(layout.u32, 0))
    assert cells_of(Types(layout.writer.bytes()), single) is None
