"""Other data planes than ours: of an older layout, which is today's programs over structs whose members lie
elsewhere; and of the same layout and code, with another digest."""

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealway.drivers.dataplane import loader

BPF = Path(__file__).parents[2] / "bpf"


def build(directory: Path, *defines: str, names: Collection[str] = ("nlb", "nlb6")) -> None:
    """The objects: ``backend`` and ``client_ifindex`` of a flow change places. ``defines``: macros."""
    for header in (BPF / "include").glob("*.h"):
        text = header.read_text()
        if header.name == "sealway_flow.h":
            for old, new in (("backend", "@"), ("client_ifindex", "backend"), ("@", "client_ifindex")):
                text = re.sub(rf"__u32 {old};", f"__u32 {new};", text)
        (directory / header.name).write_text(text)
    places = [f"-I{place}" for place in (directory, BPF)]
    machine = f"/usr/include/{os.uname().machine}-linux-gnu"
    flags = ["-O2", "-g", "-mcpu=v2", "-target", "bpfel", *places, "-idirafter", machine]
    macros = [f"-D{define}" for define in defines]
    running = [
        subprocess.Popen(
            ["clang", *flags, *macros, "-c", str(BPF / f"{name}.bpf.c"), "-o", str(directory / f"{name}.o")]
        )
        for name in names
    ]
    assert not any([each.wait() for each in running])


@contextmanager
def loaded_from(directory: Path) -> Iterator[None]:
    """What is loaded now is an older Sealway's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "OBJECT", directory / "nlb.o")
        patch.setattr(loader, "OBJECT6", directory / "nlb6.o")
        patch.setattr(loader, "LAYOUT", loader.LAYOUT - 1)
        yield


def of_another_digest(directory: Path) -> Path:
    """The object for IPv4 alone: trailing bytes change no code."""
    made = directory / "nlb.o"
    made.write_bytes(loader.OBJECT.read_bytes() + b"\0")
    return made
