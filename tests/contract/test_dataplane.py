"""One suite for every data plane: what a client of the load balancer sees.

A ``Stage`` has one frontend address and three backends and can play clients; the fake's plays in memory,
the relay's sends real TCP over loopback, the eBPF one's through network namespaces.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import (
    Backend,
    DataPlane,
    DataPlaneState,
    FlowEvent,
    Frontend,
    WeightedBackend,
)
from sealway.drivers.dataplane.driver import EbpfDataPlane
from sealway.drivers.dataplane.fake import FakeDataPlane
from sealway.model.errors import DriverError
from tests.support.netns_topology import BOXES, BRIDGE, CLIENT, TASKS, VIP, Topology
from tests.support.relay_stage import relay_stage
from tests.support.tcp_parts import Client, Parts, until


class Stage(Protocol):
    """What the suite needs of an implementation."""

    plane: DataPlane
    vip: str
    backends: list[Backend]
    elsewhere: Backend
    """Another host's, one of ``peers``."""
    peers: dict[str, str]

    def state(self, *frontends: Frontend, draining: frozenset[Backend] = ...) -> DataPlaneState: ...

    async def connect(self) -> Any:
        """A connection to vip:443, or ConnectionRefusedError."""

    def backend_of(self, connection: Any) -> Backend: ...

    async def lives(self, connection: Any) -> bool: ...

    async def finish(self, connection: Any) -> None: ...


class FakeStage:
    def __init__(self) -> None:
        self.plane = FakeDataPlane()
        self.vip = VIP
        self.backends = [Backend(address=f"10.0.0.{n}", port=8443, interface=f"swt{n}") for n in range(3)]
        self.elsewhere = Backend(address="10.9.0.1", port=8443, interface="")
        self.peers = {"10.9.0.0/16": "192.0.2.2"}

    def state(self, *frontends: Frontend, draining: frozenset[Backend] = frozenset()) -> DataPlaneState:
        return DataPlaneState(vips=frozenset({VIP}), frontends=frontends, draining=draining)

    async def connect(self) -> Any:
        if (flow := self.plane.connect(VIP, 443)) is None:
            raise ConnectionRefusedError
        return flow

    def backend_of(self, connection: Any) -> Backend:
        return connection.backend

    async def lives(self, connection: Any) -> bool:
        return connection.alive

    async def finish(self, connection: Any) -> None:
        self.plane.close(connection)


class EbpfStage:
    def __init__(self, parts: Parts, pins: Path) -> None:
        self.parts = parts
        self.plane = EbpfDataPlane(pins=pins, flow_capacity=4096)
        self.vip = VIP
        self.where = {
            "task1": Backend(address=TASKS["task1"], port=8443, interface="swt1"),
            "task2": Backend(address=TASKS["task2"], port=8443, interface="swt2"),
            "box1": Backend(address=BOXES["box1"], port=8443, interface=BRIDGE),
        }
        self.backends = list(self.where.values())
        self.elsewhere = self.where["outside"] = Backend(address="10.9.0.1", port=8443, interface="")
        self.peers = {"10.9.0.0/16": CLIENT}

    def state(self, *frontends: Frontend, draining: frozenset[Backend] = frozenset()) -> DataPlaneState:
        return self.parts.topology.state(*frontends, draining=draining)

    async def connect(self) -> Any:
        return await self.parts.connect("outside", VIP, 443)

    def backend_of(self, connection: Any) -> Backend:
        return self.where[connection.server]

    async def lives(self, connection: Client) -> bool:
        return await connection.lives()

    async def finish(self, connection: Any) -> None:
        await connection.finish()


@pytest.fixture(params=["fake", "relay", pytest.param("ebpf", marks=pytest.mark.root)])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "relay":
        async with relay_stage() as relay:
            yield relay
        return
    if request.param == "fake":
        fake = FakeStage()
        yield fake
        return
    topology = Topology("ct")
    pins = Path(f"/sys/fs/bpf/sealway-contract-{os.getpid()}")
    async with AsyncExitStack() as stack:
        stack.callback(topology.remove)
        topology.build()
        topology.ip("outside", "addr add 10.9.0.1/32 dev lo")
        topology.ip("host", f"route add 10.9.0.0/16 via {CLIENT}")
        parts = await stack.enter_async_context(Parts(topology))
        # For good: a plane torn down and asked again makes a new thread, which must not be on the real host.
        stack.enter_context(topology.enter("host"))
        real = EbpfStage(parts, pins)
        stack.push_async_callback(real.plane.teardown)
        for name in real.where:
            parts.serve(name)
        await real.plane.start()
        yield real


def frontend(stage: Stage, *backends: Backend, weights: tuple[int, ...] = ()) -> Frontend:
    shares = weights or (1,) * len(backends)
    weighted = tuple(WeightedBackend(backend=b, weight=w) for b, w in zip(backends, shares, strict=True))
    return Frontend(vip=stage.vip, port=443, backends=weighted)


async def open_some(stage: Stage, count: int = 40) -> list[Any]:
    return [await stage.connect() for _ in range(count)]


async def test_a_sticky_frontend_gives_a_client_one_backend(stage: Stage) -> None:
    await stage.plane.start()
    sticky = msgspec.structs.replace(frontend(stage, *stage.backends), sticky=True)
    await stage.plane.apply(stage.state(sticky))
    first, *more = await open_some(stage, 8)
    home = stage.backend_of(first)
    assert {stage.backend_of(connection) for connection in more} == {home}
    rest = [backend for backend in stage.backends if backend != home]
    without = msgspec.structs.replace(frontend(stage, *rest), sticky=True)
    await stage.plane.apply(stage.state(without, draining=frozenset({home})))
    moved = await open_some(stage, 4)
    assert len({stage.backend_of(connection) for connection in moved} - {home}) == 1
    assert await stage.lives(first)


