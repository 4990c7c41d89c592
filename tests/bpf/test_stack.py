"""No chain of calls needs more stack than the kernels since 5.15 allow: 512 bytes, where each function takes
a multiple of 32. Newer ones count in 16, and tell only of themselves."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

BPF = Path(__file__).parents[2] / "bpf"
MOST, STEP = 512, 32


def compiled(name: str, target: Path) -> Path:
    """With each function's stack noted."""
    flags = subprocess.run(
        ["make", "-s", "-C", BPF, "flags"], check=True, capture_output=True, text=True
    ).stdout.split()
    command = ["clang", *flags, "-fstack-size-section", "-c", f"{name}.bpf.c", "-o", str(target)]
    subprocess.run(command, check=True, cwd=BPF)
    return target


def told(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sizes(obj: Path) -> dict[str, int]:
    found = re.findall(
        r"Functions: \[(\w+)\]\s+Size: 0x([0-9A-F]+)", told("llvm-readobj", "--stack-sizes", str(obj))
    )
    return {name: int(size, 16) for name, size in found}


def calls(obj: Path) -> dict[str, set[str]]:
    """Who calls whom. A static function is named by its place in its section."""
    found: dict[str, set[str | int]] = defaultdict(set)
    places: dict[int, str] = {}
    section = function = ""
    following = 0
    for line in told("llvm-objdump", "-dr", "--no-show-raw-insn", str(obj)).splitlines():
        if begun := re.match(r"Disassembly of section (\S+):", line):
            section = begun[1]
        elif (label := re.match(r"([0-9a-f]+) <(\w+)>:", line)) and not label[2].startswith("LBB"):
            function = label[2]
            if section == ".text":
                places[int(label[1], 16)] = function
        elif call := re.search(r"call (-?\d+)", line):
            following = 8 * (int(call[1]) + 1)
        elif callee := re.search(r"R_BPF_64_32\s+(\S+)", line):
            found[function].add(following if callee[1] == ".text" else callee[1])
    return {
        caller: {places[each] if isinstance(each, int) else each for each in callees}
        for caller, callees in found.items()
    }


@pytest.mark.parametrize("name", ["nlb", "nlb6", "uplink", "uplink6"])
def test_every_chain_of_calls_fits_on_an_older_kernels_stack(name: str, tmp_path: Path) -> None:
    obj = compiled(name, tmp_path / "noted.o")
    of, callees = sizes(obj), calls(obj)

    def deepest(function: str) -> tuple[int, tuple[str, ...]]:
        depth, chain = max((deepest(each) for each in callees.get(function, ())), default=(0, ()))
        return -(-max(of[function], 1) // STEP) * STEP + depth, (function, *chain)

    programs = [deepest(each) for each in of if each.startswith("sealway_")]
    assert programs
    assert all(depth <= MOST for depth, _ in programs), max(programs)
