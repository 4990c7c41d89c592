"""The Maglev tables in the kernel: reads them back, and replaces them.

A frontend has two tables, and ``maglev_heads`` names the one that counts, with its size (``bpf/lib/maps.h``).
A change writes the other table and then that number: one store for the programs, and no wait for the kernel.
A table lies in chunks, inner maps of one size. Only a chunk that is not there yet is a new map, whose pointer
costs an RCU grace period; many of them are written in one call, which waits once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from . import abi, libbpf

_AT_ONCE = 128
"""New chunks: each is an open file until its pointer is written."""
_WORD = 4
_LINE = _WORD * abi.Maglev.LINE
_CHUNK = _WORD * abi.Maglev.CHUNK
Maps = Mapping[str, libbpf.Map]


def read(maps: Maps) -> dict[int, bytes]:
    """By frontend id the table that counts, its size first."""
    heads = b"".join(values for _, values in maps["maglev_heads"].chunks())
    found = {}
    for frontend in range(len(heads) // _WORD):
        word = int.from_bytes(heads[frontend * _WORD : (frontend + 1) * _WORD], "little")
        size = word & ~abi.Maglev.SECOND
        if size:
            places = _places(frontend, bool(word & abi.Maglev.SECOND), size)
            table = b"".join(_read_chunk(maps["maglev"], place) for place in places)
            found[frontend] = _u32(size) + table[: _WORD * size]
    return found


def replace(maps: Maps, tables: Mapping[int, bytes]) -> None:
    """Each frontend's table becomes the one given, its size first."""
    heads: dict[int, int] = {}
    written: dict[int, bytes] = {}
    for frontend, table in tables.items():
        size = len(table) // _WORD - 1
        before = _head(maps, frontend)
        second = bool(before) and not before & abi.Maglev.SECOND
        heads[frontend] = size | (abi.Maglev.SECOND if second and size else 0)
        # The next change shall find the chunks of the other table, too.
        written |= dict.fromkeys(_places(frontend, not second, size), b"")
        for number, place in enumerate(_places(frontend, second, size)):
            written[place] = table[_WORD + number * _CHUNK :][:_CHUNK]
    missing = [place for place, content in written.items() if not _rewrite(maps["maglev"], place, content)]
    for some in _some(missing):
        _make(maps["maglev"], {place: written[place] for place in some})
    if heads:
        maps["maglev_heads"].put_many(b"".join(map(_u32, heads)), b"".join(map(_u32, heads.values())))


def delete(maps: Maps, frontends: Iterable[int]) -> None:
    """These have nobody any more."""
    for frontend in frontends:
        maps["maglev_heads"].put(_u32(frontend), bytes(_WORD))
        for second in (False, True):
            for place in _places(frontend, second, abi.Maglev.CHUNK * abi.Maglev.CHUNKS):
                if not maps["maglev"].delete(_u32(place)):
                    break  # they stand one after the other


def _places(frontend: int, second: bool, size: int) -> range:
    """Where the chunks of one of its tables stand."""
    first = (2 * frontend + second) * abi.Maglev.CHUNKS
    return range(first, first + -(-size // abi.Maglev.CHUNK))


def _rewrite(outer: libbpf.Map, place: int, content: bytes) -> bool:
    """In the chunk that is there; False when there is none."""
    if (map_id := outer.get(_u32(place))) is None:
        return False
    if content:
        inner = libbpf.map_by_id(int.from_bytes(map_id, "little"))
        try:
            inner.fill(_whole(content))
        finally:
            inner.close()
    return True


def _make(outer: libbpf.Map, contents: Mapping[int, bytes]) -> None:
    made: list[libbpf.Map] = []
    try:
        for content in contents.values():
            made.append(libbpf.create_array("sealway_maglev", _LINE, abi.Maglev.CHUNK // abi.Maglev.LINE))
            made[-1].fill(_whole(content))
        outer.put_many(b"".join(map(_u32, contents)), b"".join(_u32(inner.fd) for inner in made))
    finally:
        for inner in made:
            inner.close()


def _read_chunk(outer: libbpf.Map, place: int) -> bytes:
    inner = libbpf.map_by_id(int.from_bytes(outer.get(_u32(place)) or b"", "little"))
    try:
        return b"".join(values for _, values in inner.chunks())
    finally:
        inner.close()


def _head(maps: Maps, frontend: int) -> int:
    return int.from_bytes(maps["maglev_heads"].get(_u32(frontend)) or b"", "little")


def _whole(content: bytes) -> bytes:
    """In whole lines."""
    return content.ljust(-(-len(content) // _LINE) * _LINE, b"\0")


def _some(places: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), _AT_ONCE):
        yield places[start : start + _AT_ONCE]


def _u32(value: int) -> bytes:
    return value.to_bytes(_WORD, "little")
