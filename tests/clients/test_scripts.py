"""The examples for the AWS CLI and for boto3: each comes, grows, changes and goes, and leaves nothing."""

import sys

import pytest

from tests.support.examples import EXAMPLES, Stage

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(params=["aws-cli", "boto3"])
def script(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The command line of each."""
    if request.param == "boto3":
        return (sys.executable, str(EXAMPLES / "boto3" / "architecture.py"))
    return (str(EXAMPLES / "aws-cli" / "architecture.sh"),)


def test_it_comes_grows_changes_and_goes(stage: Stage, script: tuple[str, ...]) -> None:
    printed = stage.run(*script, "up", "1")
    assert printed.startswith("orders: front-")
    stage.check(1)
    first = stage.service("blue", "orders")["taskDefinition"]

    stage.run(*script, "up", "3", TASKS="2")
    stage.check(3, tasks=2)
    assert stage.service("blue", "orders")["taskDefinition"] != first

    stage.run(*script, "down", "3")
    assert stage.left_behind() == []


def test_services_that_call_each_other(stage: Stage, script: tuple[str, ...]) -> None:
    stage.run(*script, "up", "2")
    stage.check(2)

    stage.run(*script, "down", "2")
    assert stage.left_behind() == []
