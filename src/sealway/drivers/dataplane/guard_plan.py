"""From the guards wanted and the tables as they are to the writes that make them match. Pure.

A table keeps its number as long as its guard lives, so a change of a rule or a member writes only the
entries that differ. Each address's verdict changes from the old to the new in one write: port ranges exist
before an entry names them, longer prefixes are written before shorter ones, and what is no longer wanted
goes last. After a restart, tables are known again by what they hold.
"""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple, TypeVar

import msgspec

from ...model.guard import Direction, Guards
from . import abi
from .guard_tables import (
    ALL_PORTS,
    EVERYTHING,
    NOTHING,
    Network,
    Peers,
    Ports,
    TableName,
    compiled,
    is_everything,
    peer_key,
    port_keys,
)

K = TypeVar("K")
V = TypeVar("V")


class TableFull(ValueError):
    """More than the maps hold."""


class GuardTables(NamedTuple):
    """What the maps hold. ``tables``: by number. ``ranges``: by number, each entry. ``names``, and what all
    was made of, are only known to the process that did it."""

    tables: Mapping[int, Mapping[Network, int]] = {}
    ranges: Mapping[int, frozenset[abi.PortKey]] = {}
    names: Mapping[TableName, int] = {}
    made_of: Guards | None = None


class GuardPlan(msgspec.Struct, frozen=True):
    """Writes, in the order of the fields; what refers to a table is written before the last two."""

    ranges: Sequence[abi.PortKey] = ()
    peers: Mapping[abi.PeerKey, int] = {}
    gone_peers: Sequence[abi.PeerKey] = ()
    gone_ranges: Sequence[abi.PortKey] = ()
    then: GuardTables = GuardTables()

    def __len__(self) -> int:
        """How many writes it takes."""
        return len(self.ranges) + len(self.peers) + len(self.gone_peers) + len(self.gone_ranges)

    def table(self, guard: str | None, direction: Direction) -> int:
        """The number of a guard's table; an address without a guard lets everything through."""
        return self.then.names[guard, direction] if guard else EVERYTHING


def guard_plan(guards: Guards, now: GuardTables) -> GuardPlan:
    """The writes. Raises ``TableFull``."""
    if guards == now.made_of:
        return GuardPlan(then=now)
    wanted = compiled(guards)
    numbered = _number_ranges({ports for peers in wanted.values() for ports in peers.values()}, now.ranges)
    entries = {
        name: {where: numbered[ports] for where, ports in peers.items()} for name, peers in wanted.items()
    }
    names = _name_tables(wanted, entries, now)
    tables = {n: entries[name] for name, n in names.items() if n not in (EVERYTHING, NOTHING)}
    ranges = {n: frozenset(port_keys(n, ports)) for ports, n in numbered.items() if n != EVERYTHING}
    _check_sizes(tables, ranges)
    return GuardPlan(
        ranges=sorted(_port_entries(ranges) - _port_entries(now.ranges)),
        peers=_changed(now.tables, tables),
        gone_peers=[
            peer_key(number, where)
            for number, held in now.tables.items()
            for where in held
            if where not in tables.get(number, {})
        ],
        gone_ranges=sorted(_port_entries(now.ranges) - _port_entries(ranges)),
        then=GuardTables(tables, ranges, names, guards),
    )


def judged_otherwise(before: GuardTables, after: GuardTables) -> Set[str] | None:
    """The backends' addresses of which other tables are asked than before, or about other ports; None: it is
    not known. What a table holds is its own affair."""
    old, new = before.made_of, after.made_of
    if old is None or new is None:
        return None
    if old is new:
        return frozenset()
    moved = {name for (name, _), _ in before.names.items() ^ after.names.items()}
    found = {address for address, _ in _other(old.of, new.of)}
    found |= {address for address, guard in new.of.items() if guard in moved} if moved else set()
    behind = {own for (own, _), _ in _other(old.published, new.published)}
    if found:
        behind |= {own for (own, _), (address, _) in new.published.items() if address in found}
    return found | behind


def _other(old: Mapping[K, V], new: Mapping[K, V]) -> Set[tuple[K, V]]:
    return frozenset() if old is new else old.items() ^ new.items()


def _changed(
    now: Mapping[int, Mapping[Network, int]], tables: Mapping[int, Mapping[Network, int]]
) -> dict[abi.PeerKey, int]:
    """The longest prefixes first."""
    found = {
        peer_key(number, where): ranges
        for number, held in tables.items()
        for where, ranges in held.items()
        if now.get(number, {}).get(where) != ranges
    }
    return dict(sorted(found.items(), key=lambda item: -item[0].prefix))


def _number_ranges(wanted: set[Ports], now: Mapping[int, frozenset[abi.PortKey]]) -> dict[Ports, int]:
    """Known ones keep their numbers. A number is not used again in the plan that frees it."""
    known = {_unnumbered(keys): number for number, keys in now.items()}
    following = max(now, default=EVERYTHING) + 1
    numbered: dict[Ports, int] = {ALL_PORTS: EVERYTHING}
    for ports in sorted(wanted - {ALL_PORTS}, key=sorted):
        if (number := known.get(_unnumbered(port_keys(0, ports)))) is not None:
            numbered[ports] = number
        else:
            numbered[ports] = following
            following += 1
    return numbered


def _unnumbered(keys: frozenset[abi.PortKey] | set[abi.PortKey]) -> frozenset[abi.PortKey]:
    return frozenset(key._replace(ranges=0) for key in keys)


def _name_tables(
    wanted: Mapping[TableName, Peers], entries: Mapping[TableName, Mapping[Network, int]], now: GuardTables
) -> dict[TableName, int]:
    """The table that a guard has, or one with the same content that nobody claims, or a new one."""
    names: dict[TableName, int] = {}
    claimed = set(now.names.values())
    unclaimed: dict[frozenset[tuple[Network, int]], list[int]] = {}
    for number, held in sorted(now.tables.items(), reverse=True):
        if number not in claimed:
            unclaimed.setdefault(frozenset(held.items()), []).append(number)
    following = max(now.tables, default=EVERYTHING) + 1
    for name in sorted(wanted):
        same = unclaimed.get(frozenset(entries[name].items()))
        if is_everything(wanted[name]):
            names[name] = EVERYTHING
        elif name[1] is Direction.THROUGH and not wanted[name]:
            names[name] = NOTHING
        elif (old := now.names.get(name, NOTHING)) in now.tables:
            names[name] = old
        elif same:
            names[name] = same.pop()
        else:
            names[name] = following
            following += 1
    return names


def _port_entries(ranges: Mapping[int, frozenset[abi.PortKey]]) -> set[abi.PortKey]:
    return {key for keys in ranges.values() for key in keys}


def _check_sizes(
    tables: Mapping[int, Mapping[Network, int]], ranges: Mapping[int, frozenset[abi.PortKey]]
) -> None:
    """Half of a map is left to a change: what comes is written before what goes."""
    for what, count, limit in (
        ("security group peers", sum(map(len, tables.values())), abi.Limit.MAX_PEERS),
        ("security group port ranges", sum(map(len, ranges.values())), abi.Limit.MAX_PORT_RANGES),
    ):
        if count > limit // 2:
            raise TableFull(f"more than {limit // 2} {what}")
