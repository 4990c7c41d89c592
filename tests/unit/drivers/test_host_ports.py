import socket

import pytest

from sealway.drivers.network.host_ports import taken_ports

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TABLES = {
    "tcp": HEAD
    + "   0: 00000000:0016 00000000:0000 0A 0 0 0\n"  # every address, 22
    + "   1: 0100007F:1F90 00000000:0000 0A 0 0 0\n"  # 127.0.0.1, 8080
    + "   2: 010200C0:01BB 00000000:0000 0A 0 0 0\n"  # 192.0.2.1, 443
    + "   3: 010200C0:D431 020200C0:0016 01 0 0 0\n",  # a connection from 192.0.2.1
    "tcp6": HEAD
    + "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0 0 0\n"
    + "   1: 0000000000000000FFFF0000010200C0:20FB 00000000000000000000000000000000:0000 0A 0 0 0\n",
    "udp": HEAD
    + "   0: 00000000:0044 00000000:0000 07 0 0 0\n"
    + "   1: 010200C0:A000 020200C0:0035 01 0 0 0\n",  # a client's
}


def test_a_port_is_taken_at_its_address_and_by_who_listens_everywhere() -> None:
    here = {("tcp", 22), ("tcp", 443), ("tcp", 80), ("tcp", 8443), ("udp", 68)}
    assert taken_ports("192.0.2.1", TABLES) == here
    assert taken_ports("192.0.2.9", TABLES) == {("tcp", 22), ("tcp", 80), ("udp", 68)}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_this_machines_sockets_are_seen(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            server.listen()
        port = ("tcp" if kind is socket.SOCK_STREAM else "udp", server.getsockname()[1])
        assert port in taken_ports("127.0.0.1")
        assert port not in taken_ports("127.0.0.2")
    assert port not in taken_ports("127.0.0.1")
