"""The two widths of addresses in the kernel's maps: 32 bits for IPv4 alone, 128 where IPv6 is on either side.

A wide IPv4 address is ``::ffff:a.b.c.d``. Everything else about the maps is the same for both.
"""

import ipaddress
import socket
from typing import NamedTuple

from ...model.address_pool import is_ipv6
from . import abi, abi6, libbpf

_MAPPED = bytes(10) + b"\xff\xff"
NO_ADDRESS = bytes(16)
_WIDE_BUCKET = 896
"""Bytes of its flow table's buckets."""


class Layout(NamedTuple):
    """The structs of one width."""

    bits: int
    backend: type[abi.Backend] | type[abi6.Backend]
    backend_word: int
    """Where ``backend`` stands in an entry, in words of four bytes."""
    entry: type[abi.Entry] | type[abi6.Entry]
    event: type[abi.Event] | type[abi6.Event]
    flow: type[abi.Flow] | type[abi6.Flow]
    frontend: type[abi.Frontend] | type[abi6.Frontend]
    frontend_key: type[abi.FrontendKey] | type[abi6.FrontendKey]
    interface: type[abi.Interface] | type[abi6.Interface]
    refusal: type[abi.Refusal] | type[abi6.Refusal]

    def address(self, text: str) -> bytes:
        """As it stands in the maps. An IPv6 address has no place in a narrow one."""
        packed = socket.inet_pton(socket.AF_INET6 if is_ipv6(text) else socket.AF_INET, text)
        if self.bits == len(packed) * 8:
            return packed
        if len(packed) == 16:
            raise ValueError(f"{text} does not fit into {self.bits} bits")
        return _MAPPED + packed


NARROW = Layout(
    32,
    abi.Backend,
    7,
    abi.Entry,
    abi.Event,
    abi.Flow,
    abi.Frontend,
    abi.FrontendKey,
    abi.Interface,
    abi.Refusal,
)
WIDE = Layout(
    128,
    abi6.Backend,
    19,
    abi6.Entry,
    abi6.Event,
    abi6.Flow,
    abi6.Frontend,
    abi6.FrontendKey,
    abi6.Interface,
    abi6.Refusal,
)


def address_text(packed: bytes) -> str:
    """From either width."""
    narrow = packed.removeprefix(_MAPPED) if len(packed) == 16 else packed
    return str(ipaddress.ip_address(narrow))


def layout_of(flows: libbpf.Map) -> Layout:
    """Of a flow table, by the size of its buckets."""
    return WIDE if flows.value_size == _WIDE_BUCKET else NARROW
