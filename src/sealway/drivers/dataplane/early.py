"""Early drops: the XDP program on uplinks, ahead of tc's.

What is attached is a link of the kernel's, pinned under ``<pins>/uplinks/`` by its interface and mode: so
it outlives the process, and another program takes the old one's place in one step, whatever layout that one
was of. An interface whose driver cannot, or where somebody else's program stands, goes without: tc decides
everything all the same.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ctypes import c_uint32
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..contracts.dataplane import Interface, XdpMode
from . import libbpf
from .early_programs import EarlyPrograms

_FLAGS = {"native": 1 << 2, "generic": 1 << 1}
"""XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE."""
_DEVICES = Path("/sys/class/net")
_BPF_XDP = 37
_TAKEN = (errno.EBUSY, errno.EEXIST)


T = TypeVar("T", bound=ctypes.Structure)


class Outcome(NamedTuple):
    """Of one interface: the mode, or why there is none."""

    mode: str
    why: str = ""


class _LinkInfo(ctypes.Structure):
    """The start of ``struct bpf_link_info``, of an XDP link."""

    _fields_ = [(name, c_uint32) for name in ("type", "id", "program", "pad", "ifindex", "pad2")]


class _ProgramInfo(ctypes.Structure):
    """The start of ``struct bpf_prog_info``."""

    _fields_ = [(name, c_uint32) for name in ("type", "id")]


class _LinkOptions(ctypes.Structure):
    """The start of libbpf's ``struct bpf_link_create_opts``."""

    _fields_ = [("size", ctypes.c_size_t), ("flags", c_uint32), ("pad", c_uint32)]


def mode_for(name: str, wanted: XdpMode, devices: Path = _DEVICES) -> Outcome:
    """What to try. By itself only where there is a device behind: XDP on a veth makes bulk traffic slow."""
    if wanted == "auto" and not (devices / name / "device").exists():
        return Outcome("", "it is no device's; --xdp native tries all the same")
    return Outcome("native" if wanted == "auto" else wanted)


class EarlyDrops:
    """The links. ``programs`` are closed with it."""

    def __init__(self, pins: Path, programs: EarlyPrograms) -> None:
        self._pins = pins / "uplinks"
        self._programs = programs

    def close(self) -> None:
        """Leaves what is attached."""
        self._programs.close()

    def ensure(self, interfaces: Iterable[Interface]) -> dict[str, Outcome]:
        """Exactly these interfaces have the program, each as its ``xdp`` says and as far as it can."""
        indexes = {name: index for index, name in socket.if_nameindex()}
        wanted = {each.name: each.xdp for each in interfaces if each.xdp and each.name in indexes}
        outcomes = {name: mode_for(name, mode) for name, mode in wanted.items()}
        places = {f"{indexes[name]}-{one.mode}" for name, one in outcomes.items() if one.mode}
        for pinned in _pinned(self._pins):
            if pinned.name not in places:
                _take_off(pinned)
        for name, one in outcomes.items():
            if one.mode:
                outcomes[name] = self._attach(indexes[name], one.mode)
        return outcomes

    def _attach(self, ifindex: int, mode: str) -> Outcome:
        try:
            program = self._programs.get(mode)
        except libbpf.KernelError as error:
            return Outcome("", f"the kernel does not take the program: {error}")
        pin = self._pins / f"{ifindex}-{mode}"
        try:
            if not self._renew(pin, ifindex, program):
                self._create(pin, ifindex, mode, program)
        except libbpf.KernelError as error:
            if error.errno in _TAKEN:
                return Outcome("", "another XDP program is there, and stays")
            return Outcome("", f"its driver does not take it: {os.strerror(error.errno)}")
        return Outcome(mode)

    def _renew(self, pin: Path, ifindex: int, program: int) -> bool:
        """False: there is no link, or none of this interface any more."""
        link = libbpf.open_pinned(pin)
        if link is None:
            return False
        try:
            info = _info(link, _LinkInfo)
            if info.ifindex != ifindex:
                pin.unlink()
                return False
            if info.program != _info(program, _ProgramInfo).id:
                libbpf.call("bpf_link_update", link, program, None)
            return True
        finally:
            os.close(link)

    def _create(self, pin: Path, ifindex: int, mode: str, program: int) -> None:
        options = _LinkOptions(size=ctypes.sizeof(_LinkOptions), flags=_FLAGS[mode])
        link = libbpf.call("bpf_link_create", program, ifindex, _BPF_XDP, ctypes.byref(options))
        try:
            self._pins.mkdir(parents=True, exist_ok=True)
            libbpf.pin(link, pin)
        finally:
            os.close(link)


def _info(fd: int, kind: type[T]) -> T:
    info, size = kind(), c_uint32(ctypes.sizeof(kind))
    libbpf.call("bpf_obj_get_info_by_fd", fd, ctypes.byref(info), ctypes.byref(size))
    return info


def _take_off(pin: Path) -> None:
    """At once: without its pin alone, the kernel would do it a little later."""
    link = libbpf.open_pinned(pin)
    if link is not None:
        with suppress(libbpf.KernelError):  # its interface is gone
            libbpf.call("bpf_link_detach", link)
        os.close(link)
    pin.unlink()


def _pinned(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.is_dir() else []


def attached(pins: Path) -> Iterator[tuple[str, str]]:
    """Which interfaces of this network namespace have it, and how: name and mode."""
    names = dict(socket.if_nameindex())
    for pin in _pinned(pins / "uplinks"):
        ifindex, _, mode = pin.name.partition("-")
        if int(ifindex) in names:
            yield names[int(ifindex)], mode


def discard(pins: Path) -> None:
    """Takes it off every interface."""
    for pin in _pinned(pins / "uplinks"):
        _take_off(pin)
    if (pins / "uplinks").is_dir():
        (pins / "uplinks").rmdir()
