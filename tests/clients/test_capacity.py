"""A capacity provider with its group and template as Terraform makes it, and a group as Ansible does."""

from pathlib import Path

import pytest

from demo.architecture import Side
from tests.support.examples import Stage
from tests.support.tools import ANSIBLE_THERE, TERRAFORM_THERE, Terraform, play
from tests.support.waiting import until

CAPACITY = Path(__file__).parent / "capacity"
pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def instances(stage: Stage, cluster: str = "grown") -> int:
    """How many the cluster has."""
    ecs = stage.clients.ecs
    return len(ecs.list_container_instances(cluster=cluster)["containerInstanceArns"])


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


@ANSIBLE_THERE
def test_ansible(stage: Stage) -> None:
    playbook, ecs = CAPACITY / "site.yml", stage.clients.ecs
    ecs.create_cluster(clusterName="machines")
    assert play(stage, playbook) == 2
    until("both are registered", lambda: instances(stage, "machines") == 2, 60)
    assert play(stage, playbook) == 0

    assert play(stage, playbook, "-e", "instances=1") == 1
    until("one is left", lambda: instances(stage, "machines") == 1, 60)

    assert play(stage, playbook, "-e", "state=absent") == 2
    until("none is left", lambda: instances(stage, "machines") == 0, 60)
    ecs.delete_cluster(cluster="machines")
    assert stage.left_behind() == []
