"""CodeDeploy's applications, deployment groups, configurations and tags through boto3."""

from datetime import timedelta

import pytest

from tests.support.code_deploy_world import (
    BLUE,
    GROUP,
    PRODUCTION,
    ROLE,
    TEST,
    blue_green,
    code_deploy_world,
    pair,
)
from tests.support.ecs_world import refused


@pytest.fixture
def world(tmp_path):
    with code_deploy_world(tmp_path) as world:
        yield world


def test_an_application_lives(world):
    cd = world.cd
    made = cd.create_application(
        applicationName="shop", computePlatform="ECS", tags=[{"Key": "a", "Value": "b"}]
    )
    shown = cd.get_application(applicationName="shop")["application"]
    assert (shown["applicationId"], shown["computePlatform"]) == (made["applicationId"], "ECS")
    with refused("ApplicationAlreadyExistsException", "Application already exists: shop"):
        cd.create_application(applicationName="shop", computePlatform="ECS")
    cd.create_application(applicationName="bakery", computePlatform="ECS")
    assert cd.list_applications()["applications"] == ["bakery", "shop"]
    batch = cd.batch_get_applications(applicationNames=["shop", "bakery"])["applicationsInfo"]
    assert [one["applicationName"] for one in batch] == ["shop", "bakery"]
    arn = "arn:aws:codedeploy:us-east-1:000000000000:application:shop"
    cd.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    cd.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert cd.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    cd.delete_application(applicationName="shop")
    cd.delete_application(applicationName="shop")
    with refused("ApplicationDoesNotExistException", "No application found for name: shop"):
        cd.get_application(applicationName="shop")
    with refused("ApplicationDoesNotExistException", "for name: shop"):
        cd.tag_resource(ResourceArn=arn, Tags=[])


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({}, "InvalidComputePlatformException", "The computePlatform Server (use ECS) is not supported"),
        ({"computePlatform": "Lambda"}, "InvalidComputePlatformException", "computePlatform Lambda"),
        ({"tags": [{"Key": "aws:x"}]}, "InvalidTagsToAddException", "aws:"),
    ],
)
def test_an_application_that_cannot_be(world, request_, code, message):
    platform = {"computePlatform": "ECS"} if request_ else {}
    with refused(code, message):
        world.cd.create_application(**{"applicationName": "shop", **platform, **request_})
    assert world.cd.list_applications()["applications"] == []


