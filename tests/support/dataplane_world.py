"""A topology with the eBPF data plane in its host, and the parts that play in it."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sealway.drivers.contracts.dataplane import Backend, Frontend, WeightedBackend
from sealway.drivers.dataplane.driver import EbpfDataPlane
from tests.support.netns_topology import BOXES, BRIDGE, TASKS, VIP, Topology
from tests.support.tcp_parts import Parts

TARGETS = {
    "task1": Backend(address=TASKS["task1"], port=8443, interface="swt1"),
    "task2": Backend(address=TASKS["task2"], port=8443, interface="swt2"),
    "box1": Backend(address=BOXES["box1"], port=8443, interface=BRIDGE),
    "box2": Backend(address=BOXES["box2"], port=8443, interface=BRIDGE),
}


def frontend(
    *targets: str, vip: str = VIP, port: int = 443, keep: bool = True, proxy: bool = False, **more: object
) -> Frontend:
    """A frontend over targets by name; ``keep``: the client's address; ``proxy``: a header tells it."""
    backends = tuple(
        WeightedBackend(backend=TARGETS[name], preserve_client_ip=keep, proxy_protocol=proxy)
        for name in targets
    )
    return Frontend(vip=vip, port=port, backends=backends, **more)  # type: ignore[arg-type]


class World:
    """What a test holds in hand."""

    def __init__(self, topology: Topology, plane: EbpfDataPlane, parts: Parts) -> None:
        self.topology, self.plane, self.parts = topology, plane, parts

    async def apply(self, *frontends: Frontend, **more: object) -> None:
        await self.plane.apply(self.topology.state(*frontends, **more))

    async def drops(self) -> dict[str, int]:
        """The reasons that dropped anything."""
        return {name: count for name, count in (await self.plane.drops()).items() if count}


def pins() -> Path:
    """A place in bpffs of this process's own."""
    return Path(f"/sys/fs/bpf/sealway-test-{os.getpid()}")


@asynccontextmanager
async def world(serve: tuple[str, ...] = tuple(TARGETS), flow_capacity: int = 4096) -> AsyncIterator[World]:
    """Built, started, every target serving; taken down at the end."""
    topology = Topology("dp")
    async with AsyncExitStack() as stack:
        stack.callback(topology.remove)
        topology.build()
        parts = await stack.enter_async_context(Parts(topology))
        # For good: a plane torn down and asked again makes a new thread, which must not be on the real host.
        stack.enter_context(topology.enter("host"))
        plane = EbpfDataPlane(pins=pins(), flow_capacity=flow_capacity)
        stack.push_async_callback(plane.teardown)
        for name in serve:
            parts.serve(name)
        await plane.start()
        yield World(topology, plane, parts)
