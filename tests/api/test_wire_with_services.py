"""No input of the right shape, however senseless, is the server's fault: every operation we have.

Values are drawn from the model's shapes and from the names of things that exist, so that a good part gets
past the first checks.
"""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from sealway.app.seed import seed
from sealway.wire.service_models import SERVICES
from tests.support.api_server import ACCESS_KEY, REGION, SECRET_KEY, ApiServer
from tests.support.wire_shapes import CALLS, Values, operation, pruned, request_of, signed

SETTINGS = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("services")) as running:
        running.run(lambda: seed(running.store, running.ids, REGION))
        yield running


@pytest.fixture(scope="module")
def names(server: ApiServer) -> list[str]:
    """What exists: a VPC with its subnets, a load balancer with a listener, a cluster with a service."""
    ec2, elbv2, ecs = (server.client(service) for service in ("ec2", "elbv2", "ecs"))
    subnets = ec2.describe_subnets()["Subnets"]
    vpc = subnets[0]["VpcId"]
    balancer = elbv2.create_load_balancer(Name="edge", Type="network", Subnets=[subnets[0]["SubnetId"]])
    balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    group = elbv2.create_target_group(Name="orders", Protocol="TCP", Port=443, VpcId=vpc)
    group_arn = group["TargetGroups"][0]["TargetGroupArn"]
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer_arn,
        Protocol="TCP",
        Port=443,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group_arn}],
    )
    ecs.create_cluster(clusterName="blue")
    container = {"name": "web", "image": "nginx", "memory": 64}
    ecs.register_task_definition(family="web", containerDefinitions=[container])
    service = ecs.create_service(cluster="blue", serviceName="orders", taskDefinition="web", desiredCount=1)
    return [
        "blue",
        "web",
        "web:1",
        "10.99.0.0/16",
        vpc,
        *(subnet["SubnetId"] for subnet in subnets),
        balancer_arn,
        group_arn,
        listener["Listeners"][0]["ListenerArn"],
        service["service"]["serviceArn"],
    ]


@pytest.mark.parametrize(("service", "name"), CALLS)
def test_no_input_is_the_servers_fault(server: ApiServer, names: list[str], service: str, name: str) -> None:
    known = Values(whole=service != "ecs", words=names)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=20)

    @given(known.top(operation(service, name).input_shape))
    @SETTINGS
    def send(params: dict[str, object]) -> None:
        unsigned = request_of(service, name, params if service == "ecs" else pruned(params))
        sent = signed(unsigned, SERVICES[service].signing_name, ACCESS_KEY, SECRET_KEY)
        connection.request("POST", "/", sent.body, sent.headers)
        response = connection.getresponse()
        body = response.read()
        assert response.status < 500, body

    send()
    connection.close()
