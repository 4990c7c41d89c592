"""Performs the change that ``nft_plan`` decides, through nft; reads back what our table counted."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from ...model.errors import DriverError
from ...model.guard import Guards
from ..contracts.refusal import Refusal
from . import nft_plan as plan
from . import sysctl
from .command import run

_ABSENT = "No such file or directory"


def _families() -> tuple[plan.Family, ...]:
    return plan.FAMILIES if sysctl.has_ipv6() else (plan.IPV4,)


async def apply(guards: Guards, resolvers: Iterable[str], host_passes: bool) -> None:
    """Puts our tables right; the one of IPv6 is there only if an address of it is guarded."""
    for family in _families():
        listed = await _list(family, "-t", "list", "table")
        if family is not plan.IPV4 and not family.part(guards).of:
            if listed is not None:
                await run(["nft", "-f", "-"], plan.removal(family))
            continue
        now = plan.Present() if listed is None else plan.present(listed)
        text = plan.change(now, guards, resolvers, host_passes, family)
        if text is not None:
            await run(["nft", "-f", "-"], text)


async def counted() -> dict[str, int]:
    """Packets dropped, by reason."""
    total: Counter[str] = Counter()
    for family in _families():
        listed = await _list(family, "list", "counters", "table")
        total.update({} if listed is None else plan.counted(listed))
    return dict(total)


async def refusals(guards: Guards) -> list[Refusal]:
    """What was refused in the last hour."""
    found: list[Refusal] = []
    for family in _families():
        listed = await _list(family, "list", "sets", "table")
        found += [] if listed is None else plan.refusals(listed, guards)
    return found


async def remove() -> None:
    """Takes our tables away."""
    for family in _families():
        await run(["nft", "-f", "-"], plan.removal(family))


async def _list(family: plan.Family, *words: str) -> Any:
    """What nft tells of the version's table; None when there is none of ours."""
    try:
        return msgspec.json.decode(await run(["nft", "-j", *words, family.header, plan.TABLE], ""))
    except DriverError as error:
        if _ABSENT in str(error):
            return None
        raise
