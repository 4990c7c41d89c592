"""Forged SYNs to one listener, by the ten thousand, while others use it, and its neighbour.

The topology is drawn in tests/support/netns_topology.py. The flow table is small: a listener's share are 128
uncompleted handshakes.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.dataplane_world import World, frontend, world
from tests.support.netns_topology import CLIENT, UPLINK, VIP, VIP2
from tests.support.packets import SYN, Packet

pytestmark = pytest.mark.root

FORGED = "198.18.0.0/16"
SYNS = 20_000
SUM = 60_000
LOW_HALF_OF_ADDRESS, PORT = 14, 20
ALWAYS = 50
"""So many between two looks at what else goes on."""


@pytest.fixture
async def net() -> AsyncIterator[World]:
    async with world() as made:
        made.topology.ip("outside", f"route add blackhole {FORGED}")
        made.topology.ip("host", f"route add {FORGED} via {CLIENT}")
        yield made


class Flood:
    """SYNs from the outside to a listener, each from another address and port whose sum is the same: so
    is the checksum. (The kernel mends the IP header's.)"""

    def __init__(self, net: World, vip: str) -> None:
        with net.topology.enter("outside"):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._to = (vip, 0)
        self._frame = bytearray(Packet("198.18.0.1", SUM - 1, vip, 443, flags=SYN, seq=7, ack=0).ip())

    async def send(self, count: int) -> None:
        for number in range(1, count + 1):
            struct.pack_into("!H", self._frame, LOW_HALF_OF_ADDRESS, number)
            struct.pack_into("!H", self._frame, PORT, SUM - number)
            self._socket.sendto(self._frame, self._to)
            if number % ALWAYS == 0:
                await asyncio.sleep(0)

    def close(self) -> None:
        self._socket.close()


def cookies(net: World, target: str) -> tuple[int, int]:
    """How many the target has sent, and how many came back and were right."""
    with net.topology.enter(target):
        lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
    counted = dict(zip(lines[0].split(), lines[1].split(), strict=True))
    return int(counted["SyncookiesSent"]), int(counted["SyncookiesRecv"])


@pytest.mark.parametrize("keep", [True, False], ids=["client kept", "client hidden"])
async def test_its_own_clients_are_served_and_its_neighbours_untouched(net: World, keep: bool) -> None:
    await net.apply(
        frontend("task1", "task2", "box1", "box2", keep=keep), frontend("task1", "box2", vip=VIP2, keep=keep)
    )
    before = [await net.parts.connect("outside", vip, 443) for vip in (VIP, VIP2) for _ in range(10)]
    flood = Flood(net, VIP)
    async with asyncio.TaskGroup() as group:
        going = group.create_task(flood.send(SYNS))
        while not going.done():
            for vip in (VIP, VIP2):
                connection = await net.parts.connect("outside", vip, 443)
                assert connection.seen_as == (CLIENT if keep else vip)
                assert await connection.echo(b"hello") == b"hello"
                await connection.finish()
    flood.close()
    for connection in before:
        assert await connection.echo(b"still here") == b"still here"
    counted = await net.plane.counters()
    mine, other = counted[VIP, 443, "tcp"], counted[VIP2, 443, "tcp"]
    assert mine.over_limit >= SYNS / 2
    assert mine.active_flows < 1000
    assert other.over_limit == 0
    assert await net.drops() in ({}, {"handshake_limit": mine.rejected})


async def test_a_targets_own_cookies_come_back(net: World) -> None:
    """The target's queue is full: it remembers no SYN either, and knows its client by the cookie alone."""
    net.topology.sysctl("task1", "net.ipv4.tcp_syncookies", "2")
    await net.apply(frontend("task1"))
    flood = Flood(net, VIP)
    await flood.send(1000)
    connection = await net.parts.connect("outside", VIP, 443)
    assert await connection.echo(b"hello") == b"hello"
    assert cookies(net, "task1") == (1001, 1)
    flood.close()


async def test_at_the_hosts_own_address(net: World) -> None:
    await net.apply(frontend("task1", vip=UPLINK), shared=frozenset({UPLINK}))
    flood = Flood(net, UPLINK)
    await flood.send(1000)
    connection = await net.parts.connect("outside", UPLINK, 443)
    assert await connection.echo(b"hello") == b"hello"
    flood.close()
