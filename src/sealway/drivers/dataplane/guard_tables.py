"""From guards to the tables that the kernel looks up: addresses by longest prefix, then ports. Pure.

A guard makes three tables, one a ``Direction``. An address meets the entry with the longest prefix alone,
so each entry holds what the shorter ones around it allow too; one that would add nothing is left out.
Entries name their port ranges by number; equal ranges share one. A referenced group stands as the addresses
of its members.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ...model.guard import LAST_PORT, Direction, GuardRule, Guards
from . import abi

_TABLE_BITS = 32
_RANGES_BITS, _PROTOCOL_BITS, _PORT_BITS = 32, 8, 16
EVERYTHING = int(abi.Table.EVERYTHING)
NOTHING = int(abi.Table.NOTHING)


class Network(NamedTuple):
    """``address`` is sixteen bytes, the first four IPv4's, with no bits beyond ``bits``."""

    version: int
    address: bytes
    bits: int


class PortRange(NamedTuple):
    """``protocol`` None: every protocol, and all its ports."""

    protocol: int | None
    first: int
    last: int


Ports = frozenset[PortRange]
ALL_PORTS: Ports = frozenset({PortRange(None, 0, LAST_PORT)})
Peers = Mapping[Network, Ports]
TableName = tuple[str, Direction]
_ANYWHERE = (Network(4, bytes(16), 0), Network(6, bytes(16), 0))


@lru_cache(maxsize=65536)
def network(text: str) -> Network:
    """A CIDR or an address."""
    found = ipaddress.ip_network(text)
    return Network(found.version, found.network_address.packed.ljust(16, b"\0"), found.prefixlen)


def compiled(guards: Guards) -> dict[TableName, Peers]:
    """Every guard's tables."""
    found: dict[TableName, Peers] = {}
    for name, guard in guards.rules.items():
        found[name, Direction.INGRESS] = _peers(_stated(guard.ingress, guards.members))
        found[name, Direction.EGRESS] = _peers(_stated(guard.egress, guards.members))
        nodes = {group: held & guards.balancers for group, held in guards.members.items()}
        named = [rule for rule in guard.ingress if rule.group]
        found[name, Direction.THROUGH] = _peers(_stated(named, nodes))
    return found


def is_everything(peers: Peers) -> bool:
    """Whether nothing is refused, of either family."""
    return all(peers.get(where) == ALL_PORTS for where in _ANYWHERE)


def _stated(
    rules: Iterable[GuardRule], members: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Network, PortRange]]:
    for rule in rules:
        ports = PortRange(rule.protocol, rule.first, rule.last)
        where = members.get(rule.group, frozenset()) if rule.group else {rule.network}
        for each in where:
            yield network(each), ports


def _peers(stated: Iterable[tuple[Network, PortRange]]) -> dict[Network, Ports]:
    own: dict[Network, set[PortRange]] = {}
    for where, ports in stated:
        own.setdefault(where, set()).add(ports)
    lengths = sorted({where.bits for where in own})
    found: dict[Network, Ports] = {}
    for where in sorted(own, key=lambda each: each.bits):
        around = _around(found, where, lengths)
        whole = merged(own[where] | around)
        if whole != around:
            found[where] = whole
    return found


def _around(found: Mapping[Network, Ports], where: Network, lengths: list[int]) -> Ports:
    """What the longest shorter prefix allows."""
    for bits in reversed(lengths):
        if bits < where.bits and (outer := found.get(shortened(where, bits))) is not None:
            return outer
    return frozenset()


def shortened(where: Network, bits: int) -> Network:
    """The network of so many bits that it lies in."""
    number = int.from_bytes(where.address, "big") >> (128 - bits) << (128 - bits)
    return where._replace(address=number.to_bytes(16, "big"), bits=bits)


def merged(ports: Iterable[PortRange]) -> Ports:
    """The same ports in as few ranges as there can be."""
    ordered = sorted(ports, key=lambda each: (each.protocol or 0, each.first))
    if any(each.protocol is None for each in ordered):
        return ALL_PORTS
    found: list[PortRange] = []
    for each in ordered:
        before = found[-1] if found else None
        if before and before.protocol == each.protocol and each.first <= before.last + 1:
            found[-1] = before._replace(last=max(before.last, each.last))
        else:
            found.append(each)
    return frozenset(found)


def port_keys(number: int, ports: Ports) -> set[abi.PortKey]:
    """The entries of one number's ranges: each a power of two of ports."""
    keys: set[abi.PortKey] = set()
    for each in ports:
        protocol = each.protocol or 0
        for first, bits in _powers(each.first, each.last):
            prefix = _RANGES_BITS + _PROTOCOL_BITS + bits
            keys.add(abi.PortKey(prefix, number, protocol, first.to_bytes(2, "big")))
    return keys


def _powers(first: int, last: int) -> Iterator[tuple[int, int]]:
    """A range of ports as (first of the block, how many of its bits count)."""
    while first <= last:
        size = first & -first or LAST_PORT + 1
        while first + size - 1 > last:
            size >>= 1
        yield first, _PORT_BITS - (size.bit_length() - 1)
        first += size


def peer_key(table: int, where: Network) -> abi.PeerKey:
    """The entry of a network in a table."""
    half = abi.Table.IPV6 if where.version == 6 else 0
    return abi.PeerKey(_TABLE_BITS + where.bits, table | half, where.address)


def table_of(key: abi.PeerKey) -> tuple[int, Network]:
    """Of which table an entry is, and of which network."""
    version = 6 if key.table & abi.Table.IPV6 else 4
    return key.table & ~abi.Table.IPV6, Network(version, key.address, key.prefix - _TABLE_BITS)
