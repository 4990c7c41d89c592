"""Every operation that AWS has is built, or refused with AWS's own error: there is no third way.

The sets are spelled out, so that an operation which AWS adds is met here first.
"""

import botocore.session
import pytest
from botocore.config import Config

from sealway.services.ecs.operations import OPERATIONS
from tests.support.api_server import ApiServer
from tests.support.ecs_world import refused

MODEL = botocore.session.get_session().get_service_model("ecs")
OF_THE_AGENT = {
    "DiscoverPollEndpoint": {},
    "RegisterContainerInstance": {},
    "SubmitAttachmentStateChanges": {"attachments": []},
    "SubmitContainerStateChange": {},
    "SubmitTaskStateChange": {"status": "RUNNING"},
}
"""Refused for a reason of their own."""
NOT_BUILT = {
    *("CreateDaemon", "DeleteDaemon", "DescribeDaemon", "ListDaemons", "UpdateDaemon"),
    *("DescribeDaemonDeployments", "DescribeDaemonRevisions", "ListDaemonDeployments"),
    *("DeleteDaemonTaskDefinition", "DescribeDaemonTaskDefinition"),
    *("ListDaemonTaskDefinitions", "RegisterDaemonTaskDefinition"),
    *("CreateExpressGatewayService", "DeleteExpressGatewayService"),
    *("DescribeExpressGatewayService", "UpdateExpressGatewayService"),
    *("CreateGateway", "DeleteGateway", "DescribeGateway", "ListGateways", "UpdateGateway"),
    *("DescribeGatewayResources", "DescribeGatewayRoute", "ListGatewayRoutes"),
    *("AssociateGatewayWithCluster", "DisassociateGatewayFromCluster", "ListGatewayClusterAssociations"),
}
"""Daemons, gateways and express services."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ApiServer(tmp_path_factory.mktemp("api")) as server:
        yield server


def test_the_model_holds_no_operation_that_nobody_has_thought_of():
    assert NOT_BUILT.isdisjoint(OPERATIONS)
    assert set(OPERATIONS) | NOT_BUILT == set(MODEL.operation_names)
    assert OF_THE_AGENT.keys() <= OPERATIONS.keys()


@pytest.mark.parametrize("name", sorted(NOT_BUILT))
def test_what_is_not_built_is_an_unknown_operation(server, name):
    ecs = server.client("ecs", config=Config(parameter_validation=False))
    with refused("UnknownOperationException", f"Sealway does not implement the operation {name} of ecs."):
        ecs._make_api_call(name, {})


@pytest.mark.parametrize("name", sorted(OF_THE_AGENT))
def test_the_agents_operations_say_why_they_are_refused(server, name):
    with refused("ClientException", f"{name} is for the ECS agent, which Sealway's container instances"):
        server.client("ecs")._make_api_call(name, OF_THE_AGENT[name])


def test_no_namespace_has_services(server):
    ecs = server.client("ecs")
    with refused("NamespaceNotFoundException", "The namespace 'internal' was not found."):
        ecs.list_services_by_namespace(namespace="internal")
    with refused("InvalidParameterException", "maxResults"):
        ecs.list_services_by_namespace(namespace="internal", maxResults=101)
