"""Look at the containers, record what they show."""

import structlog

from ...model.errors import DriverError, Unavailable
from ..container_restart import to_restart
from ..task_context import TaskContext, Wait
from ..task_status import moved_to, observed, with_containers

log = structlog.get_logger(__name__)


async def begin(ctx: TaskContext) -> Wait | None:
    """The task is ours: PENDING, its containers listed. One that failed to start waits for its end."""
    definition = ctx.definition
    ctx.record(lambda task: moved_to(with_containers(task, definition, ctx.host.ids), "PENDING"))
    return Wait() if ctx.task.failure else None


async def observe(ctx: TaskContext) -> Wait | None:
    """Inspects every container, starts those again that are to be, records state, bindings, health, end."""
    await ctx.inspect()
    if await _restart(ctx):
        await ctx.inspect()
    definition, now = ctx.definition, ctx.host.clock()
    ctx.record(lambda task: observed(task, definition, ctx.states, now))
    return None


async def _restart(ctx: TaskContext) -> bool:
    """Whether a container was started again. One that cannot be has ended for good."""
    restarted = False
    for state in to_restart(ctx.task, ctx.definition, ctx.states):
        try:
            await ctx.host.runtime.start(state.id)
            restarted = True
        except Unavailable:
            raise
        except DriverError as error:
            log.warning("a container could not be started again", container=state.name, error=str(error))
    return restarted
