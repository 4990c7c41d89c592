"""Connections from outside, from the host, and between the services: all answered, all one TLS session."""

import random
import socket
import subprocess
import urllib.request
from contextlib import suppress
from functools import partial

import pytest
from OpenSSL import SSL
from prometheus_client.parser import text_string_to_metric_families

from demo import outside
from demo.architecture import Side
from demo.report import control_row
from demo.tasks import call_from
from demo.terminator import Upstream, terminator
from demo.tls_client import connect, visit
from sealway.cli.admin_client import ask
from tests.support.waiting import until
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


def test_a_security_group_says_what_may_begin(world: World, side: Side) -> None:
    """Its rules taken away, new connections end nowhere, old ones go on; and somebody is told why."""
    ec2, group = world.clients.ec2, world.made.security_group
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    ca, direct = world.ca(side), world.tasks(side)[0].direct
    balanced = (world.vips[0], side.port)
    tls, sock, _ = connect(*balanced, side.certificate_name, ca)
    us = sock.getsockname()[0]

    def refused() -> int:
        """How many packets of ours: health probes come from elsewhere. An instance's address is the
        host's own, and is reached from itself."""
        found = ask(world.machine.data_dir, "refusals")
        return sum(
            one["packets"] for one in found if one["guard"] == group and one["source"] in (us, direct[0])
        )

    def ends_nowhere(where: tuple[str, int], before: int) -> bool:
        with socket.socket() as new:
            new.setblocking(False)
            new.connect_ex(where)
        return refused() > before

    with sock:
        tls.do_handshake()
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
        try:
            until("a new connection is refused", partial(ends_nowhere, balanced, refused()))
            until("a direct one is refused", partial(ends_nowhere, direct, refused()))
            tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert tls.recv(64).startswith(b"HTTP/1.1 200")
        finally:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    until("new ones begin again", lambda: visit(*balanced, side.certificate_name, ca).ok)
    world.stable()


def test_a_collector_reads_what_the_data_plane_counts(world: World, side: Side) -> None:
    def total(name: str) -> float:
        with urllib.request.urlopen(f"http://{world.machine.metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        families = text_string_to_metric_families(text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(s.value for s in samples if s.labels["port"] == str(side.port))

    before = total("sealway_nlb_established_flows_total")
    for _ in range(10):
        assert visit(world.vips[0], side.port, side.certificate_name, world.ca(side)).ok
    assert total("sealway_nlb_established_flows_total") == before + 10
    assert "sealway_nlb_healthy_hosts{" in world.machine.said("metrics")
