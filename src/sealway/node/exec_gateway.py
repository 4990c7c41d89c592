"""Where the session-manager-plugin connects: hands out the sessions that ExecuteCommand opened, each once.

Whoever connects must show the session's token in the first message, soon. The session ends with the command,
with the connection, or when the plugin says so; the command then is hung up. What is wrong with a connection
is not told to it, but logged.
"""

import asyncio

import structlog
from aiohttp import WSMsgType, web

from ..drivers.contracts.container_runtime import ContainerRuntime
from ..drivers.contracts.terminal import Terminal
from ..model.clock import Clock
from ..model.errors import DriverError
from ..model.exec_session import ExecSession, digest_of
from ..model.ids import IdSource
from ..model.task import Task
from ..store import Store
from .agent_message import Malformed
from .container_names import container_name
from .data_channel import DataChannel, token_of

PATH = "/v1/data-channel"
OPENING_SECONDS = 10
HEARTBEAT_SECONDS = 30
LARGEST_FRAME = 64 * 1024
MOST_SESSIONS = 100

log = structlog.get_logger(__name__)


class ExecGateway:
    """``streams`` of ``services.Context`` leads here."""

    def __init__(self, store: Store, runtime: ContainerRuntime, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._runtime = runtime
        self._clock = clock
        self._ids = ids
        self._open = 0

    def add_to(self, app: web.Application) -> None:
        """Makes the application answer here."""
        app.router.add_get(PATH + "/{session}", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection."""
        if self._open >= MOST_SESSIONS:
            raise web.HTTPServiceUnavailable(text="too many sessions are open")
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_FRAME)
        await socket.prepare(request)
        self._open += 1
        try:
            await self._serve(socket, request.match_info["session"])
        except* (Malformed, TimeoutError, DriverError, ConnectionError) as errors:
            why = "; ".join(str(error) for error in errors.exceptions)
            log.warning("a session came to nothing", session=request.match_info["session"], why=why)
        finally:
            self._open -= 1
            await socket.close()
        return socket

    async def _serve(self, socket: web.WebSocketResponse, session_id: str) -> None:
        opening = await socket.receive(timeout=OPENING_SECONDS)
        if opening.type is not WSMsgType.TEXT:
            raise Malformed("the first message is no text")
        session = self._claim(session_id, token_of(opening.data))
        task = self._store.get(Task, session.task_arn)
        if task is None:
            raise Malformed("the task is gone")
        terminal = await self._runtime.open_terminal(container_name(task, session.container), session.command)
        log.info("a session has begun", session=session.id, task=task.arn, container=session.container)
        try:
            await self._run(socket, session.id, terminal)
        finally:
            await terminal.close()
            log.info("a session has ended", session=session.id)

    async def _run(self, socket: web.WebSocketResponse, session_id: str, terminal: Terminal) -> None:
        channel = DataChannel(session_id, socket.send_bytes, self._clock, self._ids)
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(channel.carry(terminal)),
                group.create_task(_listen(socket, channel, terminal)),
                group.create_task(_wait(channel.over)),
            ]
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in parts:
                part.cancel()

    def _claim(self, session_id: str, token: str) -> ExecSession:
        """The session, which nobody else can claim from now on. Raises ``Malformed``."""
        with self._store.transaction() as tx:
            found = tx.get(ExecSession, session_id)
            if found is None or found.token_digest != digest_of(token):
                raise Malformed("no such session, or not its token")
            tx.delete(found)
        if found.expires_at <= self._clock():
            raise Malformed("the session was not taken up in time")
        return found


async def _listen(socket: web.WebSocketResponse, channel: DataChannel, terminal: Terminal) -> None:
    async for frame in socket:
        if frame.type is WSMsgType.BINARY:
            await channel.receive(frame.data, terminal)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
