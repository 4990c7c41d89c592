"""The XDP programs: one for IPv4, which calls the one for where IPv6 is on either side.

That one it finds in a map, which is pinned beside it: the kernel empties such a map once nobody holds it.
They take long to verify, so each mode's are loaded when the first interface wants them. Natively they are
told of frames in several buffers. Generically they are not: since Linux 6.9 the kernel copies a packet for
programs that are, and tc no longer finds the copy's Ethernet header.
"""

import ctypes
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ctypes import c_uint32, c_uint64
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from . import libbpf
from .object_file import opened

OBJECT = Path(__file__).parent / "objects" / "uplink.o"
OBJECT6 = Path(__file__).parent / "objects" / "uplink6.o"
PROGRAM = "sealway_early"
_HAS_FRAGMENTS = 1 << 5
"""BPF_F_XDP_HAS_FRAGS."""

Maps = Mapping[str, libbpf.Map]


class Made(NamedTuple):
    """Descriptors. ``next``: by this map the program finds the other one, as long as somebody holds it."""

    program: int
    next: int


class EarlyPrograms:
    """Over these maps, pinned in ``place``. What ``get`` answers is closed by ``close``."""

    def __init__(self, place: Path, narrow: Maps, wide: Maps) -> None:
        self._place, self._maps = place, (narrow, wide)
        self._loaded: dict[str, int] = {}

    def get(self, mode: str) -> int:
        """The program's descriptor: the one that is pinned, if it is of these objects, or a new one. Raises
        ``KernelError`` where the kernel does not take it."""
        if mode not in self._loaded:
            self._loaded[mode] = self._load(mode)
        return self._loaded[mode]

    def close(self) -> None:
        """What is attached or pinned stays."""
        for descriptor in self._loaded.values():
            os.close(descriptor)
        self._loaded.clear()

    def _load(self, mode: str) -> int:
        edition = sha256(OBJECT.read_bytes() + OBJECT6.read_bytes()).hexdigest()[:12]
        pin = self._place / f"{PROGRAM}_{mode}-{edition}"
        if (pinned := libbpf.open_pinned(pin)) is not None:
            return pinned
        with programs_for(*self._maps, mode) as made:
            for old in self._place.glob(f"{PROGRAM}_{mode}*"):
                old.unlink()
            libbpf.pin(made.next, self._place / f"{PROGRAM}_{mode}_next-{edition}")
            libbpf.pin(made.program, pin)
            return os.dup(made.program)


@contextmanager
def programs_for(narrow: Maps, wide: Maps, mode: str = "native") -> Iterator[Made]:
    """New ones that work on these maps, pinned nowhere; closed at the end."""
    name6 = f"{PROGRAM}6"
    with opened(OBJECT, {PROGRAM}) as first, opened(OBJECT6, {name6}) as second:
        for file, name, maps in ((first, PROGRAM, narrow), (second, name6, wide)):
            file.borrow(maps)
            file.set_flags(name, _HAS_FRAGMENTS if mode == "native" else 0)
            file.load()
        made = Made(first.program(PROGRAM), libbpf.call("bpf_map__fd", first.maps()["next"]))
        program6 = second.program(name6)
        try:
            value = ctypes.byref(c_uint32(program6))
            libbpf.call("bpf_map_update_elem", made.next, bytes(4), value, c_uint64(0))
            yield made
        finally:
            os.close(program6)
            os.close(made.program)
