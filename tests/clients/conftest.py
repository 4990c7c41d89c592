"""A Sealway for each file of this folder; the example's own client makes and removes everything on it."""

from collections.abc import Iterator

import pytest

from demo.machine import Machine
from tests.support.examples import Stage

API = "127.0.0.1:14566"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("clients")
    machine = Machine(directory / "state", api=API)
    machine.down()
    try:
        machine.start()
        yield Stage(machine, directory)
    finally:
        machine.down()
