"""The control that must fail: a load balancer that terminates TLS, holding the very same key and certificate.

Its clients verify the certificate without complaint, so equal certificates prove nothing. The randoms and
the exporter give it away: there are two sessions where there should be one.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from OpenSSL import SSL

from .tls_client import connect


@dataclass(frozen=True)
class Upstream:
    """Where the plain text is sent on, over a TLS session of the terminator's own."""

    address: str
    port: int
    name: str
    ca_file: str


@contextmanager
def terminator(cert_file: str, key_file: str, upstream: Upstream) -> Iterator[int]:
    """Serves on a loopback port, which it yields."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_file(cert_file)
    context.use_privatekey_file(key_file)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_accept, args=(listener, context, upstream), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def _accept(listener: socket.socket, context: SSL.Context, upstream: Upstream) -> None:
    with suppress(OSError):
        while True:
            sock, _ = listener.accept()
            with sock, suppress(SSL.Error):
                _carry(SSL.Connection(context, sock), upstream)


def _carry(client: SSL.Connection, upstream: Upstream) -> None:
    """One request and its answer, opened and sealed again."""
    client.set_accept_state()
    client.do_handshake()
    request = client.recv(65536)
    server, sock, _ = connect(upstream.address, upstream.port, upstream.name, upstream.ca_file)
    with sock:
        server.do_handshake()
        server.sendall(request)
        with suppress(SSL.ZeroReturnError, SSL.SysCallError):
            while chunk := server.recv(65536):
                client.sendall(chunk)
    with suppress(SSL.Error):
        client.shutdown()
