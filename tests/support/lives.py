"""Whole lives, from an empty cluster to nothing: Fargate, instances, shifted traffic, task sets, CodeDeploy,
and a group of instances that grows."""

import base64
import json
from collections.abc import Callable
from typing import Any

from sealway.model.auto_scaling import AutoScalingGroup, GroupInstance
from sealway.model.cluster import ContainerInstance
from sealway.model.code_deployment import CodeDeployment
from sealway.model.instance import Instance
from sealway.model.load_balancer import Listener, LoadBalancer
from sealway.model.network import Subnet
from sealway.model.request import Params
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetGroup
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from sealway.model.task_set import TaskSet
from tests.support.life import Step, found, settled
from tests.support.process import ACCOUNT, REGION, Process

JOIN = base64.b64encode(b"#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n").decode()
DELAY = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
GONE = {
    LoadBalancer: f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/edge/{0:016x}",
    TargetGroup: f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/g/{0:016x}",
}


def subnets(process: Process) -> list[str]:
    return [s.id for s in process.store.list(Subnet)][:2]


def network(process: Process) -> Params:
    return {"awsvpcConfiguration": {"subnets": subnets(process), "securityGroups": []}}


def define(name: str, image: str, awsvpc: bool) -> Step:
    """RegisterTaskDefinition. Called again, it makes another revision, as on AWS."""
    container = {
        "name": "app",
        "image": image,
        "essential": True,
        "cpu": 128,
        "memory": 64,
        "stopTimeout": 2,
        "portMappings": [{"containerPort": 8443, "protocol": "tcp"}],
    }
    given: Params = {"family": "orders", "containerDefinitions": [container]}
    if awsvpc:
        given |= {
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
        }
    return Step(name, "ecs", "RegisterTaskDefinition", lambda _: given)


def group(name: str, target_type: str) -> list[Step]:
    """A target group, with a short deregistration delay."""

    def create(process: Process) -> Params:
        vpc = process.store.list(Subnet)[0].vpc_id
        return {"Name": name, "Protocol": "TCP", "Port": 8443, "VpcId": vpc, "TargetType": target_type}

    def modify(process: Process) -> Params:
        return {"TargetGroupArn": found(process, TargetGroup, name=name).arn, "Attributes": [DELAY]}

    return [
        Step(f"group {name}", "elbv2", "CreateTargetGroup", create),
        Step(f"delay of {name}", "elbv2", "ModifyTargetGroupAttributes", modify),
    ]


def ground(target_type: str, *groups: str) -> list[Step]:
    """Cluster, load balancer, target groups, and a listener for the first of them."""

    def balancer(process: Process) -> Params:
        return {"Name": "edge", "Type": "network", "Scheme": "internal", "Subnets": subnets(process)}

    def listener(process: Process) -> Params:
        target_group = found(process, TargetGroup, name=groups[0]).arn
        return {
            "LoadBalancerArn": found(process, LoadBalancer).arn,
            "Protocol": "TCP",
            "Port": 443,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": target_group}],
        }

    return [
        Step("cluster", "ecs", "CreateCluster", lambda _: {"clusterName": "blue"}),
        Step("balancer", "elbv2", "CreateLoadBalancer", balancer),
        *(step for name in groups for step in group(name, target_type)),
        Step("listener", "elbv2", "CreateListener", listener),
    ]


def service(
    launch_type: str,
    configuration: Params | None = None,
    advanced: Callable[[Process], Params] = lambda _: {},
    image: str = "app:1",
    controller: str = "ECS",
) -> Step:
    def params(process: Process) -> Params:
        behind = {
            "targetGroupArn": found(process, TargetGroup, name="g").arn,
            "containerName": "app",
            "containerPort": 8443,
            **advanced(process),
        }
        awsvpc = {"networkConfiguration": network(process)} if launch_type == "FARGATE" else {}
        return {
            "cluster": "blue",
            "serviceName": "orders",
            "clientToken": "once",
            "taskDefinition": process_definition(process, image),
            "desiredCount": 3,
            "launchType": launch_type,
            "deploymentController": {"type": controller},
            "loadBalancers": [behind],
            "deploymentConfiguration": configuration or {},
            **awsvpc,
        }

    return Step("service", "ecs", "CreateService", params, ready=settled)


