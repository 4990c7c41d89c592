"""Where the relay's listening sockets come from.

On this host: the address is the host's own (or comes to it later: IP_FREEBIND). In a network namespace: a
thread enters it, makes the socket there and ends; a socket stays in the namespace it was made in, whoever
uses it. The thread is not reused, so no other code ever runs in that namespace.
"""

import ctypes
import os
import socket
import threading
from collections.abc import Callable

ListenSocket = Callable[[str, int], socket.socket]
"""``listen_socket(vip, port)``: a listening, non-blocking TCP socket. Raises OSError."""

BACKLOG = 4096
_IP_FREEBIND = 15
_IPV6_FREEBIND = 78  # linux/in6.h
_CLONE_NEWNET = 0x40000000
_NETNS_DIR = "/var/run/netns"


def listen_on_host(vip: str, port: int) -> socket.socket:
    """A ``ListenSocket`` for addresses of the network namespace this process is in."""
    wide = ":" in vip
    sock = socket.socket(socket.AF_INET6 if wide else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if wide:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if os.uname().sysname == "Linux":
            level, freebind = (
                (socket.IPPROTO_IPV6, _IPV6_FREEBIND) if wide else (socket.IPPROTO_IP, _IP_FREEBIND)
            )
            sock.setsockopt(level, freebind, 1)
        sock.bind((vip, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def listen_in_namespace(name: str) -> ListenSocket:
    """A ``ListenSocket`` for addresses held by the named network namespace (``sealway-lb``). Needs root."""

    def listen(vip: str, port: int) -> socket.socket:
        made: list[socket.socket] = []
        failed: list[OSError] = []

        def inside() -> None:
            try:
                _enter(name)
                made.append(listen_on_host(vip, port))
            except OSError as error:
                failed.append(error)

        thread = threading.Thread(target=inside, name=f"listen-{name}")
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return made[0]

    return listen


def _enter(name: str) -> None:
    """Moves the calling thread, and it alone, into the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"{_NETNS_DIR}/{name}", "rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, f"cannot enter the network namespace {name}: {os.strerror(code)}")
