"""IPv6 clients of a load balancer whose targets speak IPv4: the bridge and the awsvpc service alike."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Network

import dns.resolver
import pytest
from OpenSSL import SSL

from demo import outside
from demo.architecture import Side
from demo.tls_client import connect, visit
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]

HOST, CLIENT = "2001:db8:51::1", "2001:db8:51::2"


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
