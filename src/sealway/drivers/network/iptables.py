"""Performs the changes that ``iptables_plan`` decides, through the iptables programs."""

import asyncio
from collections.abc import Mapping, Sequence

from ...model.errors import DriverError
from . import iptables_plan as plan

_SECONDS = 20.0


async def apply(vpc_cidrs: Sequence[str], sources: Mapping[str, str] | None) -> None:
    """Puts our chains right. ``sources`` None: those that are set already stay."""
    await _restore(plan.filter_change(await _table("filter")))
    nat = await _table("nat")
    wanted = plan.bridge_sources(nat) if sources is None else sources
    await _restore(plan.nat_change(nat, vpc_cidrs, wanted))


async def remove() -> None:
    """Takes our chains away."""
    await _restore(plan.removal("filter", await _table("filter"), plan.FORWARD))
    await _restore(plan.removal("nat", await _table("nat"), plan.NAT))


async def _table(name: str) -> plan.Table:
    return plan.parse(await _run(["iptables-save", "-t", name], ""))


async def _restore(change: str | None) -> None:
    if change is not None:
        await _run(["iptables-restore", "--noflush", "-w"], change)


async def _run(command: list[str], text: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise DriverError(f"{command[0]} is not installed", retryable=False) from error
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
