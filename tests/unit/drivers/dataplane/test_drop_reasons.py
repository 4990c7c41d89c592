"""Every reason the kernel can give is explained, in code and in the documentation."""

from pathlib import Path

from sealway.drivers.dataplane.abi import DropReason
from sealway.drivers.dataplane.drop_reasons import EXPLANATIONS

PAGE = Path(__file__).parents[4] / "docs" / "dataplane.md"


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(DropReason) - {DropReason.UNUSED, DropReason.REASONS}


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text()
    for reason, explanation in EXPLANATIONS.items():
        assert f"| {int(reason)} | `{reason.name.lower()}` | {explanation} |" in page
