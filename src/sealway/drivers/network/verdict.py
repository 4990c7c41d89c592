"""What a probe's outcome means, in AWS's words. Pure.

Source: Elastic Load Balancing, "Health checks for your target groups", reason codes; TargetHealth in the
API reference (version 2015-12-01).
"""

from ..contracts.prober import ProbeResult

PASSED = ProbeResult(passed=True)
TIMED_OUT = ProbeResult(passed=False, reason="Target.Timeout", description="Request timed out")
FAILED = ProbeResult(passed=False, reason="Target.FailedHealthChecks", description="Health checks failed")


def of_status(code: int, matcher: str) -> ProbeResult:
    """``code`` is the HTTP status that was answered, ``matcher`` the codes that count as success."""
    if matches(matcher, code):
        return PASSED
    return ProbeResult(
        passed=False,
        reason="Target.ResponseCodeMismatch",
        description=f"Health checks failed with these codes: [{code}]",
    )


def matches(matcher: str, code: int) -> bool:
    """``matcher`` is a list of codes and ranges: "200", "200,202", "200-399", "200-299,301"."""
    for part in matcher.split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= code <= int(last or first):
            return True
    return False
