"""Keeps the host's addresses and the instances' states in step: ``instance_plan`` made true."""

import asyncio

import structlog

from ..model.cluster import Cluster, ContainerInstance
from ..model.errors import DriverError, StoreError
from ..model.instance import Instance
from ..model.network import Vpc
from ..model.task import Task
from ..store.base import Transaction, Watch
from .host import Host
from .instance_plan import (
    Addresses,
    addresses,
    disconnections,
    interface_of,
    registrations,
    snapshot,
    transitions,
)
from .pace import Pace, Resync, measured

REST = 15
"""After a pass, of the time that it took: see ``measured``."""

log = structlog.get_logger(__name__)


class InstanceLoop:
    """See the module."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held: Addresses | None = None

    async def run(self) -> None:
        """Until cancelled; addresses stay."""
        watch = self._host.store.watch(Vpc, Instance, Cluster, ContainerInstance, Task)
        pace, resync = Pace(self._host.settings), Resync(self._host.settings)
        try:
            while True:
                try:
                    async with measured(self._host.settings, REST):
                        await self.once()
                    pace.succeeded()
                    timeout: float = resync.remaining
                except (DriverError, StoreError) as error:
                    self._held = None
                    timeout = pace.failed()
                    log.warning("cannot bring the instances up to date", error=str(error))
                await self._something(watch, timeout)
                if resync.due():
                    self._held = None  # somebody may have changed the host behind us
        finally:
            watch.close()

    async def _something(self, watch: Watch, timeout: float) -> None:
        """Waits for a change that may matter; of tasks, those on an instance that is to go."""
        elapsed = asyncio.get_running_loop().time
        end = elapsed() + timeout
        while changes := await watch.changes(max(0, end - elapsed())):
            if any(kind is not Task or self._is_waited_for(key) for kind, key in changes):
                return

    def _is_waited_for(self, task_arn: str) -> bool:
        store = self._host.store
        task = store.get(Task, task_arn)
        registered = store.get(ContainerInstance, (task.container_instance_arn if task else None) or "")
        instance = store.get(Instance, registered.ec2_instance_id) if registered else None
        return instance is not None and instance.terminate_requested_at is not None

    async def once(self) -> None:
        """One pass, until nothing is left to move on."""
        while True:
            await self._set_addresses(addresses(snapshot(self._host.store)))
            if not self._advance():
                return

    async def _set_addresses(self, wanted: Addresses) -> None:
        if wanted == self._held:
            return
        network = self._host.network
        await network.ensure(wanted.vpc_cidrs, self._host.settings.peers)
        await network.set_host_addresses(wanted.instances | wanted.resolvers)
        if self._held is None or wanted.resolvers != self._held.resolvers:
            await self._host.dns.start(wanted.resolvers)
        self._held = wanted

    def _advance(self) -> bool:
        """Writes what follows from the addresses that are up; whether anything did."""
        host, held = self._host, self._held.instances if self._held else frozenset()
        now, settings = host.clock(), host.settings
        with host.store.transaction() as tx:
            view = snapshot(tx)
            moved = transitions(view, held, now, settings.termination_bound)
            going = disconnections(view)
            new = registrations(view, host.ids, now, settings)
            for resource in (*moved, *going, *new):
                tx.put(resource)
            for instance in moved:
                log.info("instance moved on", instance=instance.id, state=instance.state)
                if instance.state == "terminated":
                    _release(tx, instance)
        return bool(moved or going or new)


def _release(tx: Transaction, instance: Instance) -> None:
    """What ends with an instance: its registration and its network interface."""
    for registered in tx.list(ContainerInstance, ec2_instance_id=instance.id):
        if registered.status != "INACTIVE":
            tx.put(registered.replace(status="INACTIVE", agent_connected=False))
    interface = interface_of(tx, instance)
    if interface is not None:
        tx.delete(interface)
