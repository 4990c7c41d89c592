"""Task sets as Terraform makes them: stable, without drift, scaled, removed."""

from pathlib import Path

import pytest

from tests.support.examples import Stage
from tests.support.tools import TERRAFORM_THERE, Terraform
from tests.support.waiting import until

SETS = Path(__file__).parent / "task_sets"
IMAGE = ("-var", "image=sealway/pause:1")
SCALED = (*IMAGE, "-var", "next=100", "-var", "tasks=1")
pytestmark = [
    pytest.mark.root,
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    TERRAFORM_THERE,
]


def running(stage: Stage) -> dict[str, int]:
    """By external id, of those that are stable."""
    sets = stage.clients.ecs.describe_task_sets(cluster="blue", service="web")["taskSets"]
    sets = [one for one in sets if one["stabilityStatus"] == "STEADY_STATE"]
    return {one["externalId"]: one["runningCount"] for one in sets}


def test_terraform(stage: Stage) -> None:
    terraform = Terraform(stage, SETS)
    terraform.apply(*IMAGE)
    assert running(stage) == {"current": 2, "next": 1}
    terraform.no_drift(*IMAGE)

    terraform.apply(*SCALED)
    terraform.no_drift(*SCALED)
    # Terraform waits for the set that it scaled; the other one follows the service's count.
    until("both to have one task", lambda: running(stage) == {"current": 1, "next": 1}, seconds=60)

    terraform.run("destroy", "-auto-approve", *SCALED)
    assert stage.left_behind() == []
