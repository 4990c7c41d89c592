"""IPv6 clients of a load balancer: of targets that speak IPv4, the bridge and the awsvpc service alike, and
of tasks that have IPv6 addresses themselves."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Network
from typing import Any

import dns.resolver
import pytest
from OpenSSL import SSL

from demo import outside
from demo.architecture import CONTAINER_PORT, Side
from demo.tasks import CALL, running_tasks
from demo.tls_client import connect, visit
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]

HOST, CLIENT = "2001:db8:51::1", "2001:db8:51::2"
SIX_PORT, UDP_PORT, ECHO_PORT = 8446, 5354, 5353
ECHO = """
import socket
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::", 5353))
while True:
    data, peer = udp.recvfrom(65535)
    udp.sendto(peer[0].encode() + b" " + data, peer)
"""
QUICK = {"Delay": 1, "MaxAttempts": 60}


def wide_addresses(world: World) -> list[str]:
    """The name's AAAA records."""
    address, _, port = world.resolver.partition(":")
    asking = dns.resolver.Resolver(configure=False)
    asking.nameservers, asking.port, asking.lifetime = [address], int(port or 53), 3.0
    answer = asking.resolve(world.made.dns_name, "AAAA", search=False, raise_on_no_answer=False)
    return sorted(str(record) for record in answer)


@pytest.fixture(scope="module")
def blocks(world: World) -> Iterator[None]:
    """The VPC and its subnets have IPv6 blocks."""
    ec2 = world.clients.ec2
    made = ec2.associate_vpc_cidr_block(VpcId=world.made.vpc, AmazonProvidedIpv6CidrBlock=True)
    block = made["Ipv6CidrBlockAssociation"]
    parts = IPv6Network(block["Ipv6CidrBlock"]).subnets(new_prefix=64)
    associated = [
        ec2.associate_subnet_cidr_block(SubnetId=subnet, Ipv6CidrBlock=str(part))["Ipv6CidrBlockAssociation"]
        for subnet, part in zip(world.made.subnets, parts, strict=False)
    ]
    yield
    for one in associated:
        ec2.disassociate_subnet_cidr_block(AssociationId=one["AssociationId"])
    ec2.disassociate_vpc_cidr_block(AssociationId=block["AssociationId"])


@pytest.fixture(scope="module")
def vips(world: World, blocks: None) -> Iterator[list[str]]:
    """The load balancer's IPv6 addresses; at the end it has none."""
    elb, arn = world.clients.elb, world.made.load_balancer
    elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="dualstack")
    yield until("AAAA records", lambda: wide_addresses(world))
    elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")
    until("no AAAA records", lambda: not wide_addresses(world))


@pytest.fixture(scope="module")
def reachable() -> None:
    """The client outside speaks IPv6 too."""
    for command in (
        f"addr add {HOST}/64 dev {outside.UPLINK} nodad",
        f"-n {outside.NAMESPACE} addr add {CLIENT}/64 dev {outside.INSIDE} nodad",
        f"-n {outside.NAMESPACE} -6 route add default via {HOST}",
    ):
        subprocess.run(["ip", *command.split()], check=True)


def test_from_the_host_and_from_outside(world: World, side: Side, vips: list[str], reachable: None) -> None:
    ca, name = world.ca(side), side.certificate_name
    visits = [visit(vip, side.port, name, ca) for vip in vips for _ in range(5)]
    visits += [one for vip in vips for one in outside.visits(f"{vip}:{side.port}", name, ca, 5)]

    assert len(vips) == len(world.vips)
    assert [v.error for v in visits if not v.ok] == []
    assert all(v.same_session for v in visits)
    assert {v.server["client"].rpartition(":")[0] for v in visits} == set(world.vips)


