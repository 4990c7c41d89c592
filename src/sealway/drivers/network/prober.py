"""Health probes from a load balancer's own address: TCP, HTTP and HTTPS as AWS sends them.

A TCP probe passes when the connection stands. It ends with FIN and waits a moment for the target's, so
that the target never logs a reset. HTTPS verifies no certificate, as on AWS: the check asks whether the
target answers, not who it is. Redirects are answers like any other. Where targets expect a Proxy Protocol
header, a probe's says that it comes from the load balancer itself (LOCAL).
"""

import asyncio
import contextlib
import ssl
from socket import SHUT_WR, socket
from typing import Protocol

import aiohttp
from yarl import URL

from ..contracts.prober import Probe, ProbeResult
from . import verdict

PROXY_LOCAL = b"\r\n\r\n\0\r\nQUIT\n" + b"\x20\0" + b"\0\0"
"""Version 2, LOCAL, unspecified family, nothing follows. Source: HAProxy's proxy-protocol.txt, 2.2."""
_FAREWELL_SECONDS = 0.25
_BODY_BYTES = 64 * 1024
_HEADERS = {"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close", "Accept": "*/*"}


class ProbeSockets(Protocol):
    """The part of ``HostNetwork`` that probes need."""

    def probe_socket(self, source: str) -> socket:
        """See ``HostNetwork``."""
        ...


class _Connected(socket):
    """A connection for who would make it: aiohttp, which cannot be asked to send something before TLS."""

    def connect(self, address: object, /) -> None:
        """There is one."""


class LbProber:
    """``contracts.prober.Prober`` over the sockets of a ``HostNetwork``.

    Raises DriverError when no probe could be sent at all: that says nothing about the target.
    """

    def __init__(self, network: ProbeSockets) -> None:
        self._network = network
        self._tls = _tls_without_verification()

    async def probe(self, probe: Probe) -> ProbeResult:
        made = self._network.probe_socket(probe.source)
        try:
            async with asyncio.timeout(probe.timeout):
                await _connect(made, probe)
                if probe.protocol == "TCP":
                    return await _probe_tcp(made)
                made = _Connected(fileno=made.detach())
                return await self._probe_http(made, probe)
        except TimeoutError:
            return verdict.TIMED_OUT
        except (OSError, aiohttp.ClientError, ValueError):  # ValueError: an answer that is no HTTP
            return verdict.FAILED
        finally:
            made.close()

    async def _probe_http(self, made: socket, probe: Probe) -> ProbeResult:
        connector = aiohttp.TCPConnector(
            socket_factory=lambda _: made, ssl=self._tls, force_close=True, happy_eyeballs_delay=None
        )
        host = f"[{probe.address}]" if ":" in probe.address else probe.address
        url = URL(f"{probe.protocol.lower()}://{host}:{probe.port}{probe.path}", encoded=True)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
            session.get(url, headers=_HEADERS, allow_redirects=False) as response,
        ):
            await _read_politely(response)
            return verdict.of_status(response.status, probe.matcher)


async def _connect(made: socket, probe: Probe) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(made, (probe.address, probe.port))
    if probe.proxy_protocol:
        await loop.sock_sendall(made, PROXY_LOCAL)


async def _probe_tcp(made: socket) -> ProbeResult:
    """The probe has passed already, however the target takes the farewell."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        made.shutdown(SHUT_WR)
        async with asyncio.timeout(_FAREWELL_SECONDS):
            while await loop.sock_recv(made, 4096):
                pass
    return verdict.PASSED


async def _read_politely(response: aiohttp.ClientResponse) -> None:
    """Takes a short body, so that closing does not reset the connection. The status is known already."""
    left = _BODY_BYTES
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            while left > 0 and (piece := await response.content.read(left)):
                left -= len(piece)


def _tls_without_verification() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # A target with an old key or protocol is alive all the same.
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
