"""From a map's values in an older layout to those in ours, member by member, by their names. Pure.

Both sides are described by their own BTF, so nothing here knows a layout. What ours has and the older one
has not is zero; what is needed and cannot be derived is told by name, and then nothing is carried at all.
The flow table's entries lie in buckets, of which a part may stand apart, in arrays of one element an entry:
``bucket.head.expires[i]`` belongs to ``bucket.entries[i]``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from . import abi
from .btf import Field, Types

Fields = Mapping[str, Field]

NEEDED_FLOW = (
    *("key_source", "key_destination", "key_source_port", "key_destination_port", "protocol"),
    *("source", "destination", "source_port", "destination_port", "backend", "client_ifindex"),
    *("client_fin", "target_fin", "expires", "frontend", "idle_timeout", "flags", "start"),
)
NEEDED_BACKEND = ("address", "port", "id", "ifindex", "state", "flags")
NEEDED_FRONTEND = ("id",)
NEEDED_KEY = ("vip", "port", "protocol")
REBUILT = frozenset({"ingress", "egress", "through"})
"""Numbers of security groups' tables: those are made anew, before anything looks at them."""
_PADS = ("pad", "pad6")
FLAGS, _FLAG = "sealway_flow_flag", "SEALWAY_FLOW_"
_TURNED = (
    *(("key_source", "destination"), ("key_destination", "source")),
    *(("key_source_port", "destination_port"), ("key_destination_port", "source_port")),
)
"""What changes places from one direction of a flow to the other."""


class Side(NamedTuple):
    """A struct: its members, and its size."""

    fields: Fields
    size: int


def side_of(types: Types, type_id: int) -> Side:
    """The struct of that id."""
    return Side(types.fields(type_id), types.size(type_id))


def missing(old: Fields, new: Fields, needed: Collection[str]) -> list[str]:
    """What of the needed members, as far as ours has them, cannot be had from the older layout."""
    return [name for name in needed if name in new and not _derivable(old.get(name), new[name])]


def _derivable(old: Field | None, new: Field) -> bool:
    if old is None or old.length != new.length:
        return False
    return old.size == new.size or (old.number and new.number and new.length == 1)


class Translation:
    """Values of the old side to the new one's. ``leave_out``: members that shall be zero."""

    def __init__(self, old: Side, new: Side, leave_out: Collection[str] = ()) -> None:
        left_out = {*leave_out, *_PADS}
        shared = [
            name
            for name in new.fields
            if name in old.fields and name not in left_out and _derivable(old.fields[name], new.fields[name])
        ]
        converted = {name for name in shared if old.fields[name].size != new.fields[name].size}
        self._read, read = _struct(old, shared, converted)
        self._write, written = _struct(new, shared, converted)
        self._order: Callable[[tuple[Any, ...]], tuple[Any, ...]] = (
            itemgetter(*(read.index(name) for name in written)) if len(written) > 1 else tuple
        )

    def __call__(self, data: bytes, offset: int = 0) -> bytes:
        """Raises ``struct.error`` where a number does not fit."""
        return self._write.pack(*self._order(self._read.unpack_from(data, offset)))


_NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _struct(side: Side, names: Collection[str], numbers: Collection[str]) -> tuple[Struct, list[str]]:
    """The format of these members where they lie, and their names in that order."""
    code, at, order = "<", 0, sorted(names, key=lambda name: side.fields[name].offset)
    for name in order:
        field = side.fields[name]
        whole = field.size * field.length
        code += f"{field.offset - at}x" + (_NUMBERS[field.size] if name in numbers else f"{whole}s")
        at = field.offset + whole
    return Struct(f"{code}{side.size - at}x"), order


class Cells(NamedTuple):
    """A flow table's buckets: for each place in one, the members of its entry, from the bucket's start."""

    places: tuple[Side, ...]
    size: int

    def number(self, bucket: bytes, place: int, name: str) -> int:
        """A number of one entry."""
        field = self.places[place].fields[name]
        return int.from_bytes(bucket[field.offset : field.offset + field.size], "little")


