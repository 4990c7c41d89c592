"""Loading, adopting and sweeping against the real kernel."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealway.drivers.dataplane import abi, loader
from sealway.model.errors import DriverError
from tests.support.older_layout import of_another_digest

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
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(DriverError, match=r"(?s)did not take.*sealway doctor.*invalid mem access") as refused:
        loader.load(pins, 1024)
    assert not refused.value.retryable
    assert not any(loader.place_of(pins).iterdir())
    assert set(os.listdir("/proc/self/fd")) == before


def test_every_descriptor_is_given_back(pins: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in ("loaded", "adopted"):
        narrow = loader.load(pins, 1024)
        loader.load6(pins, 1024, narrow).close()
        loader.close_programs(loader.load_elsewhere(pins, narrow))
        narrow.close()
        assert set(os.listdir("/proc/self/fd")) == before


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


def _pinned(pins: Path) -> set[str]:
    return {each.name for each in loader.place_of(pins).iterdir() if each.name.startswith("sealway_")}


def test_programs_for_other_hosts_come_when_they_are_asked_for(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loader.load(pins, 1024)
    assert _pinned(pins) == set(loader.PROGRAMS)
    made = loader.load_elsewhere(pins, first)
    assert _pinned(pins) == {*loader.PROGRAMS, *loader.ELSEWHERE}
    found = loader.load_elsewhere(pins, first)
    assert sorted(map(_id, found.values())) == sorted(map(_id, made.values())), "not loaded again"
    monkeypatch.setattr(loader, "OBJECT", of_another_digest(tmp_path))
    (loader.place_of(pins) / loader.ELSEWHERE[0]).unlink()
    with pytest.raises(DriverError, match="start Sealway again"):
        loader.load_elsewhere(pins, first)
    second = loader.load(pins, 1024)
    assert _pinned(pins) == set(loader.PROGRAMS), "those of the older object are of no use any more"
    for each in (first, second):
        each.close()
    for programs in (made, found):
        loader.close_programs(programs)


def _id(program: int) -> str:
    return next(
        line for line in Path(f"/proc/self/fdinfo/{program}").read_text().splitlines() if "prog_id" in line
    )


def test_a_start_that_died_among_its_pins_is_not_taken_for_a_whole_one(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.load(pins, 1024).close()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loader, "OBJECT", of_another_digest(tmp_path))
        patch.setattr(loader, "_pin_programs", dies)
        with pytest.raises(KeyboardInterrupt):
            loader.load(pins, 1024)
    before = (loader.place_of(pins) / "sealway_host").stat().st_ino
    loader.load(pins, 1024).close()
    assert (loader.place_of(pins) / "sealway_host").stat().st_ino != before, "loaded anew"


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
