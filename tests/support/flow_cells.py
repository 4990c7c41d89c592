"""Puts entries into the kernel's flow table from here, where the kernel looks for them (``table.h``)."""

import random
import time
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sealway.drivers.dataplane import abi, libbpf

_U64 = (1 << 64) - 1
_ENTRY = 56
_ESTABLISHED = abi.FlowFlag.ESTABLISHED
_ROOMY = 3


def key_of(flow: abi.Flow) -> abi.Tuple:
    """The tuple that the entry answers to."""
    return abi.Tuple(*flow[:5])


def with_key(flow: abi.Flow, key: abi.Tuple) -> abi.Flow:
    """The same entry under another key."""
    return abi.Flow(*key, *flow[5:])


class Home(NamedTuple):
    """Where an entry may lie (``struct home`` of table.h)."""

    first: int
    second: int
    third: int
    way: int
    tag: int


def _stir(value: int, word: int) -> int:
    return (value ^ value >> 32 ^ word) * 0xD6E8FEB86659FD93 & _U64


def _end(address: bytes, port: bytes) -> int:
    return int.from_bytes(address + port, "little")


def home_of(config: abi.Config, flow: abi.Flow) -> Home:
    """``find_home`` of table.h."""
    source = _end(flow.key_source, flow.key_source_port)
    destination = _end(flow.key_destination, flow.key_destination_port)
    answer = bool(flow.flags & abi.FlowFlag.ANSWER)
    client, other = (destination, source) if answer else (source, destination)
    of_client = _stir(_stir(config.seed, client), flow.protocol)
    of_key = _stir(of_client, other)
    first = of_client >> 32 & config.bucket_mask
    steps = [by & abi.Limit.BUCKETS_PER_LOCK - 1 | 1 for by in (of_client >> 23, of_key >> 40)]
    steps[1] ^= 2 * (steps[0] == steps[1])
    second, third = (first + (config.lock_mask + 1) * step & config.bucket_mask for step in steps)
    return Home(first, second, third, (of_client >> 29 & 7) ^ answer, of_client >> 56 << 8 | of_key >> 56 | 1)


def bucket_of(flows: Sequence[abi.Flow | None], tags: Sequence[int] = (), spilled_until: int = 0) -> bytes:
    """A bucket with these in its eight entries. ``tags``: of their keys; without, ones that no key has."""
    head = abi.BucketHead(
        expires=array("I", [flow.expires if flow else 0 for flow in flows]).tobytes(),
        tags=array("H", tags or [2] * len(flows)).tobytes(),
        tenants=bytes(8),
        spilled_until=spilled_until,
        overflowed=0,
        established=sum(1 << way for way, flow in enumerate(flows) if flow and flow.flags & _ESTABLISHED),
    )
    return head.pack() + b"".join(flow.pack()[:_ENTRY] if flow else bytes(_ENTRY) for flow in flows)


def put_all(maps: dict[str, libbpf.Map], flows: Iterable[abi.Flow]) -> None:
    """Replaces the whole table by these, where the kernel would put established ones."""
    config = abi.Config.unpack(maps["config"].get(bytes(4)) or b"")
    table = maps["flows"]
    buckets: list[dict[int, tuple[abi.Flow, int]]] = [{} for _ in range(table.max_entries)]
    spilled: dict[int, int] = {}
    for flow in flows:
        first, second, _, begin, tag = home_of(config, flow)
        place = first
        if len(buckets[first]) > _ROOMY and len(buckets[second]) < len(buckets[first]):
            place = second
            spilled[first] = max(spilled.get(first, 0), flow.expires + abi.Limit.SPILL_GRACE)
        ways = [begin + way & 7 for way in range(8)]
        free = next(way for way in ways if way not in buckets[place])
        buckets[place][free] = flow, tag
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
