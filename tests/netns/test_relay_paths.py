"""The relay on a whole host: it listens in the load balancer's namespace and connects from the host.

The topology is drawn in tests/support/netns_topology.py. The whole test runs in the host's namespace, so
that the relay's own connections leave from there, as those of ``sealway up`` do.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from sealway.drivers.contracts.dataplane import Backend, Frontend, WeightedBackend
from sealway.drivers.dataplane.relay import RelayDataPlane
from sealway.drivers.dataplane.relay_sockets import listen_in_namespace
from tests.support.netns_topology import BOXES, BRIDGE, ROUTER, TASKS, VIP, VIP2, Topology
from tests.support.tcp_parts import Parts

pytestmark = pytest.mark.root

WHERE = {
    **{n: Backend(address=a, port=8443, interface=f"swt{i}") for i, (n, a) in enumerate(TASKS.items(), 1)},
    **{n: Backend(address=a, port=8443, interface=BRIDGE) for n, a in BOXES.items()},
}


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    topology = Topology("rl")
    async with AsyncExitStack() as stack:
        stack.callback(topology.remove)
        topology.build()
        made = await stack.enter_async_context(Parts(topology))
        for name in WHERE:
            made.serve(name)
        yield made


def frontend(vip: str, *names: str) -> Frontend:
    shares = tuple(WeightedBackend(backend=WHERE[name]) for name in names)
    return Frontend(vip=vip, port=443, backends=shares)


@pytest.mark.parametrize("client", ["outside", "host", "task1", "box1"])
async def test_every_client_reaches_every_target(parts: Parts, client: str) -> None:
    relay = RelayDataPlane(listen_in_namespace(f"{parts.topology.prefix}-lb"))
    with parts.topology.enter("host"):
        await relay.start()
        await relay.apply(
            parts.topology.state(frontend(VIP, "task1", "task2"), frontend(VIP2, "box1", "box2"))
        )
        reached = {}
        for vip in (VIP, VIP, VIP2, VIP2):
            connection = await parts.connect(client, vip, 443)
            assert await connection.echo(bytes(range(256)) * 4096) == bytes(range(256)) * 4096
            reached[connection.server] = connection.seen_as
            await connection.finish()
        await relay.teardown()
    here = "172.30.0.1"
    assert reached == {"task1": ROUTER, "task2": ROUTER, "box1": here, "box2": here}
