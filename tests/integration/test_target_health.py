"""Targets that turn unhealthy one after the other, and clients that stick to theirs: on real containers, in
bridge mode and with addresses of their own, carried by the kernel and by the relay.

Both services have two tasks in one zone (*busy*), and one or two in the other (*quiet*).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from demo import outside
from demo.tasks import RunningTask
from tests.support.held import Held
from tests.support.netns_topology import run
from tests.support.steady import Steady, steady_services
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

HEALTH, UNHEALTHY = "target_group_health", "target_health_state.unhealthy"
NAMES = f"{HEALTH}.dns_failover.minimum_healthy_targets"
ROUTING = f"{HEALTH}.unhealthy_state_routing.minimum_healthy_targets"
KEPT = {
    f"{UNHEALTHY}.connection_termination.enabled": "false",
    f"{UNHEALTHY}.draining_interval_seconds": "3600",
}
ENDED = {
    f"{UNHEALTHY}.connection_termination.enabled": "true",
    f"{UNHEALTHY}.draining_interval_seconds": "0",
}
NEIGHBOURS = [f"198.51.100.{n}" for n in range(11, 21)]
Services = tuple[Steady, Steady]
Tasks = list[list[RunningTask]]
"""Of each service."""


@dataclass(frozen=True)
class Cast:
    """The zones' addresses, and who plays there: ``first`` and ``second`` in the busy one, ``there`` in the
    quiet one."""

    busy: str
    quiet: str
    first: Tasks
    second: Tasks
    there: Tasks

    @property
    def here(self) -> Tasks:
        return [one + other for one, other in zip(self.first, self.second, strict=True)]


@pytest.fixture(scope="module")
def services(world: World) -> Iterator[Services]:
    with steady_services(world) as made:
        yield made


@contextmanager
def carried_by(world: World, dataplane: str) -> Iterator[None]:
    """``sealway up`` with that data plane; afterwards as it was."""
    before = world.machine.dataplane
    world.machine.restart(dataplane=dataplane)
    yield
    world.machine.restart(dataplane=before)
    world.stable()


@pytest.fixture
def cast(world: World, services: Services) -> Cast:
    bridge = services[0]
    zones = {task.zone for task in world.tasks(bridge.side)}
    (busy,) = (zone for zone in zones if len(bridge.tasks(zone)) == 2)
    (quiet,) = zones - {busy}
    both = [each.tasks(busy) for each in services]
    return Cast(
        busy=bridge.vip(busy),
        quiet=bridge.vip(quiet),
        first=[[tasks[0]] for tasks in both],
        second=[[tasks[1]] for tasks in both],
        there=[each.tasks(quiet) for each in services],
    )


@pytest.fixture
def neighbours() -> Iterator[None]:
    """The client outside has these addresses, too."""
    for address in NEIGHBOURS:
        run("ip", "-n", outside.NAMESPACE, "addr", "add", f"{address}/24", "dev", outside.INSIDE)
    yield
    for address in NEIGHBOURS:
        run("ip", "-n", outside.NAMESPACE, "addr", "del", f"{address}/24", "dev", outside.INSIDE)


def test_clients_stick_to_their_targets(services: Services, cast: Cast, neighbours: None) -> None:
    for each, both in zip(services, addresses(cast.here), strict=True):
        sticks(each, cast.busy, both)


def sticks(service: Steady, vip: str, targets: set[str]) -> None:
    service.change({"stickiness.enabled": "true", "stickiness.type": "source_ip"})
    until(
        "each client has its target",
        lambda: all(len(service.servers(vip, 6, source)) == 1 for source in NEIGHBOURS),
    )
    theirs = {source: service.servers(vip, 4, source) for source in NEIGHBOURS}
    assert set().union(*theirs.values()) == targets
    service.change({"stickiness.enabled": "false"})
    until("a client reaches all", lambda: service.servers(vip, 8, NEIGHBOURS[0]) == targets)


def test_targets_turn_unhealthy_one_after_the_other(services: Services, cast: Cast) -> None:
    busy, quiet = cast.busy, cast.quiet
    with ExitStack() as stack:
        held = hold(stack, services, busy, cast.first)
        attributes(services, KEPT)
        become(services, cast.first, "unhealthy.draining")
        until("the other takes all that is new", lambda: reached(services, busy) == addresses(cast.second))
        assert all(each.lives() for each in held)
        assert services[0].vips() == {busy, quiet}

        attributes(services, {f"{NAMES}.percentage": "60", f"{ROUTING}.percentage": "60"})
        until("half is not enough for the name", lambda: services[0].vips() == {quiet})
        until("nor for healthy ones alone", lambda: reached(services, busy) == addresses(cast.here))
        assert reached(services, quiet) == addresses(cast.there)
        attributes(services, {f"{NAMES}.percentage": "off", f"{ROUTING}.percentage": "off"})
        attributes(services, {f"{NAMES}.count": "2", f"{ROUTING}.count": "2"})
        until("no zone has two of both, so all stay", lambda: services[0].vips() == {busy, quiet})
        until("as many take part as there are", lambda: reached(services, busy) == addresses(cast.here))
        attributes(services, {f"{NAMES}.count": "1", f"{ROUTING}.count": "1"})
        until("one is enough again", lambda: reached(services, busy) == addresses(cast.second))
        assert all(each.lives() for each in held)

        attributes(services, {f"{UNHEALTHY}.draining_interval_seconds": "1"})
        until("the interval is over", lambda: not any(each.lives() for each in held))
        become(services, cast.first, "unhealthy")

    attributes(services, ENDED)
    with ExitStack() as stack:
        held, safe = hold(stack, services, busy, cast.second), hold(stack, services, quiet, cast.there)
        become(services, cast.second, "unhealthy")
        until("its connections are ended", lambda: not any(each.lives() for each in held))
        assert all(each.lives() for each in safe)
        until("the name has left its zone", lambda: services[0].vips() == {quiet})
        until("the other zone's serve that too", lambda: reached(services, busy) == addresses(cast.there))

        become(services, cast.there, "unhealthy")
        until("fail open: every zone to its own", lambda: reached(services, busy) == addresses(cast.here))
        assert reached(services, quiet) == addresses(cast.there)
        until("and in the name", lambda: services[0].vips() == {busy, quiet})
        assert safe[0].lives(), "the last healthy one's connections go on"


def test_the_relay_does_the_same(world: World, services: Services, cast: Cast, neighbours: None) -> None:
    """Begins where the test before has left all targets: unhealthy."""
    busy = cast.busy
    become(services, cast.there, "unhealthy")
    attributes(services, KEPT)
    with carried_by(world, "relay"), ExitStack() as stack:
        assert reached(services, busy) == addresses(cast.here)
        assert reached(services, cast.quiet) == addresses(cast.there)
        recover(services, cast.here)
        for each, both in zip(services, addresses(cast.here), strict=True):
            sticks(each, busy, both)

        held, safe = hold(stack, services, busy, cast.first), hold(stack, services, busy, cast.second)
        become(services, cast.first, "unhealthy.draining")
        until("the other takes all that is new", lambda: reached(services, busy) == addresses(cast.second))
        attributes(services, {f"{NAMES}.percentage": "60", f"{ROUTING}.percentage": "60"})
        until("half is not enough", lambda: reached(services, busy) == addresses(cast.here))
        attributes(services, {f"{NAMES}.percentage": "off", f"{ROUTING}.percentage": "off"})
        until("it is", lambda: reached(services, busy) == addresses(cast.second))
        assert all(each.lives() for each in held)
        attributes(services, ENDED)
        until("the target's connections are ended", lambda: not any(each.lives() for each in held))
        assert all(each.lives() for each in safe)


def attributes(services: Services, wanted: dict[str, str]) -> None:
    for each in services:
        each.change(wanted)


def hold(stack: ExitStack, services: Services, vip: str, tasks: Tasks) -> list[Held]:
    """A connection to the first of each service's."""
    return [
        stack.enter_context(service.hold(vip, own[0].address))
        for service, own in zip(services, tasks, strict=True)
    ]


def become(services: Services, tasks: Tasks, state: str) -> None:
    """These tasks fall ill, and their targets get there."""
    for service, own in zip(services, tasks, strict=True):
        for task in own:
            service.fall_ill(task)
    _wait_for(services, tasks, state)


def recover(services: Services, tasks: Tasks) -> None:
    for service, own in zip(services, tasks, strict=True):
        for task in own:
            service.recover(task)
    _wait_for(services, tasks, "healthy")


def _wait_for(services: Services, tasks: Tasks, state: str) -> None:
    for service, own in zip(services, tasks, strict=True):
        until(f"{service.side.service} {state}", partial(_are, service, own, state))


def _are(service: Steady, tasks: list[RunningTask], state: str) -> bool:
    states = service.states()
    return all(states[task.task_id] == state for task in tasks)


def reached(services: Services, vip: str) -> list[set[str]]:
    """Who answers there, of each service."""
    return [each.servers(vip) for each in services]


def addresses(tasks: Tasks) -> list[set[str]]:
    """The containers', of each service."""
    return [{task.address for task in own} for own in tasks]
