"""The example for Terraform: applied, without drift, updated, imported, destroyed."""

from typing import Any

import pytest

from tests.support.examples import EXAMPLES, Stage
from tests.support.tools import TERRAFORM_THERE, Terraform

CHANGED = ("-var", "tasks=2", "-var", 'environment={COLOUR="green"}')

pytestmark = [
    pytest.mark.root,
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    TERRAFORM_THERE,
]


def import_id(resource: dict[str, Any]) -> str:
    """By what ``terraform import`` knows it."""
    values, kind = resource["values"], resource["type"]
    if kind == "aws_ecs_service":
        return f"{values['cluster'].rpartition('/')[2]}/{values['name']}"
    return str(
        {"aws_ecs_task_definition": values.get("arn"), "aws_ecs_cluster": values.get("name")}.get(
            kind, values["id"]
        )
    )


@pytest.fixture(scope="module")
def terraform(stage: Stage) -> Terraform:
    return Terraform(stage, EXAMPLES / "terraform")


def test_apply_and_grow(stage: Stage, terraform: Terraform) -> None:
    terraform.apply("-var", "architecture=1")
    stage.check(1)
    terraform.no_drift("-var", "architecture=1")

    terraform.apply()
    stage.check(3)
    terraform.no_drift()


def test_update(stage: Stage, terraform: Terraform) -> None:
    before = stage.service("green", "ledger")["taskDefinition"]

    terraform.apply(*CHANGED)

    stage.check(3, tasks=2)
    assert stage.service("green", "ledger")["taskDefinition"] != before
    terraform.no_drift(*CHANGED)


def test_import(stage: Stage, terraform: Terraform) -> None:
    blocks = [
        f'import {{\n  to = {r["address"]}\n  id = "{import_id(r)}"\n}}\n' for r in terraform.resources()
    ]
    before = stage.deployment("blue", "orders"), stage.deployment("green", "ledger")
    (terraform.directory / "terraform.tfstate").unlink()
    (terraform.directory / "import.tf").write_text("\n".join(blocks))

    changes = terraform.planned(*CHANGED)
    terraform.apply(*CHANGED)
    (terraform.directory / "import.tf").unlink()

    assert len([c for c in changes if c["change"].get("importing")]) == len(blocks)
    # The provider itself rewrites how it holds these two after an import, on AWS as well; nothing is remade.
    acted = {c["type"] for c in changes if c["change"]["actions"] == ["update"]}
    assert acted <= {"aws_ecs_service", "aws_lb_listener"}
    assert {a for c in changes for a in c["change"]["actions"]} <= {"no-op", "update", "read"}
    assert (stage.deployment("blue", "orders"), stage.deployment("green", "ledger")) == before
    terraform.no_drift(*CHANGED)


def test_services_that_call_each_other(stage: Stage, terraform: Terraform) -> None:
    terraform.apply("-var", "architecture=2")
    stage.check(2)
    terraform.no_drift("-var", "architecture=2")


def test_destroy(stage: Stage, terraform: Terraform) -> None:
    terraform.run("destroy", "-auto-approve", "-no-color")
    assert stage.left_behind() == []
