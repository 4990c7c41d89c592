"""A network of one's own, as Terraform and Ansible make it: made, without drift, changed, removed."""

from pathlib import Path

import pytest

from tests.support.examples import Stage
from tests.support.tools import ANSIBLE_THERE, TERRAFORM_THERE, Terraform, play

NETWORK = Path(__file__).parent / "network"
pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]


def own_networks(stage: Stage) -> list[str]:
    """Those beside the default one."""
    vpcs = stage.clients.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    return [vpc["CidrBlock"] for vpc in vpcs]


@TERRAFORM_THERE
def test_terraform(stage: Stage) -> None:
    terraform = Terraform(stage, NETWORK)
    terraform.apply()
    terraform.no_drift()
    assert own_networks(stage) == ["10.77.0.0/16"]

    terraform.apply("-var", "name=two")
    terraform.no_drift("-var", "name=two")

    terraform.run("destroy", "-auto-approve")
    assert own_networks(stage) == []
    assert stage.left_behind() == []


@ANSIBLE_THERE
def test_ansible(stage: Stage) -> None:
    playbook = NETWORK / "site.yml"
    assert play(stage, playbook) == 3
    assert play(stage, playbook) == 0
    assert own_networks(stage) == ["10.78.0.0/16"]

    assert play(stage, playbook, "-e", "port=443") == 1

    assert play(stage, playbook, "-e", "state=absent") == 3
    assert own_networks(stage) == []
    assert stage.left_behind() == []
