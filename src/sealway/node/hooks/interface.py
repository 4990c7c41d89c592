"""The awsvpc network: a pause container that holds the namespace, and our veth in it."""

import structlog

from ...drivers.contracts.container_runtime import ContainerState
from ...drivers.contracts.host_network import TaskEndpoint
from ...model.errors import DriverError, Unavailable
from ...model.task import Task
from ..container_names import pause_name
from ..container_order import has_ended
from ..container_spec import pause_spec
from ..task_context import TaskContext, Wait

log = structlog.get_logger(__name__)


async def attach(ctx: TaskContext) -> Wait | None:
    """Pause container running, the task's address inside it."""
    if not ctx.awsvpc:
        return None
    try:
        pause = await _pause(ctx)
        if has_ended(pause):
            return _fail(ctx, "the pause container ended")
        await ctx.host.endpoints.attach(_endpoint(ctx.task), pause.pid)
    except Unavailable:
        raise
    except DriverError as error:
        ctx.attach_failures += 1
        if error.retryable and ctx.attach_failures < ctx.host.settings.attach_attempts:
            raise
        return _fail(ctx, str(error))
    return None


async def keep(ctx: TaskContext) -> Wait | None:
    """A running task's interface that somebody took away is put back, as long as there is a place for it."""
    endpoints, interface = ctx.host.endpoints, ctx.task.interface
    if interface is None or await endpoints.has(interface.network_interface_id):
        return None
    pause = await ctx.host.runtime.inspect(pause_name(ctx.task))
    if pause is not None and pause.pid:
        log.warning("a task's interface was gone", task=ctx.arn, interface=interface.network_interface_id)
        await endpoints.attach(_endpoint(ctx.task), pause.pid)
        # Nothing in the store says so: the data plane meets the new interface in its next pass.
    return None


async def release(ctx: TaskContext) -> Wait | None:
    """Takes interface and pause container away, whether or not they were ever made."""
    ctx.move_to("DEPROVISIONING")
    task = ctx.task
    if task.interface is not None:
        await ctx.host.endpoints.detach(task.interface.network_interface_id)
        await ctx.host.runtime.remove(pause_name(task))
    return None


async def _pause(ctx: TaskContext) -> ContainerState:
    runtime, name = ctx.host.runtime, pause_name(ctx.task)
    pause = await runtime.inspect(name)
    if pause is None or pause.status == "created":
        spec = pause_spec(ctx.task, ctx.definition, ctx.place())
        await runtime.ensure_image(spec.image)
        await runtime.start(await runtime.create(spec))
        pause = await runtime.inspect(name)
    if pause is None:
        raise DriverError(f"{name} vanished right after its start")
    return pause


def _endpoint(task: Task) -> TaskEndpoint:
    if task.interface is None:
        raise DriverError(f"{task.arn} has no network interface", retryable=False)
    return TaskEndpoint(
        network_interface_id=task.interface.network_interface_id,
        private_ip=task.interface.private_ip,
        ipv6_address=task.interface.ipv6_address,
        mac=task.interface.mac,
    )


def _fail(ctx: TaskContext, reason: str) -> Wait:
    log.warning("task has no network", task=ctx.arn, reason=reason)
    message = f"ResourceInitializationError: unable to set up the task's network: {reason}"
    return ctx.fail(ctx.definition.containers[0]["name"], message)
