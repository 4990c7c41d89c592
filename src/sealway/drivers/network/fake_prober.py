"""A prober that looks targets up instead of connecting; passes the real one's contract tests."""

import asyncio
from typing import Literal

import msgspec

from ..contracts.prober import Probe, ProbeResult
from . import verdict


class FakeTarget(msgspec.Struct, frozen=True, kw_only=True):
    """``listens``: takes connections; ``refuses`` them; ``silent``: lets every probe time out.

    ``status``: what it answers to HTTP(S) probes; None: something that is no HTTP.
    """

    behaviour: Literal["listens", "refuses", "silent"] = "listens"
    status: int | None = 200
    seconds: float = 0
    """How long it takes to answer; a probe that allows less times out."""


class FakeProber:
    """``contracts.prober.Prober`` in memory. A target that was not described is as ``default`` says."""

    def __init__(self) -> None:
        self.targets: dict[tuple[str, int], FakeTarget] = {}
        self.default = FakeTarget()
        self.probes: list[Probe] = []

    async def probe(self, probe: Probe) -> ProbeResult:
        self.probes.append(probe)
        target = self.targets.get((probe.address, probe.port), self.default)
        if target.behaviour == "silent" or target.seconds >= probe.timeout:
            await asyncio.sleep(probe.timeout)
            return verdict.TIMED_OUT
        await asyncio.sleep(target.seconds)
        if target.behaviour == "refuses":
            return verdict.FAILED
        if probe.protocol == "TCP":
            return verdict.PASSED
        return verdict.FAILED if target.status is None else verdict.of_status(target.status, probe.matcher)