def test_a_group_shows_what_it_was_given(world):
    world.service()
    world.group(
        test=True,
        wait=5,
        autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
        tags=[{"Key": "a", "Value": "b"}],
    )
    shown = world.cd.get_deployment_group(**GROUP)["deploymentGroupInfo"]
    assert shown["computePlatform"] == "ECS"
    assert shown["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    assert shown["ecsServices"] == [{"serviceName": "s", "clusterName": "blue"}]
    assert shown["loadBalancerInfo"] == pair(test=True)
    assert shown["blueGreenDeploymentConfiguration"] == blue_green(wait=5)
    assert shown["autoRollbackConfiguration"] == {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    assert not {"lastAttemptedDeployment", "targetRevision"} & shown.keys()
    deployment = world.deploy()
    shown = world.cd.get_deployment_group(**GROUP)["deploymentGroupInfo"]
    assert shown["lastAttemptedDeployment"]["deploymentId"] == deployment
    assert "lastSuccessfulDeployment" not in shown
    world.settle()
    world.skip(minutes=5)
    shown = world.cd.get_deployment_group(**GROUP)["deploymentGroupInfo"]
    assert shown["lastSuccessfulDeployment"]["status"] == "Succeeded"
    assert shown["targetRevision"] == world.info(deployment)["revision"]


def test_a_group_is_updated_renamed_and_deleted(world):
    world.service()
    world.group()
    world.deploy()
    world.settle()
    current = {"applicationName": "shop", "currentDeploymentGroupName": "s"}
    world.cd.update_deployment_group(
        **current,
        newDeploymentGroupName="t",
        deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes",
        blueGreenDeploymentConfiguration=blue_green(wait=7),
    )
    assert world.cd.list_deployment_groups(applicationName="shop")["deploymentGroups"] == ["t"]
    renamed = {**GROUP, "deploymentGroupName": "t"}
    shown = world.cd.get_deployment_group(**renamed)["deploymentGroupInfo"]
    assert shown["deploymentConfigName"] == "CodeDeployDefault.ECSCanary10Percent5Minutes"
    assert shown["blueGreenDeploymentConfiguration"] == blue_green(wait=7)
    assert shown["loadBalancerInfo"] == pair()
    assert len(world.cd.list_deployments(**renamed)["deployments"]) == 1
    batch = world.cd.batch_get_deployment_groups(applicationName="shop", deploymentGroupNames=["t", "s"])
    assert [one["deploymentGroupName"] for one in batch["deploymentGroupsInfo"]] == ["t"]
    assert batch["errorMessage"].endswith(": s")
    with refused("DeploymentGroupDoesNotExistException", "for name: s"):
        world.cd.update_deployment_group(**current)
    world.cd.delete_deployment_group(**renamed)
    world.cd.delete_deployment_group(**renamed)
    assert world.cd.list_deployments()["deployments"] == []


BAD_GROUPS = [
    ({"serviceRoleArn": "deployer"}, "InvalidRoleException", "deployer"),
    ({"deploymentConfigName": "Own"}, "DeploymentConfigDoesNotExistException", "Own"),
    ({"ecsServices": []}, "InvalidECSServiceException", "exactly one entry, not 0"),
    (
        {"ecsServices": [{"clusterName": "blue", "serviceName": "tea"}]},
        "InvalidECSServiceException",
        "no ACTIVE service tea",
    ),
    (
        {"ecsServices": [{"clusterName": "blue", "serviceName": "rolling"}]},
        "InvalidECSServiceException",
        "must be configured for a CODE_DEPLOY deployment controller.",
    ),
    ({"loadBalancerInfo": {}}, "InvalidLoadBalancerInfoException", "targetGroupPairInfoList"),
    (
        {"loadBalancerInfo": {"elbInfoList": [{"name": "door"}]}},
        "InvalidLoadBalancerInfoException",
        "elbInfoList of loadBalancerInfo is not supported",
    ),
    (
        {"deploymentStyle": {"deploymentType": "IN_PLACE"}},
        "InvalidDeploymentStyleException",
        "must be BLUE_GREEN",
    ),
    (
        {"blueGreenDeploymentConfiguration": {}},
        "InvalidBlueGreenDeploymentConfigurationException",
        "required",
    ),
    (
        {"blueGreenDeploymentConfiguration": blue_green(wait=2881)},
        "InvalidBlueGreenDeploymentConfigurationException",
        "between 0 and 2880",
    ),
    (
        {"autoRollbackConfiguration": {"enabled": True}},
        "InvalidAutoRollbackConfigException",
        "names its events",
    ),
    (
        {"alarmConfiguration": {"enabled": True, "alarms": [{"name": "a"}]}},
        "InvalidAlarmConfigException",
        "not supported",
    ),
    (
        {"triggerConfigurations": [{"triggerName": "t"}]},
        "InvalidInputException",
        "triggerConfigurations of CreateDeploymentGroup is not supported",
    ),
]


def test_a_group_that_cannot_be(world):
    world.service()
    world.ecs.create_service(cluster="blue", serviceName="rolling", taskDefinition="web", desiredCount=0)
    world.cd.create_application(applicationName="shop", computePlatform="ECS")
    given = {
        **GROUP,
        "serviceRoleArn": ROLE,
        "ecsServices": [{"clusterName": "blue", "serviceName": "s"}],
        "loadBalancerInfo": pair(),
        "blueGreenDeploymentConfiguration": blue_green(),
    }
    before = world.kinds()
    for members, code, message in BAD_GROUPS:
        with refused(code, message):
            world.cd.create_deployment_group(**{**given, **members})
    with refused("ApplicationDoesNotExistException", "tea"):
        world.cd.create_deployment_group(**{**given, "applicationName": "tea"})
    assert world.kinds() == before
    world.cd.create_deployment_group(**given)
    with refused("DeploymentGroupAlreadyExistsException", "already exists: s"):
        world.cd.create_deployment_group(**given)
    with refused("ECSServiceMappingLimitExceededException", "only one deployment group"):
        world.cd.create_deployment_group(**{**given, "deploymentGroupName": "t"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targetGroups": [{"name": "blue"}]}, "exactly two different targetGroups"),
        ({"targetGroups": [{"name": "blue"}, {"name": "blue"}]}, "exactly two different"),
        ({"targetGroups": [{"name": "blue"}, {"name": "tea"}]}, "no target group with the name tea"),
        ({"prodTrafficRoute": {"listenerArns": []}}, "exactly one of listenerArns, not 0"),
        ({"prodTrafficRoute": {"listenerArns": [BLUE]}}, "no listener"),
        ({"testTrafficRoute": {"listenerArns": [PRODUCTION]}}, "different listeners"),
        ({"testTrafficRoute": {"listenerArns": [TEST, PRODUCTION]}}, "one of listenerArns at most"),
    ],
)
def test_a_pair_that_cannot_be(world, change, message):
    world.service()
    info = {"targetGroupPairInfoList": [{**pair()["targetGroupPairInfoList"][0], **change}]}
    with refused("InvalidTargetGroupPairException", message):
        world.group(loadBalancerInfo=info)


def test_the_predefined_configurations(world):
    names = world.cd.list_deployment_configs()["deploymentConfigsList"]
    found = [
        world.cd.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"] for name in names
    ]
    assert {one["deploymentConfigName"]: one["trafficRoutingConfig"]["type"] for one in found} == {
        "CodeDeployDefault.ECSAllAtOnce": "AllAtOnce",
        "CodeDeployDefault.ECSCanary10Percent5Minutes": "TimeBasedCanary",
        "CodeDeployDefault.ECSCanary10Percent15Minutes": "TimeBasedCanary",
        "CodeDeployDefault.ECSLinear10PercentEvery1Minutes": "TimeBasedLinear",
        "CodeDeployDefault.ECSLinear10PercentEvery3Minutes": "TimeBasedLinear",
    }
    assert len({one["deploymentConfigId"] for one in found}) == 5
    with refused("DeploymentConfigDoesNotExistException", "tea"):
        world.cd.get_deployment_config(deploymentConfigName="tea")


def test_a_configuration_of_ones_own(world):
    cd = world.cd
    steps = {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 25, "canaryInterval": 2}}
    given = {"deploymentConfigName": "quarter", "computePlatform": "ECS", "trafficRoutingConfig": steps}
    made = cd.create_deployment_config(**given)["deploymentConfigId"]
    shown = cd.get_deployment_config(deploymentConfigName="quarter")["deploymentConfigInfo"]
    assert (shown["deploymentConfigId"], shown["trafficRoutingConfig"]) == (made, steps)
    assert "quarter" in cd.list_deployment_configs()["deploymentConfigsList"]
    with refused("DeploymentConfigAlreadyExistsException", "quarter"):
        cd.create_deployment_config(**given)
    world.service()
    world.group(deploymentConfigName="quarter")
    with refused("DeploymentConfigInUseException", "The deployment group s uses quarter"):
        cd.delete_deployment_config(deploymentConfigName="quarter")
    world.deploy()
    world.settle()
    assert world.weights() == {"blue": 75, "green": 25}
    world.skip(minutes=2)
    assert world.weights() == {"green": 100}
    current = {"applicationName": "shop", "currentDeploymentGroupName": "s"}
    cd.update_deployment_group(**current, deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    cd.delete_deployment_config(deploymentConfigName="quarter")
    cd.delete_deployment_config(deploymentConfigName="quarter")
    with refused("DeploymentConfigDoesNotExistException", "quarter"):
        cd.get_deployment_config(deploymentConfigName="quarter")
    with refused("InvalidOperationException", "predefined"):
        cd.delete_deployment_config(deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"computePlatform": "Server"}, "InvalidComputePlatformException", "Server (use ECS)"),
        ({"deploymentConfigName": "CodeDeployDefault.Own"}, "InvalidDeploymentConfigNameException", "own"),
        (
            {"minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1}},
            "InvalidMinimumHealthyHostValueException",
            "minimumHealthyHosts",
        ),
        (
            {"trafficRoutingConfig": {"type": "TimeBasedLinear"}},
            "InvalidTrafficRoutingConfigurationException",
            "linearPercentage must be between 1 and 99",
        ),
        (
            {"trafficRoutingConfig": {"type": "AllAtOnce", "timeBasedCanary": {"canaryPercentage": 1}}},
            "InvalidTrafficRoutingConfigurationException",
            "timeBasedCanary does not belong to the type AllAtOnce",
        ),
        (
            {"trafficRoutingConfig": {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 1}}},
            "InvalidTrafficRoutingConfigurationException",
            "canaryInterval must be between 1 and 2880",
        ),
    ],
)
def test_a_configuration_that_cannot_be(world, members, code, message):
    with refused(code, message):
        world.cd.create_deployment_config(
            **{"deploymentConfigName": "own", "computePlatform": "ECS", **members}
        )


