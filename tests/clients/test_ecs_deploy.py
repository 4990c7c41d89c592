"""ecs-deploy as it is: it deploys, scales and runs, waits for what it did, and rolls back what fails."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.examples import Stage
from tests.support.tools import ECS_DEPLOY, ECS_DEPLOY_THERE
from tests.support.waiting import until

pytestmark = [
    pytest.mark.root,
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    ECS_DEPLOY_THERE,
]
CLUSTER = "deployed"
OTHER_IMAGE = "sealway/ledger:1"


def ecs(stage: Stage, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
    return stage.run(ECS_DEPLOY, *arguments, ok=ok)


@pytest.fixture(scope="module")
def subnet(stage: Stage) -> str:
    found: str = stage.clients.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    return found


@pytest.fixture(scope="module")
def service(stage: Stage, subnet: str) -> Iterator[str]:
    """The name of a service with one task, behind nothing."""
    client = stage.clients.ecs
    client.create_cluster(clusterName=CLUSTER)
    client.register_task_definition(
        family="web", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[{"name": "web", "image": "sealway/orders:1", "stopTimeout": 2}],
    )  # fmt: skip
    client.create_service(
        cluster=CLUSTER, serviceName="web", taskDefinition="web", desiredCount=1, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )  # fmt: skip
    yield "web"
    client.delete_service(cluster=CLUSTER, service="web", force=True)
    until("no task", lambda: not client.list_tasks(cluster=CLUSTER)["taskArns"])
    until("the service's end", lambda: stage.service(CLUSTER, "web")["status"] == "INACTIVE")
    client.delete_cluster(cluster=CLUSTER)


def definition(stage: Stage) -> dict[str, Any]:
    """What the service's tasks are made of."""
    arn = stage.service(CLUSTER, "web")["taskDefinition"]
    found: dict[str, Any] = stage.clients.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return found


def images(stage: Stage) -> list[str]:
    """Of the containers that run."""
    arns = stage.clients.ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]
    tasks = stage.clients.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
    return [c["image"] for t in tasks if t["lastStatus"] == "RUNNING" for c in t["containers"]]


def test_deploy(stage: Stage, service: str) -> None:
    before = definition(stage)
    printed = ecs(
        stage, "deploy", CLUSTER, service, "--image", "web", OTHER_IMAGE, "-e", "web", "COLOUR", "blue"
    )

    assert "Deployment successful" in printed
    assert f'Changed image of container "web" to: "{OTHER_IMAGE}"' in printed
    after = definition(stage)
    assert after["revision"] == before["revision"] + 1
    assert after["containerDefinitions"][0]["environment"] == [{"name": "COLOUR", "value": "blue"}]
    assert images(stage) == [OTHER_IMAGE]
    old = stage.clients.ecs.describe_task_definition(taskDefinition=before["taskDefinitionArn"])
    assert old["taskDefinition"]["status"] == "INACTIVE", "it deregisters what it replaced"


def test_scale(stage: Stage, service: str) -> None:
    assert "Scaling successful" in ecs(stage, "scale", CLUSTER, service, "2")
    assert len(images(stage)) == 2
    assert "Scaling successful" in ecs(stage, "scale", CLUSTER, service, "1")
    assert stage.service(CLUSTER, service)["desiredCount"] == 1


def test_run(stage: Stage, service: str, subnet: str) -> None:
    group = stage.clients.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    printed = ecs(
        stage, "run", CLUSTER, "web", "2", "--launchtype", "FARGATE",
        "--subnet", subnet, "--securitygroup", group, "-e", "web", "COLOUR", "red",
    )  # fmt: skip

    assert "Successfully started 2 instances of task: web:" in printed
    started = re.findall(r"arn:aws:ecs:\S+:task/\S+", printed)
    stage.clients.ecs.get_waiter("tasks_running").wait(
        cluster=CLUSTER, tasks=started, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    tasks = stage.clients.ecs.describe_tasks(cluster=CLUSTER, tasks=started)["tasks"]
    assert {task["startedBy"] for task in tasks} == {"ECS Deploy"}
    for task in tasks:
        shown = subprocess.run(
            ["docker", "inspect", "-f", "{{.Config.Env}}", task["containers"][0]["runtimeId"]],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert "COLOUR=red" in shown.stdout
        stage.clients.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])


def test_a_deployment_that_fails_is_rolled_back(stage: Stage, service: str) -> None:
    before = definition(stage)
    ecs(
        stage, "deploy", CLUSTER, service, "-i", "web", "localhost:1/nobody/nothing:1", "--timeout", "10",
        "--rollback", ok=(1,),
    )  # fmt: skip
    assert definition(stage)["taskDefinitionArn"] == before["taskDefinitionArn"]
    assert images(stage) == [OTHER_IMAGE]
