"""Terraform, Ansible and ecs-deploy as the tests run them, where they are installed."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import ROOT, Stage

ANSIBLE = ROOT / ".venv-clients" / "bin" / "ansible-playbook"
ANSIBLE_THERE = pytest.mark.skipif(not ANSIBLE.exists(), reason="no Ansible: tools/clients.sh")
ECS_DEPLOY = ANSIBLE.parent / "ecs"
ECS_DEPLOY_THERE = pytest.mark.skipif(not ECS_DEPLOY.exists(), reason="no ecs-deploy: tools/clients.sh")
TERRAFORM_THERE = pytest.mark.skipif(shutil.which("terraform") is None, reason="no Terraform on PATH")
PLUGINS = Path(os.environ.get("SEALWAY_TERRAFORM_PLUGINS", "/opt/tf-plugins"))
"""A directory with the AWS provider, where there is one; else it comes from Terraform's registry."""
NO_DRIFT = 0


class Terraform:
    """A configuration in a directory of its own, and Terraform for it."""

    def __init__(self, stage: Stage, configuration: Path) -> None:
        self.stage = stage
        self.directory = stage.directory / "terraform"
        shutil.copytree(configuration, self.directory)
        plugins = [f"-plugin-dir={PLUGINS}"] if PLUGINS.is_dir() else []
        try:
            self.run("init", *plugins)
        except AssertionError as error:
            pytest.skip(f"the AWS provider cannot be had: {error}")

    def run(self, verb: str, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        return self.stage.run(
            "terraform", verb, *(["-input=false"] if verb != "show" else []), *arguments,
            cwd=self.directory, ok=ok, TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1",
        )  # fmt: skip

    def apply(self, *arguments: str) -> None:
        self.run("apply", "-auto-approve", "-no-color", *arguments)

    def no_drift(self, *arguments: str) -> None:
        """``terraform plan`` finds nothing to do (it would exit 2)."""
        self.run("plan", "-no-color", "-detailed-exitcode", *arguments, ok=(NO_DRIFT,))

    def resources(self) -> list[dict[str, Any]]:
        shown = json.loads(self.run("show", "-json"))["values"]["root_module"]["resources"]
        return [one for one in shown if one["mode"] == "managed"]

    def planned(self, *arguments: str) -> list[dict[str, Any]]:
        """What a plan would do to each resource."""
        self.run("plan", "-out=plan", *arguments)
        changes: list[dict[str, Any]] = json.loads(self.run("show", "-json", "plan"))["resource_changes"]
        return changes


def play(stage: Stage, playbook: Path, *arguments: str) -> int:
    """Runs a playbook; answers how many of its steps changed something."""
    home = stage.directory / "home"
    home.mkdir(exist_ok=True)
    printed = stage.run(
        ANSIBLE, playbook, "-e", f"ansible_python_interpreter={ANSIBLE.parent / 'python'}", *arguments,
        ANSIBLE_NOCOLOR="1", HOME=str(home),
    )  # fmt: skip
    recap = re.search(r"changed=(\d+)\s+unreachable=0\s+failed=0", printed)
    assert recap is not None, printed[-2000:]
    return int(recap[1])
