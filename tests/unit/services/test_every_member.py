"""Every member of every operation, as botocore's models have them, with values that nobody meant well.

Whatever is sent is answered, or refused by an error that the operation has: no handler breaks. And what is
sent and served was looked at: of the members that could be anything without a difference, two tables say why.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from botocore.model import OperationModel, Shape

from sealway.app.operations import SERVICES
from sealway.model.errors import AwsError
from sealway.services.context import Context
from sealway.wire.service_models import SERVICES as WIRE
from sealway.wire.validation import check
from tests.support.accounts import OWNER, Furnished, Has
from tests.support.discarding import Discarding
from tests.support.every_member import Path, Read, asks, paths, put, values
from tests.support.isolation_cases import CASES
from tests.support.wire_shapes import operation

ALL = [(service, name) for service, operations in SERVICES.items() for name in sorted(operations)]
REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("ec2", "CreateVpc"): {"CidrBlock": "10.77.0.0/16"},
    ("ec2", "CreateLaunchTemplate"): {
        "LaunchTemplateName": "n",
        "LaunchTemplateData": {"ImageId": "ami-0123456789abcdef0"},
    },
    ("ecs", "RegisterTaskDefinition"): {
        "family": "n",
        "containerDefinitions": [{"name": "app", "image": "app:1", "memory": 64}],
    },
    ("codedeploy", "CreateApplication"): {"applicationName": "n", "computePlatform": "ECS"},
    ("codedeploy", "CreateDeploymentConfig"): {
        "deploymentConfigName": "n",
        "computePlatform": "ECS",
        "trafficRoutingConfig": {"type": "AllAtOnce"},
    },
}
"""Where no identifier of anything is needed to be served."""
COPIED = {
    "ecs CreateCluster configuration": "kept and described; every member of it is in test_ecs_every_member",
    "ecs UpdateCluster configuration": "the same",
    "ecs RegisterTaskDefinition containerDefinitions": "kept; see test_ecs_every_container_field",
    "ecs RegisterTaskDefinition volumes": "kept; see test_ecs_every_member",
    "ecs RunTask overrides": "kept; see test_ecs_every_member",
    "ecs StartTask overrides": "kept; see test_ecs_every_member",
    "ecs StartTask enable": "RunTask's code reads them, in a copy",
    "ecs RegisterTaskDefinition taskRoleArn": "kept and described (docs/limits.md)",
    "ecs RegisterTaskDefinition executionRoleArn": "kept and described (docs/limits.md)",
    "ecs CreateService deploymentConfiguration": "kept and described; see test_ecs_every_member",
    "ecs UpdateService deploymentConfiguration": "the same",
    "ec2 CreateLaunchTemplate LaunchTemplateData": "kept, and looked at by RunInstances",
    "ec2 CreateLaunchTemplateVersion LaunchTemplateData": "the same",
    "ec2 RunInstances MetadataOptions": "kept and described",
    "ec2 ModifyInstanceMetadataOptions ": "kept and described, all of them",
    "ec2 AuthorizeSecurityGroupEgress IpPermissions": "the description is kept",
}
"""A member, of which what is beneath is taken as it is."""
WITHOUT_EFFECT = {
    "ecs DeleteAttributes attributes.0.targetType": "there is one type",
    "ecs PutAttributes attributes.0.targetType": "there is one type",
    "elbv2 DeregisterTargets Targets.0.AvailabilityZone": "a target is found by id and port",
    "elbv2 DeregisterTargets Targets.0.QuicServerId": "a target is found by id and port",
    "elbv2 DescribeTargetHealth Include": "anomalies are detected for HTTP alone, on AWS too",
    "ec2 DescribeAvailabilityZones AllAvailabilityZones": "all are shown",
    "ec2 DescribeImages IncludeDeprecated": "there are none",
    "ec2 DescribeImages IncludeDisabled": "there are none",
    "ec2 DescribeInstanceTypes IncludeUnsupportedInRegion": "there are none",
    "ec2 DescribeLaunchTemplateVersions ResolveAlias": "images are named by id",
    "ec2 DescribeRegions AllRegions": "all are shown",
    "ec2 ModifyLaunchTemplate ClientToken": "to do it twice is to do it once",
    "ec2 RevokeSecurityGroupEgress IpPermissions.0.FromPort": "all protocols have all ports",
    "ec2 RevokeSecurityGroupEgress IpPermissions.0.ToPort": "all protocols have all ports",
    "ec2 RevokeSecurityGroupEgress IpPermissions.0.IpRanges.0.Description": "tells no rules apart",
    "ec2 RunInstances InstanceInitiatedShutdownBehavior": "nothing shuts an instance down from inside",
    "ec2 TerminateInstances Force": "there is no operating system to wait for",
    "ec2 TerminateInstances SkipOsShutdown": "there is no operating system to wait for",
    "autoscaling DeleteTags Tags.0.PropagateAtLaunch": "a tag is found by its key",
    "autoscaling DeleteTags Tags.0.Value": "a tag is found by its key",
    "autoscaling DisableMetricsCollection Metrics": "there are none",
    "codedeploy ListTagsForResource NextToken": "all tags fit in one answer, and no error for it is modelled",
    "codedeploy UpdateDeploymentGroup alarmConfiguration.ignorePollAlarmFailure": "there are no alarms",
}
MANAGED = "IncludeManagedResources"
"""What AWS manages, of which there is nothing here."""
ABSENT = {
    "DescribeInstanceRefreshes",
    "DescribeLaunchConfigurations",
    "DescribeLifecycleHooks",
    "DescribeLoadBalancerTargetGroups",
    "DescribeLoadBalancers",
    "DescribeNotificationConfigurations",
    "DescribePolicies",
    "DescribeScheduledActions",
    "DescribeTrafficSources",
    "DescribeWarmPool",
}
"""Of EC2 Auto Scaling: whatever is asked for, there is none."""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return Furnished(tmp_path_factory.mktemp("furnished") / "state")


@pytest.fixture(scope="module")
def ctx(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    world = furnished.copy(tmp_path_factory.mktemp("world") / "state")
    whole = world._context(OWNER)
    yield Context(caller=whole.caller, store=Discarding(world.store), ids=whole.ids)
    world.store.close()


def requests(service: str, name: str, has: Has) -> list[dict[str, Any]]:
    """Some that are served."""
    found = [case.build(has, has) for case in CASES if (case.service, case.operation) == (service, name)]
    return found or [REQUESTS.get((service, name), {})]


class Calls:
    """One operation, with this and that in one of its members."""

    def __init__(self, ctx: Context, service: str, name: str) -> None:
        self._ctx, self._service, self._name = ctx, service, name
        self._model: OperationModel = operation(service, name)
        shapes = self._model.error_shapes
        self._errors = {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}
        if WIRE[service].protocol == "query":
            self._errors.add("ValidationError")

    def is_looked_at(self, path: Path, shape: Shape, bases: list[dict[str, Any]]) -> bool:
        """Whether the handler reads the member, refuses a value, or serves none that asks for a thing."""
        noted: set[Path] = set()
        served = refused = False
        for base, value in product(bases, values(shape)):
            found = self._served(Read(put(base, path, value), noted))
            refused |= found is False
            served |= bool(found) and asks(value)
        return path in noted or refused or not served

    def _served(self, request: Read) -> bool | None:
        """None where the request does not come as far as the handler."""
        try:
            check(WIRE[self._service].protocol, self._model, request)
        except AwsError:
            return None
        try:
            SERVICES[self._service][self._name](self._ctx, request)
        except AwsError as error:
            if error.code not in self._errors and self._service != "ec2":
                raise
            return False
        return True


def passed_over(service: str, name: str, member: str) -> bool:
    """Whether a table says why."""
    whole = f"{service} {name} {member}"
    return (
        whole in WITHOUT_EFFECT
        or whole.startswith(tuple(COPIED))
        or member == MANAGED
        or (service == "autoscaling" and name in ABSENT)
    )


@pytest.mark.parametrize(("service", "name"), ALL)
def test_no_member_breaks_or_is_passed_over(
    ctx: Context, furnished: Furnished, service: str, name: str
) -> None:
    bases = requests(service, name, furnished.has[OWNER.name])
    calls, shape = Calls(ctx, service, name), operation(service, name).input_shape
    unread = [
        ".".join(map(str, path)) for path, at in paths(shape) if not calls.is_looked_at(path, at, bases)
    ]
    assert [member for member in unread if not passed_over(service, name, member)] == []
    excused = {text.split(" ")[2] for text in WITHOUT_EFFECT if text.startswith(f"{service} {name} ")}
    assert excused <= set(unread)
