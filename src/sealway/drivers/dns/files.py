"""The files between the driver and its server, all in one state directory.

``state.json``   addresses and records; replaced whole by the driver, read by the server
``server.pid``   who serves: process id, its start time, and what it runs (``identity``)
``control.sock`` where the server is told to read ``state.json`` again, and answers with what it serves
``server.lock``  held by the server as long as it lives, so there is never a second one
``server.log``   what the server had to say
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ... import __version__

SERVER_MODULE = "sealway.drivers.dns.server"
NAMES = ("state.json", "server.pid", "control.sock", "server.lock", "server.log")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, whole."""

    addresses: tuple[str, ...] = ()
    records: dict[str, tuple[str, ...]] = {}


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: addresses it listens on, and why it does not on the others."""

    bound: tuple[str, ...] = ()
    failed: dict[str, str] = {}


class ServerPid(msgspec.Struct, frozen=True, kw_only=True):
    """Which process serves. ``started``: clock ticks since boot, /proc/PID/stat field 22."""

    pid: int
    started: int
    identity: str


def identity(port: int, upstreams: Sequence[str]) -> str:
    """What a server runs: version, code and settings. Another identity means another server is needed."""
    digest = hashlib.sha256(f"{port} {sorted(upstreams)}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return f"{__version__}-{digest.hexdigest()[:16]}"


def replace(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old or the new one, never a part."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    scratch.write_bytes(content)
    scratch.replace(path)


def read_state(directory: Path) -> State:
    """The state; an empty one when none was written yet."""
    try:
        return msgspec.json.decode((directory / "state.json").read_bytes(), type=State)
    except FileNotFoundError:
        return State()


def write_state(directory: Path, state: State) -> None:
    """See ``replace``."""
    replace(directory / "state.json", msgspec.json.encode(state))


def process_start(pid: int) -> int | None:
    """When the process started, in ticks since boot; None when it is gone or only a zombie is left."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def living_server(directory: Path) -> ServerPid | None:
    """The server that runs for this directory, verified to be that very process."""
    try:
        found = msgspec.json.decode((directory / "server.pid").read_bytes(), type=ServerPid)
        command = Path(f"/proc/{found.pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, msgspec.DecodeError):
        return None
    if process_start(found.pid) != found.started or SERVER_MODULE.encode() not in command:
        return None
    return found
