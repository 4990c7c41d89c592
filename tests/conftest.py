"""What every layer of the suite shares: which tests can run here, and failing instead of skipping in CI."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require", action="store_true", help="fail where root or Docker is missing, instead of skipping"
    )


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], check=False, capture_output=True).returncode == 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--require"):
        return
    missing = {
        "root": None if os.geteuid() == 0 else "needs root",
        "docker": None if _docker_answers() else "needs a Docker Engine",
    }
    for item in items:
        for mark, reason in missing.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True, scope="module")
def back_in_the_same_network() -> Iterator[None]:
    """A file of tests that entered a network namespace has left it: the next one's servers start here."""
    here = Path("/proc/thread-self/ns/net")
    before = here.readlink() if here.exists() else None
    yield
    assert before is None or here.readlink() == before, "these tests left the thread in another namespace"
