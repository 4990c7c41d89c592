"""The task's own volumes. The engine makes them with the containers; they end with the task."""

from ..container_mounts import own_volumes
from ..task_context import TaskContext, Wait


async def remove(ctx: TaskContext) -> Wait | None:
    """Removes them, whether or not they were ever made."""
    for name in own_volumes(ctx.task, ctx.definition).values():
        await ctx.host.runtime.remove_volume(name)
    return None
