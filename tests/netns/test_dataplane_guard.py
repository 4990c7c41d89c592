"""Security groups on real connections through the data plane (drawn in tests/support/netns_topology.py)."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from sealway.model.guard import TCP, Guard, GuardRule, Guards
from tests.support.dataplane_world import World, frontend, world
from tests.support.netns_topology import CLIENT, TASKS, VIP
from tests.support.tcp_parts import until

pytestmark = pytest.mark.root

HTTPS = GuardRule(protocol=TCP, first=443, last=443, network="0.0.0.0/0")
FROM_EDGE = GuardRule(protocol=TCP, first=8443, last=8443, group="sg-edge")
EVERY = GuardRule(network="0.0.0.0/0")


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        yield made


def guards(**of: Guard) -> Guards:
    """``edge``: the load balancer; else tasks by name."""
    addresses = {"edge": VIP, **TASKS}
    return Guards(
        rules={f"sg-{name}": guard for name, guard in of.items()},
        of={addresses[name]: f"sg-{name}" for name in of},
        members={f"sg-{name}": frozenset({addresses[name]}) for name in of},
        balancers=frozenset({VIP}),
    )


async def test_rules_say_what_begins_and_established_connections_go_on(net: World) -> None:
    edge, app = Guard(ingress=(HTTPS,), egress=(EVERY,)), Guard(ingress=(FROM_EDGE,))
    told = guards(edge=edge, task1=app, task2=Guard(egress=(HTTPS,)))
    await net.apply(frontend("task1"), guards=told)
    old = [await net.parts.connect(client, VIP, 443) for client in ("outside", "host", "task2")]
    await net.apply(frontend("task1"), guards=guards(edge=edge, task1=Guard(), task2=Guard()))
    for connection in old:
        assert await connection.echo(b"still here") == b"still here"
    expected = {
        "outside": ("sg-task1", "ingress", CLIENT, TASKS["task1"], 8443),
        "task2": ("sg-task2", "egress", TASKS["task2"], VIP, 443),
    }
    for client, who in expected.items():
        with net.topology.socket(client) as new:
            new.setblocking(False)
            new.connect_ex((VIP, 443))
            await until(partial(was_refused, net, who), deadline=20)
    assert (await net.drops())["security_group"] >= 2
    await net.apply(frontend("task1"), guards=told)
    for client in ("outside", "task2"):
        assert await (await net.parts.connect(client, VIP, 443)).echo(b"again") == b"again"


async def was_refused(net: World, who: tuple[object, ...]) -> bool:
    found = await net.plane.refusals()
    return who in {(one.guard, one.direction, one.source, one.destination, one.port) for one in found}


async def test_the_same_groups_after_a_restart_take_no_write(net: World) -> None:
    told = guards(edge=Guard(ingress=(HTTPS,)), task1=Guard(ingress=(FROM_EDGE,), egress=(EVERY,)))
    await net.apply(frontend("task1", "task2"), guards=told)
    assert net.plane.last_writes > 0
    await net.plane.stop()
    await net.plane.start()
    await net.apply(frontend("task1", "task2"), guards=told)
    assert net.plane.last_writes == 0
