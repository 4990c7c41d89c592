"""The Maglev tables in the kernel: reads them back, and replaces them.

A frontend has two tables, and ``maglev_heads`` names the one that counts, with its size (``bpf/lib/maps.h``).
A change writes the other table and then that number: one store for the programs, and no wait for the kernel.
Tables lie in chunks, inner maps of one size, each with a part of the one and the same part of the other. Only
a chunk that is not there yet is a new map, whose pointer costs an RCU grace period; many of them are written
in one call, which waits once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from . import abi, libbpf

_AT_ONCE = 128
"""New chunks: each is an open file until its pointer is written."""
_WORD = 4
_LINE = _WORD * abi.Maglev.LINE
_CHUNK = _WORD * abi.Maglev.CHUNK
_LINES = abi.Maglev.CHUNK // abi.Maglev.LINE
"""Of each of the two in a chunk."""
Maps = Mapping[str, libbpf.Map]


class _Part(NamedTuple):
    """Of a table: what shall stand in one chunk."""

    second: bool
    content: bytes

    def write(self, chunk: libbpf.Map) -> None:
        whole = -(-len(self.content) // _LINE) * _LINE
        chunk.fill(self.content.ljust(whole, b"\0"), start=_LINES * self.second)


def read(maps: Maps) -> dict[int, bytes]:
    """By frontend id the table that counts, its size first."""
    heads = b"".join(values for _, values in maps["maglev_heads"].chunks())
    found = {}
    for frontend in range(len(heads) // _WORD):
        word = int.from_bytes(heads[frontend * _WORD : (frontend + 1) * _WORD], "little")
        size, second = word & ~abi.Maglev.SECOND, bool(word & abi.Maglev.SECOND)
        if size:
            chunks = [_read_chunk(maps["maglev"], place, second) for place in _places(frontend, size)]
            found[frontend] = _u32(size) + b"".join(chunks)[: _WORD * size]
    return found


def replace(maps: Maps, tables: Mapping[int, bytes]) -> None:
    """Each frontend's table becomes the one given, its size first."""
    heads: dict[int, int] = {}
    missing: dict[int, _Part] = {}
    for frontend, table in tables.items():
        size = len(table) // _WORD - 1
        before = _head(maps, frontend)
        second = bool(before) and not before & abi.Maglev.SECOND
        heads[frontend] = size | (abi.Maglev.SECOND if second else 0)
        for number, place in enumerate(_places(frontend, size)):
            part = _Part(second, table[_WORD + number * _CHUNK :][:_CHUNK])
            if not _rewrite(maps["maglev"], place, part):
                missing[place] = part
    for some in _some(list(missing)):
        _make(maps["maglev"], {place: missing[place] for place in some})
    if heads:
        maps["maglev_heads"].put_many(b"".join(map(_u32, heads)), b"".join(map(_u32, heads.values())))


def delete(maps: Maps, frontends: Iterable[int]) -> None:
    """These have nobody any more."""
    for frontend in frontends:
        maps["maglev_heads"].put(_u32(frontend), bytes(_WORD))
        for place in _places(frontend, abi.Maglev.CHUNK * abi.Maglev.CHUNKS):
            if not maps["maglev"].delete(_u32(place)):
                break  # they stand one after the other


def _places(frontend: int, size: int) -> range:
    """Where the chunks of its tables stand."""
    first = frontend * abi.Maglev.CHUNKS
    return range(first, first + -(-size // abi.Maglev.CHUNK))


def _rewrite(outer: libbpf.Map, place: int, part: _Part) -> bool:
    """In the chunk that is there; False when there is none."""
    if (map_id := outer.get(_u32(place))) is None:
        return False
    chunk = libbpf.map_by_id(int.from_bytes(map_id, "little"))
    try:
        part.write(chunk)
    finally:
        chunk.close()
    return True


def _make(outer: libbpf.Map, parts: Mapping[int, _Part]) -> None:
    made: list[libbpf.Map] = []
    try:
        for part in parts.values():
            made.append(libbpf.create_array("sealway_maglev", _LINE, 2 * _LINES))
            part.write(made[-1])
        outer.put_many(b"".join(map(_u32, parts)), b"".join(_u32(chunk.fd) for chunk in made))
    finally:
        for chunk in made:
            chunk.close()


def _read_chunk(outer: libbpf.Map, place: int, second: bool) -> bytes:
    chunk = libbpf.map_by_id(int.from_bytes(outer.get(_u32(place)) or b"", "little"))
    try:
        both = b"".join(values for _, values in chunk.chunks())
    finally:
        chunk.close()
    return both[_CHUNK * second :][:_CHUNK]


def _head(maps: Maps, frontend: int) -> int:
    return int.from_bytes(maps["maglev_heads"].get(_u32(frontend)) or b"", "little")


def _some(places: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), _AT_ONCE):
        yield places[start : start + _AT_ONCE]


def _u32(value: int) -> bytes:
    return value.to_bytes(_WORD, "little")
