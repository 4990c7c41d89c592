"""Performs the change that ``nft_plan`` decides, through nft; reads back what our table counted."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ...model.errors import DriverError
from ...model.guard import Guards
from ..base import Refusal
from . import nft_plan as plan
from .command import run

_ABSENT = "No such file or directory"


async def apply(guards: Guards, resolvers: Iterable[str], host_passes: bool) -> None:
    """Puts our table right."""
    listed = await _list("-t", "list", "table", "ip", plan.TABLE)
    now = plan.Present() if listed is None else plan.present(listed)
    text = plan.change(now, guards, resolvers, host_passes)
    if text is not None:
        await run(["nft", "-f", "-"], text)


async def counted() -> dict[str, int]:
    """Packets dropped, by reason."""
    listed = await _list("list", "counters", "table", "ip", plan.TABLE)
    return {} if listed is None else plan.counted(listed)


async def refusals(guards: Guards) -> list[Refusal]:
    """What was refused in the last hour."""
    listed = await _list("list", "sets", "table", "ip", plan.TABLE)
    return [] if listed is None else plan.refusals(listed, guards)


async def remove() -> None:
    """Takes our table away."""
    await run(["nft", "-f", "-"], f"add table ip {plan.TABLE}\ndelete table ip {plan.TABLE}\n")


async def _list(*words: str) -> Any:
    """What nft tells; None when there is no table of ours."""
    try:
        return msgspec.json.decode(await run(["nft", "-j", *words], ""))
    except DriverError as error:
        if _ABSENT in str(error):
            return None
        raise
