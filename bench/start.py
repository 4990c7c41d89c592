"""What starting everything takes of the whole process: control and agent together, nothing outside.

    python -m bench.start [tasks ...]

Services of 50 tasks behind a target group and a listener each, on instances of 100 tasks; engine, network,
data plane and probes are those in memory, which answer at once; the store is on disk. Taken is the
processor's time from an empty engine until every target is healthy.
"""

import asyncio
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import structlog

from sealway.control.loop import ControlLoop
from sealway.drivers.contracts.container_runtime import PAUSE_IMAGE
from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.contracts.prober import Probe, ProbeResult
from sealway.drivers.dataplane.fake import FakeDataPlane
from sealway.drivers.dns.fake import FakeDns
from sealway.drivers.docker.fake import FakeRuntime
from sealway.drivers.network.fake import FakeNetwork
from sealway.model.clock import system_clock
from sealway.model.cluster import ContainerInstance
from sealway.model.ids import RandomIds
from sealway.model.instance import Instance
from sealway.model.network import Subnet, Vpc
from sealway.model.resource import Resource
from sealway.model.target_group import TargetHealth
from sealway.node.agent import Agent
from sealway.node.settings import NodeSettings
from sealway.store.sqlite import SqliteStore

from .control import NOW, OWNER, world
from .figures import Sheet

SIZES = (1_000, 3_000, 10_000)
NAMES = tuple(f"start_{tasks}_cpu_s" for tasks in SIZES)


class Healthy:
    """A prober that finds everybody healthy."""

    async def probe(self, probe: Probe) -> ProbeResult:
        return ProbeResult(passed=True)


class LastState(FakeDataPlane):
    """Remembers the last state alone: thousands of them would be measured as ours."""

    async def apply(self, state: DataPlaneState) -> None:
        self.applied[:] = [state]


def estate(tasks: int) -> list[Resource]:
    """``control``'s world, and what an agent needs beneath it."""
    made = world(tasks)
    hosts = [_host(each) for each in made if isinstance(each, ContainerInstance)]
    subnet = Subnet(
        id="subnet-a",
        **OWNER,
        vpc_id="vpc-1",
        cidr="10.0.0.0/16",
        availability_zone="us-east-1a",
        availability_zone_id="use1-az1",
    )
    return [*made, *hosts, subnet, Vpc(id="vpc-1", **OWNER, cidr="10.0.0.0/16")]


def _host(registered: ContainerInstance) -> Instance:
    return Instance(
        **OWNER,
        id=registered.ec2_instance_id,
        image_id="ami-1",
        instance_type="m5.large",
        subnet_id="subnet-a",
        vpc_id="vpc-1",
        availability_zone=registered.availability_zone,
        private_ip=registered.private_ip,
        network_interface_id=f"eni-{registered.ec2_instance_id}",
        reservation_id="r-1",
        launched_at=NOW,
        state="running",
    )


async def start_all(tasks: int, directory: Path) -> float:
    """Processor seconds."""
    store = SqliteStore(directory)
    with store.transaction() as tx:
        for each in estate(tasks):
            tx.put(each)
    agent = Agent(
        store=store,
        runtime=FakeRuntime({PAUSE_IMAGE, "app:1"}),
        network=FakeNetwork(),
        dataplane=LastState(),
        dns=FakeDns(),
        prober=Healthy(),
        clock=system_clock,
        ids=RandomIds(),
        settings=NodeSettings(),
    )
    control = ControlLoop(store, system_clock, RandomIds())
    watch, healthy = store.watch(TargetHealth), set[str]()
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(agent.run(asyncio.Event())), group.create_task(control.run())]
        while len(healthy) < tasks:
            healthy |= {key for _, key in await watch.changes()}
        took = time.process_time() - began
        for loop in running:
            loop.cancel()
    store.close()
    return took


def figures(sheet: Sheet, quick: bool) -> None:
    """For ``python -m bench``."""
    for tasks in SIZES[: 1 if quick else None]:
        ran = subprocess.run(
            [sys.executable, "-m", "bench.start", str(tasks)], check=True, capture_output=True, text=True
        )
        how = "control and agent from an empty engine to all healthy: bench/start.py, drivers in memory"
        sheet.add(f"start_{tasks}_cpu_s", float(ran.stdout.split()[1]), "s", how)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for tasks in [int(argument) for argument in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as directory:
            took = asyncio.run(start_all(tasks, Path(directory)))
        print(f"{tasks} {took:.2f}", flush=True)


if __name__ == "__main__":
    main()
