"""Reads the flow table: buckets, each a head and its entries (``bpf/lib/table.h``).

An entry stands as the client's packets need it, and is for one direction of its flow or for both. Here each
direction is a flow of its own, as the programs see it.
"""

from array import array
from collections.abc import Collection, Iterator
from typing import overload

from . import abi, abi6, libbpf
from .layouts import layout_of

HEAD = 64
"""Bytes of a bucket's head."""
_WAYS = int(abi.Limit.FLOWS_PER_BUCKET)
_WORD = 4
_NO_TAGS = bytes(2 * _WAYS)
_SIDES = abi.FlowFlag.FORWARD | abi.FlowFlag.ANSWER


def entries(flows: libbpf.Map) -> Iterator[abi.Flow | abi6.Flow]:
    """Every direction of every entry in use, also of those whose time is over."""
    for _, buckets in flows.chunks():
        for start in range(0, len(buckets), flows.value_size):
            yield from in_bucket(flows, buckets[start : start + flows.value_size])


def in_bucket(flows: libbpf.Map, bucket: bytes) -> Iterator[abi.Flow | abi6.Flow]:
    """Those of one bucket."""
    head = abi.BucketHead.unpack(bucket[:HEAD])
    if head.tags == _NO_TAGS:
        return
    layout = layout_of(flows)
    found = zip(array("I", head.expires), layout.entry.unpack_all(bucket[HEAD:]), strict=True)
    for entry in (layout.flow._make((*members, expires)) for expires, members in found):
        if entry.protocol:
            yield from directions(entry)


@overload
def directions(entry: abi.Flow) -> Iterator[abi.Flow]: ...
@overload
def directions(entry: abi6.Flow) -> Iterator[abi6.Flow]: ...
def directions(entry: abi.Flow | abi6.Flow) -> Iterator[abi.Flow | abi6.Flow]:
    """What of a flow an entry is for: the client's packets, the answers, or both."""
    if entry.flags & abi.FlowFlag.FORWARD:
        yield entry._replace(flags=entry.flags & ~_SIDES)
    if entry.flags & abi.FlowFlag.ANSWER:
        yield turned(entry)._replace(flags=entry.flags & ~abi.FlowFlag.FORWARD)


@overload
def turned(flow: abi.Flow) -> abi.Flow: ...
@overload
def turned(flow: abi6.Flow) -> abi6.Flow: ...
def turned(flow: abi.Flow | abi6.Flow) -> abi.Flow | abi6.Flow:
    """The other direction: what the result's receiver sends, and what becomes of that."""
    return flow._replace(
        key_source=flow.destination,
        key_destination=flow.source,
        key_source_port=flow.destination_port,
        key_destination_port=flow.source_port,
        source=flow.key_destination,
        destination=flow.key_source,
        source_port=flow.key_destination_port,
        destination_port=flow.key_source_port,
    )


def of_backends(flows: libbpf.Map, backends: Collection[int]) -> Iterator[abi.Flow | abi6.Flow]:
    """The flows, of both directions, that lead to or from these backends (ids)."""
    layout = layout_of(flows)
    size = (flows.value_size - HEAD) // _WAYS
    for _, buckets in flows.chunks():
        words = memoryview(buckets).cast("I")
        found = {
            bucket
            for way in range(_WAYS)
            for bucket, backend in enumerate(
                words[(HEAD + way * size) // _WORD + layout.backend_word :: flows.value_size // _WORD]
            )
            if backend in backends
        }
        for bucket in sorted(found):
            start = bucket * flows.value_size
            for flow in in_bucket(flows, buckets[start : start + flows.value_size]):
                if flow.backend in backends:
                    yield flow
