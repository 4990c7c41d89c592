"""A capacity provider with its group and launch template, as Terraform makes it: grown, changed, removed."""

from pathlib import Path

import pytest

from demo.architecture import Side
from tests.support.examples import Stage
from tests.support.tools import TERRAFORM_THERE, Terraform
from tests.support.waiting import until

CAPACITY = Path(__file__).parent / "capacity"
pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def instances(stage: Stage) -> int:
    """How many the cluster has."""
    ecs = stage.clients.ecs
    return len(ecs.list_container_instances(cluster="grown")["containerInstanceArns"])


@TERRAFORM_THERE
def test_terraform(stage: Stage) -> None:
    terraform = Terraform(stage, CAPACITY)
    given = ("-var", f"image={Side('blue', 'orders', 0, '', 'EC2').image}")
    terraform.apply(*given)
    assert instances(stage) == 1
    terraform.no_drift(*given)

    changed = (*given, "-var", "tasks=3", "-var", "target=90")
    terraform.apply(*changed)
    until("the group has its spare instance", lambda: instances(stage) == 3, 60)
    terraform.no_drift(*changed)

    terraform.run("destroy", "-auto-approve", "-no-color", *changed)
    assert stage.left_behind() == []
