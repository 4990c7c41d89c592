"""Puts entries into the kernel's flow table from here, where the kernel looks for them (``table.h``)."""

import random
import time
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sealway.drivers.dataplane import abi, libbpf
from sealway.drivers.dataplane.flow_table import turned

_U64 = (1 << 64) - 1
_ENTRY = 56
_ESTABLISHED = abi.FlowFlag.ESTABLISHED
_ROOMY = 3


def key_of(flow: abi.Flow) -> abi.Tuple:
    """The tuple of the packets that it is for."""
    return abi.Tuple(*flow[:5])


def with_key(flow: abi.Flow, key: abi.Tuple) -> abi.Flow:
    """The same for packets with another tuple."""
    return abi.Flow(*key, *flow[5:])


class Home(NamedTuple):
    """Where an entry may lie (``struct home`` of home.h), but for the third bucket."""

    first: int
    second: int
    way: int
    tag: int


def _stir(value: int, word: int) -> int:
    return (value ^ value >> 32 ^ word) * 0xD6E8FEB86659FD93 & _U64


def home_of(config: abi.Config, entry: abi.Flow) -> Home:
    """``find_home`` of home.h, of an entry as it stands in the table."""
    seen = entry.flags & abi.FlowFlag.FORWARD
    client = entry.key_source + entry.key_source_port if seen else entry.source + entry.source_port
    hash_ = _stir(_stir(config.seed, int.from_bytes(client, "little")), entry.protocol)
    first = hash_ >> 32 & config.bucket_mask
    step = hash_ >> 23 & abi.Limit.BUCKETS_PER_LOCK - 1 | 1
    second = first + (config.lock_mask + 1) * step & config.bucket_mask
    return Home(first, second, hash_ >> 29 & 7, hash_ >> 48 | 1)


def entry_of(flow: abi.Flow) -> abi.Flow:
    """As it stands in the table: as the client's packets need it."""
    if flow.flags & abi.FlowFlag.ANSWER:
        return turned(flow)
    return flow._replace(flags=flow.flags | abi.FlowFlag.FORWARD)


def entries_of(flows: Iterable[abi.Flow]) -> list[abi.Flow]:
    """As they stand in the table: one for both directions where the client is seen."""
    found: dict[tuple[object, ...], abi.Flow] = {}
    for flow in flows:
        entry = entry_of(flow)
        apart = flow.flags & abi.FlowFlag.TRANSLATED and flow.flags & abi.FlowFlag.ANSWER
        name = (
            *key_of(entry),
            entry.source,
            entry.destination,
            entry.source_port,
            entry.destination_port,
            apart,
        )
        found[name] = entry._replace(flags=entry.flags | found.get(name, entry).flags)
    return list(found.values())


def bucket_of(entries: Sequence[abi.Flow | None], tags: Sequence[int] = (), spilled_until: int = 0) -> bytes:
    """A bucket with these in its places. ``tags``: of their clients; without, ones that no client has."""
    head = abi.BucketHead(
        expires=array("I", [entry.expires if entry else 0 for entry in entries]).tobytes(),
        tags=array("H", tags or [2] * len(entries)).tobytes(),
        tenants=bytes(8),
        spilled_until=spilled_until,
        overflowed=0,
        established=sum(1 << way for way, one in enumerate(entries) if one and one.flags & _ESTABLISHED),
    )
    return head.pack() + b"".join(one.pack()[:_ENTRY] if one else bytes(_ENTRY) for one in entries)


def put_all(maps: dict[str, libbpf.Map], flows: Iterable[abi.Flow]) -> None:
    """Replaces the whole table by these, where the kernel would put established ones."""
    config = abi.Config.unpack(maps["config"].get(bytes(4)) or b"")
    table = maps["flows"]
    buckets: list[dict[int, tuple[abi.Flow, int]]] = [{} for _ in range(table.max_entries)]
    spilled: dict[int, int] = {}
    for entry in entries_of(flows):
        first, second, begin, tag = home_of(config, entry)
        place = first
        if len(buckets[first]) > _ROOMY and len(buckets[second]) < len(buckets[first]):
            place = second
            spilled[first] = max(spilled.get(first, 0), entry.expires + abi.Limit.SPILL_GRACE)
        ways = [begin + way & 7 for way in range(8)]
        free = next(way for way in ways if way not in buckets[place])
        buckets[place][free] = entry, tag
    image = (
        bucket_of(
            [used.get(way, (None, 0))[0] for way in range(8)],
            [used.get(way, (None, 0))[1] for way in range(8)],
            spilled.get(number, 0),
        )
        for number, used in enumerate(buckets)
    )
    table.fill(b"".join(image))


def put_cycle(maps: dict[str, libbpf.Map], value: abi.Flow, vip: bytes, count: int) -> abi.Tuple:
    """So many established flows to port 443, otherwise like ``value``: a packet of each becomes one of the
    next, in random order. The first one's key."""
    clients = [(0xCB000000 + n, 1024 + n % 60000) for n in range(count)]
    random.Random(1).shuffle(clients)
    keys = [
        abi.Tuple(address.to_bytes(4, "big"), vip, port.to_bytes(2, "big"), b"\x01\xbb", 6)
        for address, port in clients
    ]
    lasting = int(time.clock_gettime(time.CLOCK_MONOTONIC)) + 300
    established = value.flags | abi.FlowFlag.ESTABLISHED
    put_all(
        maps,
        (
            with_key(value, key)._replace(
                source=following.source,
                source_port=following.source_port,
                destination=vip,
                destination_port=b"\x01\xbb",
                expires=lasting,
                flags=established,
                idle_timeout=6000,
            )
            for key, following in zip(keys, keys[1:] + keys[:1], strict=True)
        ),
    )
    return keys[0]
