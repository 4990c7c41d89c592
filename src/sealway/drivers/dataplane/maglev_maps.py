"""The Maglev tables in the kernel: reads them back, and replaces them.

A frontend's table is an inner map: element 0, and two tables of one size, of which element 0 names the one
that counts (``bpf/lib/maps.h``). A change writes the other table and then element 0: one store for the
programs, and no wait for the kernel. Only a table of another size is a new inner map, whose pointer costs an
RCU grace period; many of them are written in one call, which waits once.
"""

from collections.abc import Iterator, Mapping, Sequence

from . import abi, libbpf

_AT_ONCE = 128
"""New inner maps: each is an open file until its pointer is written."""
_WORD = 4
_FIRST = bytes(_WORD)


def read(outer: libbpf.Map) -> dict[int, bytes]:
    """By frontend id the table that counts, its size first."""
    return {
        int.from_bytes(key, "little"): _read_one(int.from_bytes(value, "little"))
        for key, value in outer.items()
    }


def replace(outer: libbpf.Map, tables: Mapping[int, bytes]) -> None:
    """Each frontend's table becomes the one given, its size first."""
    others = [frontend for frontend, table in tables.items() if not _rewrite(outer, frontend, table)]
    for some in _some(others):
        _renew(outer, {frontend: tables[frontend] for frontend in some})


def _rewrite(outer: libbpf.Map, frontend: int, table: bytes) -> bool:
    """In the inner map that is there; False when there is none of that size."""
    if (map_id := outer.get(_u32(frontend))) is None:
        return False
    inner = libbpf.map_by_id(int.from_bytes(map_id, "little"))
    try:
        size = len(table) // _WORD - 1
        if inner.max_entries != 1 + 2 * size:
            return False
        second, _ = _head(inner)
        inner.fill(table[_WORD:], start=1 if second else 1 + size)
        inner.put(_FIRST, _u32(size if second else size | abi.Maglev.SECOND))
        return True
    finally:
        inner.close()


def _renew(outer: libbpf.Map, tables: Mapping[int, bytes]) -> None:
    made: list[libbpf.Map] = []
    try:
        for table in tables.values():
            size = len(table) // _WORD - 1
            made.append(libbpf.create_array("sealway_maglev", 1 + 2 * size))
            made[-1].fill(table)
        outer.put_many(b"".join(map(_u32, tables)), b"".join(_u32(inner.fd) for inner in made))
    finally:
        for inner in made:
            inner.close()


def _read_one(map_id: int) -> bytes:
    inner = libbpf.map_by_id(map_id)
    try:
        second, size = _head(inner)
        words = b"".join(values for _, values in inner.chunks())
    finally:
        inner.close()
    start = _WORD * (1 + (size if second else 0))
    return _u32(size) + words[start : start + _WORD * size]


def _head(inner: libbpf.Map) -> tuple[bool, int]:
    """Whether the second table counts, and how large each is."""
    head = int.from_bytes(inner.get(_FIRST) or b"", "little")
    return bool(head & abi.Maglev.SECOND), head & ~abi.Maglev.SECOND


def _some(frontends: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(frontends), _AT_ONCE):
        yield frontends[start : start + _AT_ONCE]


def _u32(value: int) -> bytes:
    return value.to_bytes(_WORD, "little")
