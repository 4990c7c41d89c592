"""Every task of this host has a runner; the store's changes and the engine's events wake them.

Events are only a hint: whenever the stream of events begins anew (the engine was away, or we were), all
runners look again. On a timer those do whose task shows otherwise than the store says, and a few others in
turn. What carries our label but belongs to no living task is removed: containers and interfaces.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from itertools import islice

import structlog

from ..drivers.contracts.container_runtime import ContainerSummary
from ..model.errors import DriverError
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .container_names import TASK_ARN_LABEL
from .host import Host
from .pace import Pace
from .resync_plan import looks_different
from .task_runner import TaskRunner

log = structlog.get_logger(__name__)

AT_A_TIME = 50
"""How many runners look again on the timer without a reason."""


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
            for arn in tuple(islice(self._runners, AT_A_TIME)):
                self._runners[arn] = runner = self._runners.pop(arn)  # to the end of the queue
                runner.wake()

    def _wake_all(self) -> None:
        for runner in self._runners.values():
            runner.wake()

    async def sweep(self) -> None:
        """Wakes who shows otherwise than the store says, and removes what belongs to no living task.

        The store is read after the host, never before: what was made for a task comes after the task, and no
        task lives again.
        """
        endpoints, runtime = self._host.endpoints, self._host.runtime
        attached = frozenset(await endpoints.read())
        held = {task.interface.network_interface_id for task in self._living() if task.interface}
        for interface in sorted(attached - held):
            log.info("removing a leftover interface", interface=interface)
            await endpoints.detach(interface)
        containers = await runtime.list()
        self._wake_different({each.name: each for each in containers}, attached)
        living = {task.arn for task in self._living()}
        for each in containers:
            if each.labels.get(TASK_ARN_LABEL) not in living:
                log.info("removing a leftover container", container=each.name)
                await runtime.remove(each.id)

    def _wake_different(self, containers: Mapping[str, ContainerSummary], attached: Collection[str]) -> None:
        store = self._host.store
        for arn, runner in self._runners.items():
            task = store.get(Task, arn)
            definition = store.get(TaskDefinition, task.task_definition_arn) if task else None
            if task is None or looks_different(task, definition, containers, attached):
                runner.wake()

    def _living(self) -> list[Task]:
        return [task for task in self._host.store.list(Task) if task.last_status != "STOPPED"]
