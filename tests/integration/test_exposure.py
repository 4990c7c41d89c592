"""Listeners at this host's own address, for a client outside that needs no route, with XDP in front of them.

The veth to the client's namespace stands for the uplink. The load balancer of these tests has a security
group, which lets in one of the client's addresses: what comes from another is dropped by XDP.
"""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import outside
from demo.architecture import CONTAINER_PORT
from demo.tls_client import Visit, resolve, visit
from tests.support.netns_topology import inside, run
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]

PORT = 9445
STRANGER = "198.51.100.11"
LINKS = Path("/sys/fs/bpf/sealway/uplinks")
ENOUGH = 24


@dataclass
class Guarded:
    """The load balancer, which sends to ledger's tasks."""

    group: str
    dns_name: str
    targets: set[str]


@pytest.fixture(scope="module")
def guarded(world: World) -> Iterator[Guarded]:
    ec2, elb = world.clients.ec2, world.clients.elb
    group = ec2.create_security_group(GroupName="exposed", Description="one client", VpcId=world.made.vpc)[
        "GroupId"
    ]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=PORT, ToPort=PORT, CidrIp=f"{outside.ADDRESS}/32"
    )
    balancer = elb.create_load_balancer(
        Name="exposed", Type="network", Scheme="internet-facing", Subnets=list(world.made.subnets),
        SecurityGroups=[group],
    )["LoadBalancers"][0]  # fmt: skip
    targets = {task.address for task in world.tasks(world.made.ledger)}
    arn = elb.create_target_group(
        Name="exposed", Protocol="TCP", Port=CONTAINER_PORT, VpcId=world.made.vpc, TargetType="ip",
        HealthCheckIntervalSeconds=5,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "preserve_client_ip.enabled", "Value": "true"}]
    )
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": address} for address in targets])
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="TCP", Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )  # fmt: skip
    elb.get_waiter("target_in_service").wait(TargetGroupArn=arn, WaiterConfig={"Delay": 1})
    yield Guarded(group, balancer["DNSName"], targets)
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    elb.delete_target_group(TargetGroupArn=arn)
    ec2.delete_security_group(GroupId=group)


@pytest.fixture
def stranger() -> Iterator[None]:
    """The client has another address, too."""
    where = ("-n", outside.NAMESPACE, "addr")
    run("ip", *where, "add", f"{STRANGER}/24", "dev", outside.INSIDE)
    yield
    run("ip", *where, "del", f"{STRANGER}/24", "dev", outside.INSIDE)


@pytest.fixture
def as_it_was(world: World) -> Iterator[None]:
    yield
    if world.machine.exposed:
        world.machine.restart(exposed=(), xdp="")
    world.stable()


def attached() -> tuple[str, int]:
    """The kernel's word for the mode, and the program's number."""
    (link,) = json.loads(run("ip", "-j", "-d", "link", "show", outside.UPLINK))
    xdp = link.get("xdp", {})
    modes = {1: "native", 2: "generic"}
    return modes.get(xdp.get("mode", 0), ""), xdp.get("prog", {}).get("id", 0)


def visits(world: World, address: str, count: int = ENOUGH) -> list[Visit]:
    """From outside."""
    name, ca = world.made.ledger.certificate_name, world.ca(world.made.ledger)
    with inside(f"/run/netns/{outside.NAMESPACE}"):
        seen = [visit(address, PORT, name, ca) for _ in range(count)]
    assert [v.error for v in seen if not v.ok] == []
    assert all(v.same_session and v.same_certificate for v in seen)
    return seen


def drops(world: World, reason: str) -> int:
    """As `sealway drops` counts them."""
    lines = [line.split() for line in world.machine.said("drops").splitlines()]
    return sum(int(words[0]) for words in lines if reason in words[1:3] and words[0].isdigit())


def test_clients_outside_at_the_hosts_own_address(
    world: World, guarded: Guarded, stranger: None, as_it_was: None
) -> None:
    world.machine.restart(exposed=(outside.UPLINK,), xdp="native")
    assert attached()[0] == "native"
    is_served_and_guarded(world, guarded)
    program = attached()
    world.machine.kill()
    assert attached() == program
    visits(world, outside.HOST_ADDRESS, 4)
    world.machine.start()
    assert attached() == program
    visits(world, outside.HOST_ADDRESS, 4)

    world.machine.restart(xdp="generic")
    assert attached()[0] == "generic"
    is_served_and_guarded(world, guarded)

    world.machine.restart(exposed=(), xdp="")
    assert attached() == ("", 0)
    assert list(LINKS.iterdir()) == []
    with inside(f"/run/netns/{outside.NAMESPACE}"), socket.socket() as client:
        assert client.connect_ex((outside.HOST_ADDRESS, PORT)) != 0, "nobody answers there any more"


def is_served_and_guarded(world: World, guarded: Guarded) -> None:
    seen = visits(world, outside.HOST_ADDRESS)
    assert {v.server["address"] for v in seen} == guarded.targets
    assert {v.server["client"].rpartition(":")[0] for v in seen} == {outside.ADDRESS}
    before = drops(world, "security_group")
    assert refused_from(STRANGER, outside.HOST_ADDRESS)
    assert drops(world, "security_group") > before
    assert f"{guarded.group} (exposed)" in world.machine.said("drops")
    before = drops(world, "malformed")
    send_nonsense(resolve(guarded.dns_name, world.resolver)[0])
    until("it is counted", lambda: drops(world, "malformed") > before)


def refused_from(source: str, address: str) -> bool:
    """Nothing comes back."""
    with inside(f"/run/netns/{outside.NAMESPACE}"), socket.socket() as client:
        client.bind((source, 0))
        client.settimeout(0.5)
        try:
            client.connect((address, PORT))
        except TimeoutError:
            return True
    return False


def send_nonsense(address: str) -> None:
    """Half a TCP header."""
    with (
        inside(f"/run/netns/{outside.NAMESPACE}"),
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw,
    ):
        raw.sendto(bytes(8), (address, 0))
