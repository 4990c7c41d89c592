"""Several hosts that carry the same load balancer, behind a switch that spreads clients over them. Pure.

A host is the tables that the driver would write there and the hash that the programs take; the switch hashes
a flow to one of its buckets and a bucket to a host, as hardware does with resilient hashing: when a host
leaves, only its buckets get another one.
"""

import random
import socket
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from sealway.drivers.dataplane.maglev import Share, build

_WORD = 2**64 - 1
_BUCKETS = 1024


class Tuple5(NamedTuple):
    """A client's packet."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: int = socket.IPPROTO_TCP


def mixed(value: int) -> int:
    """``mix`` in bpf/lib/maglev.h."""
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _WORD
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _WORD
    return value ^ value >> 33


def hash_tuple(flow: Tuple5) -> int:
    """``hash_tuple`` there, for IPv4: what a processor with the least byte first makes of network order."""
    source, destination = (int.from_bytes(socket.inet_aton(each), "little") for each in flow[::2][:2])
    ports = socket.htons(flow.source_port) << 32 | socket.htons(flow.destination_port) << 16 | flow.protocol
    return (mixed(mixed(source << 32 | destination) ^ ports)) & 0xFFFFFFFF


def switch_hash(flow: Tuple5) -> int:
    """Another hash than the hosts', as a switch has."""
    return zlib.crc32(repr(flow).encode())


class Host:
    """``targets`` in the order in which it heard of them."""

    def __init__(self, targets: Sequence[Share]) -> None:
        self._targets = targets
        self._table = build(targets)

    def target(self, flow: Tuple5) -> str:
        """Who gets the flow, if it is new here."""
        return self._targets[self._table[hash_tuple(flow) * len(self._table) >> 32]].name


class Switch:
    """Equal-cost routes to hosts by number."""

    def __init__(self, hosts: int) -> None:
        self._hosts = list(range(hosts))
        self._buckets = [bucket % hosts for bucket in range(_BUCKETS)]

    def host(self, flow: Tuple5) -> int:
        """Which host has the flow."""
        return self._buckets[switch_hash(flow) % _BUCKETS]

    def withdraw(self, host: int, chance: random.Random) -> None:
        """The host's route is gone."""
        self._hosts.remove(host)
        self._buckets = [chance.choice(self._hosts) if each == host else each for each in self._buckets]
