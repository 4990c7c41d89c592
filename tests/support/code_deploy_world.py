"""An account that deploys by CodeDeploy: a service, two target groups, a production and a test listener.

Control is at work; the test plays the node, and the clock goes on with every round of it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sealway.control.loop import ControlLoop
from sealway.model.load_balancer import Listener, LoadBalancer, LoadBalancerZone
from sealway.model.target_group import HealthCheck, Target, TargetGroup, TargetHealth
from tests.support.api_server import REGION
from tests.support.ecs_world import CONTAINER, ELB, FARGATE, NOW, OWNER, VPC, World

BALANCER = f"{ELB}:loadbalancer/net/door/00000000000000d0"
PRODUCTION, TEST = (f"{ELB}:listener/net/door/00000000000000d0/{n:016x}" for n in (443, 8443))
BLUE, GREEN = (f"{ELB}:targetgroup/{name}/00000000000000d{n}" for n, name in ((1, "blue"), (2, "green")))
ROLE = "arn:aws:iam::000000000000:role/deployer"
BALANCER_OF_SERVICE = {"targetGroupArn": BLUE, "containerName": "app", "containerPort": 8443}
NAMED = {"cluster": "blue", "service": "s"}
GROUP = {"applicationName": "shop", "deploymentGroupName": "s"}


def pair(test: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "targetGroups": [{"name": "blue"}, {"name": "green"}],
        "prodTrafficRoute": {"listenerArns": [PRODUCTION]},
    }
    if test:
        found["testTrafficRoute"] = {"listenerArns": [TEST]}
    return {"targetGroupPairInfoList": [found]}


def blue_green(wait: int = 0, ready: int = 0) -> dict[str, Any]:
    """``ready``: minutes within which somebody has to continue; 0: nobody has to."""
    option = {
        "actionOnTimeout": "STOP_DEPLOYMENT" if ready else "CONTINUE_DEPLOYMENT",
        "waitTimeInMinutes": ready,
    }
    terminate = {"action": "TERMINATE", "terminationWaitTimeInMinutes": wait}
    return {"deploymentReadyOption": option, "terminateBlueInstancesOnDeploymentSuccess": terminate}


def app_spec(definition: str = "shop:2", **more: Any) -> dict[str, Any]:
    container = {"ContainerName": "app", "ContainerPort": 8443}
    properties = {"TaskDefinition": definition, "LoadBalancerInfo": container, **more}
    return {
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
    }


def revision(spec: dict[str, Any] | str) -> dict[str, Any]:
    text = spec if isinstance(spec, str) else json.dumps(spec)
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": text}}


class CodeDeployWorld(World):
    """``broken``: definitions (``shop:2``) whose tasks fail to start."""

    def furnish(self) -> None:
        self.skipped = timedelta()
        self.broken: set[str] = set()
        self.fill()
        self.loop = ControlLoop(self.store, self.now, self.ids)
        self.cd = self.client("codedeploy")
        self.elb = self.client("elbv2")
        self.put(*door())
        for _ in range(2):
            self.ecs.register_task_definition(family="shop", containerDefinitions=[CONTAINER], **FARGATE)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def service(self, **members: Any) -> dict[str, Any]:
        """Creates it, of ``shop:1``, and lets it settle."""
        given = {
            "cluster": "blue",
            "serviceName": "s",
            "taskDefinition": "shop:1",
            "launchType": "FARGATE",
            "networkConfiguration": VPC,
            "desiredCount": 2,
            "deploymentController": {"type": "CODE_DEPLOY"},
            "loadBalancers": [BALANCER_OF_SERVICE],
        }
        made: dict[str, Any] = self.ecs.create_service(**{**given, **members})["service"]
        self.settle()
        return made

    def group(self, test: bool = False, wait: int = 0, ready: int = 0, **members: Any) -> None:
        """Creates the application and its deployment group."""
        self.cd.create_application(applicationName="shop", computePlatform="ECS")
        self.another_group(test, wait, ready, **members)

    def another_group(self, test: bool = False, wait: int = 0, ready: int = 0, **members: Any) -> None:
        """Creates a deployment group."""
        given = {
            **GROUP,
            "serviceRoleArn": ROLE,
            "ecsServices": [{"clusterName": "blue", "serviceName": "s"}],
            "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            "loadBalancerInfo": pair(test),
            "blueGreenDeploymentConfiguration": blue_green(wait, ready),
        }
        self.cd.create_deployment_group(**{**given, **members})

    def deploy(self, definition: str = "shop:2", **members: Any) -> str:
        """Creates a deployment; answers its id."""
        made: str = self.cd.create_deployment(
            **{**GROUP, "revision": revision(app_spec(definition)), **members}
        )["deploymentId"]
        return made

    def settle(self, rounds: int = 8, seconds: float = 2) -> None:
        """Plays the node, ``seconds`` a round."""
        for _ in range(rounds):
            self.run(self.loop.step)
            for task in self.tasks():
                observed: dict[str, Any] = {}
                if task["desiredStatus"] == "STOPPED":
                    observed = {"last_status": "STOPPED", "stopped_at": self.now()}
                elif task["taskDefinitionArn"].rsplit("/")[-1] in self.broken:
                    observed = {"failure": "CannotPullContainerError: no such image"}
                elif task["lastStatus"] != "RUNNING":
                    observed = {"last_status": "RUNNING", "started_at": self.now()}
                if observed and task["lastStatus"] != "STOPPED":
                    self.observe(task["taskArn"], **observed)
            self.probe()
            self.skipped += timedelta(seconds=seconds)
        self.run(self.loop.step)

    def skip(self, **time: float) -> None:
        """Lets time go by, then looks."""
        self.skipped += timedelta(**time)
        self.settle()

    def probe(self) -> None:
        """Every target passes its probes."""

        def write() -> None:
            with self.store.transaction() as tx:
                for target in self.store.list(Target):
                    old = tx.get(TargetHealth, target.key)
                    version = old.version if old else 0
                    tx.put(healthy(target).replace(version=version))

        self.run(write)

    def tasks(self) -> list[dict[str, Any]]:
        found = [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in self.ecs.list_tasks(cluster="blue", desiredStatus=status)["taskArns"]
        ]
        described: list[dict[str, Any]] = []
        if found:
            described = self.ecs.describe_tasks(cluster="blue", tasks=found)["tasks"]
        return described

    def sets(self) -> dict[str, dict[str, Any]]:
        """The service's task sets by the revision of their definition."""
        found = self.described()["taskSets"]
        return {one["taskDefinition"].rsplit(":")[-1]: one for one in found}

    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster="blue", services=["s"])["services"][0]
        return found

    def info(self, deployment: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cd.get_deployment(deploymentId=deployment)["deploymentInfo"]
        return found

    def target(self, deployment: str) -> dict[str, Any]:
        answer = self.cd.batch_get_deployment_targets(deploymentId=deployment, targetIds=["blue:s"])
        found: dict[str, Any] = answer["deploymentTargets"][0]["ecsTarget"]
        return found

    def lifecycle(self, deployment: str) -> dict[str, str]:
        events = self.target(deployment)["lifecycleEvents"]
        return {event["lifecycleEventName"]: event["status"] for event in events}

    def weights(self, listener: str = PRODUCTION) -> dict[str, int]:
        """Target group name -> weight, of those that have one."""
        found = self.run(partial(self.store.get, Listener, listener))
        assert found is not None
        return {arn.split("/")[1]: weight for arn, weight in found.target_group_weights.items() if weight}

    def kinds(self) -> dict[str, int]:
        """How many there are of everything."""
        return self.run(lambda: dict(self.store.counts()))


def healthy(target: Target) -> TargetHealth:
    return TargetHealth(
        target_group_arn=target.target_group_arn,
        id=target.id,
        port=target.port,
        state="healthy",
        reason=None,
        description=None,
        changed_at=target.registered_at,
    )


def door() -> list[Any]:
    groups = [
        TargetGroup(
            **OWNER, arn=arn, name=arn.split("/")[1], protocol="TCP", port=443, vpc_id="vpc-1",
            target_type="ip", health_check=HealthCheck(), created_at=NOW,
            attributes={"deregistration_delay.timeout_seconds": "0"},
        )
        for arn in (BLUE, GREEN)
    ]  # fmt: skip
    zone = LoadBalancerZone(
        subnet_id="subnet-0000000000000000a",
        availability_zone=f"{REGION}a",
        vip="10.0.1.9",
        network_interface_id="eni-1",
    )
    balancer = LoadBalancer(
        **OWNER, arn=BALANCER, name="door", type="network", scheme="internal", vpc_id="vpc-1",
        dns_name="door", canonical_hosted_zone_id="Z", zones=(zone,), state="active", created_at=NOW,
    )  # fmt: skip
    listeners = [
        Listener(
            **OWNER, arn=arn, load_balancer_arn=BALANCER, port=port, protocol="TCP",
            default_actions=({"Type": "forward", "TargetGroupArn": BLUE},),
        )
        for arn, port in ((PRODUCTION, 443), (TEST, 8443))
    ]  # fmt: skip
    return [*groups, balancer, *listeners]


@contextmanager
def code_deploy_world(data_dir: Path) -> Iterator[CodeDeployWorld]:
    """A running world."""
    server = CodeDeployWorld(data_dir)
    with server:
        server.furnish()
        yield server
