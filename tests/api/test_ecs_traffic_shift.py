"""Blue/green, linear and canary deployments through boto3, with control at work and the test as the node."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sealway.control.loop import ControlLoop
from sealway.model.load_balancer import Listener
from sealway.model.target_group import Target, TargetGroup
from tests.support.ecs_world import CONTAINER, ELB, FARGATE, IP_GROUP, VPC, World, ecs_world, refused

GREEN = f"{ELB}:targetgroup/green/0000000000000009"
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}


class Shifting(World):
    """``now``: a clock that only ``settle`` moves."""

    skipped: timedelta
    loop: ControlLoop

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def settle(self, rounds: int = 12) -> None:
        """Plays the node until nothing moves any more."""
        for _ in range(rounds):
            self.run(self.loop.step)
            for status in ("RUNNING", "STOPPED"):
                for arn in self.ecs.list_tasks(cluster="blue", desiredStatus=status)["taskArns"]:
                    self._move(arn, status)
            self.skipped += timedelta(seconds=20)

    def _move(self, arn: str, desired: str) -> None:
        (task,) = self.ecs.describe_tasks(cluster="blue", tasks=[arn])["tasks"]
        if desired == "STOPPED" and task["lastStatus"] != "STOPPED":
            self.observe(arn, last_status="STOPPED", stopped_at=self.now())
        elif desired == "RUNNING" and task["lastStatus"] != "RUNNING":
            self.observe(arn, last_status="RUNNING", started_at=self.now())

    def weights(self, listener: str) -> dict[str, int]:
        found = self.store.get(Listener, listener)
        assert found is not None
        return {arn.split("/")[1]: weight for arn, weight in found.target_group_weights.items()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Shifting]:
    with ecs_world(tmp_path) as made:
        made.__class__ = Shifting
        assert isinstance(made, Shifting)
        made.skipped = timedelta()
        made.loop = ControlLoop(made.store, made.now, made.ids)
        blue = made.store.get(TargetGroup, IP_GROUP)
        assert blue is not None
        made.put(blue.replace(arn=GREEN, name="green", version=0))
        for _ in range(3):
            made.ecs.register_task_definition(
                family="ledger",
                requiresCompatibilities=["FARGATE"],
                containerDefinitions=[CONTAINER],
                **FARGATE,
            )
        yield made


def listener_of(world: World, group: str) -> str:
    return next(one.arn for one in world.store.list(Listener) if group in one.target_group_weights)


def behind(world: World, **advanced: str) -> list[dict[str, Any]]:
    whole = {"alternateTargetGroupArn": GREEN, "productionListenerRule": listener_of(world, IP_GROUP)}
    return [
        {
            "targetGroupArn": IP_GROUP,
            "containerName": "app",
            "containerPort": 8443,
            "advancedConfiguration": whole | advanced,
        }
    ]


def create(world: World, strategy: str = "BLUE_GREEN", **more: Any) -> Any:
    configuration = more.pop("configuration", {})
    given = {
        "cluster": "blue",
        "serviceName": "s",
        "taskDefinition": "ledger:1",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": VPC,
        "loadBalancers": behind(world),
        "deploymentConfiguration": {"strategy": strategy, **configuration},
    }
    return world.ecs.create_service(**(given | more))["service"]


def newest(world: World) -> Any:
    arns = world.ecs.list_service_deployments(cluster="blue", service="s")["serviceDeployments"]
    arn = arns[0]["serviceDeploymentArn"]
    return world.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def test_a_deployment_waits_at_a_pause_and_goes_on_when_told(world: Shifting) -> None:
    created = create(world, configuration={"bakeTimeInMinutes": 0, "lifecycleHooks": [PAUSE]})
    assert created["deploymentConfiguration"]["strategy"] == "BLUE_GREEN"
    assert created["loadBalancers"] == behind(world)
    world.settle()
    listener = listener_of(world, GREEN)
    assert world.weights(listener) == {"ledger": 100, "green": 0}

    world.ecs.update_service(cluster="blue", service="s", taskDefinition="ledger:2")
    world.settle()
    waiting = newest(world)
    assert (waiting["status"], waiting["lifecycleStage"]) == ("IN_PROGRESS", "POST_TEST_TRAFFIC_SHIFT")
    (hook,) = waiting["lifecycleHookDetails"]
    assert (hook["targetType"], hook["status"], hook["timeoutAction"]) == (
        "PAUSE",
        "AWAITING_ACTION",
        "ROLLBACK",
    )
    assert waiting["targetServiceRevision"]["requestedProductionTrafficWeight"] == 0
    assert waiting["targetServiceRevision"]["requestedTestTrafficWeight"] == 100
    assert waiting["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 100
    assert waiting["targetServiceRevision"]["runningTaskCount"] == 2
    arn = waiting["targetServiceRevision"]["arn"]
    (revision,) = world.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
    assert revision["resolvedConfiguration"]["loadBalancers"] == [
        {"targetGroupArn": GREEN, "productionListenerRule": listener}
    ]

    world.ecs.continue_service_deployment(
        serviceDeploymentArn=waiting["serviceDeploymentArn"], hookId=hook["hookId"]
    )
    world.settle()
    done = newest(world)
    assert (done["status"], done["lifecycleStage"]) == ("SUCCESSFUL", "CLEAN_UP")
    assert done["lifecycleHookDetails"][0]["status"] == "SUCCEEDED"
    assert world.weights(listener) == {"ledger": 0, "green": 100}
    assert {t.target_group_arn for t in world.store.list(Target)} == {GREEN}


@pytest.mark.parametrize("how", ["hook", "stop"])
def test_a_deployment_is_rolled_back(world: Shifting, how: str) -> None:
    create(world, configuration={"lifecycleHooks": [PAUSE]})
    world.settle()
    world.ecs.update_service(cluster="blue", service="s", taskDefinition="ledger:2")
    world.settle()
    waiting = newest(world)
    arn, hook = waiting["serviceDeploymentArn"], waiting["lifecycleHookDetails"][0]["hookId"]
    if how == "hook":
        world.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook, action="ROLLBACK")
    else:
        world.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    world.settle()
    assert newest(world)["status"] == "ROLLBACK_SUCCESSFUL"
    assert world.weights(listener_of(world, GREEN)) == {"ledger": 100, "green": 0}
    (service,) = world.ecs.describe_services(cluster="blue", services=["s"])["services"]
    assert service["taskDefinition"].endswith("ledger:1")
    assert (service["runningCount"], len(service["deployments"])) == (2, 1)
    with refused("ClientException", "is not in progress"):
        world.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook)


def test_what_cannot_be_continued(world: Shifting) -> None:
    create(world, configuration={"lifecycleHooks": [PAUSE]})
    world.settle()
    world.ecs.update_service(cluster="blue", service="s", taskDefinition="ledger:2")
    world.settle()
    arn = newest(world)["serviceDeploymentArn"]
    with refused("InvalidParameterException", "The lifecycle hook x was not found"):
        world.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId="x")
    with refused("ServiceDeploymentNotFoundException", "was not found"):
        world.ecs.continue_service_deployment(serviceDeploymentArn=arn + "0", hookId="x")
    with refused("ServiceDeploymentNotFoundException", "was not found"):
        world.stranger.continue_service_deployment(serviceDeploymentArn=arn, hookId="x")


def test_a_rolling_service_becomes_a_canary_one(world: Shifting) -> None:
    (plain,) = behind(world)
    del plain["advancedConfiguration"]
    create(world, "ROLLING", loadBalancers=[plain])
    world.settle()
    world.ecs.update_service(
        cluster="blue",
        service="s",
        taskDefinition="ledger:2",
        loadBalancers=behind(world),
        deploymentConfiguration={
            "strategy": "CANARY",
            "canaryConfiguration": {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 60},
        },
    )
    world.settle()
    assert world.weights(listener_of(world, GREEN)) == {"ledger": 80, "green": 20}
    assert newest(world)["lifecycleStage"] == "PRODUCTION_TRAFFIC_SHIFT"
    with refused("InvalidParameterException", "cannot be changed while traffic is being shifted"):
        world.ecs.update_service(cluster="blue", service="s", deploymentConfiguration={"strategy": "ROLLING"})


def test_a_rolling_service_gets_other_target_groups(world: Shifting) -> None:
    """Old tasks stay in the old target group to their end."""
    create(world, "ROLLING", loadBalancers=[])
    world.settle()
    assert world.store.list(Target) == []
    (plain,) = behind(world)
    del plain["advancedConfiguration"]
    world.ecs.update_service(cluster="blue", service="s", loadBalancers=[plain])
    world.settle()
    assert len(world.store.list(Target, target_group_arn=IP_GROUP)) == 2
    world.ecs.update_service(cluster="blue", service="s", loadBalancers=[])
    world.settle()
    assert world.store.list(Target) == []


@pytest.mark.parametrize(
    ("advanced", "message"),
    [
        ({"alternateTargetGroupArn": IP_GROUP}, "must be different"),
        ({"alternateTargetGroupArn": f"{GREEN}0"}, "does not exist"),
        ({"alternateTargetGroupArn": ""}, "You must specify alternateTargetGroupArn"),
        ({"productionListenerRule": "arn:aws:x"}, "is not a listener of a Network Load Balancer"),
        ({"testListenerRule": "arn:aws:x"}, "The testListenerRule arn:aws:x is not a listener"),
    ],
)
def test_what_traffic_cannot_be_shifted_between(
    world: Shifting, advanced: dict[str, str], message: str
) -> None:
    with refused("InvalidParameterException", message):
        create(world, loadBalancers=behind(world, **advanced))


def test_target_groups_that_differ(world: Shifting) -> None:
    green = world.store.get(TargetGroup, GREEN)
    assert green is not None
    world.put(green.replace(protocol="UDP"))
    with refused("InvalidParameterException", "differ in their protocol: TCP and UDP"):
        create(world)
