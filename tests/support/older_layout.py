"""A data plane of an older layout: today's programs over structs whose members lie elsewhere."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealway.drivers.dataplane import loader

BPF = Path(__file__).parents[2] / "bpf"


def build(directory: Path, *defines: str) -> None:
    """Both objects: ``backend`` and ``client_ifindex`` of a flow change places. ``defines``: macros."""
    text = (BPF / "include/sealway_abi.h").read_text()
    for old, new in (("backend", "@"), ("client_ifindex", "backend"), ("@", "client_ifindex")):
        text = re.sub(rf"__u32 {old};", f"__u32 {new};", text)
    (directory / "sealway_abi.h").write_text(text)
    machine = f"/usr/include/{os.uname().machine}-linux-gnu"
    flags = [
        "-idirafter",
        machine,
        "-O2",
        "-g",
        "-mcpu=v2",
        "-target",
        "bpfel",
        f"-I{directory}",
        f"-I{BPF}/include",
        f"-I{BPF}",
    ]
    for name in ("nlb", "nlb6"):
        macros = [f"-D{define}" for define in defines]
        target = directory / f"{name}.o"
        subprocess.run(
            ["clang", *flags, *macros, "-c", str(BPF / f"{name}.bpf.c"), "-o", str(target)], check=True
        )


@contextmanager
def loaded_from(directory: Path) -> Iterator[None]:
    """What is loaded now is an older Sealway's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "OBJECT", directory / "nlb.o")
        patch.setattr(loader, "OBJECT6", directory / "nlb6.o")
        patch.setattr(loader, "LAYOUT", loader.LAYOUT - 1)
        yield
