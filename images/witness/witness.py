"""A TLS server that tells what it saw, so that its clients can check that nobody stood in between.

    GET /                      one JSON object about this very connection
    GET /call?host=&port=&name=&count=   this task calls another service and reports both ends' views
    GET /ws                    a WebSocket that echoes

TLS ends here, in this process: it holds the key. For each connection it reports the ClientHello and
ServerHello randoms and the TLS exporter of RFC 9266, which only the two ends of a session can know.
Runs on Debian's python3, pyOpenSSL, h11 and wsproto; one thread a connection.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

import h11
from OpenSSL import SSL, crypto
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage

TLS_DIRECTORY = os.environ.get("WITNESS_TLS", "/etc/witness")
PORT = int(os.environ.get("WITNESS_PORT", "8443"))
CALL_TIMEOUT = 10


def evidence(tls):
    """What this end of a session knows of it; equal at both ends if and only if it is one session."""
    return {
        "client_random": tls.client_random().hex(),
        "server_random": tls.server_random().hex(),
        "exporter": tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"").hex(),
        "protocol": tls.get_protocol_version_name(),
        "cipher": tls.get_cipher_name(),
    }


def fingerprint(certificate):
    """SHA-256 of the certificate's DER form."""
    return hashlib.sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)).hexdigest()


def read_certificate():
    with open(f"{TLS_DIRECTORY}/cert.pem", "rb") as file:
        return crypto.load_certificate(crypto.FILETYPE_PEM, file.read())


def server_context():
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_privatekey_file(f"{TLS_DIRECTORY}/key.pem")
    context.use_certificate_file(f"{TLS_DIRECTORY}/cert.pem")
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def client_context():
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(f"{TLS_DIRECTORY}/peers.pem")
    context.set_verify(SSL.VERIFY_PEER, lambda _c, _x, _e, _d, ok: bool(ok))
    return context


class Stream:
    """A TLS connection with blocking reads. The socket's timeout is given to the kernel (SO_RCVTIMEO):
    pyOpenSSL treats Python's own timeouts as 'would block'."""

    def __init__(self, tls, sock):
        self.tls, self.sock = tls, sock

    def read(self):
        try:
            return self.tls.recv(65536)
        except (SSL.ZeroReturnError, SSL.SysCallError):
            return b""

    def write(self, data):
        self.tls.sendall(data)

    def close(self):
        with contextlib.suppress(SSL.Error):
            self.tls.shutdown()
        self.sock.close()


def connect(host, port, name):
    """A verified TLS connection to host:port, whose certificate must be ``name``'s."""
    sock = socket.create_connection((host, port), timeout=CALL_TIMEOUT)
    peer = sock.getpeername()[0]
    sock.settimeout(None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, CALL_TIMEOUT.to_bytes(8, "little") + bytes(8))
    tls = SSL.Connection(client_context(), sock)
    tls.set_tlsext_host_name(name.encode())
    tls.set_connect_state()
    tls.do_handshake()
    certificate = tls.get_peer_certificate()
    names = [
        str(certificate.get_extension(i))
        for i in range(certificate.get_extension_count())
        if certificate.get_extension(i).get_short_name() == b"subjectAltName"
    ]
    if f"DNS:{name}" not in ", ".join(names).split(", "):
        raise ConnectionError(f"the certificate is for {names}, not {name}")
    return Stream(tls, sock), certificate, peer


def call_once(host, port, name):
    """One GET / of another service: what we saw of the session, and what it says it saw."""
    began = time.monotonic()
    stream, certificate, peer = connect(host, port, name)
    try:
        stream.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := stream.read():
            answer += chunk
        theirs = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        ours = evidence(stream.tls)
    finally:
        stream.close()
    same = all(ours[key] == theirs[key] for key in ("client_random", "server_random", "exporter"))
    return {
        "ok": same and fingerprint(certificate) == theirs["fingerprint"],
        "answered_by": theirs["task"],
        "seen_as": theirs["client"],
        "vip": peer,
        "seconds": time.monotonic() - began,
    }


def call(query):
    """``count`` calls, failures included: a result each."""
    results = []
    for _ in range(int(query.get("count", ["1"])[0])):
        try:
            results.append(call_once(query["host"][0], int(query["port"][0]), query["name"][0]))
        except (OSError, SSL.Error, ValueError, IndexError) as error:
            results.append({"ok": False, "error": f"{type(error).__name__}: {error}"})
    return results


class Session:
    """One client's connection."""

    def __init__(self, stream, client, about):
        self.stream, self.client, self.about = stream, client, about
        self.address = stream.sock.getsockname()[0]

    def serve(self):
        http = h11.Connection(h11.SERVER)
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                data = self.stream.read()
                http.receive_data(data)
                if not data and http.their_state is h11.IDLE:
                    return
            elif isinstance(event, h11.Request):
                if dict(event.headers).get(b"upgrade", b"").lower() == b"websocket":
                    self.echo(event)
                    return
                request = event
            elif isinstance(event, h11.EndOfMessage):
                self.answer(http, request)
                if http.our_state is h11.MUST_CLOSE:
                    return
                http.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed):
                return

    def answer(self, http, request):
        url = urlsplit(request.target.decode())
        if url.path == "/":
            body = {**self.about, **evidence(self.stream.tls), "client": self.client, "address": self.address}
        elif url.path == "/call":
            body = call(parse_qs(url.query))
        else:
            body = {"error": "not found"}
        data = json.dumps(body).encode()
        status = 200 if url.path in ("/", "/call") else 404
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        self.stream.write(
            http.send(h11.Response(status_code=status, headers=headers))
            + http.send(h11.Data(data=data))
            + http.send(h11.EndOfMessage())
        )

    def echo(self, request):
        websocket = WSConnection(ConnectionType.SERVER)
        websocket.initiate_upgrade_connection(list(request.headers), request.target.decode())
        while True:
            for event in websocket.events():
                if isinstance(event, Request):
                    self.stream.write(websocket.send(AcceptConnection()))
                elif isinstance(event, TextMessage):
                    self.stream.write(websocket.send(TextMessage(data=event.data)))
                elif isinstance(event, Ping):
                    self.stream.write(websocket.send(event.response()))
                elif isinstance(event, CloseConnection):
                    self.stream.write(websocket.send(event.response()))
                    return
            data = self.stream.read()
            if not data:
                return
            websocket.receive_data(data)


def serve_client(context, sock, address, about):
    stream = Stream(SSL.Connection(context, sock), sock)
    stream.tls.set_accept_state()
    try:
        stream.tls.do_handshake()
        Session(stream, f"{address[0]}:{address[1]}", about).serve()
    except (SSL.Error, OSError, h11.ProtocolError) as error:
        if not isinstance(error, SSL.SysCallError):
            print(f"{address[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        stream.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    about = {
        "service": os.environ.get("WITNESS_SERVICE", ""),
        "task": os.environ.get("WITNESS_TASK") or socket.gethostname(),
        "fingerprint": fingerprint(read_certificate()),
    }
    context = server_context()
    address = os.environ.get("WITNESS_ADDRESS", "0.0.0.0")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, PORT), family=family, backlog=1024)
    print(f"witness: TLS on port {PORT}", flush=True)
    while True:
        sock, address = listener.accept()
        threading.Thread(target=serve_client, args=(context, sock, address, about), daemon=True).start()


if __name__ == "__main__":
    main()
