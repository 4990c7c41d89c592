"""Make sure the images are on this host before anything else is done for the task."""

from ...model.errors import ImageUnavailable
from ..task_context import TaskContext, Wait


async def pull(ctx: TaskContext) -> Wait | None:
    """Pulls what is not there, for containers that are still to be made."""
    missing = [c for c in ctx.definition.containers if ctx.states.get(c["name"]) is None]
    if not missing:
        return None
    now = ctx.host.clock()
    ctx.record(lambda task: task.replace(pull_started_at=task.pull_started_at or now))
    for container in missing:
        try:
            await ctx.host.runtime.ensure_image(container["image"])
        except ImageUnavailable as error:
            return ctx.fail(container["name"], f"CannotPullContainerError: {error}")
    now = ctx.host.clock()
    ctx.record(lambda task: task.replace(pull_stopped_at=task.pull_stopped_at or now))
    return None
