"""The few calls of libbpf.so.1 that are needed, through ctypes; nothing here knows our maps.

Every failure is a ``KernelError`` with the call and the errno. What libbpf says (the verifier's log too)
goes to a bounded buffer of the thread that called, ``messages()``, from which errors quote.
"""

import ctypes
import os
import threading
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from ctypes import byref, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from errno import ENOENT
from functools import cache
from pathlib import Path
from typing import Any

from ...model.errors import DriverError

ANY, NOEXIST = 0, 1
MAP_TYPE_ARRAY = 2
_BATCH = 8192


class _Messages(threading.local):
    """A thread's own: several may load programs at once."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=400)


_messages = _Messages()


class KernelError(DriverError):
    """A bpf(2) call failed."""

    def __init__(self, call: str, errno: int) -> None:
        super().__init__(f"{call}: {os.strerror(errno)}", retryable=False)
        self.errno = errno


class _MapInfo(ctypes.Structure):
    """The start of ``struct bpf_map_info`` (linux/bpf.h)."""

    _fields_ = [
        *((name, c_uint32) for name in ("type", "id", "key_size", "value_size", "max_entries", "flags")),
        ("name", ctypes.c_char * 16),
        *((name, c_uint32) for name in ("ifindex", "btf_vmlinux_value_type_id")),
        *((name, c_uint64) for name in ("netns_dev", "netns_ino")),
        *((name, c_uint32) for name in ("btf_id", "btf_key_type_id", "btf_value_type_id", "reserved")),
    ]


class _TestRunOptions(ctypes.Structure):
    """libbpf's ``struct bpf_test_run_opts``."""

    _fields_ = [
        ("size", c_size_t),
        *((name, c_void_p) for name in ("data_in", "data_out")),
        *((name, c_uint32) for name in ("data_size_in", "data_size_out")),
        *((name, c_void_p) for name in ("ctx_in", "ctx_out")),
        *((name, c_uint32) for name in ("ctx_size_in", "ctx_size_out", "retval")),
        ("repeat", c_int),
        *((name, c_uint32) for name in ("duration", "flags", "cpu", "batch_size")),
    ]


class _MapCreateOptions(ctypes.Structure):
    """The start of libbpf's ``struct bpf_map_create_opts``."""

    _fields_ = [
        ("size", c_size_t),
        *((name, c_uint32) for name in ("btf_fd", "btf_key_type_id", "btf_value_type_id")),
        *((name, c_uint32) for name in ("btf_vmlinux_value_type_id", "inner_map_fd", "map_flags")),
    ]


_PRINT = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)


_INFO = 1
_LONGEST_LOG = 17 << 20


def _keep_message(level: int, template: bytes, arguments: int) -> int:
    if level > _INFO:
        return 0
    # A warning may hold the verifier's whole log, and its end is what matters.
    buffer = ctypes.create_string_buffer(_LONGEST_LOG if level == 0 else 4096)
    ctypes.CDLL(None).vsnprintf(buffer, c_size_t(len(buffer)), c_char_p(template), c_void_p(arguments))
    _messages.lines.extend(buffer.value.decode(errors="replace").splitlines())
    return 0


_keep = _PRINT(_keep_message)
"""Referenced for ever: libbpf keeps the pointer."""


@cache
def library() -> ctypes.CDLL:
    """libbpf.so.1. Raises ``DriverError`` when the machine has none."""
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise DriverError(
            "libbpf.so.1 is not installed: apt install libbpf1 (or your distribution's libbpf 1.x)",
            retryable=False,
        ) from error
    for name in (
        "bpf_object__open_file",
        "bpf_object__find_map_by_name",
        "bpf_object__find_program_by_name",
        "bpf_object__next_map",
        "bpf_object__next_program",
        "btf__load_from_kernel_by_id",
        "btf__raw_data",
        "libbpf_set_print",
    ):
        getattr(lib, name).restype = c_void_p
    for name in ("bpf_map__name", "bpf_program__name"):
        getattr(lib, name).restype = c_char_p
    lib.bpf_map__is_internal.restype = c_bool
    lib.libbpf_set_print(_keep)
    return lib


