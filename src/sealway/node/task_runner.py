"""One task, from its first sight to its end: hooks in order, again and again, until it is STOPPED.

A pass begins with what the engine shows, never with what an earlier pass remembers, and each hook is
idempotent. So a crash between any two lines is healed by the next pass: containers are found by name, a
running one is adopted, a made one is started, a gone one is recorded as ended. A pass is also begun
for every event of the task's containers and every change of the task.

``Unavailable`` means the engine's state is unknown: nothing is recorded, the pass is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ..model.errors import DriverError, StoreError
from ..model.task import LIFECYCLE, Task
from .hooks import containers, images, interface, status, stopping, volumes
from .host import Host
from .pace import Pace
from .task_context import TaskContext, TaskGone, Wait

log = structlog.get_logger(__name__)
Hook = Callable[[TaskContext], Awaitable[Wait | None]]

START: tuple[Hook, ...] = (
    status.begin,
    status.observe,
    images.pull,
    interface.attach,
    containers.start,
)
WATCH: tuple[Hook, ...] = (status.observe, interface.keep)
STOP: tuple[Hook, ...] = (
    status.observe,
    stopping.await_drain,
    stopping.stop,
    interface.release,
    stopping.remove,
    volumes.remove,
    stopping.finish,
)


def hooks_for(task: Task) -> tuple[Hook, ...]:
    """What a pass over this task consists of."""
    if task.desired_status == "STOPPED":
        return STOP
    started = LIFECYCLE.index(task.last_status) >= LIFECYCLE.index("RUNNING")
    return WATCH if started else START


class TaskRunner:
    """Processes one task sequentially. ``starts`` bounds how many tasks start at the same time."""

    def __init__(self, host: Host, arn: str, starts: asyncio.Semaphore) -> None:
        self._ctx = TaskContext(host, arn, starts)
        self._pace = Pace(host.settings)
        self._wake = asyncio.Event()
        self._scope: asyncio.Timeout | None = None

    def wake(self) -> None:
        """Something happened to the task. A start that is no longer wanted is broken off."""
        self._wake.set()
        task = self._ctx.host.store.get(Task, self._ctx.arn)
        unwanted = task is None or task.desired_status == "STOPPED"
        if unwanted and self._scope is not None and not self._scope.expired():
            self._scope.reschedule(0)

    async def run(self) -> None:
        """Until the task is STOPPED or gone."""
        while True:
            self._wake.clear()
            try:
                wait = await self._pass()
                if self._ctx.task.last_status == "STOPPED":
                    return
            except TaskGone as gone:
                log.info("task is gone", task=str(gone))
                return
            await self._sleep(wait.seconds if wait else None)

    async def _pass(self) -> Wait | None:
        """One pass, failures turned into a pause. A fault of our own must not end the other tasks."""
        try:
            wait = await self._run_hooks()
        except TaskGone:
            raise
        except (DriverError, StoreError) as error:
            delay = self._pace.failed()
            log.warning("task pass failed", task=self._ctx.arn, error=str(error), retry_in=delay)
            return Wait(delay)
        except Exception:
            delay = self._pace.failed()
            log.exception("task pass broke; this is a bug", task=self._ctx.arn, retry_in=delay)
            return Wait(delay)
        self._pace.succeeded()
        return wait

    async def _run_hooks(self) -> Wait | None:
        hooks = hooks_for(self._ctx.task)
        if hooks is not START:
            return await self._in_order(hooks)
        self._scope = scope = asyncio.timeout(None)
        try:
            async with scope, self._ctx.starts:
                return await self._in_order(hooks)
        except TimeoutError:
            if not scope.expired():
                raise
            return Wait(0)  # broken off by ``wake``: on with the way down
        finally:
            self._scope = None

    async def _in_order(self, hooks: tuple[Hook, ...]) -> Wait | None:
        for hook in hooks:
            wait = await hook(self._ctx)
            if wait is not None:
                return wait
        return None

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
