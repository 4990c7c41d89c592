"""Whole worlds of several owners in one store: whatever an account can have in a region, once for each owner.

Every owner's names hold the owner's own name, so an identifier always says whose it is. ``absent`` turns one
into its like that nobody has.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
from botocore.validate import ParamValidator

from sealway.app.operations import SERVICES
from sealway.model.cluster import ContainerInstance
from sealway.model.code_deployment import CodeDeployment
from sealway.model.deployment_group import code_deploy_arn
from sealway.model.errors import AwsError
from sealway.model.ids import CountingIds
from sealway.model.instance import Instance
from sealway.model.kinds import KINDS
from sealway.model.request import RequestContext
from sealway.services.context import Context
from sealway.services.ec2.default_vpc import ensure_default_vpc
from sealway.store.sqlite import SqliteStore
from tests.support.ec2 import IMAGE, NOW

MODELS = {name: botocore.session.get_session().get_service_model(name) for name in SERVICES}
CONTAINER = {"name": "app", "image": "app:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
TAGS = [{"Key": "a", "Value": "b"}]


class Owner(msgspec.Struct, frozen=True):
    """An account in a region."""

    name: str
    account_id: str
    region: str
    network: str
    """The first two numbers of its addresses."""


OWNER = Owner("owner", "000000000000", "us-east-1", "10.10")
STRANGERS = (
    Owner("stranger", "111111111111", "us-east-1", "10.20"),
    Owner("abroad", "000000000000", "eu-west-1", "10.30"),
)


class Has(msgspec.Struct, frozen=True, kw_only=True):
    """The identifiers of what an owner has."""

    cluster: str
    cluster_name: str
    family: str
    definition: str
    service: str
    service_name: str
    service_deployment: str
    service_revision: str
    external_service: str
    task_set: str
    task_set_id: str
    task: str
    task_id: str
    container_instance: str
    balancer: str
    balancer_name: str
    group: str
    group_name: str
    instance_group: str
    listener: str
    rule: str
    vpc: str
    empty_vpc: str
    subnet: str
    other_subnet: str
    spare_subnet: str
    vpc_block: str
    subnet_block: str
    security_group: str
    security_group_name: str
    security_rule: str
    instance: str
    interface: str
    template: str
    template_name: str
    scaling_group: str
    scaled_instance: str
    provider: str
    provider_name: str
    listener_of_instances: str
    other_instance_group: str
    other_instance_group_name: str
    instance_group_name: str
    application: str
    application_arn: str
    deployment_group: str
    deployed_service: str
    deployment: str
    deployment_config: str
    deployment_target: str


def absent(text: str) -> str:
    """Identifiers of the owner in ``text``, turned into their like that nobody has."""
    unknown = re.sub(r"\bd-[0-9A-Z]{9}\b", "d-FFFFFFFFF", text.replace(OWNER.name, "absent"))
    return re.sub(r"[0-9a-f]{16,}", lambda found: "f" * len(found[0]), unknown)


def nobody(has: Has) -> Has:
    """What is had by nobody: ``absent`` of everything."""
    return msgspec.convert({name: absent(value) for name, value in msgspec.structs.asdict(has).items()}, Has)


class Accounts:
    """The operations of every service over one store; ``call`` as a given owner."""

    def __init__(self, directory: Path) -> None:
        self.store = SqliteStore(directory)
        self._ids = CountingIds(str(len(self.store.list(ContainerInstance))))

    def call(self, caller: Owner, service: str, name: str, /, **request: Any) -> Any:
        """The answer; the request is checked against the service's model first."""
        shape = MODELS[service].operation_model(name).input_shape
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        return SERVICES[service][name](self._context(caller), request)

    def outcome(self, caller: Owner, service: str, name: str, request: dict[str, Any]) -> str:
        """The answer or the error as text."""
        try:
            return json.dumps(self.call(caller, service, name, **request), default=str, sort_keys=True)
        except AwsError as error:
            return f"{error.code}: {error.message}"

    def belongings(self, owner: Owner) -> set[tuple[str, str, int]]:
        """Kind, key and version of all that the owner has."""
        mine, named = (owner.account_id, owner.region), f":{owner.region}:{owner.account_id}:"
        return {
            (kind.__name__, found.key, found.version)
            for kind in KINDS.values()
            for found in self.store.list(kind)
            if named in found.key or (getattr(found, "account_id", ""), getattr(found, "region", "")) == mine
        }

    def _context(self, caller: Owner) -> Context:
        context = RequestContext(
            account_id=caller.account_id, region=caller.region, access_key_id="AKIA", request_id="r", now=NOW
        )
        return Context(caller=context, store=self.store, ids=self._ids)

    def fill(self, owner: Owner) -> Has:
        """Makes one of everything."""
        self._default_vpc(owner)
        network = self._network(owner)
        balancing = self._balancing(owner, network)
        scaling = self._scaling(owner, network)
        containers = self._containers(owner, network, balancing)
        deploying = self._deploying(owner, {**balancing, **containers})
        return Has(**network, **balancing, **scaling, **containers, **deploying)

    def _default_vpc(self, owner: Owner) -> None:
        with self.store.transaction() as tx:
            zones = tuple(f"{owner.region}{letter}" for letter in "abc")
            ensure_default_vpc(
                tx, owner.account_id, owner.region, zones, f"{owner.network}.0.0/17", self._ids
            )

    def _network(self, owner: Owner) -> dict[str, str]:
        def ec2(name: str, **request: Any) -> Any:
            return self.call(owner, "ec2", name, **request)

        vpc = ec2("DescribeVpcs")["Vpcs"][0]["VpcId"]
        subnets = [s["SubnetId"] for s in ec2("DescribeSubnets")["Subnets"]]
        empty = ec2("CreateVpc", CidrBlock=f"{owner.network}.128.0/20")["Vpc"]["VpcId"]
        wide = ec2("AssociateVpcCidrBlock", VpcId=empty, AmazonProvidedIpv6CidrBlock=True)
        part = wide["Ipv6CidrBlockAssociation"]["Ipv6CidrBlock"].replace("/56", "/64")
        spare = ec2("CreateSubnet", VpcId=empty, CidrBlock=f"{owner.network}.128.0/24", Ipv6CidrBlock=part)
        block = ec2("AssociateVpcCidrBlock", VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
        name = f"group-{owner.name}"
        group = ec2("CreateSecurityGroup", GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        port = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        rule = ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[port])["SecurityGroupRules"]
        made = self._launched(owner, subnets[0])
        ec2("CreateTags", Resources=[vpc, made["InstanceId"]], Tags=TAGS)
        return {
            "vpc": vpc,
            "empty_vpc": empty,
            "subnet": subnets[0],
            "other_subnet": subnets[1],
            "spare_subnet": spare["Subnet"]["SubnetId"],
            "vpc_block": block["Ipv6CidrBlockAssociation"]["AssociationId"],
            "subnet_block": spare["Subnet"]["Ipv6CidrBlockAssociationSet"][0]["AssociationId"],
            "security_group": group,
            "security_group_name": name,
            "security_rule": rule[0]["SecurityGroupRuleId"],
            "instance": made["InstanceId"],
            "interface": made["NetworkInterfaces"][0]["NetworkInterfaceId"],
        }

    def _launched(self, owner: Owner, subnet: str) -> Any:
        """A running instance."""
        run = self.call(owner, "ec2", "RunInstances", ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnet)
        with self.store.transaction() as tx:
            launched = tx.get(Instance, run["Instances"][0]["InstanceId"])
            assert launched is not None
            tx.put(launched.replace(state="running"))
        return run["Instances"][0]

    def _scaling(self, owner: Owner, network: dict[str, str]) -> dict[str, str]:
        template, group = f"template-{owner.name}", f"fleet-{owner.name}"
        data = {"ImageId": IMAGE, "InstanceType": "t3.micro"}
        request: dict[str, Any] = {"LaunchTemplateName": template, "LaunchTemplateData": data}
        made = self.call(owner, "ec2", "CreateLaunchTemplate", **request)["LaunchTemplate"]
        self.call(
            owner,
            "autoscaling",
            "CreateAutoScalingGroup",
            AutoScalingGroupName=group,
            LaunchTemplate={"LaunchTemplateName": template},
            MinSize=0,
            MaxSize=5,
            VPCZoneIdentifier=network["subnet"],
            Tags=TAGS,
        )
        instance = self._launched(owner, network["subnet"])["InstanceId"]
        provider = self.call(
            owner,
            "ecs",
            "CreateCapacityProvider",
            name=f"capacity-{owner.name}",
            autoScalingGroupProvider={"autoScalingGroupArn": group},
            tags=[{"key": "a", "value": "b"}],
        )["capacityProvider"]
        attached: dict[str, Any] = {"InstanceIds": [instance], "AutoScalingGroupName": group}
        self.call(owner, "autoscaling", "AttachInstances", **attached)
        return {
            "template": made["LaunchTemplateId"],
            "template_name": template,
            "scaling_group": group,
            "scaled_instance": instance,
            "provider": provider["capacityProviderArn"],
            "provider_name": provider["name"],
        }

    def _balancing(self, owner: Owner, network: dict[str, str]) -> dict[str, str]:
        def elb(name: str, **request: Any) -> Any:
            return self.call(owner, "elbv2", name, **request)

        name = f"edge-{owner.name}"
        balancer = elb("CreateLoadBalancer", Name=name, Type="network", Subnets=[network["subnet"]])
        arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        groups = [
            elb(
                "CreateTargetGroup",
                Name=f"{name}-{owner.name}",
                Protocol="TCP",
                Port=80,
                VpcId=network["vpc"],
                TargetType=kind,
            )["TargetGroups"][0]["TargetGroupArn"]
            for name, kind in (("ip", "ip"), ("instance", "instance"), ("other", "instance"))
        ]
        ports = [
            elb(
                "CreateListener",
                LoadBalancerArn=arn,
                Protocol="TCP",
                Port=port,
                DefaultActions=forward(group),
            )
            for port, group in enumerate(groups[:2], 80)
        ]
        elb("RegisterTargets", TargetGroupArn=groups[1], Targets=[{"Id": network["instance"]}])
        listener = ports[0]["Listeners"][0]["ListenerArn"]
        rule = elb("DescribeRules", ListenerArn=listener)["Rules"][0]["RuleArn"]
        return {
            "balancer": arn,
            "balancer_name": name,
            "group": groups[0],
            "group_name": f"ip-{owner.name}",
            "instance_group": groups[1],
            "instance_group_name": f"instance-{owner.name}",
            "other_instance_group": groups[2],
            "other_instance_group_name": f"other-{owner.name}",
            "listener_of_instances": ports[1]["Listeners"][0]["ListenerArn"],
            "listener": listener,
            "rule": rule,
        }

    def _containers(self, owner: Owner, network: dict[str, str], balancing: dict[str, str]) -> dict[str, str]:
        def ecs(name: str, **request: Any) -> Any:
            return self.call(owner, "ecs", name, **request)

        cluster, family = f"blue-{owner.name}", f"web-{owner.name}"
        arn = ecs("CreateCluster", clusterName=cluster, tags=[{"key": "a", "value": "b"}])["cluster"][
            "clusterArn"
        ]
        definition = ecs("RegisterTaskDefinition", family=family, containerDefinitions=[CONTAINER])
        instance = self._container_instance(owner, arn, network["instance"])
        rack = {"name": "rack", "value": "7", "targetType": "container-instance", "targetId": instance}
        ecs("PutAttributes", cluster=cluster, attributes=[rack])
        service = ecs(
            "CreateService",
            cluster=cluster,
            serviceName=f"orders-{owner.name}",
            taskDefinition=family,
            desiredCount=1,
            launchType="EC2",
            loadBalancers=balancers(balancing["instance_group"]),
        )
        deployment = ecs("ListServiceDeployments", service=service["service"]["serviceArn"], cluster=cluster)[
            "serviceDeployments"
        ][0]
        external = ecs(
            "CreateService",
            cluster=cluster,
            serviceName=f"sets-{owner.name}",
            deploymentController={"type": "EXTERNAL"},
        )["service"]["serviceArn"]
        task_set = ecs(
            "CreateTaskSet",
            cluster=cluster,
            service=external,
            taskDefinition=family,
            tags=[{"key": "a", "value": "b"}],
        )["taskSet"]
        task = ecs("RunTask", cluster=cluster, taskDefinition=family, launchType="EC2")["tasks"][0]["taskArn"]
        return {
            "cluster": arn,
            "cluster_name": cluster,
            "family": family,
            "definition": definition["taskDefinition"]["taskDefinitionArn"],
            "service": service["service"]["serviceArn"],
            "service_name": f"orders-{owner.name}",
            "service_deployment": deployment["serviceDeploymentArn"],
            "service_revision": deployment["targetServiceRevisionArn"],
            "external_service": external,
            "task_set": task_set["taskSetArn"],
            "task_set_id": task_set["id"],
            "task": task,
            "task_id": task.rpartition("/")[2],
            "container_instance": instance,
        }

    def _deploying(self, owner: Owner, has: dict[str, str]) -> dict[str, str]:
        """A service that CodeDeploy deploys, and a deployment that has ended."""

        def cd(name: str, **request: Any) -> Any:
            return self.call(owner, "codedeploy", name, **request)

        application, name = f"shop-{owner.name}", f"shipped-{owner.name}"
        self.call(
            owner,
            "ecs",
            "CreateService",
            cluster=has["cluster"],
            serviceName=name,
            taskDefinition=has["family"],
            desiredCount=1,
            deploymentController={"type": "CODE_DEPLOY"},
            loadBalancers=balancers(has["instance_group"]),
        )
        cd("CreateApplication", applicationName=application, computePlatform="ECS", tags=TAGS)
        config = f"steps-{owner.name}"
        steps = {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 50, "linearInterval": 1}}
        cd(
            "CreateDeploymentConfig",
            deploymentConfigName=config,
            computePlatform="ECS",
            trafficRoutingConfig=steps,
        )
        names = (has["instance_group_name"], has["other_instance_group_name"])
        cd(
            "CreateDeploymentGroup",
            applicationName=application,
            deploymentGroupName=name,
            **deployed(has["cluster_name"], name, names, has["listener_of_instances"]),
        )
        made = cd(
            "CreateDeployment",
            applicationName=application,
            deploymentGroupName=name,
            revision=app_spec(has["family"]),
        )["deploymentId"]
        with self.store.transaction() as tx:
            (running,) = tx.list(CodeDeployment, id=made)
            tx.put(running.replace(status="Succeeded"))
        return {
            "application": application,
            "application_arn": code_deploy_arn(owner.region, owner.account_id, f"application:{application}"),
            "deployment_group": name,
            "deployed_service": name,
            "deployment": made,
            "deployment_config": config,
            "deployment_target": f"{has['cluster_name']}:{name}",
        }

    def _container_instance(self, owner: Owner, cluster: str, instance: str) -> str:
        registered = ContainerInstance(
            account_id=owner.account_id,
            region=owner.region,
            arn=cluster.replace(":cluster/", ":container-instance/") + "/" + self._ids.hex(32),
            cluster_arn=cluster,
            ec2_instance_id=instance,
            private_ip=f"{owner.network}.0.9",
            availability_zone=f"{owner.region}a",
            cpu_units=1024,
            memory_mib=1000,
            registered_at=NOW,
        )
        with self.store.transaction() as tx:
            tx.put(registered)
        return registered.arn


