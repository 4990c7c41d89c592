"""Brings the object into the kernel, or takes over what an earlier process left there.

Maps and programs are pinned under ``<pins>/<layout>/``, so they outlive the process. Maps of the same layout
are adopted with all they hold; programs are replaced when the object's digest is another. A directory of a
newer layout belongs to a newer Sealway: refused. What one of an older layout holds is taken over
(``carry_over``), and it is taken down after the new one is in place, by ``discard_older``.

There are two objects, for IPv4 alone and for where IPv6 is on either side; the second's pins end with a 6.
Programs that only targets on other hosts need are loaded when they are asked for; what is pinned of them is
of the same object as the others.
"""

import ctypes
import os
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from ctypes import c_uint32, c_void_p
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ...model.errors import DriverError
from . import abi, libbpf, tunnel_plan
from .object_file import Refused, all_verified, opened

OBJECT = Path(__file__).parent / "objects" / "nlb.o"
OBJECT6 = Path(__file__).parent / "objects" / "nlb6.o"
PROGRAMS = (
    "sealway_uplink",
    "sealway_host",
    "sealway_task",
    "sealway_bridge",
    "sealway_adopt",
    "sealway_clock",
)
ELSEWHERE = ("sealway_uplink_away", "sealway_host_away", "sealway_task_away", "sealway_uplink_arrival")
"""Those for other hosts' part in it, which not everybody has; of IPv4 alone, as ``tunnel_plan.MAPS`` are."""
MAPS = (
    "config",
    "vips",
    "vip_filter",
    "frontends",
    "frontends_edition",
    "backends",
    "maglev",
    "maglev_heads",
    "flows",
    "locks",
    "fragments",
    "handshakes",
    "half_open",
    "pending",
    "counters",
    "drops",
    "peers",
    "port_ranges",
    "interfaces",
    "refusals",
    "events",
)
_SHARED = ("drops",)
LAYOUT = int(abi.Limit.LAYOUT)
CARRIED = ("config", "flows", "backends", "frontends", "counters")
"""Maps from which something is taken over, should they be of an older layout (``carry_over``)."""
_BPF_FS = Path("/sys/fs/bpf")
_FIRST = bytes(4)
_CLOCK_MONOTONIC_COARSE = 6
"""It advances by ticks (clock_getres(2))."""
_EMPTY = bytes(64)
_TICK = time.clock_getres(_CLOCK_MONOTONIC_COARSE)
_NOBODY = bytes(32)
"""The digest of no object."""


class _Source(NamedTuple):
    """An object file and what of it is pinned, each under its name and ``suffix``. ``later``: programs that
    are loaded when they are asked for. ``borrowed``: maps of the other object that stand in for its own."""

    path: Path
    programs: tuple[str, ...]
    maps: tuple[str, ...]
    later: tuple[str, ...] = ()
    suffix: str = ""
    borrowed: Mapping[str, libbpf.Map] = {}


class Loaded(NamedTuple):
    """Descriptors of all that runs. ``digest`` of the object names the programs' edition."""

    maps: Mapping[str, libbpf.Map]
    programs: Mapping[str, int]
    digest: bytes

    def close(self) -> None:
        """Gives every descriptor back."""
        for each in self.maps.values():
            each.close()
        close_programs(self.programs)


def close_programs(programs: Mapping[str, int]) -> None:
    """Gives their descriptors back."""
    for fd in programs.values():
        os.close(fd)


def load(pins: Path, flow_capacity: int) -> Loaded:
    """Adopts or loads. ``flow_capacity`` (table entries) counts for a new table only.

    Raises ``DriverError`` saying what is missing and what to do.
    """
    return _load(pins, flow_capacity, _Source(OBJECT, PROGRAMS, MAPS + tunnel_plan.MAPS, ELSEWHERE))


def load_elsewhere(pins: Path, narrow: Loaded) -> dict[str, int]:
    """Adopts or loads the programs for other hosts' part in it, beside ``narrow``; the caller owns the
    descriptors."""
    place = place_of(pins)
    found = _open_programs(place, ELSEWHERE)
    if len(found) == len(ELSEWHERE):
        return found
    close_programs(found)
    if _digest_of(OBJECT) != narrow.digest:
        raise DriverError(f"{OBJECT} is another than at the start: start Sealway again", retryable=False)
    programs = _verified(OBJECT, ELSEWHERE, narrow.maps)
    _pin_programs(place, programs)
    return programs


def load6(pins: Path, flow_capacity: int, narrow: Loaded) -> Loaded:
    """As ``load``, for the programs where IPv6 is on either side; ``narrow`` are the others."""
    programs = tuple(f"{name}6" for name in PROGRAMS)
    maps = tuple(name for name in MAPS if name not in _SHARED)
    shared = {name: narrow.maps[name] for name in _SHARED}
    loaded = _load(pins, flow_capacity, _Source(OBJECT6, programs, maps, (), "6", shared))
    return loaded._replace(programs={name.removesuffix("6"): fd for name, fd in loaded.programs.items()})


