"""Somebody takes away on this machine what Sealway made: it is put back, and what can go on does."""

import os
import signal
import time

import pytest
from dns.exception import DNSException

from demo.architecture import Side
from demo.outside import visits
from demo.tls_client import visit
from sealway.drivers.contracts.names import BRIDGE_INTERFACE, HOST_INTERFACE, LB_NAMESPACE
from tests.support.engine import engine_stopped
from tests.support.leaks import leftovers, output, task_interfaces
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]
own_engine = pytest.mark.skipif(
    not os.environ.get("SEALWAY_OWN_ENGINE"), reason="the Docker Engine is not this run's own"
)
MENDED_SECONDS = 45


def answers(world: World, side: Side) -> bool:
    """Whether both addresses are answered, several times each. (The names' own server may be away.)"""
    try:
        addresses = world.vips
    except DNSException:
        return False
    seen = (visit(vip, side.port, side.certificate_name, world.ca(side)) for vip in addresses * 4)
    return all(each.ok for each in seen)


def mended(world: World) -> None:
    until(
        "both services to answer again",
        lambda: all(answers(world, side) for side in world.made.sides),
        seconds=MENDED_SECONDS,
    )
    world.stable()
    last: list[str] = []

    def clean() -> bool:
        last[:] = leftovers(world)
        return not last

    try:
        until("nothing left over", clean, seconds=MENDED_SECONDS)
    except AssertionError as late:
        raise AssertionError(f"left over after {MENDED_SECONDS} s: {last}") from late


def test_a_container_removed(world: World, side: Side) -> None:
    victim = world.tasks(side)[0]
    with world.load(side, pace=40) as load:
        until("some connections", lambda: len(load.visits) > 20)
        output("docker", "rm", "-f", victim.container_id)
        gone = time.monotonic()
        until("the task's end", lambda: victim.task_id not in {t.task_id for t in world.tasks(side)})
        until("connections afterwards", lambda: time.monotonic() > gone + 3)
    assert load.failures_after(gone + 1.0) == []
    stopped = world.clients.ecs.describe_tasks(cluster=side.cluster, tasks=[victim.task_id])["tasks"][0]
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)
    mended(world)


def test_a_pause_container_removed(world: World) -> None:
    side = world.made.ledger
    names = output("docker", "ps", "--format", "{{.Names}}").split()
    pause = next(n for n in names if world.tasks(side)[0].task_id in n and side.service not in n)
    with world.load(side) as load:
        output("docker", "rm", "-f", pause)
        until("connections afterwards", lambda: len(load.visits) > 100)
    assert load.failures == []
    world.redeploy(side)
    mended(world)


def test_the_filters_removed(world: World) -> None:
    for interface in (HOST_INTERFACE, BRIDGE_INTERFACE, *task_interfaces()):
        output("tc", "qdisc", "del", "dev", interface, "clsact")
    assert not answers(world, world.made.ledger)
    mended(world)


def test_the_pins_removed(world: World) -> None:
    """Old flows are lost at the next start, but no new one; and the new tables are the ones in use."""
    output("rm", "-r", "/sys/fs/bpf/sealway")
    assert answers(world, world.made.ledger)
    world.machine.kill()
    world.machine.start()
    assert answers(world, world.made.orders)
    world.redeploy(world.made.orders)
    mended(world)


def test_a_task_s_interface_removed(world: World) -> None:
    output("ip", "link", "del", sorted(task_interfaces())[0])
    mended(world)


def test_the_hosts_interface_removed(world: World) -> None:
    output("ip", "link", "del", HOST_INTERFACE)
    assert not answers(world, world.made.ledger)
    mended(world)


def test_the_namespace_removed(world: World) -> None:
    output("ip", "netns", "del", LB_NAMESPACE)
    mended(world)


def test_our_rules_flushed(world: World) -> None:
    for command in (
        "iptables -F SEALWAY-FORWARD",
        "iptables -t nat -D POSTROUTING -j SEALWAY-NAT",
        "nft delete table ip sealway",
    ):
        output(*command.split())
    until(
        "the rules", lambda: "SEALWAY-NAT" in output("iptables-save", "-t", "nat").split("POSTROUTING -")[-1]
    )
    until("the way through", lambda: "sealway0" in output("iptables", "-S", "SEALWAY-FORWARD"))
    until("the security groups", lambda: "ip sealway" in output("nft", "list", "tables"))
    mended(world)


@own_engine
def test_all_rules_flushed_and_docker_s_made_anew(world: World) -> None:
    output("iptables", "-F")
    output("iptables", "-t", "nat", "-F")
    with engine_stopped():
        pass
    until(
        "both services to answer again", lambda: all(answers(world, s) for s in world.made.sides), seconds=90
    )
    mended(world)


@own_engine
def test_docker_away_while_services_are_updated(world: World) -> None:
    before = {t.task_id for side in world.made.sides for t in world.tasks(side)}
    with engine_stopped():
        for side in world.made.sides:
            world.clients.ecs.update_service(
                cluster=side.cluster, service=side.service, forceNewDeployment=True
            )
        away = time.monotonic()
        until("thirty seconds without an engine", lambda: time.monotonic() > away + 30, seconds=40)
    world.stable()
    assert before.isdisjoint(t.task_id for side in world.made.sides for t in world.tasks(side))
    mended(world)


def test_sealway_stopped_for_twenty_seconds(world: World, side: Side) -> None:
    before = world.tasks(side)
    process = world.machine.process
    assert process is not None
    with world.load(side) as load:
        os.kill(process.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        until("twenty seconds", lambda: time.monotonic() > stopped + 20, seconds=30)
        os.kill(process.pid, signal.SIGCONT)
        world.stable()
    assert load.failures == []
    assert world.tasks(side) == before


def test_outside_clients_are_answered_after_all_this(world: World) -> None:
    for side in world.made.sides:
        seen = visits(f"{world.vips[0]}:{side.port}", side.certificate_name, world.ca(side), 10)
        assert [each.error for each in seen if not each.ok] == []
