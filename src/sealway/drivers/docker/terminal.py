"""A terminal in a container, by the engine's exec."""

import os
import signal
from contextlib import suppress

from aiodocker.exceptions import DockerError
from aiodocker.execs import Exec
from aiodocker.stream import Stream

from .translation import docker_errors

_ENDED = (AssertionError, RuntimeError, ConnectionError)
"""What aiodocker raises when a process has ended and taken the connection with it."""


class DockerTerminal:
    """``contracts.terminal.Terminal`` on Docker."""

    def __init__(self, process: Exec, stream: Stream) -> None:
        self._process = process
        self._stream = stream

    async def read(self) -> bytes:
        with docker_errors("read from a terminal"):
            message = await self._stream.read_out()
        return message.data if message is not None else b""

    async def write(self, data: bytes) -> None:
        with docker_errors("write to a terminal"), suppress(*_ENDED):
            await self._stream.write_in(data)

    async def resize(self, rows: int, columns: int) -> None:
        with docker_errors("resize a terminal"):
            try:
                await self._process.resize(h=rows, w=columns)
            except DockerError:
                if (await self._process.inspect())["Running"]:
                    raise

    async def close(self) -> None:
        """The engine leaves the process running when the connection goes: it is told here."""
        try:
            with docker_errors("close a terminal"):
                seen = await self._process.inspect()
            if seen["Running"] and seen.get("Pid"):
                with suppress(ProcessLookupError):
                    os.kill(seen["Pid"], signal.SIGHUP)
        finally:
            with suppress(*_ENDED):
                await self._stream.close()
