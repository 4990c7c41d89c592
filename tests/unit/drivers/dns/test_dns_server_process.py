"""The detached server: it outlives its starter, is adopted, is replaced, and stands malformed packets."""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import dns.flags
import dns.rcode
import pytest

from sealway.drivers.dns.driver import DnsServerProcess
from sealway.drivers.dns.files import living_server
from sealway.model.errors import DriverError
from tests.support.dns_client import addresses, ask, eventually_refused, free_port

ADDRESS = "127.0.0.63"
NAME = "edge.elb.us-east-1.sealway.internal"


@pytest.fixture
def port() -> int:
    return free_port(ADDRESS)


@pytest.fixture
async def server(tmp_path: Path, port: int) -> AsyncIterator[DnsServerProcess]:
    made = DnsServerProcess(tmp_path / "dns", port=port, upstreams=["127.0.0.1:1"])
    yield made
    await made.teardown()


def pid_of(tmp_path: Path) -> int:
    found = living_server(tmp_path / "dns")
    assert found is not None
    return found.pid


async def test_a_change_is_seen_at_once(server: DnsServerProcess, port: int) -> None:
    await server.start(frozenset({ADDRESS}))
    for n in range(5):
        await server.set_records({NAME: (f"10.0.0.{n}",)})
        assert addresses(await ask(ADDRESS, port, NAME)) == [f"10.0.0.{n}"]
        assert addresses(await ask(ADDRESS, port, NAME, tcp=True)) == [f"10.0.0.{n}"]


async def test_it_outlives_its_starter_and_is_adopted(
    server: DnsServerProcess, tmp_path: Path, port: int
) -> None:
    script = (
        "import asyncio, sys, time; from pathlib import Path\n"
        "from sealway.drivers.dns.driver import DnsServerProcess\n"
        f"dns = DnsServerProcess(Path({str(tmp_path / 'dns')!r}), port={port}, upstreams=['127.0.0.1:1'])\n"
        f"asyncio.run(dns.start(frozenset({{{ADDRESS!r}}})))\n"
        f"asyncio.run(dns.set_records({{{NAME!r}: ('10.0.0.7',)}}))\n"
        "print('ready', flush=True); time.sleep(60)\n"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert starter.stdout is not None
    assert await starter.stdout.readline() == b"ready\n"
    os.killpg(starter.pid, signal.SIGKILL)
    await starter.wait()
    assert addresses(await ask(ADDRESS, port, NAME)) == ["10.0.0.7"]
    before = pid_of(tmp_path)
    await server.start(frozenset({ADDRESS}))
    assert pid_of(tmp_path) == before
    assert addresses(await ask(ADDRESS, port, NAME)) == ["10.0.0.7"]


async def test_a_server_that_died_comes_back_with_all_it_knew(
    server: DnsServerProcess, tmp_path: Path, port: int
) -> None:
    await server.start(frozenset({ADDRESS}))
    await server.set_records({NAME: ("10.0.0.1",)})
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    await eventually_refused(ADDRESS, port)
    await server.set_records({NAME: ("10.0.0.1",)})
    assert addresses(await ask(ADDRESS, port, NAME)) == ["10.0.0.1"]


async def test_other_settings_need_another_server(server: DnsServerProcess, tmp_path: Path) -> None:
    await server.start(frozenset({ADDRESS}))
    before = pid_of(tmp_path)
    moved = free_port(ADDRESS)
    await DnsServerProcess(tmp_path / "dns", port=moved).start(frozenset({ADDRESS}))
    assert pid_of(tmp_path) != before
    assert (await ask(ADDRESS, moved, NAME)).rcode() == dns.rcode.NXDOMAIN


async def test_an_address_in_use_is_named_and_taken_when_free(
    server: DnsServerProcess, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealway.drivers.dns.driver.BIND_TIMEOUT", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((ADDRESS, port))
        with pytest.raises(DriverError, match=f"{ADDRESS}:{port}: Address already in use"):
            await server.start(frozenset({ADDRESS}))
    await server.start(frozenset({ADDRESS}))
    assert (await ask(ADDRESS, port, "sealway.internal")).rcode() == dns.rcode.NOERROR


async def test_an_address_the_host_does_not_have_yet(server: DnsServerProcess) -> None:
    await server.start(frozenset({ADDRESS, "192.0.2.77"}))


async def test_other_names_fail_fast_without_a_resolver(server: DnsServerProcess, port: int) -> None:
    await server.start(frozenset({ADDRESS}))
    began = time.monotonic()
    for tcp in (False, True):
        reply = await ask(ADDRESS, port, "example.com", tcp=tcp)
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert not reply.flags & dns.flags.AA
    assert time.monotonic() - began < 4


async def test_malformed_packets_do_not_stop_it(server: DnsServerProcess, tmp_path: Path, port: int) -> None:
    await server.start(frozenset({ADDRESS}))
    await server.set_records({NAME: ("10.0.0.1",)})
    before = pid_of(tmp_path)
    dice = random.Random(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for n in range(500):
            sock.sendto(dice.randbytes(n % 300), (ADDRESS, port))
            if n % 50 == 49:  # no more at once than a socket's buffer holds
                assert addresses(await ask(ADDRESS, port, NAME)) == ["10.0.0.1"]
    for junk in (b"\0", b"\0\x05abc", b"\0\x0c" + bytes(12), b"\xff\xff" + bytes(100)):
        _, writer = await asyncio.open_connection(ADDRESS, port)
        writer.write(junk)
        await writer.drain()
        writer.close()
    assert addresses(await ask(ADDRESS, port, NAME)) == ["10.0.0.1"]
    assert addresses(await ask(ADDRESS, port, NAME, tcp=True)) == ["10.0.0.1"]
    assert pid_of(tmp_path) == before


async def test_many_clients_at_once(server: DnsServerProcess, port: int) -> None:
    await server.start(frozenset({ADDRESS}))
    await server.set_records({NAME: ("10.0.0.1", "10.0.0.2")})
    replies = await asyncio.gather(*(ask(ADDRESS, port, NAME, tcp=n % 4 == 0) for n in range(100)))
    assert {tuple(addresses(reply)) for reply in replies} == {
        ("10.0.0.1", "10.0.0.2"),
        ("10.0.0.2", "10.0.0.1"),
    }


async def test_a_stale_pid_file_is_nobodys_server(
    server: DnsServerProcess, tmp_path: Path, port: int
) -> None:
    (tmp_path / "dns").mkdir()
    (tmp_path / "dns" / "server.pid").write_text(f'{{"pid": {os.getpid()}, "started": 1, "identity": "x"}}')
    (tmp_path / "dns" / "state.json").write_text("{")
    await server.start(frozenset({ADDRESS}))
    assert (await ask(ADDRESS, port, "sealway.internal")).rcode() == dns.rcode.NOERROR
