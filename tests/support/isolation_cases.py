"""Every operation of every service, with another owner's identifiers in one place each.

``build(mine, theirs)`` makes a request: the caller's own identifiers everywhere but in one place. With
``build(mine, mine)`` it is one that is served.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sealway.services.ecs.agent_operations import OPERATIONS as AGENT_OPERATIONS
from tests.support.accounts import OWNER, TAGS, Has, balancers, forward
from tests.support.deploy_cases import CODE_DEPLOY
from tests.support.ec2 import IMAGE
from tests.support.scaling_cases import AUTO_SCALING, CAPACITY

Request = dict[str, Any]
Build = Callable[[Has, Has], Request]
ECS_TAGS = [{"key": "a", "value": "c"}]
SCALE = {"value": 50.0, "unit": "PERCENT"}
RANGE = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


INSIGHTS = {"name": "containerInsights", "value": "disabled"}


class Case(NamedTuple):
    """``build(mine, theirs)``: the caller's own identifiers everywhere but in one place."""

    service: str
    operation: str
    build: Build

    def __str__(self) -> str:
        return f"{self.service}-{self.operation}"


def attribute(theirs: Has, **more: str) -> Request:
    return {"name": "rack", "targetType": "container-instance", "targetId": theirs.container_instance, **more}


def by_filter(name: str, identifier: str) -> Build:
    return lambda _, theirs: {"Filters": [{"Name": name, "Values": [getattr(theirs, identifier)]}]}


def on_task_set(member: str, **more: Any) -> list[Build]:
    """Another's set in one's own service, and another's service in one's own cluster and in theirs."""

    def request(cluster: str, service: str, task_set: str) -> Request:
        return {"cluster": cluster, "service": service, member: task_set, **more}

    return [
        lambda m, t: request(m.cluster, m.external_service, t.task_set),
        lambda m, t: request(m.cluster, t.external_service, t.task_set),
        lambda _, t: request(t.cluster, t.external_service, t.task_set_id),
    ]


def new_task_set(cluster: str, service: str, definition: str, group: str = "") -> Request:
    request = {"cluster": cluster, "service": service, "taskDefinition": definition}
    return {**request, **({"loadBalancers": balancers(group)} if group else {})}


