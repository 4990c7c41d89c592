"""From DeregisterTargets to the last new connection on that target.

The operation's handler, the store on disk, the node's synchronisation and the eBPF driver are the real
ones, in one process, as in ``sealway up``; a client opens connections on a fixed timetable meanwhile. What is
left out: HTTP and the signature's verification, which come before the handler.
"""

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from sealway.model.clock import system_clock
from sealway.model.ids import RandomIds
from sealway.model.request import RequestContext
from sealway.model.target_group import Target
from sealway.model.task import ContainerStatus
from sealway.node.dataplane_sync import DataPlaneSync
from sealway.node.host import Host
from sealway.node.settings import NodeSettings
from sealway.services.context import Context
from sealway.services.elbv2.targets import deregister_targets
from tests.support import node_world

from .figures import Sheet
from .packages import generator
from .stage import SOURCES, Stage

NAMES = ("deregister_p99_ms",)
PORT = 9003
RATE = 2000
ADDRESSES = ("10.0.0.11", "10.0.0.12")
SETTLE = 0.1
"""Seconds after which whoever still comes is counted against the figure in full."""


class OneWay(node_world.Network):
    """Both tasks stand behind the stage's one interface."""

    async def list_tasks(self) -> Mapping[str, str]:
        return {f"eni-{number:017x}": "swt1" for number in range(1, 1 + len(ADDRESSES))}


def resources(world: node_world.World) -> list[Target]:
    """A load balancer with one listener, two healthy tasks behind it."""
    definition = node_world.definition(networkMode="awsvpc")
    group = node_world.group(preserve_client_ip__enabled="true", deregistration_delay__timeout_seconds="300")
    group = group.replace(arn=f"{node_world.GROUP}/6d0ecf831eec9f09")
    running = (ContainerStatus(name="app", arn="a", image="app:1", last_status="RUNNING"),)
    tasks = [node_world.fargate_task(n, definition, containers=running) for n in range(1, 1 + len(ADDRESSES))]
    targets = [node_world.target(group, address, PORT) for address in ADDRESSES]
    healths = [node_world.healthy(target) for target in targets]
    listener = node_world.listener(PORT, group)
    world.put(
        *node_world.vpc(), node_world.balancer(), group, listener, definition, *tasks, *targets, *healths
    )
    return targets


async def measure(sheet: Sheet, trials: int) -> None:
    """``trials`` deregistrations, in turns on either target."""
    async with Stage(["sealway"]) as stage:
        stage.ip("client", "route add 10.0.0.0/16 via 10.200.1.1")
        for address in ADDRESSES:
            stage.ip("server", f"addr add {address}/32 dev s1")
        server = stage.start("", "server", generator("accepts"), str(PORT), *ADDRESSES)
        with tempfile.TemporaryDirectory() as directory:
            world = node_world.World(Path(directory))
            targets = resources(world)
            network = OneWay()
            await network.ensure(())
            host = Host(
                store=world.store, runtime=world.runtime, network=network, dataplane=stage.plane,
                dns=world.dns, prober=world.prober, clock=system_clock, ids=RandomIds(),
                settings=NodeSettings(uplinks=("up0",)),
            )  # fmt: skip
            async with asyncio.TaskGroup() as group:
                # The driver's thread stands in the host's namespace since the stage started it.
                sync = group.create_task(DataPlaneSync(host).run())
                await asyncio.sleep(SETTLE)
                taken = await _trials(stage, world, server, targets, trials)
                sync.cancel()
            world.close()
    values = sorted(taken)
    how = (
        f"{trials} deregistrations at {RATE} new connections/s: handler's call to last accept; "
        "handler, store, node and driver in one process, HTTP left out; small tables"
    )
    sheet.add("deregister_p50_ms", statistics.median(values), "ms", how)
    sheet.add("deregister_p99_ms", values[len(values) * 99 // 100], "ms", how, values)


async def _trials(
    stage: Stage, world: node_world.World, server: subprocess.Popen[str], targets: list[Target], trials: int
) -> list[float]:
    seconds = trials * 2 * SETTLE + 2
    command = [generator("connect"), node_world.VIPS[0], PORT, "10.200.1.2", SOURCES, 0, seconds, 64, RATE]
    client = stage.start("", "client", *map(str, command))
    await asyncio.sleep(SETTLE * 3)
    taken = []
    for number in range(trials):
        target = targets[number % len(targets)]
        accepted = _last_accepts(server)[number % len(targets)]
        assert time.monotonic_ns() - accepted < SETTLE * 1e9, "the target has no connections"
        began = time.monotonic_ns()
        deregister_targets(_context(world), _request(target))
        await asyncio.sleep(SETTLE)
        taken.append(max(0.0, (_last_accepts(server)[number % len(targets)] - began) / 1e6))
        world.change(Target, target.key, draining_since=None)
        await asyncio.sleep(SETTLE)
    client.terminate()
    return taken


def _request(target: Target) -> dict[str, object]:
    return {"TargetGroupArn": target.target_group_arn, "Targets": [{"Id": target.id, "Port": target.port}]}


def _context(world: node_world.World) -> Context:
    caller = RequestContext(
        account_id=node_world.ACCOUNT, region=node_world.REGION, access_key_id="bench", request_id="bench",
        now=system_clock(),
    )  # fmt: skip
    return Context(caller=caller, store=world.store, ids=world.ids)


def _last_accepts(server: subprocess.Popen[str]) -> list[int]:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("\n")
    server.stdin.flush()
    return [int(each) for each in server.stdout.readline().split()]
