"""What every prober does: the fake, and the real one against servers on loopback.

The real one's sockets come from a stand-in for the host's network that makes them here, so no rights are
needed; ``test_host_network.py`` shows them leaving from a load balancer's namespace.
"""

import asyncio
import contextlib
import datetime
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealway.drivers.contracts.prober import Probe, ProbeResult
from sealway.drivers.network.fake_prober import FakeProber, FakeTarget
from sealway.drivers.network.prober import LbProber
from sealway.model.errors import DriverError
from tests.support.proxy_header import START, Told, rest_of, told

SOURCE, TARGET = "127.0.0.3", "127.0.0.4"
PASSED = ProbeResult(passed=True)
FAILED = ProbeResult(passed=False, reason="Target.FailedHealthChecks", description="Health checks failed")
TIMED_OUT = ProbeResult(passed=False, reason="Target.Timeout", description="Request timed out")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class LoopbackSockets:
    """Stands in for the host's network."""

    def probe_socket(self, source: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        made.bind((source, 0))
        return made


class Targets:
    """Makes targets: real servers for the real prober, descriptions for the fake."""

    def __init__(self, prober: LbProber | FakeProber) -> None:
        self._prober = prober
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._count = 0

    async def listening(self, serve: Serve, tls: ssl.SSLContext | None = None) -> int:
        server = await asyncio.start_server(serve, TARGET, 0, ssl=tls)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def answering(self, status: int | None, tls: ssl.SSLContext | None = None) -> int:
        """``status`` None: an answer that is no HTTP."""
        if isinstance(self._prober, FakeProber):
            return self._describe(FakeTarget(status=status))
        head = b"SSH-2.0-thing\r\n" if status is None else f"HTTP/1.1 {status} Some Reason\r\n".encode()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError):  # who only connects asks nothing
                await reader.readuntil(b"\r\n\r\n")
                body = b"\r\n" if status == 204 else b"Content-Length: 2\r\nLocation: /elsewhere\r\n\r\nok"
                writer.write(head + body)
                await writer.drain()
            writer.close()

        return await self.listening(serve, tls)

    async def silent(self) -> int:
        """Takes connections into its backlog, and says nothing."""
        if isinstance(self._prober, FakeProber):
            return self._describe(FakeTarget(behaviour="silent"))
        self._sockets.append(socket.create_server((TARGET, 0)))
        return self._sockets[-1].getsockname()[1]

    async def refusing(self) -> int:
        if isinstance(self._prober, FakeProber):
            return self._describe(FakeTarget(behaviour="refuses"))
        with socket.create_server((TARGET, 0)) as closed:
            return closed.getsockname()[1]

    def _describe(self, target: FakeTarget) -> int:
        self._count += 1
        self._prober.targets[TARGET, self._count] = target
        return self._count

    async def close(self) -> None:
        for made in self._sockets:
            made.close()
        for server in self._servers:
            server.close()
            await server.wait_closed()


@pytest.fixture(params=["fake", "real"])
def prober(request: pytest.FixtureRequest) -> LbProber | FakeProber:
    return FakeProber() if request.param == "fake" else LbProber(LoopbackSockets())


@pytest.fixture
async def targets(prober: LbProber | FakeProber) -> AsyncIterator[Targets]:
    made = Targets(prober)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody would trust: unknown issuer, other name, long expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "someone-else")])
    past = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(past).not_valid_after(past + datetime.timedelta(days=1))
    )
    path = Path(tmp_path_factory.mktemp("tls"), "both.pem")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def probe(port: int, protocol: str = "TCP", **fields: object) -> Probe:
    return Probe(source=SOURCE, address=TARGET, port=port, protocol=protocol, **{"timeout": 5} | fields)


# --- the contract ---------------------------------------------------------------------------------


async def test_a_target_that_takes_connections_passes(prober, targets):
    assert await prober.probe(probe(await targets.answering(200))) == PASSED


@pytest.mark.parametrize("protocol", ["TCP", "HTTP", "HTTPS"])
async def test_a_target_that_refuses_connections_fails(prober, targets, protocol):
    assert await prober.probe(probe(await targets.refusing(), protocol)) == FAILED


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
async def test_a_target_that_says_nothing_times_out(prober, targets, protocol):
    port = await targets.silent()
    begin = time.monotonic()
    assert await prober.probe(probe(port, protocol, timeout=0.2)) == TIMED_OUT
    assert 0.15 < time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("status", "matcher", "passes"),
    [
        (200, "200", True),
        (204, "200-399", True),
        (302, "200-399", True),
        (302, "200", False),
        (500, "200-399", False),
    ],
)
async def test_the_code_decides(prober, targets, status, matcher, passes):
    result = await prober.probe(probe(await targets.answering(status), "HTTP", matcher=matcher))
    assert result.passed is passes
    if not passes:
        assert result.reason == "Target.ResponseCodeMismatch"
        assert result.description == f"Health checks failed with these codes: [{status}]"


