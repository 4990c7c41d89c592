"""Deployments by CodeDeploy through boto3: how they go, and everything that can end them."""

from datetime import timedelta

import boto3
import botocore.session
import pytest

from tests.support.api_server import ACCESS_KEY, REGION, SECRET_KEY
from tests.support.code_deploy_world import (
    BALANCER_OF_SERVICE,
    BLUE,
    GROUP,
    NAMED,
    PRODUCTION,
    TEST,
    app_spec,
    code_deploy_world,
    revision,
)
from tests.support.ecs_world import VPC, refused


@pytest.fixture
def world(tmp_path):
    with code_deploy_world(tmp_path) as world:
        yield world


def test_the_first_task_set_is_ecss_own(world):
    made = world.service()
    assert made["deploymentController"] == {"type": "CODE_DEPLOY"}
    assert made["deployments"] == []
    (only,) = world.described()["taskSets"]
    assert (only["status"], only["runningCount"], only["stabilityStatus"]) == ("PRIMARY", 2, "STEADY_STATE")
    assert (only["scale"]["value"], only["launchType"]) == (100.0, "FARGATE")
    assert only["loadBalancers"][0]["targetGroupArn"] == BLUE
    assert not {"startedBy", "externalId"} & only.keys()


def test_green_takes_over_at_once(world):
    world.service()
    world.group()
    deployment = world.deploy()
    assert world.info(deployment)["status"] == "InProgress"
    world.settle()
    info = world.info(deployment)
    assert (info["status"], info["computePlatform"], info["creator"]) == ("Succeeded", "ECS", "user")
    assert info["deploymentOverview"]["Succeeded"] == 1
    assert info["completeTime"] > info["createTime"]
    assert "errorInformation" not in info
    (only,) = world.sets().values()
    assert (only["startedBy"], only["externalId"], only["status"]) == ("CODE_DEPLOY", deployment, "PRIMARY")
    assert only["taskDefinition"].endswith("shop:2")
    assert world.described()["taskDefinition"].endswith("shop:2")
    assert world.weights() == {"green": 100}
    assert set(world.lifecycle(deployment).values()) == {"Succeeded"}
    assert len(world.lifecycle(deployment)) == 6


def test_the_next_one_goes_back_to_the_other_target_group(world):
    world.service()
    world.group()
    first = world.deploy()
    world.settle()
    second = world.deploy("shop:1")
    world.settle()
    assert world.info(second)["status"] == "Succeeded"
    assert world.info(second)["previousRevision"] == revision(app_spec("shop:2"))
    assert world.weights() == {"blue": 100}
    assert list(world.sets()) == ["1"]
    assert world.cd.list_deployments(**GROUP)["deployments"] == [second, first]


def test_production_waits_until_green_is_steady(world):
    world.service()
    world.group()
    world.broken = {"shop:2"}
    deployment = world.deploy()
    world.settle()
    assert world.lifecycle(deployment)["Install"] == "InProgress"
    assert world.weights() == {"blue": 100}
    assert (world.sets()["1"]["status"], world.sets()["2"]["status"]) == ("PRIMARY", "ACTIVE")
    target = world.target(deployment)
    labels = {one["taskSetLabel"]: one for one in target["taskSetsInfo"]}
    assert (labels["Blue"]["trafficWeight"], labels["Green"]["trafficWeight"]) == (100.0, 0.0)
    assert labels["Green"]["targetGroup"] == {"name": "green"}
    assert target["status"] == "InProgress"


def test_a_green_one_that_never_gets_steady_fails_after_an_hour(world):
    world.service()
    world.group()
    world.broken = {"shop:2"}
    deployment = world.deploy()
    world.settle()
    world.skip(minutes=50)
    assert world.info(deployment)["status"] == "InProgress"
    world.skip(minutes=11)
    info = world.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "TIMEOUT")
    assert "This time out period is 60 minutes." in info["errorInformation"]["message"]
    assert list(world.sets()) == ["1"]
    assert world.weights() == {"blue": 100}
    assert world.lifecycle(deployment)["Install"] == "Failed"
    assert world.lifecycle(deployment)["AllowTraffic"] == "Skipped"