def process_definition(process: Process, image: str) -> str:
    """The newest definition with this image."""
    definitions = process.store.list(TaskDefinition)
    return max((d for d in definitions if d.containers[0]["image"] == image), key=lambda d: d.revision).arn


def update(name: str, **params: Any) -> Step:
    return Step(
        name,
        "ecs",
        "UpdateService",
        lambda _: {"cluster": "blue", "service": "orders", **params},
        ready=settled,
    )


def rolled_back(process: Process) -> bool:
    """The service is as it was before the rollout."""
    return (
        settled(process)
        and process_definition(process, "deaf:1") == found(process, Service).task_definition_arn
    )


def rollout(name: str, image: str, ready: Callable[[Process], bool] = settled) -> Step:
    def params(process: Process) -> Params:
        definition = process_definition(process, image)
        return {"cluster": "blue", "service": "orders", "taskDefinition": definition}

    return Step(name, "ecs", "UpdateService", params, ready=ready)


def one_task(launch_type: str) -> list[Step]:
    """A task of its own: run, then stopped."""

    def run(process: Process) -> Params:
        awsvpc = {"networkConfiguration": network(process)} if launch_type == "FARGATE" else {}
        definition = process_definition(process, "app:1")
        return {
            "cluster": "blue",
            "taskDefinition": definition,
            "launchType": launch_type,
            "clientToken": "one",
            **awsvpc,
        }

    def stop(process: Process) -> Params:
        mine = found(process, Task, client_token="one")
        return {"cluster": "blue", "task": mine.arn, "reason": "enough"}

    return [Step("task", "ecs", "RunTask", run), Step("task stopped", "ecs", "StopTask", stop)]


def end(*groups: str) -> list[Step]:
    """Everything is taken away again."""

    def gone(process: Process) -> bool:
        return [s.status for s in process.store.list(Service)] == ["INACTIVE"]

    deletions = [
        Step(
            f"no group {name}",
            "elbv2",
            "DeleteTargetGroup",
            lambda process, name=name: {"TargetGroupArn": _arn(process, TargetGroup, name)},  # type: ignore[misc]
        )
        for name in groups
    ]
    deletion = {"cluster": "blue", "service": "orders", "force": True}
    return [
        Step("no service", "ecs", "DeleteService", lambda _: deletion, "ServiceNotFoundException", gone),
        Step(
            "no balancer",
            "elbv2",
            "DeleteLoadBalancer",
            lambda process: {"LoadBalancerArn": _arn(process, LoadBalancer, "edge")},
        ),
        *deletions,
        Step("no cluster", "ecs", "DeleteCluster", lambda _: {"cluster": "blue"}, "ClusterNotFoundException"),
    ]


def _arn(process: Process, kind: Any, name: str) -> str:
    """As a client remembers it, also when it is gone."""
    return next((one.arn for one in process.store.list(kind, name=name)), GONE[kind])


def instances() -> Step:
    """Three container instances."""

    def params(process: Process) -> Params:
        image = process.call("ec2", "DescribeImages", {})["Images"][0]["ImageId"]
        return {
            "ImageId": image,
            "InstanceType": "m5.large",
            "MinCount": 3,
            "MaxCount": 3,
            "ClientToken": "three",
            "UserData": JOIN,
            "SubnetId": subnets(process)[0],
        }

    def ready(process: Process) -> bool:
        return len(process.store.list(ContainerInstance, status="ACTIVE")) == 3

    return Step("instances", "ec2", "RunInstances", params, ready=ready)


def no_instances() -> Step:
    def params(process: Process) -> Params:
        return {"InstanceIds": [i.id for i in process.store.list(Instance)]}

    def ready(process: Process) -> bool:
        return all(i.state == "terminated" for i in process.store.list(Instance))

    return Step("no instances", "ec2", "TerminateInstances", params, ready=ready)


