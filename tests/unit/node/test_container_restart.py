from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import ContainerState
from sealway.model.task import ContainerStatus
from sealway.node.container_restart import to_restart
from tests.support.node_world import container, definition, ec2_task, instance, registered

POLICY = {"enabled": True, "ignoredExitCodes": [7], "restartAttemptPeriod": 60}


def restarted(
    policy: dict[str, Any], ran: int, code: int = 1, status: str = "exited", **fields: Any
) -> list[str]:
    """Names of the containers started again after they ran so many seconds."""
    made = definition(container(restartPolicy=policy))
    task = ec2_task(1, made, registered(instance())).replace(**fields)
    state = ContainerState(
        id="1",
        name="app",
        labels={},
        status=status,
        exit_code=code,
        started_at="2024-01-01T00:00:00Z",
        finished_at=f"2024-01-01T00:{ran // 60:02}:{ran % 60:02}Z",
    )
    return [again.name for again in to_restart(task, made, {"app": state})]


@pytest.mark.parametrize(
    ("policy", "ran", "code", "wanted"),
    [
        (POLICY, 60, 1, ["app"]),
        (POLICY, 60, 0, ["app"]),
        (POLICY, 59, 1, []),
        (POLICY, 600, 7, []),
        ({"enabled": True}, 299, 1, []),
        ({"enabled": True}, 300, 1, ["app"]),
        ({"enabled": False}, 600, 1, []),
        ({}, 600, 1, []),
    ],
)
def test_the_policy(policy: dict[str, Any], ran: int, code: int, wanted: list[str]) -> None:
    assert restarted(policy, ran, code) == wanted


def test_only_what_has_ended_and_is_still_wanted() -> None:
    assert restarted(POLICY, 600, status="running") == []
    assert restarted(POLICY, 600, desired_status="STOPPED") == []
    assert restarted(POLICY, 600, failure="CannotStartContainerError: x") == []


def test_what_was_recorded_as_stopped_stays_so() -> None:
    status = ContainerStatus(name="app", arn="", image="app:1", last_status="STOPPED")
    assert restarted(POLICY, 600, containers=(status,)) == []
