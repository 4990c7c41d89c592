"""Rolling deployments under load: not one connection fails, and an old one lives until its delay ends."""

import time

import pytest
from OpenSSL import SSL

from demo.architecture import DEREGISTRATION_DELAY, Side
from demo.tls_client import connect
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]


def ask(tls: SSL.Connection) -> bytes:
    """One request on a kept connection; empty when the other end has closed."""
    try:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return tls.recv(65536)
    except (SSL.Error, OSError):
        return b""


def test_a_rolling_deployment_loses_nothing(world: World, side: Side) -> None:
    before = {task.task_id for task in world.tasks(side)}
    tls, sock, _ = connect(world.vips[0], side.port, side.certificate_name, world.ca(side))
    tls.do_handshake()

    with world.load(side) as load:
        world.redeploy(side)
    after = world.tasks(side)

    assert load.failures == []
    assert len(load.visits) > 50
    assert len(after) == 3
    assert before.isdisjoint(task.task_id for task in after)
    sock.close()


def test_an_established_connection_lives_until_its_delay_ends(world: World, side: Side) -> None:
    tls, sock, _ = connect(world.vips[0], side.port, side.certificate_name, world.ca(side))
    tls.do_handshake()
    service = world.clients.ecs.update_service(
        cluster=side.cluster, service=side.service, forceNewDeployment=True
    )
    assert len(service["service"]["deployments"]) == 2

    draining_since = None
    lived = 0.0
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        states = world.clients.elb.describe_target_health(TargetGroupArn=side.target_group)
        draining = [t for t in states["TargetHealthDescriptions"] if t["TargetHealth"]["State"] == "draining"]
        if draining and draining_since is None:
            draining_since = time.monotonic()
        if not ask(tls):
            break
        lived = time.monotonic()
        time.sleep(0.2)
    else:
        pytest.fail("the old connection outlived its task")
    sock.close()
    world.stable()

    assert draining_since is not None
    # This connection's own target began to drain at that moment or later, so it had at least its delay.
    assert lived - draining_since >= DEREGISTRATION_DELAY - 1


def test_scaling_out_and_in_loses_nothing(world: World, side: Side) -> None:
    scale = {"cluster": side.cluster, "service": side.service}
    with world.load(side) as load:
        world.clients.ecs.update_service(**scale, desiredCount=5)
        world.stable()
        assert len(world.tasks(side)) == 5
        world.clients.ecs.update_service(**scale, desiredCount=3)
        world.stable()

    assert load.failures == []
    assert len(world.tasks(side)) == 3


def test_the_history_reads_as_on_aws(world: World, side: Side) -> None:
    answer = world.clients.ecs.describe_services(cluster=side.cluster, services=[side.service])["services"][0]
    messages = [event["message"] for event in answer["events"]]

    assert any(m == f"(service {side.service}) has reached a steady state." for m in messages)
    assert any("has started" in m and "tasks: (task " in m for m in messages)
    assert any("registered" in m and "targets in (target-group " in m for m in messages)
