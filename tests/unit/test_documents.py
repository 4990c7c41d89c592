"""What the documents say of the project's files is still so."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
NAME = re.compile(r"[A-Za-z0-9-]+")


def listed(heading: str) -> set[str]:
    """The first column of a section's table, names separated by commas."""
    text = (ROOT / "docs/dependencies.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return {name.strip() for row in rows[1:] for name in row.split(",")}


def required(requirements: list[str]) -> set[str]:
    return {found[0] for requirement in requirements if (found := NAME.match(requirement))}


def test_every_dependency_is_explained_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert listed("What Sealway runs on") == required(project["project"]["dependencies"])
    assert listed("What its tests and its demo run on") == required(project["dependency-groups"]["dev"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(#[^)\s]+)?\)", document.read_text())
    local = [target for target, _ in links if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_are_headings(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", document.read_text()):
        if "://" not in target:
            text = (document.parent / target if target else document).read_text()
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
