"""ExecuteCommand: a terminal in a running container, by AWS's session-manager-plugin.

The answer names a WebSocket of this host's; who connects there and shows the token gets the session
(``node/exec_gateway.py``). Source: ECS API Reference, ``ExecuteCommand``; ECS Developer Guide, "ECS Exec".
"""

import shlex

from ...model.errors import AwsError
from ...model.exec_session import LIFETIME, ExecSession, digest_of
from ...model.request import Params
from ...model.task import ContainerStatus, Task
from ...store import Transaction
from ..context import Context, Operation
from . import errors
from .lookup import find_task, require_cluster

_TOKEN_DIGITS = 64
_LONGEST = 8192
"""Characters of a command: as many as RunTask's overrides may have, which commands stand in too."""
_NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the"
    " execute command agent isn\u2019t running. Wait and try again or run a new task with execute command"
    " enabled and try again."
)


def execute_command(ctx: Context, request: Params) -> Params:
    """ExecuteCommand."""
    if not request["interactive"]:
        raise errors.invalid("Interactive must be true: only interactive sessions are supported.")
    command = _parsed(request["command"])
    with ctx.store.transaction() as tx:
        cluster = require_cluster(ctx, tx, request.get("cluster"))
        task = find_task(ctx, tx, cluster, request["task"])
        if task is None:
            raise errors.invalid("The specified task was not found.")
        container = _container(task, request.get("container"))
        token = ctx.ids.hex(_TOKEN_DIGITS)
        _forget_expired(ctx, tx)
        session = ExecSession(
            id=f"ecs-execute-command-{ctx.ids.hex(26)}",
            account_id=ctx.account_id,
            region=ctx.region,
            task_arn=task.arn,
            container=container.name,
            command=command,
            token_digest=digest_of(token),
            expires_at=ctx.now + LIFETIME,
        )
        tx.put(session)
    return {
        "clusterArn": cluster.arn,
        "containerArn": container.arn,
        "containerName": container.name,
        "interactive": True,
        "session": {
            "sessionId": session.id,
            "streamUrl": f"{ctx.streams}/{session.id}?role=publish_subscribe",
            "tokenValue": token,
        },
        "taskArn": task.arn,
    }


def _parsed(text: str) -> tuple[str, ...]:
    """The command's words; no shell reads them unless one is named."""
    if len(text) > _LONGEST:
        raise errors.invalid(f"Command length must be at most {_LONGEST}")
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise errors.invalid(f"The command could not be parsed: {error}.") from error
    if not words:
        raise errors.invalid("Command can not be blank.")
    return words


def _container(task: Task, name: str | None) -> ContainerStatus:
    if name is None and len(task.containers) > 1:
        raise errors.invalid("You must specify a container name: the task has several containers.")
    found = next((c for c in task.containers if name in (None, c.name)), None)
    if found is None:
        raise errors.invalid(f"The container {name} was not found in the task.")
    if not task.extra.get("enableExecuteCommand") or task.desired_status == "STOPPED":
        raise errors.invalid(_NOT_ENABLED)
    if found.last_status != "RUNNING":
        raise AwsError(
            "TargetNotConnectedException",
            f"The execute command failed because the container {found.name} is not running.",
        )
    return found


def _forget_expired(ctx: Context, tx: Transaction) -> None:
    for session in tx.list(ExecSession):
        if session.expires_at <= ctx.now:
            tx.delete(session)


OPERATIONS: dict[str, Operation] = {"ExecuteCommand": execute_command}