def deregistration() -> Step:
    """One target, by hand: its task goes on; its service registers it again."""

    def params(process: Process) -> Params:
        target_group: TargetGroup = found(process, TargetGroup, name="g")
        first = process.store.list(Target, target_group_arn=target_group.arn)[0]
        return {"TargetGroupArn": target_group.arn, "Targets": [{"Id": first.id, "Port": first.port}]}

    return Step("deregistered", "elbv2", "DeregisterTargets", params)


def fargate() -> list[Step]:
    return [
        *ground("ip", "g"),
        define("first", "app:1", awsvpc=True),
        service("FARGATE"),
        deregistration(),
        update("more", desiredCount=5),
        define("second", "app:2", awsvpc=True),
        rollout("rollout", "app:2"),
        update("fewer", desiredCount=2),
        *one_task("FARGATE"),
        *end("g"),
    ]


def machines() -> list[Step]:
    return [
        *ground("instance", "g"),
        instances(),
        define("first", "app:1", awsvpc=False),
        service("EC2"),
        define("second", "app:2", awsvpc=False),
        rollout("rollout", "app:2"),
        update("fewer", desiredCount=1),
        *one_task("EC2"),
        *end("g")[:-1],
        no_instances(),
        *end("g")[-1:],
    ]


def shifted() -> list[Step]:
    """A canary, and back."""

    def advanced(process: Process) -> Params:
        rule = found(process, Listener).arn
        other = found(process, TargetGroup, name="other").arn
        return {"advancedConfiguration": {"productionListenerRule": rule, "alternateTargetGroupArn": other}}

    canary = {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 1}
    configuration = {"strategy": "CANARY", "bakeTimeInMinutes": 1, "canaryConfiguration": canary}
    return [
        *ground("ip", "g", "other"),
        define("first", "app:1", awsvpc=True),
        service("FARGATE", configuration, advanced),
        define("second", "app:2", awsvpc=True),
        rollout("canary", "app:2"),
        rollout("back", "app:1"),
        *end("g", "other"),
    ]


def weighted(name: str, first: int, other: int) -> Step:
    """ModifyListener. With a weight of 0, a group's targets would be draining ones to the data plane."""

    def params(process: Process) -> Params:
        weights = {"g": first, "other": other}
        groups = [
            {"TargetGroupArn": found(process, TargetGroup, name=group).arn, "Weight": weight}
            for group, weight in weights.items()
        ]
        forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        return {"ListenerArn": found(process, Listener).arn, "DefaultActions": [forward]}

    return Step(name, "elbv2", "ModifyListener", params)


def task_set(name: str, image: str, behind: str, percent: float) -> Step:
    """CreateTaskSet, with its name as the token."""

    def params(process: Process) -> Params:
        arn = found(process, TargetGroup, name=behind).arn
        return {
            "cluster": "blue",
            "service": "orders",
            "clientToken": name,
            "taskDefinition": process_definition(process, image),
            "launchType": "FARGATE",
            "networkConfiguration": network(process),
            "loadBalancers": [{"targetGroupArn": arn, "containerName": "app", "containerPort": 8443}],
            "scale": {"value": percent, "unit": "PERCENT"},
        }

    return Step(name, "ecs", "CreateTaskSet", params, ready=settled)


def on_set(name: str, operation: str, token: str, member: str = "taskSet", **more: Any) -> Step:
    """An operation on the task set of that token, as a client remembers it also when it is gone."""

    def params(process: Process) -> Params:
        task_set = next((one.id for one in process.store.list(TaskSet, client_token=token)), "ecs-svc/0")
        return {"cluster": "blue", "service": "orders", member: task_set, **more}

    return Step(name, "ecs", operation, params, again="TaskSetNotFoundException", ready=settled)


def sets() -> list[Step]:
    """A service that somebody else deploys: a blue task set, a green one in its place."""
    external = {
        "cluster": "blue",
        "serviceName": "orders",
        "desiredCount": 3,
        "deploymentController": {"type": "EXTERNAL"},
    }
    return [
        *ground("ip", "g", "other"),
        weighted("mostly blue", 9, 1),
        define("first", "app:1", awsvpc=True),
        Step("service", "ecs", "CreateService", lambda _: external),
        task_set("blue", "app:1", "g", 100),
        on_set("blue first", "UpdateServicePrimaryTaskSet", "blue", "primaryTaskSet"),
        define("second", "app:2", awsvpc=True),
        task_set("green", "app:2", "other", 33.4),
        on_set("more green", "UpdateTaskSet", "green", scale={"value": 100.0, "unit": "PERCENT"}),
        weighted("mostly green", 1, 9),
        on_set("green first", "UpdateServicePrimaryTaskSet", "green", "primaryTaskSet"),
        on_set("no blue", "DeleteTaskSet", "blue", force=True),
        update("fewer", desiredCount=2),
        *end("g", "other"),
    ]


