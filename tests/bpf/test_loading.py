"""Loading, adopting and sweeping against the real kernel."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealway.drivers.dataplane import abi, loader
from sealway.model.errors import DriverError

pytestmark = pytest.mark.root

BPF = Path(__file__).parents[2] / "bpf"
REFUSED = """
#include "lib/maps.h"
SEC("tc") int sealway_uplink(struct __sk_buff *skb) { return *(volatile int *)(long)skb->len; }
char LICENSE[] SEC("license") = "Dual BSD/GPL";
"""


@pytest.fixture
def pins() -> Iterator[Path]:
    place = Path(f"/sys/fs/bpf/sealway-loading-{os.getpid()}")
    yield place
    loader.discard(place)


def test_what_the_verifier_says_is_passed_on(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "bad.bpf.c", tmp_path / "bad.o"
    source.write_text(REFUSED)
    machine = f"/usr/include/{os.uname().machine}-linux-gnu"
    command = [
        "clang",
        "-O2",
        "-g",
        "-target",
        "bpfel",
        f"-I{BPF}",
        f"-I{BPF}/include",
        "-idirafter",
        machine,
    ]
    subprocess.run([*command, "-c", str(source), "-o", str(target)], check=True)
    monkeypatch.setattr(loader, "OBJECT", target)
    with pytest.raises(DriverError, match=r"(?s)did not take.*sealway doctor.*invalid mem access") as refused:
        loader.load(pins, 1024)
    assert not refused.value.retryable


def test_a_missing_object_says_how_to_make_it(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "OBJECT", Path("/nonexistent/nlb.o"))
    with pytest.raises(DriverError, match="make bpf"):
        loader.load(pins, 1024)


def test_maps_are_adopted_with_what_they_hold(pins: Path) -> None:
    first = loader.load(pins, 1024)
    first.maps["vips"].put(b"\x0a\x01\x01\x64", bytes(4))
    first.close()
    second = loader.load(pins, 9999)
    try:
        assert dict(second.maps["vips"].items()) == {b"\x0a\x01\x01\x64": bytes(4)}
        assert second.maps["flows"].max_entries == 1024 // abi.Limit.FLOWS_PER_BUCKET
    finally:
        second.close()


def test_a_layout_that_changed_under_its_number_is_refused(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.load(pins, 1024).close()
    for each in (BPF / "include").iterdir():
        (tmp_path / each.name).write_text(each.read_text().replace("__u64 octets;", "__u64 octets, more;"))
    target = tmp_path / "nlb.o"
    machine = f"/usr/include/{os.uname().machine}-linux-gnu"
    flags = ["-O2", "-g", "-mcpu=v2", "-target", "bpfel", f"-I{tmp_path}", f"-I{BPF}", "-idirafter", machine]
    subprocess.run(["clang", *flags, "-c", str(BPF / "nlb.bpf.c"), "-o", str(target)], check=True)
    monkeypatch.setattr(loader, "OBJECT", target)
    with pytest.raises(DriverError, match="counters has another layout"):
        loader.load(pins, 1024)


def test_pins_of_an_older_layout_are_removed_when_told(pins: Path) -> None:
    loader.load(pins, 1024).close()
    (pins / "v1").mkdir()
    loader.discard_older(pins)
    assert [place.name for place in pins.iterdir()] == [f"v{int(abi.Limit.LAYOUT)}"]


def test_the_abi_is_that_of_the_object() -> None:
    done = subprocess.run(
        ["python3", "tools/gen_abi.py", "--check"],
        cwd=BPF.parent,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