def messages() -> list[str]:
    """What libbpf said lately to this thread, oldest first."""
    return list(_messages.lines)


def call(name: str, *arguments: Any) -> int:
    """Calls a function that answers a negative errno on failure; raises ``KernelError`` then."""
    result = int(getattr(library(), name)(*arguments))
    if result < 0:
        raise KernelError(name, -result if result != -1 or not ctypes.get_errno() else ctypes.get_errno())
    return result


def pin(fd: int, path: Path) -> None:
    """Gives a map or program a name in bpffs."""
    call("bpf_obj_pin", fd, c_char_p(os.fsencode(path)))


def open_pinned(path: Path) -> int | None:
    """A descriptor of what is pinned there, or None."""
    try:
        return call("bpf_obj_get", c_char_p(os.fsencode(path)))
    except KernelError as error:
        if error.errno == ENOENT:
            return None
        raise


class Map:
    """A map by its descriptor, which it owns. Keys and values are bytes; per-CPU values come one a CPU."""

    def __init__(self, fd: int) -> None:
        info, size = _MapInfo(), c_uint32(ctypes.sizeof(_MapInfo))
        call("bpf_obj_get_info_by_fd", fd, byref(info), byref(size))
        self.fd = fd
        self.type = int(info.type)
        self.id = int(info.id)
        self.key_size = int(info.key_size)
        self.value_size = int(info.value_size)
        self.max_entries = int(info.max_entries)
        self.btf_id = int(info.btf_id)
        self.key_type, self.value_type = int(info.btf_key_type_id), int(info.btf_value_type_id)

    def close(self) -> None:
        """Gives the descriptor back; what is pinned or in use lives on."""
        os.close(self.fd)

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        value = ctypes.create_string_buffer(self.value_size)
        try:
            call("bpf_map_lookup_elem", self.fd, key, value)
        except KernelError as error:
            if error.errno == ENOENT:
                return None
            raise
        return value.raw

    def get_per_cpu(self, key: bytes) -> list[bytes]:
        """Every CPU's value of a per-CPU map."""
        stride = (self.value_size + 7) & ~7
        cpus = call("libbpf_num_possible_cpus")
        value = ctypes.create_string_buffer(stride * cpus)
        call("bpf_map_lookup_elem", self.fd, key, value)
        return [value.raw[cpu * stride : cpu * stride + self.value_size] for cpu in range(cpus)]

    def zero_per_cpu(self, key: bytes) -> None:
        """Sets every CPU's value to zeros."""
        stride = (self.value_size + 7) & ~7
        call(
            "bpf_map_update_elem",
            self.fd,
            key,
            bytes(stride * call("libbpf_num_possible_cpus")),
            c_uint64(ANY),
        )

    def put_per_cpu(self, key: bytes, values: Sequence[bytes]) -> None:
        """Sets each CPU's value."""
        stride = (self.value_size + 7) & ~7
        padded = b"".join(value.ljust(stride, b"\0") for value in values)
        call("bpf_map_update_elem", self.fd, key, padded, c_uint64(ANY))

    def put(self, key: bytes, value: bytes) -> None:
        """Inserts or replaces."""
        call("bpf_map_update_elem", self.fd, key, value, c_uint64(ANY))

    def delete(self, key: bytes) -> bool:
        """Whether there was one."""
        try:
            call("bpf_map_delete_elem", self.fd, key)
        except KernelError as error:
            if error.errno == ENOENT:
                return False
            raise
        return True

    def chunks(self) -> Iterator[tuple[bytes, bytes]]:
        """All entries in batches: concatenated keys, concatenated values."""
        keys = ctypes.create_string_buffer(self.key_size * _BATCH)
        values = ctypes.create_string_buffer(self.value_size * _BATCH)
        at = ctypes.create_string_buffer(max(self.key_size, 4))
        start = None
        while True:
            count = c_uint32(_BATCH)
            done = False
            try:
                call("bpf_map_lookup_batch", self.fd, start, at, keys, values, byref(count), None)
            except KernelError as error:
                if error.errno != ENOENT:
                    raise
                done = True
            yield keys.raw[: count.value * self.key_size], values.raw[: count.value * self.value_size]
            if done:
                return
            start = at

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All entries."""
        for keys, values in self.chunks():
            for index in range(len(keys) // self.key_size):
                key = keys[index * self.key_size : (index + 1) * self.key_size]
                yield key, values[index * self.value_size : (index + 1) * self.value_size]

    def one_by_one(self) -> Iterator[tuple[bytes, bytes]]:
        """All entries of a map that no batch can read (a trie, before Linux 5.17)."""
        following = ctypes.create_string_buffer(self.key_size)
        key: bytes | None = None
        while self._follows(key, following):
            key = following.raw
            if (value := self.get(key)) is not None:
                yield key, value

    def _follows(self, key: bytes | None, following: "ctypes.Array[ctypes.c_char]") -> bool:
        try:
            call("bpf_map_get_next_key", self.fd, key, following)
        except KernelError as error:
            if error.errno == ENOENT:
                return False
            raise
        return True

    def fill(self, values: bytes, start: int = 0) -> None:
        """Writes an array from an index on."""
        total = len(values) // self.value_size
        self.put_many(array("I", range(start, start + total)).tobytes(), values)

    def put_many(self, keys: bytes, values: bytes) -> None:
        """Inserts or replaces all, in one call."""
        count = c_uint32(len(keys) // self.key_size)
        call("bpf_map_update_batch", self.fd, keys, values, byref(count), None)

    def delete_many(self, keys: Sequence[bytes]) -> None:
        """Deletes each that is there."""
        for key in keys:
            self.delete(key)


_SAMPLE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)


class RingBuffer:
    """Reads a ring buffer's records. Owns no descriptor but libbpf's own."""

    def __init__(self, ring: Map) -> None:
        self._records: list[bytes] = []
        self._keep = _SAMPLE(self._sample)  # libbpf has the pointer
        library().ring_buffer__new.restype = c_void_p
        made = library().ring_buffer__new(ring.fd, self._keep, None, None)
        if not made:
            raise KernelError("ring_buffer__new", ctypes.get_errno())
        self._made = c_void_p(made)

    def records(self) -> list[bytes]:
        """All that were not read yet."""
        call("ring_buffer__consume", self._made)
        taken, self._records = self._records, []
        return taken

    def close(self) -> None:
        """Gives libbpf's memory back."""
        library().ring_buffer__free(self._made)

    def _sample(self, _: int, data: int, size: int) -> int:
        self._records.append(ctypes.string_at(data, size))
        return 0


