"""The security groups' part of the kernel's maps: reads it back, and carries out a ``GuardPlan``."""

import time
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from . import abi, libbpf
from .guard_plan import GuardPlan, GuardTables
from .guard_tables import EVERYTHING, NOTHING, Network, table_of
from .layouts import Layout, address_text

_PRESENT = (1).to_bytes(4, "little")


class Refused(NamedTuple):
    """Packets of one kind that a table refused. ``source`` of the last; ``ago`` in seconds."""

    table: int
    source: str
    destination: str
    protocol: int
    port: int
    packets: int
    ago: int


def read(maps: Mapping[str, libbpf.Map], used: Collection[int]) -> GuardTables:
    """What the maps hold. ``used``: tables that others refer to, also those that hold nothing."""
    tables: dict[int, dict[Network, int]] = {n: {} for n in used if n not in (EVERYTHING, NOTHING)}
    for raw, value in maps["peers"].one_by_one():
        table, where = table_of(abi.PeerKey.unpack(raw))
        tables.setdefault(table, {})[where] = int.from_bytes(value, "little")
    ranges: dict[int, set[abi.PortKey]] = {}
    for raw, _ in maps["port_ranges"].one_by_one():
        port = abi.PortKey.unpack(raw)
        ranges.setdefault(port.ranges, set()).add(port)
    return GuardTables(tables, {number: frozenset(keys) for number, keys in ranges.items()})


def add(maps: Mapping[str, libbpf.Map], plan: GuardPlan) -> None:
    """What comes or changes; before anything refers to it."""
    for port in plan.ranges:
        maps["port_ranges"].put(port.pack(), _PRESENT)
    for peer, ranges in plan.peers.items():
        maps["peers"].put(peer.pack(), ranges.to_bytes(4, "little"))


def remove(maps: Mapping[str, libbpf.Map], plan: GuardPlan) -> None:
    """What goes; once nothing refers to it."""
    maps["peers"].delete_many([key.pack() for key in plan.gone_peers])
    maps["port_ranges"].delete_many([key.pack() for key in plan.gone_ranges])


def refused(refusals: libbpf.Map, layout: Layout) -> Iterator[Refused]:
    """What was refused lately, of each kind."""
    now = int(time.clock_gettime(time.CLOCK_MONOTONIC))
    for _, value in refusals.items():
        entry = layout.refusal.unpack(value)
        if entry.packets:
            yield Refused(
                entry.table,
                address_text(entry.source),
                address_text(entry.destination),
                entry.protocol,
                int.from_bytes(entry.port, "big"),
                entry.packets,
                now - entry.seconds,
            )
