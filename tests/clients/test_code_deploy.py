"""``aws ecs deploy`` as it is: it registers the definition, deploys blue/green by CodeDeploy, and waits.
Terraform makes, changes and removes the application and the deployment group, without drift."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.examples import Stage
from tests.support.tools import TERRAFORM_THERE, Terraform
from tests.support.waiting import until

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

CLUSTER, SERVICE = "blue", "orders"
APPLICATION, GROUP = f"AppECS-{CLUSTER}-{SERVICE}", f"DgpECS-{CLUSTER}-{SERVICE}"
APP_SPEC = """
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: <TASK_DEFINITION>
        LoadBalancerInfo:
          ContainerName: orders
          ContainerPort: 8443
"""
DEFINITION = {
    "family": SERVICE,
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {
            "name": "orders",
            "image": "sealway/orders:1",
            "portMappings": [{"containerPort": 8443}],
            "stopTimeout": 2,
        }
    ],
}


@pytest.fixture(scope="module")
def front(stage: Stage) -> Iterator[dict[str, Any]]:
    """A load balancer with a listener, two target groups, and the subnet."""
    ec2, elb = stage.clients.ec2, stage.clients.elb
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    security = ec2.create_security_group(GroupName="front", Description="front", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=security, IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="0.0.0.0/0"
    )
    balancer = elb.create_load_balancer(Name="front", Type="network", Scheme="internal", Subnets=[subnet])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    groups = {}
    for name in ("orders", "orders-green"):
        made = elb.create_target_group(
            Name=name, Protocol="TCP", Port=8443, VpcId=vpc, TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}
        elb.modify_target_group_attributes(TargetGroupArn=made, Attributes=[delay])
        groups[name] = made
    listener = elb.create_listener(
        LoadBalancerArn=arn, Protocol="TCP", Port=443,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": groups["orders"]}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    yield {"groups": groups, "listener": listener, "subnet": subnet, "security": security}
    elb.delete_load_balancer(LoadBalancerArn=arn)
    for made in groups.values():
        elb.delete_target_group(TargetGroupArn=made)
    ec2.delete_security_group(GroupId=security)


CONFIGURATION = Path(__file__).parent / "code_deploy"


def code_deploy(stage: Stage) -> Any:
    names = {
        "endpoint_url": "AWS_ENDPOINT_URL",
        "region_name": "AWS_REGION",
        "aws_access_key_id": "AWS_ACCESS_KEY_ID",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    }
    return boto3.client("codedeploy", **{name: stage.environment[value] for name, value in names.items()})


@pytest.fixture(scope="module")
def service(stage: Stage, front: dict[str, Any]) -> Iterator[str]:
    """The service with its first task set."""
    ecs = stage.clients.ecs
    ecs.create_cluster(clusterName=CLUSTER)
    ecs.register_task_definition(**DEFINITION)
    network = {"subnets": [front["subnet"]], "securityGroups": [front["security"]]}
    ecs.create_service(
        cluster=CLUSTER, serviceName=SERVICE, taskDefinition=SERVICE, desiredCount=1, launchType="FARGATE",
        deploymentController={"type": "CODE_DEPLOY"},
        networkConfiguration={"awsvpcConfiguration": network},
        loadBalancers=[
            {"targetGroupArn": front["groups"]["orders"], "containerName": "orders", "containerPort": 8443}
        ],
    )  # fmt: skip
    yield SERVICE
    ecs.delete_service(cluster=CLUSTER, service=SERVICE, force=True)
    until("the service's end", lambda: stage.service(CLUSTER, SERVICE)["status"] == "INACTIVE")
    ecs.delete_cluster(cluster=CLUSTER)


@pytest.fixture
def group(stage: Stage, front: dict[str, Any], service: str) -> Iterator[None]:
    """The application and deployment group that ``aws ecs deploy`` looks for."""
    cd = code_deploy(stage)
    cd.create_application(applicationName=APPLICATION, computePlatform="ECS")
    cd.create_deployment_group(
        applicationName=APPLICATION,
        deploymentGroupName=GROUP,
        serviceRoleArn="arn:aws:iam::000000000000:role/ecsCodeDeployRole",
        ecsServices=[{"serviceName": service, "clusterName": CLUSTER}],
        deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        loadBalancerInfo={
            "targetGroupPairInfoList": [
                {
                    "targetGroups": [{"name": name} for name in front["groups"]],
                    "prodTrafficRoute": {"listenerArns": [front["listener"]]},
                }
            ]
        },
        blueGreenDeploymentConfiguration={
            "terminateBlueInstancesOnDeploymentSuccess": {
                "action": "TERMINATE",
                "terminationWaitTimeInMinutes": 0,
            },
            "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
        },
    )
    yield
    cd.delete_application(applicationName=APPLICATION)


@pytest.mark.usefixtures("group")
def test_aws_ecs_deploy(stage: Stage, front: dict[str, Any], service: str, tmp_path: Path) -> None:
    definition, spec = tmp_path / "definition.json", tmp_path / "appspec.yaml"
    definition.write_text(json.dumps(DEFINITION))
    spec.write_text(APP_SPEC)
    printed = stage.run(
        "aws", "ecs", "deploy", "--cluster", CLUSTER, "--service", service,
        "--task-definition", definition, "--codedeploy-appspec", spec,
    )  # fmt: skip
    assert f"task-definition/{SERVICE}:2 to service '{SERVICE}'" in printed
    shown = stage.service(CLUSTER, SERVICE)
    assert shown["taskDefinition"].endswith(f"/{SERVICE}:2")
    (only,) = shown["taskSets"]
    assert (only["startedBy"], only["status"], only["runningCount"]) == ("CODE_DEPLOY", "PRIMARY", 1)
    assert only["externalId"] in printed
    action = stage.clients.elb.describe_listeners(ListenerArns=[front["listener"]])["Listeners"][0][
        "DefaultActions"
    ][0]
    weights = {g["TargetGroupArn"]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"]}
    assert weights == {front["groups"]["orders"]: 0, front["groups"]["orders-green"]: 100}


@TERRAFORM_THERE
def test_terraform(stage: Stage, front: dict[str, Any], service: str) -> None:
    terraform = Terraform(stage, CONFIGURATION)
    given = ("-var", f"listener={front['listener']}")
    longer = (*given, "-var", "wait=7")
    terraform.apply(*given)
    terraform.no_drift(*given)
    terraform.apply(*longer)
    terraform.no_drift(*longer)
    cd = code_deploy(stage)
    shown = cd.get_deployment_group(applicationName="shop", deploymentGroupName=service)
    blue_green = shown["deploymentGroupInfo"]["blueGreenDeploymentConfiguration"]
    wait = blue_green["terminateBlueInstancesOnDeploymentSuccess"]["terminationWaitTimeInMinutes"]
    assert wait == 7
    terraform.run("destroy", "-auto-approve", *longer)
    assert cd.list_applications()["applications"] == []