ECS: list[tuple[str, Build]] = [
    ("CreateTaskSet", lambda m, t: new_task_set(m.cluster, t.external_service, m.family)),
    ("CreateTaskSet", lambda m, t: new_task_set(t.cluster, t.external_service, m.family)),
    ("CreateTaskSet", lambda m, t: new_task_set(m.cluster, m.external_service, t.definition)),
    (
        "CreateTaskSet",
        lambda m, t: new_task_set(m.cluster, m.external_service, m.family, t.instance_group),
    ),
    *(("UpdateTaskSet", build) for build in on_task_set("taskSet", scale=SCALE)),
    *(("DeleteTaskSet", build) for build in on_task_set("taskSet", force=True)),
    *(("UpdateServicePrimaryTaskSet", build) for build in on_task_set("primaryTaskSet")),
    (
        "DescribeTaskSets",
        lambda m, t: {"cluster": m.cluster, "service": m.external_service, "taskSets": [t.task_set]},
    ),
    ("DescribeTaskSets", lambda _, t: {"cluster": t.cluster, "service": t.external_service}),
    ("ListTagsForResource", lambda _, t: {"resourceArn": t.task_set}),
    ("TagResource", lambda _, t: {"resourceArn": t.task_set, "tags": ECS_TAGS}),
    ("UntagResource", lambda _, t: {"resourceArn": t.task_set, "tagKeys": ["a"]}),
    (
        "CreateService",
        lambda m, t: {
            "cluster": t.cluster_name,
            "serviceName": "n",
            "desiredCount": 1,
            "taskDefinition": m.family,
        },
    ),
    (
        "CreateService",
        lambda m, t: {
            "cluster": m.cluster,
            "serviceName": "n",
            "desiredCount": 1,
            "taskDefinition": t.definition,
        },
    ),
    (
        "CreateService",
        lambda m, t: {
            "cluster": m.cluster,
            "serviceName": "n",
            "desiredCount": 1,
            "taskDefinition": m.family,
            "loadBalancers": balancers(t.instance_group),
        },
    ),
    (
        "ExecuteCommand",
        lambda m, t: {"cluster": m.cluster, "task": t.task, "command": "sh", "interactive": True},
    ),
    (
        "ExecuteCommand",
        lambda _, t: {"cluster": t.cluster, "task": t.task, "command": "sh", "interactive": True},
    ),
    ("ContinueServiceDeployment", lambda _, t: {"serviceDeploymentArn": t.service_deployment, "hookId": "h"}),
    ("DeleteAttributes", lambda m, t: {"cluster": m.cluster, "attributes": [attribute(t)]}),
    ("DeleteAttributes", lambda _, t: {"cluster": t.cluster, "attributes": [attribute(t)]}),
    ("DeleteCluster", lambda _, t: {"cluster": t.cluster}),
    ("DeleteService", lambda _, t: {"cluster": t.cluster, "service": t.service_name, "force": True}),
    ("DeleteService", lambda m, t: {"cluster": m.cluster, "service": t.service, "force": True}),
    (
        "DeregisterContainerInstance",
        lambda m, t: {"cluster": m.cluster, "containerInstance": t.container_instance, "force": True},
    ),
    (
        "DeregisterContainerInstance",
        lambda _, t: {"cluster": t.cluster, "containerInstance": t.container_instance, "force": True},
    ),
    ("DeleteTaskDefinitions", lambda _, t: {"taskDefinitions": [t.definition]}),
    ("DeregisterTaskDefinition", lambda _, t: {"taskDefinition": t.definition}),
    ("DeregisterTaskDefinition", lambda _, t: {"taskDefinition": f"{t.family}:1"}),
    ("DescribeClusters", lambda _, t: {"clusters": [t.cluster, t.cluster_name]}),
    (
        "DescribeContainerInstances",
        lambda m, t: {"cluster": m.cluster, "containerInstances": [t.container_instance]},
    ),
    (
        "DescribeContainerInstances",
        lambda _, t: {"cluster": t.cluster, "containerInstances": [t.container_instance]},
    ),
    ("DescribeServiceDeployments", lambda _, t: {"serviceDeploymentArns": [t.service_deployment]}),
    ("DescribeServiceRevisions", lambda _, t: {"serviceRevisionArns": [t.service_revision]}),
    ("DescribeServices", lambda m, t: {"cluster": m.cluster, "services": [t.service, t.service_name]}),
    ("DescribeServices", lambda _, t: {"cluster": t.cluster, "services": [t.service]}),
    ("DescribeTaskDefinition", lambda _, t: {"taskDefinition": t.definition}),
    ("DescribeTaskDefinition", lambda _, t: {"taskDefinition": t.family}),
    ("DescribeTasks", lambda m, t: {"cluster": m.cluster, "tasks": [t.task, t.task_id]}),
    ("DescribeTasks", lambda _, t: {"cluster": t.cluster, "tasks": [t.task]}),
    ("GetTaskProtection", lambda m, t: {"cluster": m.cluster, "tasks": [t.task]}),
    ("GetTaskProtection", lambda _, t: {"cluster": t.cluster, "tasks": [t.task]}),
    ("ListAttributes", lambda _, t: {"cluster": t.cluster, "targetType": "container-instance"}),
    ("ListContainerInstances", lambda _, t: {"cluster": t.cluster}),
    ("ListServiceDeployments", lambda m, t: {"cluster": m.cluster, "service": t.service}),
    ("ListServiceDeployments", lambda _, t: {"cluster": t.cluster, "service": t.service_name}),
    ("ListServices", lambda _, t: {"cluster": t.cluster}),
    ("ListTagsForResource", lambda _, t: {"resourceArn": t.cluster}),
    ("ListTagsForResource", lambda _, t: {"resourceArn": t.service}),
    ("ListTagsForResource", lambda _, t: {"resourceArn": t.task}),
    ("ListTagsForResource", lambda _, t: {"resourceArn": t.definition}),
    ("ListTagsForResource", lambda _, t: {"resourceArn": t.container_instance}),
    ("ListTaskDefinitionFamilies", lambda _, t: {"familyPrefix": t.family}),
    ("ListTaskDefinitions", lambda _, t: {"familyPrefix": t.family}),
    ("ListTasks", lambda _, t: {"cluster": t.cluster}),
    ("ListTasks", lambda m, t: {"cluster": m.cluster, "serviceName": t.service_name}),
    ("ListTasks", lambda m, t: {"cluster": m.cluster, "containerInstance": t.container_instance}),
    ("ListTasks", lambda m, t: {"cluster": m.cluster, "family": t.family}),
    ("PutAttributes", lambda m, t: {"cluster": m.cluster, "attributes": [attribute(t, value="8")]}),
    (
        "PutClusterCapacityProviders",
        lambda _, t: {
            "cluster": t.cluster,
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": [],
        },
    ),
    ("RunTask", lambda m, t: {"cluster": t.cluster, "taskDefinition": m.family}),
    ("RunTask", lambda m, t: {"cluster": m.cluster, "taskDefinition": t.family}),
    ("RunTask", lambda m, t: {"cluster": m.cluster, "taskDefinition": t.definition}),
    (
        "StartTask",
        lambda m, t: {
            "cluster": m.cluster,
            "taskDefinition": m.family,
            "containerInstances": [t.container_instance],
        },
    ),
    (
        "StartTask",
        lambda m, t: {
            "cluster": m.cluster,
            "taskDefinition": t.definition,
            "containerInstances": [m.container_instance],
        },
    ),
    ("StopServiceDeployment", lambda _, t: {"serviceDeploymentArn": t.service_deployment}),
    ("StopTask", lambda m, t: {"cluster": m.cluster, "task": t.task}),
    ("StopTask", lambda m, t: {"cluster": m.cluster, "task": t.task_id}),
    ("StopTask", lambda _, t: {"cluster": t.cluster, "task": t.task}),
    ("TagResource", lambda _, t: {"resourceArn": t.cluster, "tags": ECS_TAGS}),
    ("TagResource", lambda _, t: {"resourceArn": t.service, "tags": ECS_TAGS}),
    ("TagResource", lambda _, t: {"resourceArn": t.task, "tags": ECS_TAGS}),
    ("UntagResource", lambda _, t: {"resourceArn": t.cluster, "tagKeys": ["a"]}),
    ("UpdateCluster", lambda _, t: {"cluster": t.cluster, "settings": [INSIGHTS]}),
    ("UpdateClusterSettings", lambda _, t: {"cluster": t.cluster, "settings": [INSIGHTS]}),
    (
        "UpdateContainerAgent",
        lambda m, t: {"cluster": m.cluster, "containerInstance": t.container_instance},
    ),
    (
        "UpdateContainerInstancesState",
        lambda m, t: {
            "cluster": m.cluster,
            "containerInstances": [t.container_instance],
            "status": "DRAINING",
        },
    ),
    ("UpdateService", lambda m, t: {"cluster": m.cluster, "service": t.service, "desiredCount": 0}),
    ("UpdateService", lambda _, t: {"cluster": t.cluster, "service": t.service_name, "desiredCount": 0}),
    (
        "UpdateService",
        lambda m, t: {"cluster": m.cluster, "service": m.service, "taskDefinition": t.definition},
    ),
    (
        "UpdateTaskProtection",
        lambda m, t: {"cluster": m.cluster, "tasks": [t.task], "protectionEnabled": True},
    ),
    (
        "UpdateTaskProtection",
        lambda _, t: {"cluster": t.cluster, "tasks": [t.task], "protectionEnabled": True},
    ),
]
ELB: list[tuple[str, Build]] = [
    ("AddTags", lambda _, t: {"ResourceArns": [t.balancer], "Tags": TAGS}),
    ("AddTags", lambda _, t: {"ResourceArns": [t.group], "Tags": TAGS}),
    ("AddTags", lambda _, t: {"ResourceArns": [t.listener], "Tags": TAGS}),
    (
        "CreateListener",
        lambda m, t: {
            "LoadBalancerArn": t.balancer,
            "Protocol": "TCP",
            "Port": 9,
            "DefaultActions": forward(m.group),
        },
    ),
    (
        "CreateListener",
        lambda m, t: {
            "LoadBalancerArn": m.balancer,
            "Protocol": "TCP",
            "Port": 9,
            "DefaultActions": forward(t.group),
        },
    ),
    ("CreateLoadBalancer", lambda _, t: {"Name": "n", "Type": "network", "Subnets": [t.subnet]}),
    (
        "CreateLoadBalancer",
        lambda _, t: {"Name": "n", "Type": "network", "SubnetMappings": [{"SubnetId": t.subnet}]},
    ),
    (
        "CreateLoadBalancer",
        lambda m, t: {
            "Name": "n",
            "Type": "network",
            "Subnets": [m.subnet],
            "SecurityGroups": [t.security_group],
        },
    ),
    ("CreateTargetGroup", lambda _, t: {"Name": "n", "Protocol": "TCP", "Port": 1, "VpcId": t.vpc}),
    ("DeleteListener", lambda _, t: {"ListenerArn": t.listener}),
    ("DeleteLoadBalancer", lambda _, t: {"LoadBalancerArn": t.balancer}),
    ("DeleteTargetGroup", lambda _, t: {"TargetGroupArn": t.group}),
    ("DeregisterTargets", lambda _, t: {"TargetGroupArn": t.instance_group, "Targets": [{"Id": t.instance}]}),
    ("DeregisterTargets", lambda m, t: {"TargetGroupArn": m.instance_group, "Targets": [{"Id": t.instance}]}),
    ("DescribeListenerAttributes", lambda _, t: {"ListenerArn": t.listener}),
    ("DescribeListenerCertificates", lambda _, t: {"ListenerArn": t.listener}),
    ("DescribeListeners", lambda _, t: {"LoadBalancerArn": t.balancer}),
    ("DescribeListeners", lambda _, t: {"ListenerArns": [t.listener]}),
    ("DescribeLoadBalancerAttributes", lambda _, t: {"LoadBalancerArn": t.balancer}),
    ("DescribeLoadBalancers", lambda _, t: {"LoadBalancerArns": [t.balancer]}),
    ("DescribeLoadBalancers", lambda _, t: {"Names": [t.balancer_name]}),
    ("DescribeRules", lambda _, t: {"ListenerArn": t.listener}),
    ("DescribeRules", lambda _, t: {"RuleArns": [t.rule]}),
    ("DescribeTags", lambda _, t: {"ResourceArns": [t.balancer]}),
    ("DescribeTags", lambda _, t: {"ResourceArns": [t.group]}),
    ("DescribeTags", lambda _, t: {"ResourceArns": [t.listener]}),
    ("DescribeTargetGroupAttributes", lambda _, t: {"TargetGroupArn": t.group}),
    ("DescribeTargetGroups", lambda _, t: {"TargetGroupArns": [t.group]}),
    ("DescribeTargetGroups", lambda _, t: {"LoadBalancerArn": t.balancer}),
    ("DescribeTargetGroups", lambda _, t: {"Names": [t.group_name]}),
    ("DescribeTargetHealth", lambda _, t: {"TargetGroupArn": t.group}),
    ("ModifyListener", lambda _, t: {"ListenerArn": t.listener, "Port": 9}),
    ("ModifyListener", lambda m, t: {"ListenerArn": m.listener, "DefaultActions": forward(t.group)}),
    (
        "ModifyListenerAttributes",
        lambda _, t: {
            "ListenerArn": t.listener,
            "Attributes": [{"Key": "tcp.idle_timeout.seconds", "Value": "60"}],
        },
    ),
    (
        "ModifyLoadBalancerAttributes",
        lambda _, t: {
            "LoadBalancerArn": t.balancer,
            "Attributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
        },
    ),
    ("ModifyTargetGroup", lambda _, t: {"TargetGroupArn": t.group, "HealthCheckIntervalSeconds": 10}),
    (
        "ModifyTargetGroupAttributes",
        lambda _, t: {
            "TargetGroupArn": t.group,
            "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}],
        },
    ),
    ("RegisterTargets", lambda m, t: {"TargetGroupArn": t.instance_group, "Targets": [{"Id": m.instance}]}),
    ("RegisterTargets", lambda m, t: {"TargetGroupArn": m.instance_group, "Targets": [{"Id": t.instance}]}),
    ("RemoveTags", lambda _, t: {"ResourceArns": [t.balancer], "TagKeys": ["a"]}),
    ("SetIpAddressType", lambda _, t: {"LoadBalancerArn": t.balancer, "IpAddressType": "ipv4"}),
    ("SetSecurityGroups", lambda m, t: {"LoadBalancerArn": t.balancer, "SecurityGroups": [m.security_group]}),
    ("SetSubnets", lambda m, t: {"LoadBalancerArn": t.balancer, "Subnets": [m.subnet]}),
    ("SetSubnets", lambda m, t: {"LoadBalancerArn": m.balancer, "Subnets": [m.subnet, t.other_subnet]}),
]
EC2: list[tuple[str, Build]] = [
    ("AuthorizeSecurityGroupEgress", lambda _, t: {"GroupId": t.security_group, "IpPermissions": [RANGE]}),
    (
        "AuthorizeSecurityGroupIngress",
        lambda _, t: {"GroupId": t.security_group, "IpPermissions": [{**RANGE, "ToPort": 2}]},
    ),
    (
        "AuthorizeSecurityGroupIngress",
        lambda m, t: {
            "GroupId": m.security_group,
            "IpPermissions": [
                {
                    "IpProtocol": "tcp",
                    "FromPort": 3,
                    "ToPort": 3,
                    "UserIdGroupPairs": [{"GroupId": t.security_group}],
                }
            ],
        },
    ),
    ("CreateSecurityGroup", lambda _, t: {"GroupName": "n", "Description": "n", "VpcId": t.vpc}),
    ("AssociateVpcCidrBlock", lambda _, t: {"VpcId": t.vpc, "AmazonProvidedIpv6CidrBlock": True}),
    ("AssociateSubnetCidrBlock", lambda _, t: {"SubnetId": t.subnet, "Ipv6CidrBlock": "fd00::/64"}),
    ("DisassociateVpcCidrBlock", lambda _, t: {"AssociationId": t.vpc_block}),
    ("DisassociateSubnetCidrBlock", lambda _, t: {"AssociationId": t.subnet_block}),
    ("CreateSubnet", lambda _, t: {"VpcId": t.empty_vpc, "CidrBlock": f"{OWNER.network}.129.0/24"}),
    ("CreateTags", lambda _, t: {"Resources": [t.vpc], "Tags": TAGS}),
    ("CreateTags", lambda _, t: {"Resources": [t.instance], "Tags": TAGS}),
    ("CreateTags", lambda _, t: {"Resources": [t.interface], "Tags": TAGS}),
    ("CreateTags", lambda _, t: {"Resources": [t.subnet], "Tags": TAGS}),
    ("CreateTags", lambda _, t: {"Resources": [t.security_group], "Tags": TAGS}),
    ("DeleteSecurityGroup", lambda _, t: {"GroupId": t.security_group}),
    ("DeleteSecurityGroup", lambda _, t: {"GroupName": t.security_group_name}),
    ("DeleteSubnet", lambda _, t: {"SubnetId": t.spare_subnet}),
    ("DeleteVpc", lambda _, t: {"VpcId": t.empty_vpc}),
    ("DeleteTags", lambda _, t: {"Resources": [t.vpc], "Tags": [{"Key": "a"}]}),
    ("DescribeInstanceAttribute", lambda _, t: {"InstanceId": t.instance, "Attribute": "instanceType"}),
    ("DescribeInstanceStatus", lambda _, t: {"InstanceIds": [t.instance], "IncludeAllInstances": True}),
    ("DescribeInstances", lambda _, t: {"InstanceIds": [t.instance]}),
    ("DescribeInstances", by_filter("vpc-id", "vpc")),
    ("DescribeNetworkInterfaces", lambda _, t: {"NetworkInterfaceIds": [t.interface]}),
    ("DescribeNetworkInterfaces", by_filter("subnet-id", "subnet")),
    ("DescribeSecurityGroupRules", lambda _, t: {"SecurityGroupRuleIds": [t.security_rule]}),
    ("DescribeSecurityGroupRules", by_filter("group-id", "security_group")),
    ("DescribeSecurityGroups", lambda _, t: {"GroupIds": [t.security_group]}),
    ("DescribeSecurityGroups", by_filter("vpc-id", "vpc")),
    ("DescribeSubnets", lambda _, t: {"SubnetIds": [t.subnet]}),
    ("DescribeSubnets", by_filter("vpc-id", "vpc")),
    ("DescribeTags", by_filter("resource-id", "vpc")),
    ("DescribeVolumes", by_filter("attachment.instance-id", "instance")),
    ("DescribeVolumes", lambda _, t: {"VolumeIds": [t.instance.replace("i-", "vol-")]}),
    ("DescribeVpcAttribute", lambda _, t: {"VpcId": t.vpc, "Attribute": "enableDnsSupport"}),
    ("DescribeVpcs", lambda _, t: {"VpcIds": [t.vpc]}),
    ("DescribeVpcs", by_filter("vpc-id", "vpc")),
    (
        "ModifyInstanceAttribute",
        lambda _, t: {"InstanceId": t.instance, "DisableApiTermination": {"Value": True}},
    ),
    ("ModifyInstanceAttribute", lambda m, t: {"InstanceId": m.instance, "Groups": [t.security_group]}),
    ("ModifyInstanceMetadataOptions", lambda _, t: {"InstanceId": t.instance, "HttpTokens": "required"}),
    ("ModifySubnetAttribute", lambda _, t: {"SubnetId": t.subnet, "MapPublicIpOnLaunch": {"Value": True}}),
    ("ModifyVpcAttribute", lambda _, t: {"VpcId": t.vpc, "EnableDnsHostnames": {"Value": True}}),
    (
        "RevokeSecurityGroupEgress",
        lambda _, t: {
            "GroupId": t.security_group,
            "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        },
    ),
    ("RevokeSecurityGroupIngress", lambda _, t: {"GroupId": t.security_group, "IpPermissions": [RANGE]}),
    (
        "RevokeSecurityGroupIngress",
        lambda m, t: {"GroupId": m.security_group, "SecurityGroupRuleIds": [t.security_rule]},
    ),
    ("RunInstances", lambda _, t: {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": t.subnet}),
    (
        "RunInstances",
        lambda m, t: {
            "ImageId": IMAGE,
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": m.subnet,
            "SecurityGroupIds": [t.security_group],
        },
    ),
    ("TerminateInstances", lambda _, t: {"InstanceIds": [t.instance]}),
    (
        "RunInstances",
        lambda _, t: {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": {"LaunchTemplateId": t.template}},
    ),
    (
        "CreateLaunchTemplateVersion",
        lambda _, t: {"LaunchTemplateId": t.template, "LaunchTemplateData": {"ImageId": IMAGE}},
    ),
    ("CreateTags", lambda _, t: {"Resources": [t.template], "Tags": TAGS}),
    ("DescribeLaunchTemplates", lambda _, t: {"LaunchTemplateIds": [t.template]}),
    ("DescribeLaunchTemplates", lambda _, t: {"LaunchTemplateNames": [t.template_name]}),
    ("DescribeLaunchTemplateVersions", lambda _, t: {"LaunchTemplateId": t.template}),
    ("DescribeLaunchTemplateVersions", lambda _, t: {"LaunchTemplateName": t.template_name}),
    ("ModifyLaunchTemplate", lambda _, t: {"LaunchTemplateId": t.template, "DefaultVersion": "1"}),
    ("DeleteLaunchTemplate", lambda _, t: {"LaunchTemplateName": t.template_name}),
    ("DeleteLaunchTemplateVersions", lambda _, t: {"LaunchTemplateId": t.template, "Versions": ["1"]}),
]
NAME_NOTHING = {
    *{("ecs", name) for name in ("CreateCluster", "ListClusters")},
    *{("ecs", name) for name in ("DeleteAccountSetting", "ListAccountSettings", "RegisterTaskDefinition")},
    *{("ecs", name) for name in ("PutAccountSetting", "PutAccountSettingDefault")},
    ("ecs", "ListServicesByNamespace"),
    *{("ecs", name) for name in AGENT_OPERATIONS},
    ("elbv2", "DescribeAccountLimits"),
    *{("ec2", name) for name in ("CreateDefaultVpc", "CreateVpc", "DescribeAccountAttributes")},
    *{("ec2", name) for name in ("DescribeAvailabilityZones", "DescribeImages", "DescribeInstanceTypes")},
    *{("ec2", name) for name in ("CreateLaunchTemplate", "DescribeRegions")},
    *{("autoscaling", f"Describe{what}") for what in ("AccountLimits", "LaunchConfigurations")},
    *{
        ("autoscaling", f"Describe{what}")
        for what in ("NotificationConfigurations", "TerminationPolicyTypes")
    },
    *{
        ("codedeploy", name)
        for name in ("CreateApplication", "CreateDeploymentConfig", "ListDeploymentConfigs")
    },
    ("codedeploy", "ListApplications"),
    ("sts", "GetCallerIdentity"),
}
"""Operations that take no identifier of anything the owner has."""
CASES = [
    Case(service, operation, build)
    for service, cases in (
        ("ecs", [*ECS, *CAPACITY]),
        ("elbv2", ELB),
        ("ec2", EC2),
        ("autoscaling", AUTO_SCALING),
        ("codedeploy", CODE_DEPLOY),
    )
    for operation, build in cases
]