def cells_of(types: Types, bucket: int) -> Cells | None:
    """None: this is no bucket of entries."""
    parts, size = types.fields(bucket), types.size(bucket)
    entries = parts.get("entries")
    if entries is None or entries.length < 2:
        return None
    arrays = _arrays(types, parts, entries.length)
    members = types.fields(entries.type_id)
    places = []
    for place in range(entries.length):
        start = entries.offset + place * entries.size
        own = {name: field._replace(offset=start + field.offset) for name, field in members.items()}
        apart = {
            name: field._replace(offset=field.offset + place * field.size, length=1)
            for name, field in arrays.items()
        }
        places.append(Side(own | {n: f for n, f in apart.items() if n not in own}, size))
    return Cells(tuple(places), size)


def _arrays(types: Types, parts: Fields, length: int) -> dict[str, Field]:
    """Of what stands beside the entries: the arrays of one element an entry."""
    found: dict[str, Field] = {}
    for name, part in parts.items():
        if name == "entries":
            continue
        inner = types.fields(part.type_id) if part.length == 1 else {}
        beside = {n: f._replace(offset=part.offset + f.offset) for n, f in inner.items()} or {name: part}
        found |= {n: f for n, f in beside.items() if f.length == length and n not in _PADS}
    return found


def flag_bits(theirs: Mapping[str, int]) -> dict[int, int]:
    """A flow's flags: the old bit -> ours, of those that both have by name. ``theirs``: the older layout's
    enumeration; without one, they are taken for ours."""
    ours = {f"{_FLAG}{flag.name}": int(flag) for flag in abi.FlowFlag}
    return {theirs.get(name, bit): bit for name, bit in ours.items() if not theirs or name in theirs}


def with_flags(flags: int, bits: Mapping[int, int]) -> int:
    """The flags as ours."""
    return sum(ours for theirs, ours in bits.items() if flags & theirs)


def is_for_both(theirs: Mapping[str, int]) -> bool:
    """Whether the entries of a layout with these flags can be for both directions, and so all stand as the
    client's packets need them. Before layout 13 an answer's stood as the answer's."""
    return f"{_FLAG}FORWARD" in theirs


class FlowCells:
    """The entries of a table in the old layout as our ``struct sealway_flow``, one for each direction."""

    def __init__(
        self, cells: Cells, new: Side, bits: Mapping[int, int], key_size: int, *, for_both: bool = False
    ) -> None:
        """``key_size``: of the tuple that our entries begin with."""
        self._cells, self._for_both = cells, for_both
        self._swaps = [
            tuple(slice(f.offset, f.offset + f.size * f.length) for f in (new.fields[a], new.fields[b]))
            for a, b in _TURNED
            if for_both
        ]
        self._empty = bytes(cells.size)
        self._translations = [Translation(place, new) for place in cells.places]
        self._bits, self._key_size = bits, key_size
        field = new.fields["flags"]
        self._flags = slice(field.offset, field.offset + field.size)

    def key(self, flow: bytes) -> bytes:
        """What packets find one of ours by."""
        return flow[: self._key_size]

    def flags(self, flow: bytes | bytearray) -> int:
        """Of one of ours."""
        return int.from_bytes(flow[self._flags], "little")

    def of(self, bucket: bytes, now: int) -> Iterator[bytes]:
        """Those of one bucket that are in use, and whose time (CLOCK_MONOTONIC, seconds) is not over."""
        if bucket == self._empty:
            return
        for place, translate in enumerate(self._translations):
            if not self._cells.number(bucket, place, "protocol"):
                continue
            if self._cells.number(bucket, place, "expires") < now:
                continue
            flow = bytearray(translate(bucket))
            yield from self._directions(flow, with_flags(self.flags(flow), self._bits))

    def _directions(self, flow: bytearray, flags: int) -> Iterator[bytes]:
        forward = flags & ~(abi.FlowFlag.FORWARD | abi.FlowFlag.ANSWER)
        if not self._for_both:
            yield self._with(flow, flags)
            return
        if flags & abi.FlowFlag.FORWARD:
            yield self._with(flow, forward)
        if flags & abi.FlowFlag.ANSWER:
            for one, other in self._swaps:
                flow[one], flow[other] = flow[other], flow[one]
            yield self._with(flow, forward | abi.FlowFlag.ANSWER)

    def _with(self, flow: bytearray, flags: int) -> bytes:
        flow[self._flags] = flags.to_bytes(self._flags.stop - self._flags.start, "little")
        return bytes(flow)
