"""Connections from outside, from the host, and between the services: all answered, all one TLS session."""

import random
import subprocess
from contextlib import suppress

import pytest
from OpenSSL import SSL

from demo import outside
from demo.architecture import Side
from demo.report import control_row
from demo.tasks import call_from
from demo.terminator import Upstream, terminator
from demo.tls_client import connect, visit
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]


def test_sixty_connections_from_the_host(world: World, side: Side) -> None:
    visits = [
        visit(random.choice(world.vips), side.port, side.certificate_name, world.ca(side)) for _ in range(60)
    ]

    assert [v.error for v in visits if not v.ok] == []
    assert all(v.same_session for v in visits)
    assert {v.fingerprint for v in visits} == {task.fingerprint for task in world.tasks(side)}
    assert {v.server["address"] for v in visits} == {task.address for task in world.tasks(side)}
    assert all(v.server["client"] == v.local_address for v in visits)


def test_from_outside_the_client_keeps_its_address(world: World, side: Side) -> None:
    visits = [
        one
        for vip in world.vips
        for one in outside.visits(f"{vip}:{side.port}", side.certificate_name, world.ca(side), 30)
    ]

    assert [v.error for v in visits if not v.ok] == []
    assert all(v.same_session for v in visits)
    assert {v.server["address"] for v in visits} == {task.address for task in world.tasks(side)}
    assert {v.server["client"].rpartition(":")[0] for v in visits} == {outside.ADDRESS}


@pytest.mark.parametrize("other", ["orders", "ledger"])
def test_thirty_calls_between_services_by_name(world: World, side: Side, other: str) -> None:
    destination: Side = getattr(world.made, other)
    results = [
        result
        for task in world.tasks(side)
        for result in call_from(task, world.made.dns_name, destination, 10)
    ]

    assert len(results) == 30
    assert [r for r in results if not r["ok"]] == []


def test_a_listener_that_terminates_is_found_out(world: World, side: Side) -> None:
    tls = f"images/build/tls/{side.service}"
    ca = world.ca(side)
    address, port = world.tasks(side)[0].direct
    upstream = Upstream(address, port, side.certificate_name, ca)
    with terminator(f"{tls}/cert.pem", f"{tls}/key.pem", upstream) as port:
        row = control_row(visit("127.0.0.1", port, side.certificate_name, ca))

    assert row.holds, row.evidence


def test_the_virtual_addresses_answer_ping(world: World) -> None:
    for vip in world.vips:
        assert subprocess.run(["ping", "-c1", "-W2", vip], check=False, capture_output=True).returncode == 0
        inside = ["ip", "netns", "exec", outside.NAMESPACE, "ping", "-c1", "-W2", vip]
        assert subprocess.run(inside, check=False, capture_output=True).returncode == 0


def test_a_port_without_listener_refuses(world: World) -> None:
    for vip in world.vips:
        assert "ConnectionRefused" in visit(vip, 4443, "x", world.ca(world.made.orders)).error


def test_large_transfers_arrive_whole(world: World, side: Side) -> None:
    tls, sock, _ = connect(world.vips[0], side.port, side.certificate_name, world.ca(side))
    with sock:
        tls.do_handshake()
        body = b"x" * 4_000_000
        tls.sendall(f"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert tls.recv(64).startswith(b"HTTP/1.1 404")
        with suppress(SSL.Error):
            tls.shutdown()