def test_the_test_listener_goes_first(world):
    world.service()
    world.group(test=True, ready=30)
    deployment = world.deploy()
    world.settle()
    assert world.info(deployment)["status"] == "Ready"
    assert world.lifecycle(deployment)["AllowTestTraffic"] == "Succeeded"
    assert (world.weights(TEST), world.weights(PRODUCTION)) == ({"green": 100}, {"blue": 100})
    world.cd.continue_deployment(deploymentId=deployment, deploymentWaitType="READY_WAIT")
    world.settle()
    assert world.info(deployment)["status"] == "Succeeded"
    assert (world.weights(TEST), world.weights(PRODUCTION)) == ({"green": 100}, {"green": 100})


def test_nobody_continues_it(world):
    world.service()
    world.group(test=True, ready=30)
    deployment = world.deploy()
    world.settle()
    world.skip(minutes=31)
    info = world.info(deployment)
    assert info["status"] == "Stopped"
    assert "nobody continued it" in info["additionalDeploymentStatusInfo"]
    assert list(world.sets()) == ["1"]
    assert (world.weights(TEST), world.weights(PRODUCTION)) == ({"blue": 100}, {"blue": 100})


def test_blue_stays_for_its_wait_time(world):
    world.service()
    world.group(wait=10)
    deployment = world.deploy()
    world.settle()
    info = world.info(deployment)
    assert (info["status"], info["instanceTerminationWaitTimeStarted"]) == ("InProgress", True)
    assert world.weights() == {"green": 100}
    assert {key: (one["status"], one["runningCount"]) for key, one in world.sets().items()} == {
        "1": ("ACTIVE", 2),
        "2": ("PRIMARY", 2),
    }
    world.skip(minutes=10)
    assert world.info(deployment)["status"] == "Succeeded"
    assert list(world.sets()) == ["2"]


