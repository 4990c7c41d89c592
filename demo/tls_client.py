"""A verifying TLS client that keeps its own view of each session, to hold against the server's.

    python -m demo.tls_client --to NAME_OR_ADDRESS:PORT --name orders.demo.internal --ca ca.pem --count 60

prints one JSON object a connection. It is a program of its own so that it can run in another network
namespace: ``ip netns exec outside python -m demo.tls_client ...``.
"""

import argparse
import hashlib
import json
import random
import socket
import struct
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import dns.resolver
from OpenSSL import SSL

TIMEOUT_SECONDS = 10
EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
"""RFC 9266: what both ends of one TLS 1.3 session, and nobody else, can compute."""


@dataclass
class Visit:
    """One connection: what the client saw, what the server said it saw, and whether they agree."""

    to: str
    ok: bool = False
    error: str = ""
    client_random: str = ""
    server_random: str = ""
    exporter: str = ""
    fingerprint: str = ""
    local_address: str = ""
    connect_ms: float = 0.0
    handshake_ms: float = 0.0
    server: dict[str, Any] = field(default_factory=dict)

    @property
    def same_session(self) -> bool:
        """Randoms and exporter are equal at both ends: nobody terminated TLS in between."""
        return all(
            getattr(self, key) == self.server.get(key)
            for key in ("client_random", "server_random", "exporter")
        )

    @property
    def same_certificate(self) -> bool:
        """The certificate the client saw is the one the container holds."""
        return self.fingerprint == self.server.get("fingerprint")


def resolve(name: str, resolver: str) -> list[str]:
    """The A records of ``name`` at ``resolver`` (address:port)."""
    address, _, port = resolver.partition(":")
    asking = dns.resolver.Resolver(configure=False)
    asking.nameservers, asking.port, asking.lifetime = [address], int(port or 53), 3.0
    return [str(record) for record in asking.resolve(name, "A", search=False)]


def connect(
    address: str, port: int, name: str, ca_file: str, source: str = ""
) -> tuple[SSL.Connection, socket.socket, float]:
    """A TCP connection with TLS on it, not yet shaken hands; and the milliseconds of connect. ``source``: the
    client's address, where it has several."""
    began = time.perf_counter()
    ours = (source, 0) if source else None
    sock = socket.create_connection((address, port), TIMEOUT_SECONDS, source_address=ours)
    elapsed = (time.perf_counter() - began) * 1000
    sock.setblocking(True)
    # pyOpenSSL takes a Python timeout for "would block"; the kernel's own does what is meant.
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", TIMEOUT_SECONDS, 0))
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(ca_file)
    context.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[-1]))
    tls = SSL.Connection(context, sock)
    tls.set_tlsext_host_name(name.encode())
    tls.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[-1]))
    tls.set_connect_state()
    return tls, sock, elapsed


def check_name(tls: SSL.Connection, name: str) -> str:
    """The certificate's SHA-256 fingerprint; raises ConnectionError when it is not for ``name``."""
    certificate = tls.get_peer_certificate()
    if certificate is None:
        raise ConnectionError("the server showed no certificate")
    parsed = certificate.to_cryptography()
    from cryptography import x509  # noqa: PLC0415 - heavy, and needed once a connection only

    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if name not in names.get_values_for_type(x509.DNSName):
        raise ConnectionError(f"the certificate is not for {name}")
    return hashlib.sha256(parsed.public_bytes(_der())).hexdigest()


def _der() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return Encoding.DER


def get(tls: SSL.Connection, name: str, path: str) -> Any:
    """GET ``path``, and the answer's JSON."""
    tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    with suppress(SSL.ZeroReturnError, SSL.SysCallError):
        while chunk := tls.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"unexpected answer {head[:60]!r}")
    return json.loads(body)


def visit(address: str, port: int, name: str, ca_file: str, source: str = "") -> Visit:
    """Connects, verifies, asks the server what it saw. Never raises for a failed connection."""
    seen = Visit(to=f"{address}:{port}")
    try:
        tls, sock, seen.connect_ms = connect(address, port, name, ca_file, source)
        with sock:
            began = time.perf_counter()
            tls.do_handshake()
            seen.handshake_ms = (time.perf_counter() - began) * 1000
            seen.fingerprint = check_name(tls, name)
            seen.client_random = (tls.client_random() or b"").hex()
            seen.server_random = (tls.server_random() or b"").hex()
            seen.exporter = tls.export_keying_material(EXPORTER_LABEL, 32, b"").hex()
            seen.local_address = "{}:{}".format(*sock.getsockname())
            seen.server = get(tls, name, "/")
            with suppress(SSL.Error):
                tls.shutdown()
        seen.ok = True
    except (OSError, SSL.Error, ValueError) as error:
        seen.error = f"{type(error).__name__}: {error}"
    return seen


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="visit a witness over TLS and print what both ends saw")
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--name", required=True, help="the name the certificate must be for")
    parser.add_argument("--ca", required=True, metavar="FILE")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--resolver", default="", metavar="ADDRESS:PORT", help="where to resolve HOST")
    options = parser.parse_args()
    host, _, port = options.to.rpartition(":")
    addresses = resolve(host, options.resolver) if options.resolver else [host]
    for _ in range(options.count):
        seen = visit(random.choice(addresses), int(port), options.name, options.ca)
        print(json.dumps(asdict(seen)), flush=True)


if __name__ == "__main__":
    main()
