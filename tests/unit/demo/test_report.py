"""The demo's verdicts can say no."""

from dataclasses import replace

from demo.report import call_rows, control_row, visit_rows
from demo.tasks import RunningTask
from demo.tls_client import Visit

SESSION = {"client_random": "c1", "server_random": "s1", "exporter": "e1", "fingerprint": "f1"}
GOOD = Visit(
    to="10.0.0.9:443",
    ok=True,
    local_address="198.51.100.2:4000",
    server={**SESSION, "address": "10.0.0.4", "client": "198.51.100.2:4000"},
    **SESSION,
)


class Held(RunningTask):
    fingerprint = "f1"


TASK = Held("0123456789", "us-east-1a", "c", "10.0.0.4", ("10.0.0.4", 8443))


def verdicts(*visits: Visit) -> list[bool]:
    return [row.holds for row in visit_rows("who", visits, [TASK], "198.51.100.2")]


def test_a_good_visit_holds() -> None:
    assert verdicts(GOOD) == [True] * 5


def test_one_failure_among_many_does_not() -> None:
    assert verdicts(GOOD, Visit(to="x", error="ConnectionResetError"))[0] is False


def test_a_task_that_never_answered_is_missed() -> None:
    idle = Held("9876543210", "us-east-1b", "d", "10.0.0.5", ("10.0.0.5", 8443))
    assert [row.holds for row in visit_rows("who", [GOOD], [TASK, idle], "198.51.100.2")][1] is False


def test_another_session_is_found() -> None:
    assert verdicts(replace(GOOD, exporter="other"))[2] is False


def test_another_certificate_is_found() -> None:
    assert verdicts(replace(GOOD, fingerprint="other"))[3] is False


def test_a_hidden_client_is_found() -> None:
    assert verdicts(replace(GOOD, server={**GOOD.server, "client": "10.0.0.1:4000"}))[4] is False


def test_no_visit_at_all_proves_nothing() -> None:
    assert verdicts()[0] is False


def test_the_control_must_find_the_interceptor() -> None:
    assert control_row(replace(GOOD, exporter="theirs")).holds
    assert not control_row(GOOD).holds


def test_one_failed_call_shows() -> None:
    good = {"ok": True, "answered_by": "a", "seen_as": "10.0.0.4:1"}
    assert call_rows("calls", [good])[0].holds
    assert not call_rows("calls", [good, {"ok": False, "error": "timeout"}])[0].holds