def test_its_wait_time_can_be_cut_short(world):
    world.service()
    world.group(wait=2880)
    deployment = world.deploy()
    world.settle()
    world.cd.continue_deployment(deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT")
    world.settle()
    assert world.info(deployment)["status"] == "Succeeded"


def test_stopped_and_rolled_back_after_the_traffic_has_moved(world):
    world.service()
    world.group(test=True, wait=10)
    deployment = world.deploy()
    world.settle()
    assert world.weights() == {"green": 100}
    answer = world.cd.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    assert answer["status"] == "Pending"
    world.run(world.loop.step)
    assert (world.weights(TEST), world.weights(PRODUCTION)) == ({"blue": 100}, {"blue": 100})
    info = world.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert world.sets()["1"]["id"] in info["rollbackInfo"]["rollbackMessage"]
    assert (world.sets()["1"]["status"], world.sets()["2"]["status"]) == ("PRIMARY", "DRAINING")
    world.settle()
    assert list(world.sets()) == ["1"]
    assert world.described()["runningCount"] == 2


def test_stopped_where_it_is(world):
    world.service()
    world.group(wait=10)
    first = world.deploy()
    world.settle()
    world.cd.stop_deployment(deploymentId=first)
    world.settle()
    assert world.info(first)["status"] == "Stopped"
    assert "rollbackInfo" not in world.info(first)
    assert world.weights() == {"green": 100}
    assert {key: one["status"] for key, one in world.sets().items()} == {"1": "ACTIVE", "2": "PRIMARY"}
    second = world.deploy("shop:1")  # takes away what the first one left, before its own task set comes
    world.settle(12)
    assert world.weights() == {"blue": 100}
    assert [one["externalId"] for one in world.sets().values() if one["status"] == "PRIMARY"] == [second]


def test_stopped_before_green_is_there(world):
    world.service()
    world.group(autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_STOP_ON_REQUEST"]})
    deployment = world.deploy()
    world.cd.stop_deployment(deploymentId=deployment)
    world.settle()
    info = world.info(deployment)
    assert (info["status"], list(world.sets())) == ("Stopped", ["1"])
    assert "rollbackMessage" in info["rollbackInfo"]
    assert set(world.lifecycle(deployment).values()) == {"Skipped"}


@pytest.mark.parametrize(
    ("config", "steps", "minutes"),
    [
        ("CodeDeployDefault.ECSCanary10Percent5Minutes", [10, 100], 5),
        ("CodeDeployDefault.ECSLinear10PercentEvery1Minutes", list(range(10, 101, 10)), 1),
    ],
)
def test_traffic_moves_in_steps(world, config, steps, minutes):
    world.service()
    world.group(wait=60)
    deployment = world.deploy(deploymentConfigName=config)
    world.settle()
    seen = []
    for _ in steps:
        seen.append(world.weights().get("green", 0))
        serving = {one["taskSetLabel"]: one for one in world.target(deployment)["taskSetsInfo"]}
        assert serving["Green"]["trafficWeight"] == seen[-1]
        assert serving["Green"]["status"] == ("PRIMARY" if seen[-1] == 100 else "ACTIVE")
        world.skipped += timedelta(minutes=minutes)
        world.settle(1, 0)
    assert seen == steps
    assert world.info(deployment)["deploymentConfigName"] == config


def test_a_canary_is_rolled_back(world):
    world.service()
    world.group()
    deployment = world.deploy(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent15Minutes")
    world.settle()
    assert world.weights() == {"blue": 90, "green": 10}
    world.cd.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    world.run(world.loop.step)
    assert world.weights() == {"blue": 100}


def test_one_deployment_at_a_time(world):
    world.service()
    world.group(wait=10)
    deployment = world.deploy()
    before = world.kinds()
    with refused("DeploymentLimitExceededException", f"'s' already has an active Deployment '{deployment}'"):
        world.deploy()
    with refused("DeploymentLimitExceededException", "already has an active"):
        world.cd.delete_deployment_group(**GROUP)
    with refused("DeploymentLimitExceededException", "already has an active"):
        world.cd.delete_application(applicationName="shop")
    assert world.kinds() == before


def test_one_deployment_at_a_time_of_a_service_that_changes_its_group(world):
    world.service()
    world.service(serviceName="t", loadBalancers=[BALANCER_OF_SERVICE])
    world.group(wait=10)
    deployment = world.deploy()
    other = [{"clusterName": "blue", "serviceName": "t"}]
    current = {"applicationName": "shop", "currentDeploymentGroupName": "s"}
    world.cd.update_deployment_group(**current, ecsServices=other)
    world.another_group(deploymentGroupName="s2")
    with refused("DeploymentLimitExceededException", f"already has an active Deployment '{deployment}'"):
        world.deploy(deploymentGroupName="s2")


def test_a_service_that_is_deleted_fails_its_deployment(world):
    world.service()
    world.group(wait=10)
    deployment = world.deploy()
    world.settle()
    world.ecs.delete_service(**NAMED, force=True)
    world.settle(12)
    info = world.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "INVALID_ECS_SERVICE")
    assert world.described()["status"] == "INACTIVE"
    assert world.target(deployment)["taskSetsInfo"] == []
    with refused("InvalidECSServiceException", "is not ACTIVE"):
        world.deploy()


def test_a_service_is_scaled_during_a_deployment(world):
    world.service()
    world.group(wait=10)
    deployment = world.deploy()
    world.settle()
    world.ecs.update_service(**NAMED, desiredCount=3)
    world.settle()
    assert {key: one["runningCount"] for key, one in world.sets().items()} == {"1": 3, "2": 3}
    world.skip(minutes=10)
    assert world.info(deployment)["status"] == "Succeeded"
    assert world.described()["runningCount"] == 3


def test_a_service_of_none_is_deployed_too(world):
    world.service(desiredCount=0)
    world.group()
    deployment = world.deploy()
    world.settle()
    assert world.info(deployment)["status"] == "Succeeded"
    world.ecs.delete_service(**NAMED)


def test_the_app_spec_says_what_is_different(world):
    world.service()
    world.group()
    network = {"AwsvpcConfiguration": {"Subnets": VPC["awsvpcConfiguration"]["subnets"][:1]}}
    strategy = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    spec = app_spec(PlatformVersion="1.4.0", NetworkConfiguration=network, CapacityProviderStrategy=strategy)
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    deployment = world.deploy(revision=revision(spec))
    world.settle()
    assert world.info(deployment)["status"] == "Succeeded"
    (only,) = world.sets().values()
    assert only["platformVersion"] == "1.4.0"
    assert (
        only["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
        == network["AwsvpcConfiguration"]["Subnets"]
    )
    assert [one["capacityProvider"] for one in only["capacityProviderStrategy"]] == ["FARGATE_SPOT"]


def test_it_can_be_written_as_yaml(world):
    world.service()
    world.group()
    text = """
version: 0.0
resources:
  - target:
      type: AWS::ECS::Service
      properties:
        taskDefinition: "shop:2"
        loadBalancerInfo: {containerName: app, containerPort: 8443}
"""
    deployment = world.deploy(revision={"revisionType": "String", "string": {"content": text}})
    world.settle()
    assert world.info(deployment)["status"] == "Succeeded"
    assert world.info(deployment)["revision"]["string"]["content"] == text


def test_clients_that_speak_cbor_are_answered_in_cbor(world):
    """The model names it beside JSON, which boto3 prefers; other SDKs do not."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def cbor_only(service, kind, **more):
        model = load(service, kind, **more)
        if kind == "service-2" and service == "codedeploy":
            model = {**model, "metadata": {**model["metadata"], "protocols": ["smithy-rpc-v2-cbor"]}}
        return model

    loader.load_service_model = cbor_only
    cd = boto3.Session(botocore_session=session).client(
        "codedeploy",
        endpoint_url=world.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    assert cd.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    assert world.cd.meta.service_model.resolved_protocol == "json"
    cd.create_application(applicationName="shop", computePlatform="ECS")
    shown = [one.get_application(applicationName="shop")["application"] for one in (cd, world.cd)]
    assert shown[0] == shown[1]
    for one in (cd, world.cd):
        with pytest.raises(one.exceptions.ApplicationDoesNotExistException, match="for name: tea"):
            one.get_application(applicationName="tea")


def test_the_waiter_waits(world):
    world.service()
    world.group()
    deployment = world.deploy()
    world.settle()
    world.cd.get_waiter("deployment_successful").wait(deploymentId=deployment)


BAD_REVISIONS = [
    ({"revisionType": "S3"}, "InvalidRevisionException", "The revisionType S3 is not supported"),
    ({"revisionType": "AppSpecContent"}, "InvalidRevisionException", "the AppSpec must be a mapping"),
    (
        {"revisionType": "AppSpecContent", "string": {"content": "{}"}},
        "InvalidRevisionException",
        "A revision of the type AppSpecContent has no string.",
    ),
    ({}, "RevisionRequiredException", "missing"),
    (revision("{"), "InvalidRevisionException", "no well-formed YAML or JSON"),
    (revision("!!python/object/apply:os.system [true]"), "InvalidRevisionException", "no well-formed"),
    (
        revision({**app_spec(), "Hooks": [{"BeforeInstall": "f"}]}),
        "InvalidRevisionException",
        "Hooks are not",
    ),
    (revision({**app_spec(), "version": 1}), "InvalidRevisionException", "version must be 0.0"),
    (revision({"version": 0.0}), "InvalidRevisionException", "a list of exactly one"),
    (revision(app_spec("nothing")), "InvalidRevisionException", "TaskDefinition not found."),
    (revision(app_spec("web")), "InvalidRevisionException", "does not support launch_type FARGATE"),
    (revision(app_spec(Tea="green")), "InvalidRevisionException", "not 'Tea'"),
    (
        revision(app_spec(PlatformVersion="9")),
        "InvalidRevisionException",
        "platform version 9 does not exist",
    ),
    (
        {"revisionType": "AppSpecContent", "appSpecContent": {"content": "{}", "sha256": "0" * 64}},
        "InvalidRevisionException",
        "sha256",
    ),
]


def test_what_cannot_be_deployed_changes_nothing(world):
    world.service()
    world.group()
    before = world.kinds()
    for given, code, message in BAD_REVISIONS:
        with refused(code, message):
            world.deploy(revision=given)
    with refused("DeploymentConfigDoesNotExistException", "CodeDeployDefault.OneAtATime"):
        world.deploy(deploymentConfigName="CodeDeployDefault.OneAtATime")
    with refused("InvalidInputException", "targetInstances of CreateDeployment is not supported"):
        world.deploy(targetInstances={"autoScalingGroups": ["a"]})
    with refused("DescriptionTooLongException", "256"):
        world.deploy(description="x" * 257)
    with refused("DeploymentGroupNameRequiredException", "missing"):
        world.cd.create_deployment(applicationName="shop", revision=revision(app_spec()))
    assert world.kinds() == before
    assert world.weights() == {"blue": 1}


def test_the_listener_must_lead_to_the_primary_task_set(world):
    world.service()
    world.group()
    listener = {"ListenerArn": PRODUCTION}
    green = BLUE.replace("blue", "green").replace("d1", "d2")
    world.elb.modify_listener(**listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": green}])
    with refused("InvalidTargetGroupPairException", f"must be behind listener {PRODUCTION}"):
        world.deploy()


def test_a_listener_that_goes_away_fails_the_deployment(world):
    world.service()
    world.group(wait=10)
    deployment = world.deploy()
    world.settle()
    world.elb.delete_listener(ListenerArn=PRODUCTION)
    world.settle()
    info = world.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "ELASTIC_LOAD_BALANCING_INVALID")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"taskDefinition": "shop:2"}, "Unable to update task definition on services with a CODE_DEPLOY"),
        ({"networkConfiguration": VPC}, "Unable to update network parameters on services"),
        ({"platformVersion": "1.4.0"}, "Unable to update platform version on services"),
        ({"loadBalancers": [{"targetGroupArn": BLUE}]}, "Unable to update load balancers on services"),
        ({"forceNewDeployment": True}, "Cannot force a new deployment on services with a CODE_DEPLOY"),
        ({"availabilityZoneRebalancing": "ENABLED"}, "Availability Zone rebalancing does not support"),
    ],
)
def test_what_only_a_deployment_changes(world, members, message):
    world.service()
    with refused("InvalidParameterException", message):
        world.ecs.update_service(**NAMED, **members)


def test_what_an_update_changes(world):
    world.service()
    changed = world.ecs.update_service(
        **NAMED,
        desiredCount=1,
        deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50},
        healthCheckGracePeriodSeconds=5,
        deploymentController={"type": "CODE_DEPLOY"},
    )["service"]
    assert changed["deploymentConfiguration"] == {"maximumPercent": 150, "minimumHealthyPercent": 50}
    assert (changed["healthCheckGracePeriodSeconds"], changed["desiredCount"]) == (5, 1)
    world.settle()
    assert world.described()["runningCount"] == 1


def test_task_sets_are_code_deploys_to_make(world):
    world.service()
    (only,) = world.sets().values()
    assert world.ecs.describe_task_sets(**NAMED)["taskSets"][0]["id"] == only["id"]
    with refused("InvalidParameterException", "external deployment controllers"):
        world.ecs.create_task_set(**NAMED, taskDefinition="shop:2")
    with refused("InvalidParameterException", "external deployment controllers"):
        world.ecs.delete_task_set(**NAMED, taskSet=only["id"], force=True)


def test_the_same_service_again_is_the_one_there_is(world):
    first = world.service()
    world.group()
    world.deploy()
    world.settle()
    assert world.service()["serviceArn"] == first["serviceArn"]
    assert list(world.sets()) == ["2"]
    with refused("InvalidParameterException", "not idempotent"):
        world.service(taskDefinition="shop:2")
