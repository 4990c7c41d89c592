"""What our nftables table should hold: security groups for all that no load balancer carries. Pure.

The kernel tracks connections, so only what begins one is judged; the rest of it passes, also when rules
change. Chain ``in.GROUPS`` accepts what a guard lets in and refuses the rest, ``out.GROUPS`` returns what it
lets out; two maps lead there from an interface's address. Rules see a connection as it began, before Docker
led it from an instance's port to a container. A container's own address stands for its instance's.

What is refused is counted, and remembered for an hour in ``refused.CHAIN``, so that somebody can be told.
There is a table of each IP version, if an address of it is guarded. A change of one is one transaction; a set
named for its content's digest says that it is as wanted.
Source: Amazon VPC User Guide, "Security group rules": traffic to the VPC's resolver is not filtered.
"""

import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ...model.address_pool import is_ipv6
from ...model.guard import ICMP, LAST_PORT, TCP, UDP, Guard, GuardRule, Guards
from ..contracts.names import BRIDGE_INTERFACE
from ..contracts.refusal import Refusal
from .layout import TASK_PREFIX

TABLE = "sealway"
COUNTERS = {"refused": "security_group", "spoofed": "spoofed_source"}
"""Our counter -> the data plane's name of the same reason."""
_HOOKS = ("forward", "input", "output")
_SETS = ("resolvers", "containers")
_MAPS = ("ingress_of", "egress_of")
_DNS_PORT = 53
_LONGEST_NAME = 100
_REMEMBERED, _SECONDS = 256, 3600
_PROTOCOLS = {"icmp": ICMP, "tcp": TCP, "udp": UDP}
_JUDGED = "ct state established,related accept"
_TO_A_TASK = f'oifname "{TASK_PREFIX}*"'
_REFUSE = "counter name refused drop"


class Family(NamedTuple):
    """A version of IP in nft's words: ``header`` is the table's family, too. ``always``: what chains begin
    with, by hook. ``errors``: what a router says about others' packets."""

    version: int
    header: str
    address: str
    counters: tuple[str, ...]
    always: Mapping[str, tuple[str, ...]]
    errors: str

    def has(self, address: str) -> bool:
        """Whether an address is of this version."""
        return is_ipv6(address) is (self.version == 6)

    def part(self, guards: Guards) -> Guards:
        """The addresses of this version."""

        own = self.has
        return msgspec.structs.replace(
            guards,
            of={address: guard for address, guard in guards.of.items() if own(address)},
            members={group: frozenset(filter(own, held)) for group, held in guards.members.items()},
            published={at: instance for at, instance in guards.published.items() if own(at[0])},
            containers={address: instance for address, instance in guards.containers.items() if own(address)},
        )


IPV4 = Family(
    4,
    "ip",
    "ipv4_addr",
    ("refused",),
    {},
    "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
)
_OF_THE_LINK = (
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report,"
    " nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept"
)
"""Who is at this link: no traffic of the interface's, to security groups."""
_OWN_ADDRESS = f'iifname "{TASK_PREFIX}*" fib saddr . iif oif missing counter name spoofed drop'
"""IPv6 has no reverse path filter beside this one."""
IPV6 = Family(
    6,
    "ip6",
    "ipv6_addr",
    ("refused", "spoofed"),
    {"forward": (_OWN_ADDRESS,), "input": (_OF_THE_LINK, _OWN_ADDRESS), "output": (_OF_THE_LINK,)},
    "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
)
FAMILIES = (IPV4, IPV6)


class Present(msgspec.Struct, frozen=True):
    """Names of the chains and sets that the table has, all of them ours."""

    chains: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()


def present(listed: Mapping[str, Any]) -> Present:
    """From ``nft -t -j list table``."""
    entries = listed["nftables"]
    return Present(
        frozenset(e["chain"]["name"] for e in entries if "chain" in e),
        frozenset(e["set"]["name"] for e in entries if "set" in e),
    )


