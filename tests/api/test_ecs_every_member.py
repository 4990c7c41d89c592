"""What requests are made of: every member is honoured, or refused by its name; one that AWS adds is met here.

The members of container definitions have a test of their own.
"""

from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from tests.support.ecs_world import BALANCERS, CONTAINER, World, ecs_world, refused
from tests.support.wire_shapes import operation

Request = dict[str, Any]


def words(text: str) -> set[str]:
    return set(text.split())


HONOURED = {
    "CreateService": words(
        "availabilityZoneRebalancing capacityProviderStrategy clientToken cluster deploymentConfiguration"
        " deploymentController desiredCount enableECSManagedTags enableExecuteCommand"
        " healthCheckGracePeriodSeconds launchType loadBalancers networkConfiguration placementConstraints"
        " placementStrategy platformVersion propagateTags role schedulingStrategy serviceName tags"
        " taskDefinition"
    ),
    "UpdateService": words(
        "availabilityZoneRebalancing capacityProviderStrategy cluster deploymentConfiguration"
        " deploymentController desiredCount enableECSManagedTags enableExecuteCommand forceNewDeployment"
        " healthCheckGracePeriodSeconds loadBalancers networkConfiguration placementConstraints"
        " placementStrategy platformVersion propagateTags service taskDefinition"
    ),
    "CreateTaskSet": words(
        "capacityProviderStrategy clientToken cluster externalId launchType loadBalancers"
        " networkConfiguration platformVersion scale service tags taskDefinition"
    ),
    "RunTask": words(
        "capacityProviderStrategy clientToken cluster count enableECSManagedTags enableExecuteCommand group"
        " launchType networkConfiguration overrides placementConstraints placementStrategy platformVersion"
        " propagateTags startedBy tags taskDefinition"
    ),
    "StartTask": words(
        "cluster containerInstances enableECSManagedTags enableExecuteCommand group networkConfiguration"
        " overrides propagateTags startedBy tags taskDefinition"
    ),
    "RegisterTaskDefinition": words(
        "containerDefinitions cpu ephemeralStorage executionRoleArn family memory networkMode"
        " placementConstraints requiresCompatibilities runtimePlatform tags taskRoleArn volumes"
    ),
    "CreateCluster": words(
        "capacityProviders clusterName configuration defaultCapacityProviderStrategy settings tags"
    ),
    "UpdateCluster": words("cluster configuration settings"),
}
"""At the top of a request. Every other member of the operation is refused."""
INSIDE = {
    "AdvancedConfiguration": words("alternateTargetGroupArn productionListenerRule roleArn testListenerRule"),
    "AwsVpcConfiguration": words("assignPublicIp securityGroups subnets"),
    "CanaryConfiguration": words("canaryBakeTimeInMinutes canaryPercent"),
    "CapacityProviderStrategyItem": words("base capacityProvider weight"),
    "ClusterConfiguration": words("executeCommandConfiguration"),
    "ClusterSetting": words("name value"),
    "ContainerOverride": words("command cpu environment memory memoryReservation name"),
    "DeploymentAlarms": words("alarmNames enable rollback"),
    "DeploymentCircuitBreaker": words("enable resetOnHealthyTask rollback"),
    "DeploymentConfiguration": words(
        "alarms bakeTimeInMinutes canaryConfiguration deploymentCircuitBreaker lifecycleHooks"
        " linearConfiguration maximumPercent minimumHealthyPercent strategy"
    ),
    "DeploymentController": words("type"),
    "DeploymentLifecycleHook": words("lifecycleStages targetType timeoutConfiguration"),
    "DeploymentLifecycleHookTimeoutConfiguration": words("action timeoutInMinutes"),
    "DockerVolumeConfiguration": words("autoprovision driver labels scope"),
    "EphemeralStorage": words("sizeInGiB"),
    "ExecuteCommandConfiguration": words("kmsKeyId logConfiguration logging"),
    "ExecuteCommandLogConfiguration": words(
        "cloudWatchEncryptionEnabled cloudWatchLogGroupName s3BucketName s3EncryptionEnabled s3KeyPrefix"
    ),
    "HostVolumeProperties": words("sourcePath"),
    "KeyValuePair": words("name value"),
    "LinearConfiguration": words("stepBakeTimeInMinutes stepPercent"),
    "LoadBalancer": words("advancedConfiguration containerName containerPort targetGroupArn"),
    "NetworkConfiguration": words("awsvpcConfiguration"),
    "PlacementConstraint": words("expression type"),
    "PlacementStrategy": words("field type"),
    "RuntimePlatform": words("cpuArchitecture operatingSystemFamily"),
    "Scale": words("unit value"),
    "Tag": words("key value"),
    "TaskDefinitionPlacementConstraint": words("expression type"),
    "TaskOverride": words("containerOverrides cpu ephemeralStorage executionRoleArn memory taskRoleArn"),
    "Volume": words("dockerVolumeConfiguration host name"),
}
"""In the structures beneath, by the name of the shape. Of the others, ``REFUSED_INSIDE`` says how."""
HOOK = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}
REFUSED_INSIDE: dict[tuple[str, str], tuple[str, Request]] = {
    ("ClusterConfiguration", "managedStorageConfiguration"): (
        "CreateCluster",
        {"configuration": {"managedStorageConfiguration": {"kmsKeyId": "k"}}},
    ),
    **{
        ("ContainerOverride", member): (
            "RunTask",
            {"overrides": {"containerOverrides": [{"name": "app", member: [value]}]}},
        )
        for member, value in (
            ("environmentFiles", {"value": "a", "type": "s3"}),
            ("resourceRequirements", {"value": "1", "type": "GPU"}),
        )
    },
    ("DeploymentCircuitBreaker", "thresholdConfiguration"): (
        "CreateService",
        {
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {
                    "enable": True,
                    "rollback": True,
                    "thresholdConfiguration": {"type": "COUNT", "value": 4},
                }
            }
        },
    ),
    ("DeploymentConfiguration", "earlySuccessCriteria"): (
        "CreateService",
        {"deploymentConfiguration": {"earlySuccessCriteria": {"enable": True}}},
    ),
    **{
        ("DeploymentLifecycleHook", member): (
            "CreateService",
            {
                "deploymentConfiguration": {
                    "strategy": "BLUE_GREEN",
                    "lifecycleHooks": [{**HOOK, member: value}],
                }
            },
        )
        for member, value in (("hookDetails", {"a": "b"}), ("hookTargetArn", "arn"), ("roleArn", "arn"))
    },
    ("DockerVolumeConfiguration", "driverOpts"): (
        "RegisterTaskDefinition",
        {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driverOpts": {"a": "b"}}}]},
    ),
    ("LoadBalancer", "loadBalancerName"): (
        "CreateService",
        {"loadBalancers": [{"loadBalancerName": "x", "containerName": "app", "containerPort": 8443}]},
    ),
    ("TaskOverride", "inferenceAcceleratorOverrides"): (
        "RunTask",
        {"overrides": {"inferenceAcceleratorOverrides": [{"deviceName": "a"}]}},
    ),
    **{
        ("Volume", member): ("RegisterTaskDefinition", {"volumes": [{"name": "v", member: value}]})
        for member, value in (
            ("configuredAtLaunch", True),
            ("efsVolumeConfiguration", {"fileSystemId": "fs-1"}),
            (
                "fsxWindowsFileServerVolumeConfiguration",
                {
                    "fileSystemId": "fs-1",
                    "rootDirectory": "/",
                    "authorizationConfig": {"credentialsParameter": "c", "domain": "d"},
                },
            ),
            ("s3filesVolumeConfiguration", {"fileSystemArn": "arn"}),
        )
    },
}
BASE: dict[str, Request] = {
    "CreateService": {"cluster": "blue", "serviceName": "n", "taskDefinition": "web", "desiredCount": 1},
    "UpdateService": {"cluster": "blue", "service": "s"},
    "CreateTaskSet": {"cluster": "blue", "service": "sets", "taskDefinition": "web"},
    "RunTask": {"cluster": "blue", "taskDefinition": "web"},
    "StartTask": {"cluster": "blue", "taskDefinition": "web", "containerInstances": ["x"]},
    "RegisterTaskDefinition": {"family": "f", "containerDefinitions": [CONTAINER]},
    "CreateCluster": {"clusterName": "green"},
    "UpdateCluster": {"cluster": "blue"},
}
NOT_SUPPORTED = "is not supported by Sealway."


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ecs_world(tmp_path_factory.mktemp("api")) as world:
        world.ecs.create_service(**{**BASE["CreateService"], "serviceName": "s", "loadBalancers": BALANCERS})
        world.ecs.create_service(
            cluster="blue", serviceName="sets", deploymentController={"type": "EXTERNAL"}
        )
        yield world