def forward(group: str) -> list[dict[str, str]]:
    """A listener's actions."""
    return [{"Type": "forward", "TargetGroupArn": group}]


def balancers(group: str) -> list[dict[str, Any]]:
    """A service's load balancers."""
    return [{"targetGroupArn": group, "containerName": "app", "containerPort": 80}]


def deployed(cluster: str, service: str, groups: tuple[str, str], listener: str) -> dict[str, Any]:
    """What a deployment group says of its service, its target groups by name, and its listener."""
    pair = {
        "targetGroups": [{"name": name} for name in groups],
        "prodTrafficRoute": {"listenerArns": [listener]},
    }
    return {
        "serviceRoleArn": "arn:aws:iam::000000000000:role/deployer",
        "ecsServices": [{"clusterName": cluster, "serviceName": service}],
        "loadBalancerInfo": {"targetGroupPairInfoList": [pair]},
        "blueGreenDeploymentConfiguration": {
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE"}
        },
    }


def app_spec(definition: str) -> dict[str, Any]:
    """A revision of that definition."""
    container = {"ContainerName": "app", "ContainerPort": 80}
    properties = {"TaskDefinition": definition, "LoadBalancerInfo": container}
    resources = [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}]
    content = json.dumps({"version": 0.0, "Resources": resources})
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}


class Furnished:
    """A store in which every owner has everything, made once and copied for each test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        world = Accounts(directory)
        self.has = {owner.name: world.fill(owner) for owner in (OWNER, *STRANGERS)}
        world.store.close()

    def copy(self, directory: Path) -> Accounts:
        """A world of one's own."""
        shutil.copytree(self._directory, directory)
        return Accounts(directory)
