"""Object files: their maps made, and their programs verified, several at once.

Verifying is most of a cold start, and the kernel does it in whichever thread asks. So each program is loaded
from an opening of the file of its own, in which the others are left out, over maps that are there already.
"""

import ctypes
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import c_bool, c_char_p, c_uint32, c_void_p
from pathlib import Path

from ...model.errors import DriverError
from . import libbpf

_LOG_LINES = 12


class Refused(libbpf.KernelError):
    """The kernel took the object not. ``said``: the last of what libbpf and the verifier had to say."""

    def __init__(self, call: str, errno: int) -> None:
        super().__init__(call, errno)
        self.said = libbpf.messages()[-_LOG_LINES:]


class ObjectFile:
    """An opening of one. ``programs``: those that are loaded with it."""

    def __init__(self, path: Path, programs: Collection[str] = ()) -> None:
        self._lib = libbpf.library()
        opened = self._lib.bpf_object__open_file(c_char_p(os.fsencode(path)), None)
        if not opened:
            raise Refused("bpf_object__open_file", ctypes.get_errno())
        self._opened = c_void_p(opened)
        for each in self._all("bpf_object__next_program"):
            name = self._lib.bpf_program__name(each).decode()
            libbpf.call("bpf_program__set_autoload", each, c_bool(name in programs))

    def close(self) -> None:
        """Gives back all that was not asked for a descriptor of."""
        self._lib.bpf_object__close(self._opened)

    def maps(self) -> dict[str, c_void_p]:
        """Its maps, but for its constants, by name."""
        found = self._all("bpf_object__next_map")
        return {
            self._lib.bpf_map__name(each).decode(): each
            for each in found
            if not self._lib.bpf_map__is_internal(each)
        }

    def borrow(self, maps: Mapping[str, libbpf.Map]) -> None:
        """Takes these in place of its own, as far as it knows them."""
        own = self.maps()
        for name in maps.keys() & own.keys():
            libbpf.call("bpf_map__reuse_fd", own[name], maps[name].fd)

    def set_flags(self, name: str, flags: int) -> None:
        """A program's, for when it is loaded (BPF_F_*)."""
        libbpf.call("bpf_program__set_flags", self._find(name), c_uint32(flags))

    def load(self) -> None:
        """Makes the maps that were not borrowed, and loads the programs."""
        if (result := self._lib.bpf_object__load(self._opened)) < 0:
            raise Refused("bpf_object__load", -result)

    def program(self, name: str) -> int:
        """Its descriptor, the caller's own."""
        return os.dup(libbpf.call("bpf_program__fd", self._find(name)))

    def _find(self, name: str) -> c_void_p:
        found = self._lib.bpf_object__find_program_by_name(self._opened, name.encode())
        if not found:
            raise DriverError(f"the object has no program {name}: run `make bpf`", retryable=False)
        return c_void_p(found)

    def _all(self, following: str) -> Iterator[c_void_p]:
        each = None
        while each := getattr(self._lib, following)(self._opened, c_void_p(each)):
            yield c_void_p(each)


@contextmanager
def opened(path: Path, programs: Collection[str] = ()) -> Iterator[ObjectFile]:
    """Until the end of the block. Raises ``Refused``."""
    made = ObjectFile(path, programs)
    try:
        yield made
    finally:
        made.close()


def verified(path: Path, name: str, maps: Mapping[str, libbpf.Map]) -> int:
    """One program's descriptor, the caller's own; it works on these maps."""
    with opened(path, {name}) as made:
        made.borrow(maps)
        made.load()
        return made.program(name)


def all_verified(path: Path, names: Sequence[str], maps: Mapping[str, libbpf.Map]) -> dict[str, int]:
    """As ``verified``, of several: all of them, or the first one's failure."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)), "verifier") as pool:
        running = {name: pool.submit(verified, path, name, maps) for name in names}
    if not any(each.exception() for each in running.values()):
        return {name: each.result() for name, each in running.items()}
    _close(each for each in running.values() if not each.exception())
    raise next(error for each in running.values() if (error := each.exception()))


def _close(made: Iterator[Future[int]]) -> None:
    for each in made:
        os.close(each.result())
