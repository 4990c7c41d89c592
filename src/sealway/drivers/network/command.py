"""Runs a program of the host's, bounded in time, with no shell in between."""

import asyncio

from ...model.errors import DriverError

_SECONDS = 20.0


async def run(command: list[str], text: str) -> str:
    """What it printed, given ``text``. Raises ``DriverError`` with what it said was wrong."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise DriverError(f"{command[0]} is not installed", retryable=False) from error
    except OSError as error:  # no memory, process or descriptor is left: that may pass
        raise DriverError(f"{command[0]} cannot be started: {error}") from error
    try:
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate(text.encode())
    except TimeoutError as error:
        raise DriverError(f"{command[0]} did not end in {_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise DriverError(f"{command[0]}: {err.decode(errors='replace').strip()}")
    return out.decode()
