"""Health probes."""

from typing import Literal, Protocol

from .frozen import Frozen


class Probe(Frozen, frozen=True, kw_only=True):
    """One health probe: connect from ``source`` to ``address:port``. ``timeout`` in seconds.
    ``proxy_protocol``: begin with a Proxy Protocol v2 header that tells of no client."""

    source: str
    address: str
    port: int
    protocol: Literal["TCP", "HTTP", "HTTPS"]
    path: str = "/"
    matcher: str = "200-399"
    timeout: float = 10
    proxy_protocol: bool = False


class ProbeResult(Frozen, frozen=True, kw_only=True):
    """``reason`` is AWS's code (Target.Timeout, Target.FailedHealthChecks,
    Target.ResponseCodeMismatch), None when it passed."""

    passed: bool
    reason: str | None = None
    description: str | None = None


class Prober(Protocol):
    """Sends probes."""

    async def probe(self, probe: Probe) -> ProbeResult:
        """Never raises for a target's fault."""
        ...
