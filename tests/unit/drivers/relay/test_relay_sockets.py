import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from sealway.drivers.dataplane.relay_sockets import listen_in_namespace, listen_on_host


def test_an_address_the_host_does_not_have_yet() -> None:
    with listen_on_host("192.0.2.9", 0) as sock:
        assert sock.getsockname()[0] == "192.0.2.9"
        assert not sock.getblocking()


def test_an_ipv6_address_beside_an_ipv4_one() -> None:
    with listen_on_host("2001:db8::9", 0) as sock:
        address, port = sock.getsockname()[:2]
        assert address == "2001:db8::9"
        with listen_on_host("192.0.2.9", port) as other:
            assert other.getsockname() == ("192.0.2.9", port)


def test_a_port_in_use() -> None:
    with listen_on_host("127.0.10.2", 0) as sock, pytest.raises(OSError, match="in use"):
        listen_on_host("127.0.10.2", sock.getsockname()[1])


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"swrelay-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.mark.root
def test_a_socket_made_in_a_namespace_stays_there(namespace: str) -> None:
    before = os.readlink("/proc/thread-self/ns/net")
    with listen_in_namespace(namespace)("127.0.10.3", 0) as sock, socket.socket() as outside:
        port = sock.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            outside.connect(("127.0.10.3", port))
        seen = subprocess.run(
            ["ip", "netns", "exec", namespace, "ss", "-ltnH"], check=True, capture_output=True, text=True
        )
        assert f"127.0.10.3:{port}" in seen.stdout
    assert os.readlink("/proc/thread-self/ns/net") == before


def test_a_namespace_that_is_not_there() -> None:
    with pytest.raises(OSError, match="swnone"):
        listen_in_namespace("swnone")("127.0.10.3", 0)
