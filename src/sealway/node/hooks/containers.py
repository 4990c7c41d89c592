"""Make and start the containers in the order of ``dependsOn``; the task then runs."""

from ...model.errors import DriverError, Unavailable
from ..container_order import has_started, plan_start
from ..container_spec import container_spec
from ..task_context import TaskContext, Wait
from ..task_status import all_seen, essential_ended, moved_to
from .status import observe

LOOK_AGAIN = 1.0
"""Seconds. A container whose ports are gone before they were seen is one that the engine takes away."""


async def start(ctx: TaskContext) -> Wait | None:
    """Starts whatever may start, until all have, or some must wait for others."""
    ctx.move_to("ACTIVATING")
    while True:
        if essential_ended(ctx.task, ctx.definition):
            break
        plan = plan_start(ctx.definition.containers, ctx.states, ctx.host.clock())
        if plan.failure:
            waiting = [c["name"] for c in ctx.definition.containers if not has_started(ctx.states[c["name"]])]
            return ctx.fail(waiting[0], plan.failure)
        if not plan.start:
            break
        for name in plan.start:
            failed = await _start(ctx, name)
            if failed:
                return failed
        await observe(ctx)
    if not all(has_started(ctx.states.get(c["name"])) for c in ctx.definition.containers):
        return Wait(plan_check(ctx))
    if not all_seen(ctx.task):
        return Wait(LOOK_AGAIN)
    now = ctx.host.clock()
    ctx.record(lambda task: moved_to(task, "RUNNING").replace(started_at=task.started_at or now))
    return None


def plan_check(ctx: TaskContext) -> float | None:
    """Seconds until a start timeout of one of the containers may be up."""
    return plan_start(ctx.definition.containers, ctx.states, ctx.host.clock()).check_in


async def _start(ctx: TaskContext, name: str) -> Wait | None:
    runtime = ctx.host.runtime
    verb = "Create"
    try:
        container_id = await runtime.create(
            container_spec(ctx.task, ctx.definition, ctx.container(name), ctx.place())
        )
        verb = "Start"
        await runtime.start(container_id)
    except Unavailable:
        raise
    except DriverError as error:
        return ctx.fail(name, f"Cannot{verb}ContainerError: {error}")
    return None
