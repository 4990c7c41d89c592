"""Reads the flow table: buckets, each a head and its entries (``bpf/lib/table.h``)."""

from array import array
from collections.abc import Collection, Iterator

from . import abi, abi6, libbpf
from .layouts import layout_of

HEAD = 64
"""Bytes of a bucket's head."""
_WAYS = int(abi.Limit.FLOWS_PER_BUCKET)
_WORD = 4
_NO_TAGS = bytes(2 * _WAYS)


def entries(flows: libbpf.Map) -> Iterator[abi.Flow | abi6.Flow]:
    """Every entry in use, also those whose time is over."""
    for _, buckets in flows.chunks():
        for start in range(0, len(buckets), flows.value_size):
            yield from in_bucket(flows, buckets[start : start + flows.value_size])


def in_bucket(flows: libbpf.Map, bucket: bytes) -> Iterator[abi.Flow | abi6.Flow]:
    """The bucket's entries in use."""
    head = abi.BucketHead.unpack(bucket[:HEAD])
    if head.tags == _NO_TAGS:
        return
    layout = layout_of(flows)
    found = zip(array("I", head.expires), layout.entry.unpack_all(bucket[HEAD:]), strict=True)
    flows_found = (layout.flow._make((*entry, expires)) for expires, entry in found)
    yield from (flow for flow in flows_found if flow.protocol)


def of_backends(flows: libbpf.Map, backends: Collection[int]) -> Iterator[abi.Flow | abi6.Flow]:
    """The entries, of both directions, that lead to or from these backends (ids)."""
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
