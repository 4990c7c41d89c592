"""How probes change a target's health: a table. Pure.

A new target is in service after one passed probe; a known one changes after so many equal results in
a row as the target group's thresholds say. Where the target group has an unhealthy draining interval, one
that turns unhealthy is ``unhealthy.draining`` for so long, if it does not recover before. Sources: Network
Load Balancers, "Health checks for target groups" (a registered target must pass one health check) and "Edit
target group attributes" (unhealthy draining interval); ELBv2 API Reference, TargetHealth.
"""

from typing import Final

import msgspec

from ..drivers.contracts.prober import ProbeResult
from ..model.target_group import HealthCheck, Target, TargetHealth

INITIAL_REASON = ("Elb.InitialHealthChecking", "Initial health checks in progress")
FAILED_REASON = ("Target.FailedHealthChecks", "Health checks failed")


class HealthState(msgspec.Struct, frozen=True):
    """``streak``: results in a row that speak against ``state``."""

    state: str = "initial"
    streak: int = 0
    reason: str | None = "Elb.RegistrationInProgress"
    description: str | None = "Target registration is in progress"


ONE = "one"
DRAINING = "unhealthy.draining"
# (state, probe passed) -> (how many in a row it takes, the next state). Absent: the streak ends.
TABLE: Final[dict[tuple[str, bool], tuple[str, str]]] = {
    ("initial", True): (ONE, "healthy"),
    ("initial", False): ("unhealthy_threshold", "unhealthy"),
    ("healthy", False): ("unhealthy_threshold", "unhealthy"),
    ("unhealthy", True): ("healthy_threshold", "healthy"),
    (DRAINING, True): ("healthy_threshold", "healthy"),
}


def step(
    health: HealthState, result: ProbeResult, check: HealthCheck, *, drains: bool = False
) -> HealthState:
    """The health after one more probe. ``drains``: the target group has an unhealthy draining interval."""
    rule = TABLE.get((health.state, result.passed))
    if rule is None:
        return msgspec.structs.replace(health, streak=0)
    needed, following = rule
    streak = health.streak + 1
    if streak >= (1 if needed == ONE else getattr(check, needed)):
        return _entered(DRAINING if drains and following == "unhealthy" else following, result)
    if health.state == "initial":
        return HealthState("initial", streak, *INITIAL_REASON)
    return msgspec.structs.replace(health, streak=streak)


def drained(health: HealthState) -> HealthState:
    """The health once the interval is over."""
    return msgspec.structs.replace(health, state="unhealthy") if health.state == DRAINING else health


def known(target: Target, health: TargetHealth | None) -> HealthState:
    """Where a target stands. What was concluded before its registration was about another one."""
    if health is None or health.changed_at < target.registered_at:
        return HealthState()
    return HealthState(health.state, 0, health.reason, health.description)


def _entered(state: str, result: ProbeResult) -> HealthState:
    if state == "healthy":
        return HealthState("healthy", 0, None, None)
    reason, description = FAILED_REASON
    return HealthState(state, 0, result.reason or reason, result.description or description)