def change(
    now: Present, guards: Guards, resolvers: Iterable[str], host_passes: bool, family: Family = IPV4
) -> str | None:
    """Commands for ``nft -f`` that make the version's table as wanted; None when it is.

    ``host_passes``: this host's own connections are not judged.
    """
    guards, table = family.part(guards), f"{family.header} {TABLE}"
    rules = list(_rules(guards, host_passes, family))
    elements = {name: sorted(held) for name, held in _elements(guards, filter(family.has, resolvers)).items()}
    maps = {way: _verdicts(guards, way) for way in _MAPS}
    digest = hashlib.sha256(repr((rules, elements, maps)).encode()).hexdigest()[:16]
    if f"digest.{digest}" in now.sets:
        return None
    chains = {*_chains(guards), *_HOOKS}
    memories = {f"refused.{chain}" for chain in _chains(guards)}
    sets = {*elements, *memories, f"digest.{digest}"}
    return "\n".join(
        [
            *_frame(family),
            *(f"flush chain {table} {name}" for name in sorted(now.chains)),
            *(f"flush map {table} {name}" for name in _MAPS),
            *(f"delete chain {table} {name}" for name in sorted(now.chains - chains)),
            *(f"delete set {table} {name}" for name in sorted(now.sets - sets)),
            *(f"add chain {table} {name}" for name in sorted(chains - set(_HOOKS))),
            *(_memory(name, family) for name in sorted(memories)),
            *(f"add set {table} {name} {{ type {family.address} ; }}" for name in sorted(sets - memories)),
            *(f"flush set {table} {name}" for name in sorted(elements)),
            *(f"add element {table} {n} {{ {', '.join(held)} }}" for n, held in elements.items() if held),
            *(f"add rule {table} {rule}" for rule in rules),
            *(f"add element {table} {n} {{ {', '.join(held)} }}" for n, held in maps.items() if held),
            "",
        ]
    )


def removal(family: Family) -> str:
    """Commands that take the version's table away, if it is there."""
    return f"add table {family.header} {TABLE}\ndelete table {family.header} {TABLE}\n"


def _frame(family: Family) -> list[str]:
    hook = "{{ type filter hook {} priority -1 ; policy accept ; }}"
    table = f"{family.header} {TABLE}"
    return [
        f"add table {table}",
        *(f"add counter {table} {name}" for name in family.counters),
        *(f"add map {table} {name} {{ type {family.address} : verdict ; }}" for name in _MAPS),
        *(f"add chain {table} {name} {hook.format(name)}" for name in _HOOKS),
    ]


def _memory(name: str, family: Family) -> str:
    key = f"{family.address} . {family.address} . inet_proto . inet_service"
    more = f"size {_REMEMBERED} ; flags dynamic,timeout ; timeout {_SECONDS}s ; counter ;"
    return f"add set {family.header} {TABLE} {name} {{ type {key} ; {more} }}"


def chain(guard: str, direction: str) -> str:
    """The chain of a guard; ``direction``: in or out."""
    name = guard.replace(",", ".")
    if len(name) > _LONGEST_NAME:
        name = hashlib.sha256(guard.encode()).hexdigest()
    return f"{direction}.{name}"


def _chains(guards: Guards) -> list[str]:
    return [chain(guard, way) for guard in sorted(guards.rules) for way in ("in", "out")]


def _verdicts(guards: Guards, way: str) -> list[str]:
    """Elements that lead from an address to its chain; a container leaves by its instance's."""
    of = dict(guards.of)
    if way == "egress_of":
        of |= {own: guards.of[instance] for own, instance in guards.containers.items()}
    direction = "in" if way == "ingress_of" else "out"
    return [f"{address} : jump {chain(guard, direction)}" for address, guard in sorted(of.items())]


def _elements(guards: Guards, resolvers: Iterable[str]) -> dict[str, set[str]]:
    named = {
        direction: {rule.group for guard in guards.rules.values() for rule in rules(guard) if rule.group}
        for direction, rules in _WAYS.items()
    }
    held = {f"to.{group}": set(guards.members.get(group, ())) for group in named["out"]}
    held |= {
        f"from.{group}": _with_containers(guards, guards.members.get(group, frozenset()).__contains__)
        | set(guards.members.get(group, ()))
        for group in named["in"]
    }
    return held | {"resolvers": set(resolvers), "containers": set(guards.containers)}


_WAYS: dict[str, Callable[[Guard], tuple[GuardRule, ...]]] = {
    "in": lambda guard: guard.ingress,
    "out": lambda guard: guard.egress,
}


def _with_containers(guards: Guards, holds: Callable[[str], bool]) -> set[str]:
    """The containers whose instance is meant."""
    return {own for own, instance in guards.containers.items() if holds(instance)}


def _rules(guards: Guards, host_passes: bool, family: Family) -> Iterator[str]:
    ip = family.header
    for name, guard in sorted(guards.rules.items()):
        for direction, rules in _WAYS.items():
            target = chain(name, direction)
            for rule in rules(guard):
                if (text := _rule(guards, rule, direction, family)) is not None:
                    yield f"{target} {text}".rstrip()
            yield (
                f"{target} meta l4proto {{ tcp, udp }} update @refused.{target} "
                f"{{ {ip} saddr . {ip} daddr . meta l4proto . th dport }}"
            )
            yield f"{target} {_REFUSE}"
    for hook, always in family.always.items():
        yield from (f"{hook} {rule}" for rule in always)
    yield from _forward(family)
    yield from _input(family)
    if not host_passes:
        yield from _output(family)


