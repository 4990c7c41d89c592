"""The table, driven by strings: ``+`` a passed probe, ``-`` a failed one."""

from datetime import timedelta

import pytest

from sealway.drivers.contracts.prober import ProbeResult
from sealway.model.target_group import HealthCheck
from sealway.node.health_state import HealthState, drained, known, step
from tests.support.node_world import group, healthy, target, without
from tests.support.virtual_time import START

CHECK = HealthCheck(healthy_threshold=3, unhealthy_threshold=2)
TIMEOUT = ProbeResult(passed=False, reason="Target.Timeout", description="Request timed out")


def after(probes: str, health: HealthState | None = None, *, drains: bool = False) -> HealthState:
    health = health or HealthState()
    for probe in probes:
        health = step(health, ProbeResult(passed=True) if probe == "+" else TIMEOUT, CHECK, drains=drains)
    return health


@pytest.mark.parametrize(
    ("probes", "state"),
    [
        ("", "initial"),
        ("+", "healthy"),
        ("-", "initial"),
        ("-+", "healthy"),
        ("--", "unhealthy"),
        ("+-", "healthy"),
        ("+-+-+-", "healthy"),
        ("+--", "unhealthy"),
        ("--+", "unhealthy"),
        ("--++", "unhealthy"),
        ("--++-++", "unhealthy"),
        ("--+++", "healthy"),
        ("--+++-+--", "unhealthy"),
    ],
)
def test_probes_lead_to(probes: str, state: str) -> None:
    assert after(probes).state == state


@pytest.mark.parametrize(
    ("probes", "state", "then"),
    [
        ("+", "healthy", "healthy"),
        ("+-", "healthy", "healthy"),
        ("+--", "unhealthy.draining", "unhealthy"),
        ("--", "unhealthy.draining", "unhealthy"),
        ("+--++-++", "unhealthy.draining", "unhealthy"),
        ("+--+++", "healthy", "healthy"),
        ("+--+++--", "unhealthy.draining", "unhealthy"),
    ],
)
def test_with_a_draining_interval(probes: str, state: str, then: str) -> None:
    seen = after(probes, drains=True)
    assert (seen.state, drained(seen).state) == (state, then)
    if state != "healthy":
        assert (seen.reason, drained(seen).reason) == ("Target.Timeout", "Target.Timeout")
        assert after("---", drained(seen), drains=True).state == "unhealthy", "it does not drain again"


def test_reasons() -> None:
    assert after("").reason == "Elb.RegistrationInProgress"
    assert after("-").reason == "Elb.InitialHealthChecking"
    assert (after("--").reason, after("--").description) == ("Target.Timeout", "Request timed out")
    assert after("+").reason is None
    silent = step(after("-"), ProbeResult(passed=False), CHECK)
    assert (silent.reason, silent.description) == ("Target.FailedHealthChecks", "Health checks failed")


def test_what_was_concluded_before_the_registration_does_not_count() -> None:
    old = target(group(), "10.0.0.11")
    new = old.replace(registered_at=START + timedelta(seconds=1))
    assert known(old, healthy(old)).state == "healthy"
    assert known(new, healthy(old)).state == "initial"
    assert known(old, None).state == "initial"
    assert without(known(old, healthy(old, "unhealthy")), reason=None).state == "unhealthy"
