"""Asks a running Sealway over its Unix socket."""

import asyncio
from errno import EACCES, EPERM
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from ..app.paths import ADMIN_SOCKET
from ..model.errors import SealwayError


class NotRunning(SealwayError):
    """No Sealway answers in that data directory."""


class NotAllowed(SealwayError):
    """The data directory is another user's, mostly root's."""


def ask(data_dir: Path, operation: str, wanted: dict[str, Any] | None = None) -> Any:
    """The operation's answer. Raises ``NotRunning``, ``NotAllowed``, or ``SealwayError`` with the other
    side's words."""
    return asyncio.run(_ask(data_dir, operation, wanted or {}))


async def _ask(data_dir: Path, operation: str, wanted: dict[str, Any]) -> Any:
    connector = aiohttp.UnixConnector(path=str(data_dir / ADMIN_SOCKET))
    timeout = aiohttp.ClientTimeout(total=10)
    url, body = f"http://sealway/{operation}", msgspec.json.encode(wanted)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(url, data=body) as response,
        ):
            answer = msgspec.json.decode(await response.read())
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        if isinstance(error, OSError) and error.errno in (EACCES, EPERM):
            raise NotAllowed(f"only root may ask the sealway of {data_dir}") from error
        raise NotRunning(f"no sealway runs with the data directory {data_dir}") from error
    if response.status != 200:
        raise SealwayError(answer["error"])
    return answer