def members(name: str) -> dict[str, Shape]:
    found: dict[str, Shape] = dict(operation("ecs", name).input_shape.members)
    return found


def structures(shape: Shape) -> dict[str, StructureShape]:
    """Those at and beneath a shape, as far as they are honoured."""
    if isinstance(shape, ListShape):
        return structures(shape.member)
    if isinstance(shape, MapShape):
        return structures(shape.value)
    if not isinstance(shape, StructureShape):
        return {}
    found = {shape.name: shape}
    for name, member in shape.members.items():
        if name in INSIDE.get(shape.name, ()):
            found |= structures(member)
    return found


def sample(shape: Shape) -> Any:
    """A value that asks for something, and passes the model's own constraints."""
    if isinstance(shape, StructureShape):
        return {name: sample(shape.members[name]) for name in shape.required_members or list(shape.members)}
    if isinstance(shape, ListShape):
        return [sample(shape.member)]
    if isinstance(shape, MapShape):
        return {"a": sample(shape.value)}
    if isinstance(shape, StringShape):
        return shape.enum[0] if shape.enum else "x"
    return shape.type_name == "boolean" or max(1, shape.metadata.get("min", 1))


TOP = [(name, member) for name in HONOURED for member in sorted(members(name).keys() - HONOURED[name])]


@pytest.mark.parametrize(("name", "member"), TOP)
def test_what_is_not_honoured_is_refused_by_name(world: World, name: str, member: str) -> None:
    with refused("ClientException", f"The parameter '{member}'"):
        world.ecs._make_api_call(name, {**BASE[name], member: sample(members(name)[member])})


def test_what_is_honoured_is_what_was_thought_of() -> None:
    for name, honoured in HONOURED.items():
        assert honoured <= members(name).keys()
    shapes = {
        shape.name: shape
        for name, honoured in HONOURED.items()
        for member in honoured - {"containerDefinitions"}
        for shape in structures(members(name)[member]).values()
    }
    assert shapes.keys() == INSIDE.keys()
    refused_members = {name: {m for owner, m in REFUSED_INSIDE if owner == name} for name in INSIDE}
    assert {name: INSIDE[name] | refused_members[name] for name in INSIDE} == {
        name: set(shape.members) for name, shape in shapes.items()
    }


@pytest.mark.parametrize(("owner", "member"), sorted(REFUSED_INSIDE))
def test_what_is_inside_is_refused_by_name(world: World, owner: str, member: str) -> None:
    name, request = REFUSED_INSIDE[owner, member]
    with refused("ClientException", NOT_SUPPORTED):
        world.ecs._make_api_call(name, {**BASE[name], **request})
