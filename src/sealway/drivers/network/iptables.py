"""Performs the changes that ``iptables_plan`` decides, through the iptables programs."""

from collections.abc import Mapping, Sequence

from . import iptables_plan as plan
from . import sysctl
from .command import run


async def apply(
    vpc_cidrs: Sequence[str], peers: Sequence[str], sources: Mapping[str, str] | None, ipv6: bool = False
) -> None:
    """Puts our chains right. ``sources`` None: those that are set already stay. ``ipv6``: that version's
    packets are forwarded, too; nothing of it is translated."""
    await _restore(plan.filter_change(await _table("filter")))
    nat = await _table("nat")
    wanted = plan.bridge_sources(nat) if sources is None else sources
    await _restore(plan.nat_change(nat, plan.nat_rules(vpc_cidrs, peers, wanted)))
    if ipv6:
        await _restore(plan.filter_change(await _table("filter", _IPV6)), _IPV6)


async def remove() -> None:
    """Takes our chains away."""
    await _restore(plan.removal("filter", await _table("filter"), plan.FORWARD))
    await _restore(plan.removal("nat", await _table("nat"), plan.NAT))
    if sysctl.has_ipv6():
        await _restore(plan.removal("filter", await _table("filter", _IPV6), plan.FORWARD), _IPV6)


_IPV6 = "ip6tables"


async def _table(name: str, program: str = "iptables") -> plan.Table:
    return plan.parse(await run([f"{program}-save", "-t", name], ""))


async def _restore(change: str | None, program: str = "iptables") -> None:
    if change is not None:
        await run([f"{program}-restore", "--noflush", "-w"], change)
