"""The example for Ansible: idempotent, with amazon.aws and community.aws as they are."""

import pytest

from tests.support import tools
from tests.support.examples import EXAMPLES, Stage

pytestmark = [
    pytest.mark.root,
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    tools.ANSIBLE_THERE,
]


def play(stage: Stage, architecture: int, *more: str) -> int:
    """Runs the example; answers how many of its steps changed something."""
    playbook = EXAMPLES / "ansible" / "site.yml"
    return tools.play(stage, playbook, "-e", f"architecture={architecture}", *more)


def test_it_comes_grows_changes_and_goes(stage: Stage) -> None:
    assert play(stage, 1) > 0
    stage.check(1)
    assert play(stage, 1) == 0

    assert play(stage, 3) > 0
    stage.check(3)
    before = stage.deployment("green", "ledger")
    assert play(stage, 3) == 0
    assert stage.deployment("green", "ledger") == before

    more = '{"task_count": 2, "environment_variables": [{"name": "COLOUR", "value": "green"}]}'
    assert play(stage, 3, "-e", more) > 0
    stage.check(3, tasks=2)
    assert stage.deployment("green", "ledger") != before
    assert play(stage, 3, "-e", more) == 0


def test_services_that_call_each_other(stage: Stage) -> None:
    play(stage, 3, "-e", "state=absent")
    assert play(stage, 2) > 0
    stage.check(2)
    assert play(stage, 2) == 0


def test_it_goes(stage: Stage) -> None:
    play(stage, 2, "-e", "state=absent")
    for family in ("orders", "ledger"):  # the modules leave revisions, as they do on AWS
        for arn in stage.clients.ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]:
            stage.clients.ecs.deregister_task_definition(taskDefinition=arn)
    assert stage.left_behind() == []
