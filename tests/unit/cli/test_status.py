"""What ``sealway status`` prints: whole at 80 columns as at 160, with states in colour, ages and reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from sealway.cli.status import age, refusal_hint, render

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DNS_NAME = "front-78be6b4f9ee5a145.elb.us-east-1.sealway.internal"
OWNED = {"account": "000000000000", "region": "us-east-1"}


def ago(**passed: int) -> str:
    return (NOW - timedelta(**passed)).isoformat()


def task(digit: str, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {
        "id": digit * 32,
        "group": "service:orders",
        "status": status,
        "stopping": False,
        "address": "10.86.1.37",
        "zone": "us-east-1a",
        "since": ago(minutes=4),
        "reason": None,
        **more,
    }


def target(port: int, state: str, reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "i-0123456789abcdef0",
        "port": port,
        "zone": "us-east-1a",
        "state": state,
        "reason": reason,
        "since": ago(seconds=40),
    }


def group(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "orders", "type": "instance", "targets": list(targets), **more}


STATE: dict[str, Any] = {
    "clusters": [
        {
            **OWNED,
            "name": "blue",
            "instances": 3,
            "services": [
                {
                    "name": "orders",
                    "status": "ACTIVE",
                    "launch_type": "EC2",
                    "desired": 3,
                    "running": 2,
                    "definition": "orders:2",
                    "rollout": "IN_PROGRESS",
                    "rollout_reason": "ECS deployment ecs-svc/1 in progress.",
                    "since": ago(minutes=1),
                    "tasks": [task("1"), task("2"), task("3", "PENDING")],
                    "failure": {
                        "id": "4" * 32,
                        "reason": "Essential container in task exited",
                        "since": ago(minutes=2),
                    },
                    "event": {"message": "(service orders) has started 1 tasks.", "since": ago(hours=3)},
                }
            ],
            "other_tasks": [task("5", group="family:job", stopping=True, reason="Task stopped by user")],
        }
    ],
    "load_balancers": [
        {
            **OWNED,
            "name": "front",
            "state": "active",
            "reason": "",
            "dns_name": DNS_NAME,
            "addresses": {"us-east-1b": "10.86.2.9", "us-east-1a": "10.86.1.5"},
            "listeners": [
                {
                    "protocol": "TCP",
                    "port": 443,
                    "groups": [
                        group(
                            target(49153, "healthy"),
                            target(49154, "unhealthy", "Health checks failed with these codes: [503]"),
                            weight=3,
                        )
                    ],
                }
            ],
        }
    ],
    "unused_target_groups": [group()],
}
NOTHING: dict[str, Any] = {"clusters": [], "load_balancers": [], "unused_target_groups": []}


def printed(state: dict[str, Any], width: int) -> list[str]:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(render(state, NOW))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [80, 160])
def test_the_whole_picture(width: int) -> None:
    assert printed(STATE, width) == [
        "Cluster blue  3 instances  000000000000 us-east-1",
        "  orders  2/3 running  EC2  orders:2  rollout in progress 1m ago",
        "    111111111111  RUNNING  10.86.1.37  us-east-1a  4m",
        "    222222222222  RUNNING  10.86.1.37  us-east-1a  4m",
        "    333333333333  PENDING  10.86.1.37  us-east-1a  4m",
        "    task 444444444444 failed 2m ago: Essential container in task exited",
        "    3h ago: (service orders) has started 1 tasks.",
        "    555555555555  family:job  RUNNING  10.86.1.37  us-east-1a  4m  Task stopped"
        + (" by user" if width == 160 else ""),
        *([" " * 67 + "by user"] if width == 80 else []),
        "",
        "Load balancer front  active  000000000000 us-east-1",
        f"  {DNS_NAME}",
        "  us-east-1a 10.86.1.5  us-east-1b 10.86.2.9",
        "  TCP:443 → orders (instance, weight 3)  1 healthy  1 unhealthy",
        "    i-0123456789abcdef0:49153  us-east-1a  healthy    40s",
        "    i-0123456789abcdef0:49154  us-east-1a  unhealthy  40s  Health checks failed"
        + (" with these codes: [503]" if width == 160 else ""),
        *([" " * 59 + text for text in ("with these codes:", "[503]")] if width == 80 else []),
        "",
        "Target group in no listener: orders (instance)  no targets",
        "",
    ]


def test_an_event_fits_without_the_beginnings_of_its_arns() -> None:
    cluster = STATE["clusters"][0]
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/orders/18cfaa72db2809d2"
    event = {
        "message": f"(service orders) registered 1 targets in (target-group {arn})",
        "since": ago(hours=3),
    }
    services = [{**cluster["services"][0], "event": event}]
    shown = "\n".join(printed({**STATE, "clusters": [{**cluster, "services": services}]}, 160))
    assert "registered 1 targets in (target-group targetgroup/orders/18cfaa72db2809d2)" in shown


def test_wrong_is_red_and_passing_yellow() -> None:
    console = Console(width=80, highlight=False, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(render(STATE, NOW))
    text = capture.get()
    for colour, word in (
        (31, "unhealthy"),
        (32, "healthy"),
        (32, "RUNNING"),
        (33, "RUNNING"),
        (33, "2/3 running"),
    ):
        assert f"\x1b[{colour}m{word}" in text


def test_markup_in_a_reason_is_text() -> None:
    broken = {**NOTHING, "unused_target_groups": [group(target(1, "unused", "[bold]x[/nonsense]"))]}
    assert any("[bold]x[/nonsense]" in line for line in printed(broken, 160))


def test_nothing_yet_says_what_to_do() -> None:
    assert printed(NOTHING, 80) == ['Nothing yet. Point your tools here with: eval "$(sealway env)"']


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        ({"seconds": 0}, "0s"),
        ({"seconds": -5}, "0s"),
        ({"seconds": 59}, "59s"),
        ({"seconds": 60}, "1m"),
        ({"minutes": 119}, "1h"),
        ({"hours": 49}, "2d"),
    ],
)
def test_ages(passed: dict[str, int], text: str) -> None:
    assert age(ago(**passed), NOW) == text


def test_what_security_groups_refused_is_hinted_at() -> None:
    refused = [{"groups": [{"id": f"sg-{n}", "name": "x"}]} for n in (4, 1, 2, 3, 1)]
    assert refusal_hint(refused).plain == (
        "Security groups refused flows lately (sg-1, sg-2, sg-3, …): `sealway drops` tells which"
    )
