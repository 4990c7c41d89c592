"""Deaths under load: a task's, Sealway's own. (Docker Engine's has a file of its own.)"""

import os
import signal
import subprocess
import time

import pytest

from demo.architecture import Side
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]


def container_pid(container_id: str) -> int:
    command = ["docker", "inspect", "-f", "{{.State.Pid}}", container_id]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_killed_task_is_replaced_and_soon_forgotten(world: World, side: Side) -> None:
    victim = world.tasks(side)[0]
    with world.load(side, pace=40) as load:
        until("some connections", lambda: len(load.visits) > 20)
        died = time.monotonic()
        os.kill(container_pid(victim.container_id), signal.SIGKILL)
        until(
            "the task's replacement",
            lambda: len({t.task_id for t in world.tasks(side)} - {victim.task_id}) == 3,
            seconds=30,
        )
        world.stable()
        until("more connections", lambda: time.monotonic() > died + 3)

    assert load.failures_after(died + 1.0) == []
    stopped = world.clients.ecs.describe_tasks(cluster=side.cluster, tasks=[victim.task_id])["tasks"][0]
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137


def test_kill_9_of_sealway_interrupts_nothing(world: World, side: Side) -> None:
    before = world.tasks(side)
    state = world.clients.ecs.describe_services(cluster=side.cluster, services=[side.service])["services"][0]

    with world.load(side) as load:
        until("some connections", lambda: len(load.visits) > 20)
        world.machine.kill()
        alone = len(load.visits)
        until("connections while nobody minds them", lambda: len(load.visits) > alone + 50)
        world.machine.start()
        back = len(load.visits)
        until("connections after the restart", lambda: len(load.visits) > back + 50)
    after = world.clients.ecs.describe_services(cluster=side.cluster, services=[side.service])["services"][0]

    assert load.failures == []
    assert [t.container_id for t in world.tasks(side)] == [t.container_id for t in before]
    assert after["deployments"][0]["id"] == state["deployments"][0]["id"]
    assert (after["runningCount"], after["pendingCount"]) == (3, 0)


def test_names_resolve_while_sealway_is_dead(world: World) -> None:
    world.machine.environment()
    resolver, name = world.resolver, world.made.dns_name
    world.machine.kill()
    try:
        address, _, port = resolver.partition(":")
        ran = subprocess.run(
            ["dig", "+short", "+time=2", "+tries=1", f"@{address}", "-p", port, name],
            check=True,
            capture_output=True,
        )
        assert len(ran.stdout.split()) == 2
    finally:
        world.machine.start()


def test_a_task_that_dies_while_sealway_is_dead_is_replaced(world: World) -> None:
    side = world.made.ledger
    victim = world.tasks(side)[0]
    world.machine.kill()
    os.kill(container_pid(victim.container_id), signal.SIGKILL)
    world.machine.start()

    until(
        "the task's replacement",
        lambda: len({t.task_id for t in world.tasks(side)} - {victim.task_id}) == 3,
        seconds=30,
    )
    world.stable()


def test_stop_and_start_again(world: World) -> None:
    before = [t.container_id for side in world.made.sides for t in world.tasks(side)]
    with world.load(world.made.ledger) as load:
        world.machine.stop()
        stopped = len(load.visits)
        until("connections meanwhile", lambda: len(load.visits) > stopped + 20)
        world.machine.start()

    assert load.failures == []
    assert [t.container_id for side in world.made.sides for t in world.tasks(side)] == before
