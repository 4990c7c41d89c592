"""Docker Engine restarted, in the midst of a deployment: tasks and traffic come back by themselves.

Only an engine that this run started itself (``tools/engine.sh`` says so in ``SEALWAY_OWN_ENGINE``) is
restarted: on a desk, other people's containers live in it.
"""

import os
import time

import pytest

from demo.architecture import Side
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


def deployments(world: World, side: Side) -> dict[str, str]:
    """Id -> rollout state."""
    answer = world.clients.ecs.describe_services(cluster=side.cluster, services=[side.service])
    return {d["id"]: d["rolloutState"] for d in answer["services"][0]["deployments"]}


def all_tasks(world: World, side: Side) -> set[str]:
    """The ids of those meant to run, whether they do or not."""
    arns = world.clients.ecs.list_tasks(cluster=side.cluster, serviceName=side.service)["taskArns"]
    return {arn.rsplit("/", 1)[-1] for arn in arns}


def test_tasks_and_traffic_come_back(world: World) -> None:
    before = {task.task_id for side in world.made.sides for task in world.tasks(side)}
    rolling = world.made.orders
    old = deployments(world, rolling)
    world.clients.ecs.update_service(
        cluster=rolling.cluster, service=rolling.service, forceNewDeployment=True
    )
    until("a task of the new deployment", lambda: len(all_tasks(world, rolling) - before) > 0)

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

    assert len(deployments(world, rolling)) == 1
    assert deployments(world, rolling).keys().isdisjoint(old)
    assert set(deployments(world, rolling).values()) == {"COMPLETED"}
    for side in world.made.sides:
        visits = [visit(vip, side.port, side.certificate_name, world.ca(side)) for vip in world.vips * 10]
        assert [v.error for v in visits if not v.ok] == []
    assert time.monotonic() - began < 90