def _rule(guards: Guards, rule: GuardRule, direction: str, family: Family) -> str | None:
    peer = _peer(guards, rule, direction, family)
    if peer is None:
        return None
    words = [peer] if peer else []
    if rule.protocol is not None:
        words.append(f"meta l4proto {rule.protocol}")
        if (rule.first, rule.last) != (0, LAST_PORT):
            words.append(f"ct original proto-dst {rule.first}-{rule.last}")
    return " ".join([*words, "accept" if direction == "in" else "return"])


def _peer(guards: Guards, rule: GuardRule, direction: str, family: Family) -> str | None:
    """Empty: everybody. None: nobody here."""
    side = f"{family.header} saddr" if direction == "in" else f"ct original {family.header} daddr"
    if rule.group:
        return f"{side} @{'from' if direction == 'in' else 'to'}.{rule.group}"
    network = ipaddress.ip_network(rule.network)
    if network.version != family.version:
        return None
    if network.prefixlen == 0:
        return ""
    if direction == "out":
        return f"{side} {network}"
    inside = _with_containers(guards, lambda instance: ipaddress.ip_address(instance) in network)
    more = sorted(each for each in inside if ipaddress.ip_address(each) not in network)
    return f"{side} {{ {', '.join([str(network), *more])} }}"


def _leaving(family: Family) -> Iterator[str]:
    """What an interface's own groups let out. Whose it speaks for, the reverse path filter sees to."""
    if family is IPV4:
        yield f"ip daddr @resolvers meta l4proto {{ tcp, udp }} th dport {_DNS_PORT} accept"
    yield f"{family.header} saddr vmap @egress_of"


def _entering(family: Family) -> str:
    return f"ct original {family.header} daddr vmap @ingress_of"


def _forward(family: Family) -> Iterator[str]:
    yield f"forward {_JUDGED}"
    # Containers of one instance among themselves, through links: on AWS, too, no packet leaves the instance.
    yield f'forward iifname "{BRIDGE_INTERFACE}" oifname "{BRIDGE_INTERFACE}" ct status & dnat == 0 accept'
    for rule in _leaving(family):
        yield f"forward {rule}"
    yield f"forward ct original {family.header} daddr @containers {_REFUSE}"  # past its instance
    yield f"forward {_entering(family)}"
    yield f"forward ct state invalid {family.header} daddr vmap @ingress_of"
    yield f"forward {_TO_A_TASK} {_REFUSE}"  # one whose groups are not written down yet


def _input(family: Family) -> Iterator[str]:
    yield f"input {_JUDGED}"
    for rule in _leaving(family):
        yield f"input {rule}"
    yield f"input {_entering(family)}"


def _output(family: Family) -> Iterator[str]:
    yield f"output {_JUDGED}"
    # The host is the tasks' router: what it says about their packets (the path's MTU) is theirs.
    yield "output ct state invalid accept"
    yield f"output {family.errors} accept"
    yield f"output {_entering(family)}"
    yield f"output {_TO_A_TASK} {_REFUSE}"


def counted(listed: Mapping[str, Any]) -> dict[str, int]:
    """Packets by reason, from ``nft -j list counters``."""
    counters = [entry["counter"] for entry in listed["nftables"] if "counter" in entry]
    return {COUNTERS[c["name"]]: c["packets"] for c in counters if c["name"] in COUNTERS}


def refusals(listed: Mapping[str, Any], guards: Guards) -> list[Refusal]:
    """What the chains remember, from ``nft -j list sets``. A container is told as its instance's port."""
    names = {chain(guard, way): (guard, way) for guard in guards.rules for way in _WAYS}
    found = []
    for entry in listed["nftables"]:
        chain_name = entry.get("set", {}).get("name", "").removeprefix("refused.")
        if chain_name in names:
            guard, way = names[chain_name]
            found += [_refusal(e["elem"], guard, way, guards) for e in entry["set"].get("elem", ())]
    return found


def _refusal(element: Mapping[str, Any], guard: str, way: str, guards: Guards) -> Refusal:
    source, destination, protocol, port = element["val"]["concat"]
    destination, port = guards.published.get((destination, port), (destination, port))
    return Refusal(
        guard=guard,
        direction="ingress" if way == "in" else "egress",
        source=guards.containers.get(source, source),
        destination=destination,
        protocol=_PROTOCOLS.get(protocol, protocol),
        port=port,
        packets=element["counter"]["packets"],
        ago=_SECONDS - element["expires"],
    )
