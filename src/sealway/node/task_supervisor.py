"""Every task of this host has a runner; the store's changes and the engine's events wake them.

Events are only a hint: whenever the stream of events begins anew (the engine was away, or we were),
all runners look again, and so they do on a timer. What carries our label but belongs to no living task
is removed: containers and interfaces.
"""

import asyncio
from collections.abc import Iterable

import structlog

from ..model.errors import DriverError
from ..model.task import Task
from .container_names import TASK_ARN_LABEL
from .host import Host
from .pace import Pace
from .task_runner import TaskRunner

log = structlog.get_logger(__name__)


def is_ours(task: Task) -> bool:
    """Whether this host has something to do for the task: it is placed, or it was never to be."""
    if task.last_status == "STOPPED":
        return False
    placed = task.launch_type == "FARGATE" or task.container_instance_arn is not None
    return placed or task.desired_status == "STOPPED"


class TaskSupervisor:
    """See the module."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._runners: dict[str, TaskRunner] = {}
        self._starts = asyncio.Semaphore(host.settings.parallel_starts)

    async def run(self) -> None:
        """Until cancelled; tasks keep running."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_store(group))
            group.create_task(self._follow_engine())
            group.create_task(self._resync())

    async def _follow_store(self, group: asyncio.TaskGroup) -> None:
        watch = self._host.store.watch(Task)
        try:
            changed: Iterable[str] = [task.arn for task in self._host.store.list(Task)]
            while True:
                for arn in changed:
                    self._notice(arn, group)
                changed = [key for _, key in await watch.changes()]
        finally:
            watch.close()

    def _notice(self, arn: str, group: asyncio.TaskGroup) -> None:
        runner = self._runners.get(arn)
        if runner is not None:
            runner.wake()
            return
        task = self._host.store.get(Task, arn)
        if task is not None and is_ours(task):
            self._runners[arn] = TaskRunner(self._host, arn, self._starts)
            group.create_task(self._run(arn, self._runners[arn]))

    async def _run(self, arn: str, runner: TaskRunner) -> None:
        try:
            await runner.run()
        finally:
            del self._runners[arn]

    async def _follow_engine(self) -> None:
        pace = Pace(self._host.settings)
        while True:
            try:
                await self._host.runtime.ping()
                pace.succeeded()
                events = self._host.runtime.events()
                self._wake_all()  # for what happened before the events begin
                async for event in events:
                    runner = self._runners.get(event.labels.get(TASK_ARN_LABEL, ""))
                    if runner is not None:
                        runner.wake()
                log.warning("the container engine ended its events")
            except DriverError as error:
                log.warning("the container engine does not answer", error=str(error))
            await asyncio.sleep(pace.failed())

    async def _resync(self) -> None:
        while True:
            try:
                await self.sweep()
            except DriverError as error:
                log.warning("cannot look for leftovers", error=str(error))
            await asyncio.sleep(self._host.settings.resync)
            self._wake_all()

    def _wake_all(self) -> None:
        for runner in self._runners.values():
            runner.wake()

    async def sweep(self) -> None:
        """Removes what belongs to no living task.

        The store is read after the host, never before: what was made for a task comes after the task, and no
        task lives again.
        """
        attached = await self._host.network.list_tasks()
        held = {task.interface.network_interface_id for task in self._living() if task.interface}
        for interface in sorted(attached.keys() - held):
            log.info("removing a leftover interface", interface=interface)
            await self._host.network.detach_task(interface)
        containers = await self._host.runtime.list()
        living = {task.arn for task in self._living()}
        for state in containers:
            if state.labels.get(TASK_ARN_LABEL) not in living:
                log.info("removing a leftover container", container=state.name)
                await self._host.runtime.remove(state.id)

    def _living(self) -> list[Task]:
        return [task for task in self._host.store.list(Task) if task.last_status != "STOPPED"]
