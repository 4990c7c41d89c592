from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.node_world import World


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds of a test's own; ``program`` as ``FakeRuntime`` takes it."""
    made: list[World] = []

    def make(program: Any = None) -> World:
        made.append(World(tmp_path / str(len(made)), program))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