async def test_an_answer_that_is_no_http_fails(prober, targets):
    assert await prober.probe(probe(await targets.answering(None), "HTTP")) == FAILED


async def test_https_verifies_no_certificate(prober, targets, self_signed):
    port = await targets.answering(200, self_signed)
    assert await prober.probe(probe(port, "HTTPS")) == PASSED


async def test_many_probes_at_once(prober, targets):
    port = await targets.answering(200)
    results = await asyncio.gather(*(prober.probe(probe(port, kind)) for kind in ["TCP", "HTTP"] * 40))
    assert results == [PASSED] * 80


# --- what only the real one can show ---------------------------------------------------------------

real_prober = pytest.mark.parametrize("prober", ["real"], indirect=True)


@real_prober
async def test_a_tcp_probe_comes_from_its_source_and_ends_cleanly(prober, targets):
    """The target reads the end of the stream, not a reset, though it has sent a greeting first."""
    seen = asyncio.Queue()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 greeting\r\n")
        await writer.drain()
        try:
            seen.put_nowait((writer.get_extra_info("peername")[0], await reader.read()))
        except ConnectionResetError:
            seen.put_nowait("reset")
        writer.close()

    assert await prober.probe(probe(await targets.listening(greet))) == PASSED
    assert await asyncio.wait_for(seen.get(), 5) == (SOURCE, b"")


@real_prober
async def test_a_tcp_target_that_never_closes_passes_soon(prober, targets):
    begin = time.monotonic()
    assert await prober.probe(probe(await targets.silent())) == PASSED
    assert time.monotonic() - begin < 2


@real_prober
async def test_a_full_backlog_times_out(prober, targets):
    with socket.socket() as full:
        full.bind((TARGET, 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        assert await prober.probe(probe(full.getsockname()[1], timeout=0.3)) == TIMED_OUT
        for filler in fillers:
            filler.close()


@real_prober
async def test_the_http_request_is_as_aws_sends_it(prober, targets):
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    port = await targets.listening(serve)
    assert await prober.probe(probe(port, "HTTP", path="/up?deep=1&x=%2F")) == PASSED
    line, *headers = requests[0]
    assert line == "GET /up?deep=1&x=%2F HTTP/1.1"
    assert {f"Host: {TARGET}:{port}", "User-Agent: ELB-HealthChecker/2.0", "Connection: close"} <= set(
        headers
    )


@real_prober
async def test_a_body_that_never_ends_does_not_matter(prober, targets):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nsome")
        await writer.drain()
        await reader.read()
        writer.close()

    assert await prober.probe(probe(await targets.listening(serve), "HTTP")) == PASSED


@real_prober
async def test_a_target_that_hangs_up_fails(prober, targets):
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    port = await targets.listening(serve)
    assert await prober.probe(probe(port, "HTTP")) == FAILED
    assert await prober.probe(probe(port, "HTTPS")) == FAILED


async def test_what_is_no_fault_of_the_targets_is_raised():
    class NoNetwork:
        def probe_socket(self, source: str) -> socket.socket:
            raise DriverError(f"no probe can leave from {source}")

    with pytest.raises(DriverError):
        await LbProber(NoNetwork()).probe(probe(1))


@real_prober
@pytest.mark.parametrize("protocol", ["TCP", "HTTP", "HTTPS"])
async def test_a_proxy_protocol_header_comes_first_and_tells_of_no_client(prober, self_signed, protocol):
    """Before TLS, too: the target reads it, and only then begins."""

    def serve(listener: socket.socket) -> Told:
        made, _ = listener.accept()
        made.settimeout(5)
        start = made.recv(START, socket.MSG_WAITALL)
        header = start + made.recv(rest_of(start), socket.MSG_WAITALL) if rest_of(start) else start
        if protocol == "HTTPS":
            made = self_signed.wrap_socket(made, server_side=True)
        with made:
            if protocol != "TCP" and made.recv(4096):
                made.sendall(OK)
        return told(header)

    with socket.create_server((TARGET, 0)) as listener:
        heard = asyncio.get_running_loop().run_in_executor(None, serve, listener)
        result = await prober.probe(probe(listener.getsockname()[1], protocol, proxy_protocol=True))
        assert (result, await heard) == (PASSED, Told())