def _load(pins: Path, flow_capacity: int, source: _Source) -> Loaded:
    _require(source.path)
    mount(pins)
    place = place_of(pins)
    _refuse_newer(pins)
    place.mkdir(parents=True, exist_ok=True)
    digest = _digest_of(source.path)
    existing = _open_maps(place, source)
    programs = _open_programs(place, source.programs)
    if (
        len(existing) == len(source.maps)
        and len(programs) == len(source.programs)
        and _digest(existing["config"]) == digest
    ):
        return _with_clock(Loaded(existing, programs, digest), source)
    try:
        return _with_clock(_load_object(place, existing, flow_capacity, source, digest), source)
    finally:
        Loaded(existing, programs, digest).close()


def _with_clock(loaded: Loaded, source: _Source) -> Loaded:
    """Anew at every start, should ticks have been lost (``bpf/lib/clock.h``)."""
    if not libbpf.run_program(loaded.programs[f"sealway_clock{source.suffix}"], _EMPTY):
        raise DriverError("the data plane's clock cannot be set: run `make bpf`", retryable=False)
    return loaded


def place_of(pins: Path) -> Path:
    """Where our layout is pinned."""
    return pins / f"v{LAYOUT}"


def buckets_for(flow_capacity: int) -> int:
    """A power of two: how many buckets hold at least so many entries."""
    wanted = -(-flow_capacity // abi.Limit.FLOWS_PER_BUCKET)
    limit = abi.Limit.MAX_LOCKS * abi.Limit.BUCKETS_PER_LOCK
    return min(max(1 << (wanted - 1).bit_length(), abi.Limit.BUCKETS_PER_LOCK), limit)


def mount(pins: Path) -> None:
    """Mounts bpffs where the pins shall be, unless it is there already."""
    mounted = {
        line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if " bpf " in line
    }
    if any(str(pins).startswith(f"{point}/") for point in mounted):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"bpf", os.fsencode(_BPF_FS), b"bpf", 0, None):
        raise DriverError(
            f"cannot mount bpffs on {_BPF_FS}: {os.strerror(ctypes.get_errno())}; "
            f"try as root: mount -t bpf bpf {_BPF_FS}",
            retryable=False,
        )


def discard(pins: Path) -> None:
    """Removes every pin, of every layout."""
    _discard(_layouts(pins).values())
    if pins.is_dir() and not any(pins.iterdir()):
        pins.rmdir()


def discard_older(pins: Path) -> None:
    """Removes the pins of older layouts."""
    _discard(place for layout, place in _layouts(pins).items() if layout < LAYOUT)


def discard_ours(pins: Path) -> None:
    """Removes the pins of our layout."""
    _discard(place for layout, place in _layouts(pins).items() if layout == LAYOUT)


def _discard(places: Iterable[Path]) -> None:
    for place in places:
        for entry in place.iterdir():
            entry.unlink(missing_ok=True)
        place.rmdir()


def older(pins: Path, suffix: str = "") -> tuple[int, dict[str, libbpf.Map]] | None:
    """The newest of the older layouts that are pinned, with those of its maps from which something is taken
    over. ``suffix``: of its pins."""
    for layout, place in sorted(_layouts(pins).items(), reverse=True):
        if layout < LAYOUT:
            found = {name: libbpf.open_pinned(place / f"{name}{suffix}") for name in CARRIED}
            maps = {name: libbpf.Map(fd) for name, fd in found.items() if fd is not None}
            if len(maps) == len(CARRIED):
                return layout, maps
            for each in maps.values():
                each.close()
    return None


def owners(pins: Path) -> frozenset[int]:
    """The kernel's ids of the ``config`` maps pinned there, of every layout: filters are known by them."""
    found = set()
    pinned = [place / name for place in _layouts(pins).values() for name in ("config", "config6")]
    for path in pinned:
        if (fd := libbpf.open_pinned(path)) is not None:
            config = libbpf.Map(fd)
            found.add(config.id)
            config.close()
    return frozenset(found)


def _layouts(pins: Path) -> dict[int, Path]:
    if not pins.is_dir():
        return {}
    return {int(p.name[1:]): p for p in pins.iterdir() if p.name[:1] == "v" and p.name[1:].isdigit()}


def _require(path: Path) -> None:
    if os.geteuid() != 0:
        raise DriverError("the eBPF data plane needs root (or choose --dataplane relay)", retryable=False)
    if not path.is_file():
        raise DriverError(f"{path} is missing: run `make bpf` (needs clang)", retryable=False)