async def test_new_flows_reach_every_backend(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, *stage.backends)))
    connections = await open_some(stage)
    assert {stage.backend_of(each) for each in connections} == set(stage.backends)
    assert all([await stage.lives(each) for each in connections])
    assert sum((await stage.plane.flows()).values()) == len(connections)


async def test_a_finished_flow_is_no_longer_counted(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, *stage.backends)))
    first, second = await open_some(stage, 2)
    await stage.finish(first)

    async def one_left() -> bool:
        return (await stage.plane.flows())[stage.backend_of(second)] == 1 and sum(
            (await stage.plane.flows()).values()
        ) == 1

    await until(one_left)
    counters = (await stage.plane.counters())[(stage.vip, 443, "tcp")]
    assert (counters.new_flows, counters.active_flows) == (2, 1)
    assert counters.packets >= 6
    assert counters.bytes >= 6 * 40


async def test_draining_keeps_flows_and_takes_no_new_one(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, *stage.backends)))
    connections = await open_some(stage)
    leaving, *staying = stage.backends
    state = stage.state(frontend(stage, *staying), draining=frozenset({leaving}))
    await stage.plane.apply(state)
    assert {stage.backend_of(each) for each in await open_some(stage)} == set(staying)
    assert all([await stage.lives(each) for each in connections])
    drained = sum(stage.backend_of(each) == leaving for each in connections)
    assert (await stage.plane.flows())[leaving] == drained > 0
    unknown = msgspec.structs.replace(leaving, port=1)
    assert await stage.plane.flows({leaving, unknown}) == {leaving: drained}


async def test_a_removed_backend_loses_its_flows_and_nobody_else_does(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, *stage.backends)))
    connections = await open_some(stage)
    gone, *staying = stage.backends
    await stage.plane.apply(stage.state(frontend(stage, *staying)))
    for each in connections:
        assert await stage.lives(each) == (stage.backend_of(each) != gone)
    assert gone not in await stage.plane.flows()


async def test_another_hosts_target_is_reached_as_long_as_that_host_is_a_peer(stage: Stage) -> None:
    await stage.plane.start()
    there = WeightedBackend(backend=stage.elsewhere, preserve_client_ip=False)
    alone = stage.state(Frontend(vip=stage.vip, port=443, backends=(there,)))
    await stage.plane.apply(msgspec.structs.replace(alone, peers=stage.peers))
    connection = await stage.connect()
    assert stage.backend_of(connection) == stage.elsewhere
    assert await stage.lives(connection)
    assert await stage.plane.flows() == {stage.elsewhere: 1}
    await stage.plane.apply(alone)
    with pytest.raises(ConnectionRefusedError):
        await stage.connect()


async def test_without_a_backend_a_connection_is_refused(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage)))
    with pytest.raises(ConnectionRefusedError):
        await stage.connect()


async def test_without_a_frontend_a_connection_is_refused(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state())
    with pytest.raises(ConnectionRefusedError):
        await stage.connect()
    assert await stage.plane.counters() == {}


async def test_weights_share_and_zero_takes_none(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, *stage.backends, weights=(9, 1, 0))))
    got = [stage.backend_of(each) for each in await open_some(stage, 60)]
    heavy, light, none = (got.count(backend) for backend in stage.backends)
    assert none == 0
    assert heavy > light > 0


async def test_the_same_state_again_changes_nothing(stage: Stage) -> None:
    await stage.plane.start()
    state = stage.state(frontend(stage, *stage.backends))
    await stage.plane.apply(state)
    connections = await open_some(stage, 6)
    await stage.plane.apply(state)
    assert all([await stage.lives(each) for each in connections])
    assert (await stage.plane.counters())[(stage.vip, 443, "tcp")].new_flows == 6


async def test_every_drop_reason_is_named(stage: Stage) -> None:
    await stage.plane.start()
    assert "fragment" in await stage.plane.drops()


async def test_nothing_works_before_the_start(stage: Stage) -> None:
    await stage.plane.stop()
    with pytest.raises(DriverError):
        await stage.plane.apply(stage.state())


async def test_teardown_is_safe_twice(stage: Stage) -> None:
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, *stage.backends)))
    await stage.plane.teardown()
    await stage.plane.teardown()


async def test_a_watcher_hears_of_flows(stage: Stage) -> None:
    """From its first question on: not of what was before."""
    first, second = stage.backends[:2]
    await stage.plane.start()
    await stage.plane.apply(stage.state(frontend(stage, first)))
    old = await stage.connect()
    assert await stage.plane.flow_events() == ()
    connection = await stage.connect()
    (start,) = await heard(stage)
    assert (start.what, start.protocol, start.vip, start.port) == ("start", "tcp", stage.vip, 443)
    assert (start.target, start.target_port) == (first.address, first.port)
    await stage.finish(connection)
    assert await heard(stage) == [msgspec.structs.replace(start, what="finished")]
    await stage.plane.apply(stage.state(frontend(stage, second)))
    cut = (await heard(stage))[0]
    assert (cut.what, cut.target) == ("cut", first.address)
    assert cut.client_port != start.client_port
    assert not await stage.lives(old)


async def heard(stage: Stage) -> list[FlowEvent]:
    """Events, as soon as there are any."""
    async with asyncio.timeout(5):
        while not (events := await stage.plane.flow_events()):
            await asyncio.sleep(0.01)
    return list(events)