def test_an_application_is_renamed(world):
    world.service()
    world.group(wait=10)
    deployment = world.deploy()
    world.settle()
    with refused("ApplicationDoesNotExistException", "tea"):
        world.cd.update_application(applicationName="tea", newApplicationName="shop")
    world.cd.update_application(applicationName="shop", newApplicationName="store")
    named = {**GROUP, "applicationName": "store"}
    assert world.cd.list_applications()["applications"] == ["store"]
    shown = world.cd.get_deployment_group(**named)["deploymentGroupInfo"]
    assert shown["lastAttemptedDeployment"]["deploymentId"] == deployment
    assert world.cd.list_deployments(applicationName="store")["deployments"] == [deployment]
    world.skip(minutes=10)
    assert (world.info(deployment)["status"], world.info(deployment)["applicationName"]) == (
        "Succeeded",
        "store",
    )


def test_deployments_are_found(world):
    world.service()
    world.group()
    first = world.deploy()
    world.settle()
    second = world.deploy("shop:1")
    cd = world.cd
    assert cd.list_deployments()["deployments"] == [second, first]
    assert cd.list_deployments(includeOnlyStatuses=["Succeeded"])["deployments"] == [first]
    assert cd.list_deployments(applicationName="shop")["deployments"] == [second, first]
    since = world.info(second)["createTime"] - timedelta(milliseconds=1)  # answers are rounded to them
    assert cd.list_deployments(createTimeRange={"start": since})["deployments"] == [second]
    batch = cd.batch_get_deployments(deploymentIds=[first, "d-000000000"])["deploymentsInfo"]
    assert [one["deploymentId"] for one in batch] == [first]
    assert cd.list_deployment_targets(deploymentId=first)["targetIds"] == ["blue:s"]
    only_pending = {"TargetStatus": ["Pending"]}
    assert cd.list_deployment_targets(deploymentId=first, targetFilters=only_pending)["targetIds"] == []
    one = cd.get_deployment_target(deploymentId=first, targetId="blue:s")["deploymentTarget"]
    assert one["deploymentTargetType"] == "ECSTarget"