def _refuse_newer(pins: Path) -> None:
    newest = max(_layouts(pins), default=0)
    if newest > LAYOUT:
        raise DriverError(
            f"{pins}/v{newest} was pinned by a newer Sealway (ours is layout {LAYOUT}): "
            "run that version, or its `sealway down` first",
            retryable=False,
        )


def _digest_of(path: Path) -> bytes:
    return sha256(path.read_bytes()).digest()


def _digest(config: libbpf.Map) -> bytes:
    value = config.get(_FIRST)
    return abi.Config.unpack(value).object_sha256 if value else b""


def _open_maps(place: Path, source: _Source) -> dict[str, libbpf.Map]:
    found = {name: libbpf.open_pinned(place / f"{name}{source.suffix}") for name in source.maps}
    return {name: libbpf.Map(fd) for name, fd in found.items() if fd is not None}


def _open_programs(place: Path, names: Collection[str]) -> dict[str, int]:
    found = {name: libbpf.open_pinned(place / name) for name in names}
    return {name: fd for name, fd in found.items() if fd is not None}


def _load_object(
    place: Path, existing: Mapping[str, libbpf.Map], flow_capacity: int, source: _Source, digest: bytes
) -> Loaded:
    """``existing`` maps are used in place of new ones; the caller keeps their descriptors. Nothing is pinned
    before the kernel has taken everything, and no digest stands beside pins of another object."""
    with ExitStack() as unless_done:
        maps = _make_maps(existing, flow_capacity, source)
        unless_done.callback(Loaded(maps, {}, digest).close)
        programs = _verified(source.path, source.programs, {**maps, **source.borrowed})
        unless_done.callback(close_programs, programs)
        for name in maps.keys() - set(source.maps):
            maps.pop(name).close()  # the programs alone use it
        if "config" in existing:
            _configure(maps, _NOBODY)
        for name in source.maps:
            if name not in existing:
                libbpf.pin(maps[name].fd, place / f"{name}{source.suffix}")
        for name in source.later:
            (place / name).unlink(missing_ok=True)
        _pin_programs(place, programs)
        _configure(maps, digest)
        unless_done.pop_all()
        return Loaded(maps, programs, digest)


def _make_maps(
    existing: Mapping[str, libbpf.Map], flow_capacity: int, source: _Source
) -> dict[str, libbpf.Map]:
    """All that the object names, but for those that are borrowed."""
    try:
        with opened(source.path) as made:
            own = made.maps()
            for name in source.maps:
                if name not in own:
                    raise DriverError(f"the object has no map {name}: run `make bpf`", retryable=False)
            for name, old in existing.items():
                _check_same(name, old, own[name])
            if "flows" not in existing:
                buckets = c_uint32(buckets_for(flow_capacity))
                libbpf.call("bpf_map__set_max_entries", own["flows"], buckets)
            made.borrow({**existing, **source.borrowed})
            made.load()
            return {
                name: libbpf.Map(os.dup(libbpf.call("bpf_map__fd", handle)))
                for name, handle in own.items()
                if name not in source.borrowed
            }
    except Refused as error:
        raise _load_error(error) from error


def _verified(path: Path, names: Sequence[str], maps: Mapping[str, libbpf.Map]) -> dict[str, int]:
    try:
        return all_verified(path, names, maps)
    except Refused as error:
        raise _load_error(error) from error


def _pin_programs(place: Path, programs: Mapping[str, int]) -> None:
    for name, fd in programs.items():
        (place / name).unlink(missing_ok=True)
        libbpf.pin(fd, place / name)


def _configure(maps: Mapping[str, libbpf.Map], digest: bytes) -> None:
    config, buckets = maps["config"], maps["flows"].max_entries
    old = abi.Config.unpack(config.get(_FIRST) or bytes(config.value_size))
    new = old._replace(
        layout=LAYOUT,
        seed=old.seed or secrets.randbits(64),
        bucket_mask=buckets - 1,
        lock_mask=buckets // abi.Limit.BUCKETS_PER_LOCK - 1,
        object_sha256=digest,
        tick_ns=round(_TICK * 1e9),
        tick_fraction=round(_TICK * (1 << 32)),
    )
    config.put(_FIRST, new.pack())


def _check_same(name: str, old: libbpf.Map, new: c_void_p) -> None:
    sizes = libbpf.call("bpf_map__key_size", new), libbpf.call("bpf_map__value_size", new)
    if sizes != (old.key_size, old.value_size):
        raise DriverError(
            f"the pinned map {name} has another layout under the same number: run `sealway down`, then start "
            "again (and raise SEALWAY_LAYOUT when a layout changes)",
            retryable=False,
        )


def _load_error(error: Refused) -> DriverError:
    said = "\n  ".join(error.said)
    return DriverError(
        f"the kernel did not take the data plane ({error}). It needs Linux 5.15 or "
        f"later with eBPF and tc; `sealway doctor` checks. The last of what was said:\n  {said}",
        retryable=False,
    )