def code_deploy() -> list[Step]:
    """An application, its deployment group, and a deployment that keeps the blue task set for a minute."""
    named = {"applicationName": "shop", "deploymentGroupName": "orders"}

    def group(process: Process) -> Params:
        pair = {
            "targetGroups": [{"name": "g"}, {"name": "other"}],
            "prodTrafficRoute": {"listenerArns": [found(process, Listener).arn]},
        }
        blue = {"action": "TERMINATE", "terminationWaitTimeInMinutes": 1}
        return {
            **named,
            "serviceRoleArn": f"arn:aws:iam::{ACCOUNT}:role/deployer",
            "ecsServices": [{"clusterName": "blue", "serviceName": "orders"}],
            "loadBalancerInfo": {"targetGroupPairInfoList": [pair]},
            "blueGreenDeploymentConfiguration": {"terminateBlueInstancesOnDeploymentSuccess": blue},
        }

    def deployment(process: Process) -> Params:
        container = {"ContainerName": "app", "ContainerPort": 8443}
        definition = process_definition(process, "app:2")
        properties = {"TaskDefinition": definition, "LoadBalancerInfo": container}
        service = {"Type": "AWS::ECS::Service", "Properties": properties}
        content = json.dumps({"version": 0.0, "Resources": [{"TargetService": service}]})
        spec = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
        config = "CodeDeployDefault.ECSCanary10Percent5Minutes"
        return {**named, "deploymentConfigName": config, "revision": spec}

    def deployed(process: Process) -> bool:
        return settled(process) and found(process, CodeDeployment).status == "Succeeded"

    application = {"applicationName": "shop", "computePlatform": "ECS"}
    known = ("ApplicationAlreadyExistsException", "DeploymentGroupAlreadyExistsException")
    return [
        Step("application", "codedeploy", "CreateApplication", lambda _: application, known[0]),
        Step("deployment group", "codedeploy", "CreateDeploymentGroup", group, known[1]),
        Step(
            "deployment", "codedeploy", "CreateDeployment", deployment,
            "DeploymentLimitExceededException", deployed,
        ),
        Step("no application", "codedeploy", "DeleteApplication", lambda _: {"applicationName": "shop"}),
    ]  # fmt: skip


def shipped() -> list[Step]:
    """A service that CodeDeploy deploys."""
    return [
        *ground("ip", "g", "other"),
        define("first", "app:1", awsvpc=True),
        service("FARGATE", controller="CODE_DEPLOY"),
        define("second", "app:2", awsvpc=True),
        *code_deploy(),
        *end("g", "other"),
    ]


def faulty() -> list[Step]:
    """Rollouts of an image that is nowhere, and of a program that ends at once; both are rolled back."""
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    return [
        *ground("ip", "g"),
        define("first", "deaf:1", awsvpc=True),
        service("FARGATE", breaker, image="deaf:1"),
        define("unknown", "nowhere:1", awsvpc=True),
        rollout("pull", "nowhere:1", rolled_back),
        define("crashing", "crash:1", awsvpc=True),
        rollout("crash", "crash:1", rolled_back),
        *end("g"),
    ]