@pytest.mark.parametrize("name", ["get_deployment", "stop_deployment", "continue_deployment"])
def test_a_deployment_that_is_not_there(world, name):
    with refused("DeploymentDoesNotExistException", "d-000000000"):
        getattr(world.cd, name)(deploymentId="d-000000000")
    with refused("InvalidDeploymentIdException", "tea"):
        getattr(world.cd, name)(deploymentId="tea")


def test_a_deployment_that_has_ended_takes_no_orders(world):
    world.service()
    world.group()
    deployment = world.deploy()
    with refused("DeploymentIsNotInReadyStateException", "is not in its READY_WAIT"):
        world.cd.continue_deployment(deploymentId=deployment)
    world.settle()
    for order in (world.cd.stop_deployment, world.cd.continue_deployment):
        with refused("DeploymentAlreadyCompletedException", "has already completed: Succeeded"):
            order(deploymentId=deployment)
    with refused("DeploymentTargetDoesNotExistException", "blue:t"):
        world.cd.get_deployment_target(deploymentId=deployment, targetId="blue:t")


def test_the_newest_hundred_are_kept(world):
    world.service()
    world.group()
    ids = []
    for _ in range(102):
        ids.append(world.deploy())
        world.cd.stop_deployment(deploymentId=ids[-1])
        world.run(world.loop.step)
    found = [
        one for page in world.cd.get_paginator("list_deployments").paginate() for one in page["deployments"]
    ]
    assert found == ids[:1:-1]
