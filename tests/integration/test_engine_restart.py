"""Docker Engine restarted: tasks and traffic come back by themselves.

Only an engine that this run started itself (``tools/engine.sh`` says so in ``SEALWAY_OWN_ENGINE``) is
restarted: on a desk, other people's containers live in it.
"""

import os
import time

import pytest

from demo.tls_client import visit
from tests.support.engine import engine_stopped
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [
    pytest.mark.root,
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        not os.environ.get("SEALWAY_OWN_ENGINE"), reason="the Docker Engine is not this run's own"
    ),
]


def test_tasks_and_traffic_come_back(world: World) -> None:
    before = {task.task_id for side in world.made.sides for task in world.tasks(side)}

    with engine_stopped():
        pass
    began = time.monotonic()
    until(
        "three new tasks of each service",
        lambda: all(
            len([t for t in world.tasks(side) if t.task_id not in before]) == 3 for side in world.made.sides
        ),
        seconds=90,
    )
    world.stable()

    for side in world.made.sides:
        visits = [visit(vip, side.port, side.certificate_name, world.ca(side)) for vip in world.vips * 10]
        assert [v.error for v in visits if not v.ok] == []
    assert time.monotonic() - began < 90
