"""The way down: wait for the drain, stop the containers, remove them, end."""

import asyncio

from ...model.task import LIFECYCLE
from ..container_names import container_name
from ..container_order import has_ended, has_started, next_to_stop
from ..container_spec import stop_timeout
from ..task_context import TaskContext, Wait
from ..task_status import all_stopped, moved_to
from .status import observe


async def await_drain(ctx: TaskContext) -> Wait | None:
    """A task that ran may have connections: it goes on until control says its targets are drained."""
    task = ctx.task
    if LIFECYCLE.index(task.last_status) < LIFECYCLE.index("RUNNING"):
        return None
    now = ctx.host.clock()
    ctx.record(lambda t: moved_to(t, "DEACTIVATING").replace(stopping_at=t.stopping_at or now))
    return None if task.may_stop else Wait()


async def stop(ctx: TaskContext) -> Wait | None:
    """Stop signal, ``stopTimeout``, SIGKILL; dependants before what they depend on."""
    now = ctx.host.clock()
    ctx.record(lambda t: moved_to(t, "STOPPING").replace(stopping_at=t.stopping_at or now))
    while running := _running(ctx):
        names = next_to_stop(ctx.definition.containers, running)
        # One that cannot be stopped must not cut short the others' time to end well.
        results = await asyncio.gather(*(_stop(ctx, name) for name in names), return_exceptions=True)
        await observe(ctx)
        for result in results:
            if isinstance(result, BaseException):
                raise result
    now = ctx.host.clock()
    ctx.record(lambda t: t.replace(execution_stopped_at=t.execution_stopped_at or now))
    return None


async def remove(ctx: TaskContext) -> Wait | None:
    """Removes the containers, those never started too."""
    task = ctx.task
    for container in ctx.definition.containers:
        await ctx.host.runtime.remove(container_name(task, container["name"]))
    return None


async def finish(ctx: TaskContext) -> Wait | None:
    """STOPPED: nothing of the task is left here."""
    now = ctx.host.clock()
    ctx.record(lambda t: moved_to(all_stopped(t), "STOPPED").replace(stopped_at=t.stopped_at or now))
    return None


def _running(ctx: TaskContext) -> set[str]:
    return {name for name, state in ctx.states.items() if has_started(state) and not has_ended(state)}


async def _stop(ctx: TaskContext, name: str) -> None:
    timeout = stop_timeout(ctx.container(name))
    await ctx.host.runtime.stop(container_name(ctx.task, name), timeout)
