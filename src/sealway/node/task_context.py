"""What a hook works with: one task, read afresh from the store, and a way to record what was seen.

Hooks return None when their step is done, or ``Wait`` when it is not and nothing can be done about it
now: the runner then waits for an event, or for so many seconds, and begins again from the first hook.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from ..drivers.contracts.container_runtime import ContainerState
from ..model.address_pool import resolver_address
from ..model.cluster import ContainerInstance
from ..model.errors import SealwayError
from ..model.instance import Instance
from ..model.network import Subnet, Vpc
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .container_names import container_name
from .container_spec import Place
from .host import Host
from .task_status import container_failed, moved_to


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do before an event, or before ``seconds`` have passed."""

    seconds: float | None = None


class TaskGone(SealwayError):
    """The task is no longer in the store: nothing is left to be done for it here."""


class TaskContext:
    """A task on this host. ``states``: its containers as last inspected, by their ECS name."""

    def __init__(self, host: Host, arn: str, starts: asyncio.Semaphore) -> None:
        self.host = host
        self.arn = arn
        self.starts = starts
        self.states: dict[str, ContainerState | None] = {}
        self.attach_failures = 0

    @property
    def task(self) -> Task:
        """The task as stored now. Raises ``TaskGone``."""
        task = self.host.store.get(Task, self.arn)
        if task is None:
            raise TaskGone(self.arn)
        return task

    @property
    def definition(self) -> TaskDefinition:
        """Its task definition, which outlives it."""
        definition = self.host.store.get(TaskDefinition, self.task.task_definition_arn)
        if definition is None:
            raise TaskGone(f"{self.arn}: no task definition {self.task.task_definition_arn}")
        return definition

    @property
    def awsvpc(self) -> bool:
        """Whether the task has a network interface of its own."""
        return self.definition.network_mode == "awsvpc"

    def container(self, name: str) -> dict[str, Any]:
        """The container definition of that name."""
        return next(c for c in self.definition.containers if c["name"] == name)

    def place(self) -> Place:
        """Where it runs."""
        task, store = self.task, self.host.store
        instance = store.get(ContainerInstance, task.container_instance_arn or "")
        subnet_id = task.interface.subnet_id if task.interface else None
        return Place(
            resolver=resolver_address(self._vpc_cidr(subnet_id, instance)),
            instance_ip=instance.private_ip if instance else None,
        )

    def record(self, change: Callable[[Task], Task]) -> Task:
        """Writes what was observed; a change that changes nothing writes nothing."""
        with self.host.store.transaction() as tx:
            task = tx.get(Task, self.arn)
            if task is None:
                raise TaskGone(self.arn)
            changed = change(task)
            return task if changed == task else tx.put(changed)

    def move_to(self, status: str) -> Task:
        """Records the task's next status."""
        return self.record(lambda task: moved_to(task, status))

    def fail(self, name: str, reason: str) -> Wait:
        """Records that the task cannot start because of this container; control ends it."""
        self.record(lambda task: container_failed(task, name, reason))
        return Wait()

    async def inspect(self) -> None:
        """Looks at all its containers."""
        task = self.task
        for container in self.definition.containers:
            name = container["name"]
            self.states[name] = await self.host.runtime.inspect(container_name(task, name))

    def _vpc_cidr(self, subnet_id: str | None, instance: ContainerInstance | None) -> str:
        store = self.host.store
        if subnet_id is None and instance is not None:
            found = store.get(Instance, instance.ec2_instance_id)
            subnet_id = found.subnet_id if found else None
        subnet = store.get(Subnet, subnet_id or "")
        vpc = store.get(Vpc, subnet.vpc_id) if subnet else None
        if vpc is None:
            raise TaskGone(f"{self.arn}: its network is no longer known")
        return vpc.cidr