def test_large_transfers_arrive_whole(world: World, side: Side, vips: list[str]) -> None:
    tls, sock, _ = connect(vips[0], side.port, side.certificate_name, world.ca(side))
    with sock:
        tls.do_handshake()
        body = b"x" * 4_000_000
        tls.sendall(f"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert tls.recv(64).startswith(b"HTTP/1.1 404")
        with suppress(SSL.Error):
            tls.shutdown()


def test_ping_and_what_is_described(world: World, vips: list[str]) -> None:
    for vip in vips:
        subprocess.run(["ping", "-c1", "-W3", vip], check=True, capture_output=True)
    interfaces = world.clients.ec2.describe_network_interfaces(
        Filters=[{"Name": "requester-id", "Values": ["amazon-elb"]}]
    )["NetworkInterfaces"]
    described = {each["Ipv6Address"] for one in interfaces for each in one["Ipv6Addresses"]}
    assert described >= set(vips)


@dataclass
class Listener:
    """One of the load balancer's, and what it forwards to: a target group of IPv6."""

    arn: str
    group: str


def listener_of_ipv6(world: World, protocol: str, port: int, target_port: int) -> Listener:
    """Its targets are well when they take TCP connections where the witness does."""
    elb = world.clients.elb
    group = elb.create_target_group(
        Name=f"six-{protocol.lower()}", Protocol=protocol, Port=target_port, VpcId=world.made.vpc,
        TargetType="ip", IpAddressType="ipv6", HealthCheckPort=str(CONTAINER_PORT),
        HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
    made = elb.create_listener(
        LoadBalancerArn=world.made.load_balancer, Protocol=protocol, Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    return Listener(made, group)


def source_nat(world: World, switch: str) -> None:
    world.clients.elb.set_subnets(
        LoadBalancerArn=world.made.load_balancer,
        Subnets=list(world.made.subnets),
        EnablePrefixForIpv6SourceNat=switch,
    )


def container(world: World, name: str, port: int, protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    """One that runs the image of ledger."""
    mapping = {"containerPort": port, "protocol": protocol}
    image = world.made.ledger.image
    return {"name": name, "image": image, "stopTimeout": 1, "portMappings": [mapping], **more}


@pytest.fixture(scope="module")
def six(world: World, vips: list[str], reachable: None) -> Iterator[Side]:
    """Ledger's image once more, and a UDP server beside it, on tasks with IPv6 addresses behind target groups
    of IPv6."""
    elb, ecs = world.clients.elb, world.clients.ecs
    source_nat(world, "on")
    tls = listener_of_ipv6(world, "TCP", SIX_PORT, CONTAINER_PORT)
    echo = listener_of_ipv6(world, "UDP", UDP_PORT, ECHO_PORT)
    anywhere = [{"name": "WITNESS_ADDRESS", "value": "::"}]
    ecs.register_task_definition(
        family="six", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[
            container(world, "six", CONTAINER_PORT, environment=anywhere),
            container(world, "echo", ECHO_PORT, "udp", entryPoint=["/usr/bin/python3", "-c", ECHO]),
        ],
    )  # fmt: skip
    network = {"subnets": list(world.made.subnets), "securityGroups": [allowed(world, vips)]}
    ecs.create_service(
        cluster="green", serviceName="six", taskDefinition="six", desiredCount=2, launchType="FARGATE",
        loadBalancers=[
            {"targetGroupArn": tls.group, "containerName": "six", "containerPort": CONTAINER_PORT},
            {"targetGroupArn": echo.group, "containerName": "echo", "containerPort": ECHO_PORT},
        ],
        networkConfiguration={"awsvpcConfiguration": network},
    )  # fmt: skip
    ecs.get_waiter("services_stable").wait(cluster="green", services=["six"], WaiterConfig=QUICK)
    elb.get_waiter("target_in_service").wait(TargetGroupArn=tls.group, WaiterConfig=QUICK)
    elb.get_waiter("target_in_service").wait(TargetGroupArn=echo.group, WaiterConfig=QUICK)
    yield Side("green", "six", SIX_PORT, tls.group, "FARGATE")
    ecs.delete_service(cluster="green", service="six", force=True)
    for each in (tls, echo):
        elb.delete_listener(ListenerArn=each.arn)
    source_nat(world, "off")
    until("its tasks have left their addresses", lambda: not held(world), seconds=60)


def allowed(world: World, vips: list[str]) -> str:
    """A group of targets that lets in the load balancer, the client outside, and its own members; of IPv6."""
    ec2 = world.clients.ec2
    group: str = ec2.create_security_group(GroupName="six", Description="six", VpcId=world.made.vpc)[
        "GroupId"
    ]
    port = {"IpProtocol": "tcp", "FromPort": CONTAINER_PORT, "ToPort": CONTAINER_PORT}
    peers = [{"CidrIpv6": f"{peer}/128"} for peer in (*vips, CLIENT)]
    datagrams = {"IpProtocol": "udp", "FromPort": ECHO_PORT, "ToPort": ECHO_PORT}
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {**port, "Ipv6Ranges": peers},
            {**port, "UserIdGroupPairs": [{"GroupId": group}]},
            {**datagrams, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        ],
    )
    everywhere = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[everywhere])
    return group


def held(world: World) -> list[str]:
    """The IPv6 addresses that tasks have, stopping ones too."""
    found = world.clients.ec2.describe_network_interfaces(
        Filters=[{"Name": "vpc-id", "Values": [world.made.vpc]}]
    )["NetworkInterfaces"]
    tasks = [each for each in found if each.get("RequesterId") != "amazon-elb"]
    return [one["Ipv6Address"] for each in tasks for one in each["Ipv6Addresses"]]


def interfaces(world: World) -> list[dict[str, Any]]:
    """Of the tasks that have IPv6 addresses."""
    arns = world.clients.ecs.list_tasks(cluster="green", family="six")["taskArns"]
    tasks = world.clients.ecs.describe_tasks(cluster="green", tasks=arns)["tasks"] if arns else []
    return [one for task in tasks for one in task["containers"][0]["networkInterfaces"]]


def test_tasks_with_ipv6_addresses_behind_a_target_group_of_ipv6(
    world: World, six: Side, vips: list[str]
) -> None:
    """Hidden clients, as is the default of TCP and addresses: the target sees the load balancer, in IPv6."""
    ca, name = world.ca(world.made.ledger), world.made.ledger.certificate_name
    own = {one["ipv6Address"] for one in interfaces(world)}
    assert len(own) == 2
    health = world.clients.elb.describe_target_health(TargetGroupArn=six.target_group)
    assert {one["Target"]["Id"] for one in health["TargetHealthDescriptions"]} == own

    visits = [visit(vip, six.port, name, ca) for vip in (*vips, *world.nodes) for _ in range(3)]
    visits += [
        one for vip in (*vips, *world.nodes) for one in outside.visits(f"{vip}:{six.port}", name, ca, 3)
    ]

    assert [v.error for v in visits if not v.ok] == []
    assert all(v.same_session for v in visits)
    assert {v.server["client"].rpartition(":")[0] for v in visits} == set(vips)
    assert {v.server["address"] for v in visits} == own


def test_a_kept_ipv6_client_is_seen(world: World, six: Side, vips: list[str]) -> None:
    keep = {"Key": "preserve_client_ip.enabled", "Value": "true"}
    world.clients.elb.modify_target_group_attributes(TargetGroupArn=six.target_group, Attributes=[keep])
    ca, name = world.ca(world.made.ledger), world.made.ledger.certificate_name

    def seen() -> set[str]:
        found = [one for vip in vips for one in outside.visits(f"{vip}:{six.port}", name, ca, 3)]
        assert [v.error for v in found if not v.ok] == []
        return {v.server["client"].rpartition(":")[0] for v in found}

    until("the client's own address is seen", lambda: seen() == {CLIENT})


def test_datagrams_of_any_size(six: Side, vips: list[str]) -> None:
    """UDP targets see their client."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect((vips[0], UDP_PORT))
        own = client.getsockname()[0].encode()
        for size in (1, 1400, 8000):
            client.send(b"x" * size)
            assert client.recv(65535) == own + b" " + b"x" * size


def test_one_task_reaches_another_as_their_group_says(world: World, six: Side) -> None:
    one, other = running_tasks(world.clients, six)
    [target] = [i["ipv6Address"] for i in interfaces(world) if i["privateIpv4Address"] == other.address]
    query = f"host={target}&port={CONTAINER_PORT}&name={world.made.ledger.certificate_name}&count=2"
    script = CALL.replace("127.0.0.1", "[::1]")
    ran = subprocess.run(
        ["docker", "exec", one.container_id, "/usr/bin/python3", "-c", script, query],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert [call["ok"] for call in json.loads(ran.stdout)] == [True, True]