def create_array(name: str, value_size: int, length: int) -> Map:
    """A new array, all zero."""
    return Map(call("bpf_map_create", MAP_TYPE_ARRAY, c_char_p(name.encode()), 4, value_size, length, None))


def map_by_id(map_id: int) -> Map:
    """Opens a map by the kernel's id."""
    return Map(call("bpf_map_get_fd_by_id", c_uint32(map_id)))


def types_of(of: Map) -> bytes | None:
    """The descriptions (BTF) of what the map holds, as the kernel keeps them; None: it was given none."""
    if not of.btf_id:
        return None
    lib, size = library(), c_uint32()
    found = lib.btf__load_from_kernel_by_id(c_uint32(of.btf_id))
    if not found:
        raise KernelError("btf__load_from_kernel_by_id", ctypes.get_errno())
    try:
        return ctypes.string_at(lib.btf__raw_data(c_void_p(found), byref(size)), size.value)
    finally:
        lib.btf__free(c_void_p(found))


def run_program(program: int, packet: bytes) -> int:
    """Runs a program by its descriptor on one packet (BPF_PROG_TEST_RUN); its answer."""
    given = ctypes.create_string_buffer(packet, len(packet))
    options = _TestRunOptions(
        size=ctypes.sizeof(_TestRunOptions),
        data_in=ctypes.addressof(given),
        data_size_in=len(packet),
        repeat=1,
    )
    call("bpf_prog_test_run_opts", program, byref(options))
    return int(options.retval)
