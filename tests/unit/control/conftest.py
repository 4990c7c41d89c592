from pathlib import Path

import pytest

from tests.support.control_world import ControlWorld


@pytest.fixture
def world(tmp_path: Path) -> ControlWorld:
    return ControlWorld(tmp_path)
