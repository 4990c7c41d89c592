"""Performs the changes that ``iptables_plan`` decides, through the iptables programs."""

from collections.abc import Mapping, Sequence

from . import iptables_plan as plan
from .command import run


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
    return plan.parse(await run(["iptables-save", "-t", name], ""))


async def _restore(change: str | None) -> None:
    if change is not None:
        await run(["iptables-restore", "--noflush", "-w"], change)
