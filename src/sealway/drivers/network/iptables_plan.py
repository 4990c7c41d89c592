"""What our iptables chains should hold, and the change that gets them there. Pure.

Everything of ours is in two chains; all else is one jump to each. ``SEALWAY-FORWARD`` accepts what goes
through our interfaces (Docker's policy is to drop). ``SEALWAY-NAT`` gives a bridge container's connections
into a VPC the address of its instance, and what leaves a VPC the host's. Docker puts rules of its own on
top whenever it starts or makes a network, so the jumps' places are checked each time.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ..contracts.names import BRIDGE_INTERFACE, HOST_INTERFACE
from .layout import TASK_PREFIX

FORWARD = "SEALWAY-FORWARD"
NAT = "SEALWAY-NAT"
_DOCKER_USER = "DOCKER-USER"


class Table(msgspec.Struct, frozen=True):
    """One table as ``iptables-save`` tells it: chain -> its rules, each without ``-A CHAIN``."""

    chains: Mapping[str, tuple[str, ...]]

    def rules(self, chain: str) -> tuple[str, ...]:
        """Empty for a chain that is not there."""
        return self.chains.get(chain, ())


def parse(saved: str) -> Table:
    """Reads ``iptables-save -t TABLE``."""
    chains: dict[str, list[str]] = {}
    for line in saved.splitlines():
        if line.startswith(":"):
            chains.setdefault(line[1:].split()[0], [])
        elif line.startswith("-A "):
            _, chain, rule = (*line.split(" ", 2), "")[:3]
            chains.setdefault(chain, []).append(rule)
    return Table({chain: tuple(rules) for chain, rules in chains.items()})


def bridge_sources(nat: Table) -> dict[str, str]:
    """The sources that a former process set: bridge address -> instance address."""
    sources = {}
    for rule in nat.rules(NAT):
        words = rule.split()
        if "--to-source" in words:
            address = words[words.index("-s") + 1].removesuffix("/32")
            sources[address] = words[words.index("--to-source") + 1]
    return sources


def forward_rules() -> tuple[str, ...]:
    """What ``SEALWAY-FORWARD`` holds."""
    names = (HOST_INTERFACE, f"{TASK_PREFIX}+")
    return tuple(f"{way} {name} -j ACCEPT" for name in names for way in ("-i", "-o"))


def nat_rules(vpc_cidrs: Sequence[str], peers: Sequence[str], sources: Mapping[str, str]) -> tuple[str, ...]:
    """What ``SEALWAY-NAT`` holds. ``peers``: other hosts' networks, which see who calls as VPCs do."""
    cidrs = sorted((*vpc_cidrs, *peers))
    return (
        *(
            f"-s {bridge}/32 -d {cidr} -j SNAT --to-source {instance}"
            for bridge, instance in sorted(sources.items())
            for cidr in cidrs
        ),
        f"-o {BRIDGE_INTERFACE} -j RETURN",  # containers see who calls them: a probe's VIP, a task
        *(f"-d {cidr} -j RETURN" for cidr in cidrs),
        *(f"-s {cidr} -j MASQUERADE" for cidr in sorted(vpc_cidrs)),
    )


def filter_change(table: Table) -> str | None:
    """Text for ``iptables-restore --noflush`` that puts the filter table right; None when it is."""
    has_docker = f"-j {_DOCKER_USER}" in table.rules("FORWARD")
    caller, other = (_DOCKER_USER, "FORWARD") if has_docker else ("FORWARD", _DOCKER_USER)
    moves = [*_jump_away(table, other, FORWARD), *_jump_first(table, caller, FORWARD)]
    return _change("filter", table, FORWARD, forward_rules(), moves)


def nat_change(table: Table, rules: tuple[str, ...]) -> str | None:
    """Likewise for the nat table, with ``nat_rules``. Our chain must come before Docker's masquerading."""
    moves = _jump_first(table, "POSTROUTING", NAT)
    return _change("nat", table, NAT, rules, moves)


def removal(name: str, table: Table, chain: str) -> str | None:
    """Takes the chain and every jump to it away; None when there is nothing."""
    if chain not in table.chains:
        return None
    jumps = [line for caller in table.chains for line in _jump_away(table, caller, chain)]
    return _text(name, [*jumps, f"-F {chain}", f"-X {chain}"])


def _jump_first(table: Table, caller: str, chain: str) -> list[str]:
    jump = f"-j {chain}"
    rules = table.rules(caller)
    if rules and rules[0] == jump and rules.count(jump) == 1:
        return []
    # In one transaction, so no packet meets the moment in between.
    return [*_jump_away(table, caller, chain), f"-I {caller} 1 {jump}"]


def _jump_away(table: Table, caller: str, chain: str) -> list[str]:
    jump = f"-j {chain}"
    return [f"-D {caller} {jump}"] * table.rules(caller).count(jump)


def _change(name: str, table: Table, chain: str, rules: tuple[str, ...], moves: list[str]) -> str | None:
    if chain in table.chains and table.rules(chain) == rules and not moves:
        return None
    # To declare a chain empties it: its content is replaced whole.
    return _text(name, [f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in rules), *moves])


def _text(name: str, lines: list[str]) -> str:
    return "\n".join([f"*{name}", *lines, "COMMIT", ""])
