"""Where XDP is tried by itself."""

from pathlib import Path

import pytest

from sealway.drivers.contracts.dataplane import XdpMode
from sealway.drivers.dataplane.early import mode_for


@pytest.mark.parametrize(
    ("name", "wanted", "mode"),
    [
        ("eth0", "auto", "native"),
        ("veth0", "auto", ""),
        ("veth0", "native", "native"),
        ("eth0", "generic", "generic"),
    ],
)
def test_only_in_front_of_a_device(name: str, wanted: XdpMode, mode: str, tmp_path: Path) -> None:
    (tmp_path / "eth0" / "device").mkdir(parents=True)
    (tmp_path / "veth0").mkdir()
    outcome = mode_for(name, wanted, tmp_path)
    assert outcome.mode == mode
    assert bool(outcome.why) == (not mode)
