"""The DNS driver: keeps a detached server running and tells it what to serve.

A server of the same identity (version, code, settings) that already runs is adopted, so names go on
resolving while this process restarts; another one is replaced. Every change is written to the state file
first and then announced, so a server that dies and comes back knows it too.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from ...model.errors import DriverError, Unavailable
from .files import (
    NAMES,
    SERVER_MODULE,
    Serving,
    State,
    identity,
    living_server,
    process_start,
    read_state,
    write_state,
)

START_TIMEOUT = 10.0
BIND_TIMEOUT = 5.0
STOP_TIMEOUT = 3.0
_POLL = 0.02

log = logging.getLogger(__name__)


class DnsServerProcess:
    """``contracts.dns.Dns`` by a process of its own.

    ``port`` is 53 but in tests; ``upstreams`` (``address:port``) take the place of /etc/resolv.conf.
    """

    def __init__(self, state_dir: Path, *, port: int = 53, upstreams: Sequence[str] = ()) -> None:
        self._directory = state_dir
        self._port = port
        self._upstreams = tuple(upstreams)

    async def start(self, addresses: frozenset[str]) -> None:
        """See ``Dns.start``. Raises ``DriverError`` naming addresses another server holds."""
        self._directory.mkdir(parents=True, exist_ok=True)
        write_state(self._directory, State(addresses=tuple(sorted(addresses)), records=self._state().records))
        await self._ensure_running()
        deadline = asyncio.get_running_loop().time() + BIND_TIMEOUT
        while True:
            failed = (await self._announce()).failed
            if not failed:
                return
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_POLL * 5)
        reasons = ", ".join(f"{address}:{self._port}: {why}" for address, why in failed.items())
        raise DriverError(f"the DNS server cannot listen on {reasons}")

    async def set_records(self, records: Mapping[str, tuple[str, ...]]) -> None:
        """See ``Dns.set_records``. The server is brought back if it died."""
        self._directory.mkdir(parents=True, exist_ok=True)
        state = self._state()
        wanted = State(addresses=state.addresses, records=dict(sorted(records.items())))
        if wanted != state:
            write_state(self._directory, wanted)
        if state.addresses:
            await self._ensure_running()
            await self._announce()

    async def teardown(self) -> None:
        """See ``Dns.teardown``. A server that does not end when asked is killed."""
        await self._stop_server()
        for name in NAMES:
            (self._directory / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else's files may be there, or the directory never was
            self._directory.rmdir()

    def _state(self) -> State:
        try:
            return read_state(self._directory)
        except msgspec.DecodeError as error:
            # Files are replaced whole, so this is a damaged disk or a stranger's hand; all of it comes anew.
            log.error("%s cannot be read and is written anew: %s", self._directory / "state.json", error)
            return State()

    async def _ensure_running(self) -> None:
        wanted = identity(self._port, self._upstreams)
        living = living_server(self._directory)
        if living is not None and living.identity == wanted:
            return
        await self._stop_server()
        await self._launch()
        await _until(lambda: self._is_ready(wanted), START_TIMEOUT, self._why_not_started)

    def _is_ready(self, wanted: str) -> bool:
        living = living_server(self._directory)
        return (
            living is not None and living.identity == wanted and (self._directory / "control.sock").exists()
        )

    def _why_not_started(self) -> str:
        log = self._directory / "server.log"
        last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
        return "the DNS server did not start: " + ("".join(last) or "no reason given")

    async def _launch(self) -> None:
        upstreams = [word for text in self._upstreams for word in ("--upstream", text)]
        command = ["-m", SERVER_MODULE, "--state-dir", str(self._directory), "--port", str(self._port)]
        (self._directory / "control.sock").unlink(missing_ok=True)
        try:
            with (self._directory / "server.log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *command,
                    *upstreams,
                    "--detach",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd=self._directory,
                )
        except OSError as error:
            raise DriverError(f"the DNS server cannot be started: {error}") from error
        status = await process.wait()
        if status:
            raise DriverError(self._why_not_started())

    async def _announce(self) -> Serving:
        """Tells the server to read the state, and waits until it serves it."""
        try:
            async with asyncio.timeout(BIND_TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(self._directory / "control.sock")
                try:
                    writer.write(b"reload\n")
                    line = await reader.readline()
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the DNS server does not answer: {error}") from error
        if not line:
            raise Unavailable("the DNS server does not answer: it closed the connection")
        return msgspec.json.decode(line, type=Serving)

    async def _stop_server(self) -> None:
        living = living_server(self._directory)
        if living is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(living.pid, number)
            with contextlib.suppress(DriverError):
                await _until(
                    lambda: process_start(living.pid) != living.started, STOP_TIMEOUT, lambda: "still there"
                )
                return
        raise DriverError(f"the DNS server, process {living.pid}, does not end")


async def _until(condition: Callable[[], bool], timeout: float, why: Callable[[], str]) -> None:
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise DriverError(why())
        await asyncio.sleep(_POLL)
