"""What the visits prove, as rows: pure, so that the suite can hold it to account."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .tasks import RunningTask
from .tls_client import Visit


@dataclass(frozen=True)
class Row:
    """One line of the table: what was shown, the evidence, and whether it holds."""

    claim: str
    evidence: str
    holds: bool


@dataclass(frozen=True)
class Section:
    """Rows that show one thing together."""

    title: str
    rows: list[Row]


def visit_rows(who: str, visits: Sequence[Visit], tasks: Sequence[RunningTask], client: str) -> list[Row]:
    """What a series of connections through the load balancer shows. ``client``: the address expected."""
    good = [v for v in visits if v.ok]
    answered = Counter(v.server["address"] for v in good)
    expected = {task.address for task in tasks}
    held = {task.fingerprint for task in tasks}
    seen = {v.fingerprint for v in good}
    clients = {v.server["client"] for v in good} == {v.local_address for v in good}
    addresses = {v.server["client"].rpartition(":")[0] for v in good}
    errors = Counter(v.error for v in visits if not v.ok)
    return [
        Row(
            f"{who}: all answered and verified",
            f"{len(good)} of {len(visits)}" + (f"; {errors.most_common(1)[0][0]}" if errors else ""),
            bool(good) and len(good) == len(visits),
        ),
        Row(
            "  spread over all tasks",
            "  ".join(f"{_task_at(tasks, address)} {count}" for address, count in sorted(answered.items())),
            set(answered) == expected,
        ),
        Row(
            "  one TLS session from client to container",
            _session_evidence(good),
            bool(good) and all(v.same_session for v in good),
        ),
        Row(
            "  the certificate is the one in the container",
            f"SHA-256 {next(iter(seen), '')[:16]}… seen, {next(iter(held), '')[:16]}… held",
            seen == held and len(seen) == 1,
        ),
        Row(
            "  the container sees the client's own address",
            ", ".join(sorted(addresses)) + (" and its port" if clients else ""),
            addresses == {client} and clients,
        ),
    ]


def _task_at(tasks: Sequence[RunningTask], address: str) -> str:
    return next((t.task_id[:8] for t in tasks if t.address == address), address)


def _session_evidence(visits: Sequence[Visit]) -> str:
    if not visits:
        return "none"
    one = visits[0]
    return (
        f"{sum(v.same_session for v in visits)} of {len(visits)} equal at both ends, e.g. client random "
        f"{one.client_random[:8]}… server random {one.server_random[:8]}… exporter {one.exporter[:8]}…"
    )


def call_rows(who: str, results: Sequence[dict[str, Any]]) -> list[Row]:
    """What calls from inside the tasks show."""
    good = [r for r in results if r["ok"]]
    errors = Counter(r.get("error", "sessions differ") for r in results if not r["ok"])
    spread = Counter(r["answered_by"] for r in good)
    seen_as = sorted({r["seen_as"].rpartition(":")[0] for r in good})
    evidence = f"{len(good)} of {len(results)}, by {len(spread)} tasks; callers seen as {', '.join(seen_as)}"
    if errors:
        evidence += f"; {errors.most_common(1)[0][0]}"
    return [Row(who, evidence, bool(good) and len(good) == len(results))]


def control_row(visit: Visit) -> Row:
    """The same check against a load balancer that terminates TLS: it must fail."""
    return Row(
        "control: the check finds a listener that terminates",
        f"certificate {'the same' if visit.same_certificate else 'another'}, "
        f"session {'the same' if visit.same_session else 'another'}; exporter {visit.exporter[:8]}… "
        f"against {visit.server.get('exporter', '')[:8]}…",
        visit.ok and visit.same_certificate and not visit.same_session,
    )


def time_row(who: str, through: Sequence[Visit], direct: Sequence[Visit]) -> Row:
    """Medians of TCP connect and TLS handshake, through the load balancer and without it."""

    def medians(visits: Sequence[Visit]) -> tuple[float, float]:
        good = [v for v in visits if v.ok] or [Visit("")]
        return median(v.connect_ms for v in good), median(v.handshake_ms for v in good)

    (connect, handshake), (connect_direct, handshake_direct) = medians(through), medians(direct)
    return Row(
        f"{who}: a connection through it / direct",
        f"connect {connect:.2f} / {connect_direct:.2f} ms, "
        f"handshake {handshake:.2f} / {handshake_direct:.2f} ms",
        all(v.ok for v in (*through, *direct)),
    )
