"""Puts entries into the kernel's flow table from here, where the kernel looks for them (``table.h``)."""

from collections.abc import Iterable

from sealway.drivers.dataplane import abi, libbpf

_U64 = (1 << 64) - 1
_SIZE = 64


def key_of(flow: abi.Flow) -> abi.Tuple:
    """The tuple that the entry answers to."""
    return abi.Tuple(*flow[:5])


def with_key(flow: abi.Flow, key: abi.Tuple) -> abi.Flow:
    """The same entry under another key."""
    return abi.Flow(*key, *flow[5:])


def keyed_hash(seed: int, key: bytes) -> int:
    """``keyed_hash`` of table.h."""
    first, second = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    value = (first ^ seed) * 0x9FB21C651E98DF25 & _U64
    value = (value ^ value >> 29 ^ second) * 0xD6E8FEB86659FD93 & _U64
    return value ^ value >> 32


def put_all(maps: dict[str, libbpf.Map], flows: Iterable[abi.Flow]) -> None:
    """Replaces the whole table by these, where the kernel would."""
    config = abi.Config.unpack(maps["config"].get(bytes(4)) or b"")
    table = maps["flows"]
    image = bytearray(table.max_entries * table.value_size)
    used = bytearray(table.max_entries * abi.Limit.FLOWS_PER_BUCKET)
    for flow in flows:
        packed = flow.pack()
        hashed = keyed_hash(config.seed, packed)
        first = hashed & config.bucket_mask
        step = (config.lock_mask + 1) * ((hashed >> 48 & 15) | 1)
        buckets = [first, (first + step) & config.bucket_mask]
        taken = [sum(used[bucket * 8 : bucket * 8 + 8]) for bucket in buckets]
        bucket = buckets[taken[0] >= 4 and taken[1] < taken[0]]
        ways = [(hashed >> 61) + way & 7 for way in range(8)]
        free = next(bucket * 8 + way for way in ways if not used[bucket * 8 + way])
        used[free] = 1
        image[free * _SIZE : (free + 1) * _SIZE] = packed
    table.fill(bytes(image))
