"""How the API takes connections: from anyone who reaches the port, before anything is known of them.

So none of them may cost much. There are never more than ``MOST`` at once, which leaves the process the file
descriptors that tasks and probes need; one that has not sent a whole request by ``PATIENCE`` ends; bodies are
taken as they come, since one in gzip could be a thousand times larger than it looks; and nonsense is answered
without a word in the log.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

MOST = 500
PATIENCE = 60.0
"""Seconds. Clients keep connections between requests for as long, and open another when one has ended."""

log = logging.getLogger("aiohttp.server.api")


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """What is no HTTP says nothing of ourselves."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log.addFilter(_is_worth_a_line)


class _TurnedAway(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ends it."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, most: int = MOST, patience: float = PATIENCE
) -> AsyncIterator[tuple[str, int]]:
    """Answers there while the block runs; yields the address, for who asked for any free port."""
    runner = web.AppRunner(
        app, access_log=None, logger=log, keepalive_timeout=patience, auto_decompress=False
    )
    await runner.setup()
    try:
        server = await asyncio.get_running_loop().create_server(_bounded(runner, most), host, port)
        try:
            yield server.sockets[0].getsockname()[:2]
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _bounded(runner: web.AppRunner, most: int) -> Callable[[], asyncio.Protocol]:
    server = runner.server
    assert server is not None, "it is set up"

    def one_more() -> asyncio.Protocol:
        return server() if len(server.connections) < most else _TurnedAway()

    return one_more