def fleet() -> list[Step]:
    """A launch template, a group of it, and a capacity provider of that, which the cluster then has."""
    image = "ami-0123456789abcdef0"
    template = {
        "LaunchTemplateName": "nodes",
        "ClientToken": "template",
        "LaunchTemplateData": {"ImageId": image, "InstanceType": "t3.micro", "UserData": JOIN},
    }
    providers = {"cluster": "blue", "capacityProviders": ["own"], "defaultCapacityProviderStrategy": []}
    provider = {
        "name": "own",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": "nodes",
            "managedScaling": {"status": "ENABLED", "maximumScalingStepSize": 2},
        },
    }

    def group_of_nodes(process: Process) -> Params:
        return {
            "AutoScalingGroupName": "nodes",
            "LaunchTemplate": {"LaunchTemplateName": "nodes"},
            "MinSize": 0,
            "MaxSize": 9,
            "VPCZoneIdentifier": ",".join(subnets(process)),
        }

    return [
        Step("template", "ec2", "CreateLaunchTemplate", lambda _: template),
        Step("group", "autoscaling", "CreateAutoScalingGroup", group_of_nodes, "AlreadyExists"),
        Step(
            "provider", "ecs", "CreateCapacityProvider", lambda _: provider, again="InvalidParameterException"
        ),
        Step("providers", "ecs", "PutClusterCapacityProviders", lambda _: providers),
    ]


def spread_service() -> Step:
    """One that has its tasks on as many instances, which there are not yet."""

    def params(process: Process) -> Params:
        behind = {
            "targetGroupArn": found(process, TargetGroup, name="g").arn,
            "containerName": "app",
            "containerPort": 8443,
        }
        return {
            "cluster": "blue",
            "serviceName": "orders",
            "clientToken": "once",
            "taskDefinition": process_definition(process, "app:1"),
            "desiredCount": 3,
            "capacityProviderStrategy": [{"capacityProvider": "own", "weight": 1}],
            "placementConstraints": [{"type": "distinctInstance"}],
            "loadBalancers": [behind],
            "availabilityZoneRebalancing": "DISABLED",
        }

    return Step("service", "ecs", "CreateService", params, ready=settled)


def members(count: int) -> Callable[[Process], bool]:
    """The group has so many instances, all in service."""
    return lambda process: [m.state for m in process.store.list(GroupInstance)] == ["InService"] * count


def one_instance_less() -> Step:
    """An instance ends by the group's own hand: its task has moved to another one before."""

    def params(process: Process) -> Params:
        first = min(m.instance_id for m in process.store.list(GroupInstance))
        return {"InstanceId": first, "ShouldDecrementDesiredCapacity": False}

    def ready(process: Process) -> bool:
        return settled(process) and members(4)(process)

    operation, again = "TerminateInstanceInAutoScalingGroup", "ValidationError"
    return Step("one replaced", "autoscaling", operation, params, again, ready)


def grown() -> list[Step]:
    """Instances come with the tasks that wait for them, and go with their group."""
    unscaled = {
        "name": "own",
        "autoScalingGroupProvider": {"managedScaling": {"status": "DISABLED"}},
    }
    nothing = {"cluster": "blue", "capacityProviders": [], "defaultCapacityProviderStrategy": []}
    provider, deleted = {"capacityProvider": "own"}, {"AutoScalingGroupName": "nodes", "ForceDelete": True}
    return [
        *ground("instance", "g"),
        *fleet(),
        define("first", "app:1", awsvpc=False),
        spread_service(),
        update("more", desiredCount=4)._replace(ready=lambda p: settled(p) and members(4)(p)),
        one_instance_less(),
        # Without tasks the group would shrink, in a quarter of an hour of whatever the clock says.
        Step("no scaling", "ecs", "UpdateCapacityProvider", lambda _: unscaled),
        *end("g")[:-1],
        Step("no providers", "ecs", "PutClusterCapacityProviders", lambda _: nothing),
        Step(
            "no provider", "ecs", "DeleteCapacityProvider", lambda _: provider, "InvalidParameterException"
        ),
        Step(
            "no group", "autoscaling", "DeleteAutoScalingGroup", lambda _: deleted, "ValidationError",
            lambda process: not process.store.list(AutoScalingGroup),
        ),
        *end("g")[-1:],
    ]  # fmt: skip


LIVES: dict[str, Callable[[], list[Step]]] = {
    "fargate": fargate,
    "machines": machines,
    "shifted": shifted,
    "sets": sets,
    "shipped": shipped,
    "faulty": faulty,
    "grown": grown,
}
PREPARATIONS = {
    step.name for step in (*ground("ip", "g", "other"), *(define(n, "", True) for n in ("first", "second")))
}
