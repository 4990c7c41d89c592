"""Two hosts, each with its own Docker Engine and ``sealway up``: one's load balancer, both hosts' tasks.

    outside, 192.0.2.9 ──┬── near, 192.0.2.1: a load balancer, one task
                         └── far,  192.0.2.2: two tasks

TLS ends in the containers. Where they see the client's own address, what those on the far host answer does
not pass the near one: its frames come from the far host's own interface. Where the client is hidden, as those
who speak IPv6 always are, all of it goes by way of the near one.
"""

import io
import os
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.architecture import CONTAINER_PORT, LEDGER_PORT, Clients
from demo.tls_client import Visit, visit
from tests.support.netns_topology import inside, run
from tests.support.separate_host import SeparateHost
from tests.support.waiting import until

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

IMAGE, NAME = "sealway/ledger:1", "ledger.demo.internal"
IP = 0x0800
CLIENT, OUTSIDE = "192.0.2.9", f"two-hosts-{os.getpid()}"
NEAR_NETWORK, FAR_NETWORK = "172.31.0.0/16", "10.254.0.0/16"
CLIENT6, NEAR6 = "2001:db8:7::9", "2001:db8:7::1"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SeparateHost, SeparateHost]]:
    tmp_path = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        run("ip", "netns", "add", OUTSIDE)
        stack.callback(run, "ip", "netns", "del", OUTSIDE)
        for command in (
            "link add br0 type bridge", f"addr add {CLIENT}/24 dev br0", "link set br0 up",
            f"route add {NEAR_NETWORK} via 192.0.2.1",
        ):  # fmt: skip
            run("ip", "-n", OUTSIDE, *command.split())
        made = []
        for number, name in enumerate(("near", "far"), 1):
            host = SeparateHost(tmp_path / name, f"192.0.2.{number}")
            stack.callback(host.close)
            host.plug_into(OUTSIDE, "br0", name)
            made.append(host)
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda host: host.start_docker("sealway/pause:1", IMAGE), made))
        near, far = made
        near.start(peer=f"{far.address}={FAR_NETWORK}")
        far.start(peer=f"{near.address}={NEAR_NETWORK}")
        yield near, far


def run_tasks(clients: Clients, count: int) -> list[str]:
    """Their addresses, once they run."""
    (vpc,) = clients.ec2.describe_vpcs()["Vpcs"]
    group = clients.ec2.create_security_group(GroupName="tls", Description="TLS", VpcId=vpc["VpcId"])[
        "GroupId"
    ]
    clients.ec2.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=CONTAINER_PORT, ToPort=CONTAINER_PORT, CidrIp="0.0.0.0/0"
    )
    container = {
        "name": "ledger",
        "image": IMAGE,
        "environment": [{"name": "WITNESS_SERVICE", "value": "ledger"}],
    }
    clients.ecs.register_task_definition(
        family="ledger", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[container],
    )  # fmt: skip
    clients.ecs.create_cluster(clusterName="green")
    network = {"subnets": [subnets(clients)[0]], "securityGroups": [group]}
    started = clients.ecs.run_task(
        cluster="green", taskDefinition="ledger", launchType="FARGATE", count=count,
        networkConfiguration={"awsvpcConfiguration": network},
    )["tasks"]  # fmt: skip
    arns = [task["taskArn"] for task in started]
    clients.ecs.get_waiter("tasks_running").wait(cluster="green", tasks=arns, WaiterConfig={"Delay": 1})
    tasks = clients.ecs.describe_tasks(cluster="green", tasks=arns)["tasks"]
    details = [each for task in tasks for each in task["attachments"][0]["details"]]
    return [each["value"] for each in details if each["name"] == "privateIPv4Address"]


def run_bridge_task(clients: Clients) -> dict[str, Any]:
    """On a container instance, whose security group lets everybody in: id and port, once it runs."""
    (vpc,) = clients.ec2.describe_vpcs()["Vpcs"]
    group = clients.ec2.create_security_group(GroupName="any", Description="any", VpcId=vpc["VpcId"])[
        "GroupId"
    ]
    clients.ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="-1", CidrIp="0.0.0.0/0")
    clients.ecs.create_cluster(clusterName="blue")
    instance = clients.ec2.run_instances(
        ImageId="ami-0123456789abcdef0", InstanceType="t3.medium", MinCount=1, MaxCount=1,
        SubnetId=subnets(clients)[0], SecurityGroupIds=[group],
        UserData="#!/bin/bash\necho ECS_CLUSTER=blue >> /etc/ecs/ecs.config\n",
    )["Instances"][0]["InstanceId"]  # fmt: skip
    clients.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    until(
        "it is registered",
        lambda: clients.ecs.list_container_instances(cluster="blue")["containerInstanceArns"],
    )
    mapping = {"containerPort": CONTAINER_PORT, "hostPort": 0}
    container = {"name": "ledger", "image": IMAGE, "memory": 128, "portMappings": [mapping]}
    clients.ecs.register_task_definition(
        family="bridge",
        networkMode="bridge",
        requiresCompatibilities=["EC2"],
        containerDefinitions=[container],
    )
    task = clients.ecs.run_task(cluster="blue", taskDefinition="bridge", launchType="EC2")["tasks"][0][
        "taskArn"
    ]
    clients.ecs.get_waiter("tasks_running").wait(cluster="blue", tasks=[task], WaiterConfig={"Delay": 1})
    (running,) = clients.ecs.describe_tasks(cluster="blue", tasks=[task])["tasks"]
    binding = running["containers"][0]["networkBindings"][0]
    return {"Id": binding["bindIP"], "Port": binding["hostPort"]}


def subnets(clients: Clients) -> list[str]:
    return [subnet["SubnetId"] for subnet in clients.ec2.describe_subnets()["Subnets"]]


@dataclass(frozen=True)
class Balanced:
    """The load balancer, once all targets are healthy. They see their clients."""

    arn: str
    group: str
    address: str


def balance(clients: Clients, targets: list[dict[str, Any]]) -> Balanced:
    (vpc,) = clients.ec2.describe_vpcs()["Vpcs"]
    balancer = clients.elb.create_load_balancer(Name="front", Type="network", Subnets=subnets(clients)[:1])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    group = clients.elb.create_target_group(
        Name="ledger", Protocol="TCP", Port=CONTAINER_PORT, VpcId=vpc["VpcId"], TargetType="ip",
        HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    keep(clients, group, "true")
    clients.elb.create_listener(
        LoadBalancerArn=arn, Protocol="TCP", Port=LEDGER_PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    register(clients, group, targets)
    interfaces = clients.ec2.describe_network_interfaces()["NetworkInterfaces"]
    (address,) = [i["PrivateIpAddress"] for i in interfaces if i["Description"].startswith("ELB net/front")]
    return Balanced(arn, group, str(address))


def register(clients: Clients, group: str, targets: list[dict[str, Any]]) -> None:
    clients.elb.register_targets(TargetGroupArn=group, Targets=targets)
    clients.elb.get_waiter("target_in_service").wait(
        TargetGroupArn=group, Targets=targets, WaiterConfig={"Delay": 1}
    )


def keep(clients: Clients, group: str, enabled: str) -> None:
    """The clients' addresses."""
    wanted = [{"Key": "preserve_client_ip.enabled", "Value": enabled}]
    clients.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=wanted)


def ca_of(host: SeparateHost, to: Path) -> str:
    """The containers' CA, out of one of them."""
    listed = subprocess.run(
        host.docker.command("ps", "-q", "--filter", f"ancestor={IMAGE}"), check=True, capture_output=True
    )
    container = listed.stdout.split()[0].decode()
    copied = subprocess.run(
        host.docker.command("cp", f"{container}:/etc/witness/ca.pem", "-"), check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        file = archive.extractfile("ca.pem")
        assert file is not None
        (to / "ca.pem").write_bytes(file.read())
    return str(to / "ca.pem")


@dataclass(frozen=True)
class Stage:
    """Both hosts, and the addresses of the tasks on each."""

    near: SeparateHost
    far: SeparateHost
    here: list[str]
    there: list[str]
    balanced: Balanced
    ca: str

    def answers(self, address: str) -> bool:
        """To a client outside."""
        with inside(f"/run/netns/{OUTSIDE}"):
            return visit(address, LEDGER_PORT, NAME, self.ca).ok

    def visits(self, address: str, count: int, others: int = 0) -> list[Visit]:
        """From outside: all well, and every target had some, as so many others."""
        with inside(f"/run/netns/{OUTSIDE}"):
            seen = [visit(address, LEDGER_PORT, NAME, self.ca) for _ in range(count)]
        assert [each.error for each in seen if not each.ok] == []
        assert all(each.same_session and each.same_certificate for each in seen)
        servers, known = {each.server["address"] for each in seen}, {*self.here, *self.there}
        assert (servers >= known, len(servers - known)) == (True, others)
        return seen


@pytest.fixture(scope="module")
def stage(hosts: tuple[SeparateHost, SeparateHost], tmp_path_factory: pytest.TempPathFactory) -> Stage:
    near, far = hosts
    with far.inside():
        there = run_tasks(far.clients(), 2)
    with near.inside():
        here = run_tasks(near.clients(), 1)
        targets = [{"Id": address} for address in here]
        targets += [{"Id": address, "AvailabilityZone": "all"} for address in there]
        balanced = balance(near.clients(), targets)
    return Stage(near, far, here, there, balanced, ca_of(near, tmp_path_factory.mktemp("ca")))


def test_tls_ends_in_the_containers_of_both_hosts(stage: Stage) -> None:
    address = stage.balanced.address
    with capture_outside() as frames:
        visits = stage.visits(address, 60)
        answered_by = senders(frames, address)
    assert {each.server["client"] for each in visits} == {each.local_address for each in visits}
    for each in visits:
        host = stage.near if each.server["address"] in stage.here else stage.far
        assert answered_by[int(each.local_address.rpartition(":")[2])] == {host.mac}


def test_clients_may_be_hidden_from_both_hosts_targets(stage: Stage) -> None:
    """Then also a container in bridge mode over there is one, on a dynamic port of its instance."""
    address = stage.balanced.address
    with stage.far.inside():
        place = run_bridge_task(stage.far.clients())
    with stage.near.inside():
        clients = stage.near.clients()
        keep(clients, stage.balanced.group, "false")
        register(clients, stage.balanced.group, [{**place, "AvailabilityZone": "all"}])
    with capture_outside() as frames:
        visits = stage.visits(address, 60, others=1)
        answered_by = senders(frames, address)
    assert seen_as(visits) == {address}
    assert set().union(*answered_by.values()) == {stage.near.mac}


def test_clients_who_speak_ipv6_reach_targets_of_both_hosts(stage: Stage) -> None:
    """Also where IPv4 clients would be seen; and no target elsewhere can be of IPv6 itself."""
    with stage.near.inside():
        clients = stage.near.clients()
        keep(clients, stage.balanced.group, "true")
        address = dual_stack(clients, stage.balanced.arn)
        refused_of_ipv6(clients)
    until("it answers there", lambda: stage.answers(address))
    assert seen_as(stage.visits(address, 60, others=1)) == {stage.balanced.address}


def seen_as(visits: list[Visit]) -> set[str]:
    return {each.server["client"].rpartition(":")[0] for each in visits}


def dual_stack(clients: Clients, balancer: str) -> str:
    """The load balancer's IPv6 address, to which the client has a route."""
    (vpc,) = clients.ec2.describe_vpcs()["Vpcs"]
    made = clients.ec2.associate_vpc_cidr_block(VpcId=vpc["VpcId"], AmazonProvidedIpv6CidrBlock=True)
    block = IPv6Network(made["Ipv6CidrBlockAssociation"]["Ipv6CidrBlock"])
    part = next(block.subnets(new_prefix=64))
    clients.ec2.associate_subnet_cidr_block(SubnetId=subnets(clients)[0], Ipv6CidrBlock=str(part))
    clients.elb.set_ip_address_type(LoadBalancerArn=balancer, IpAddressType="dualstack")
    run("ip", "addr", "add", f"{NEAR6}/64", "dev", "up0", "nodad")
    run("ip", "-n", OUTSIDE, "addr", "add", f"{CLIENT6}/64", "dev", "br0", "nodad")
    run("ip", "-n", OUTSIDE, "-6", "route", "add", str(block), "via", NEAR6)
    interfaces = clients.ec2.describe_network_interfaces()["NetworkInterfaces"]
    (address,) = [each["Ipv6Address"] for one in interfaces for each in one["Ipv6Addresses"]]
    return str(address)


def refused_of_ipv6(clients: Clients) -> None:
    (vpc,) = clients.ec2.describe_vpcs()["Vpcs"]
    group = clients.elb.create_target_group(
        Name="six",
        Protocol="TCP",
        Port=CONTAINER_PORT,
        VpcId=vpc["VpcId"],
        TargetType="ip",
        IpAddressType="ipv6",
    )["TargetGroups"][0]["TargetGroupArn"]
    target = {"Id": "fd00:5ea1::11", "AvailabilityZone": "all"}
    with pytest.raises(ClientError, match="is not within the IPv6 CIDR of the VPC"):
        clients.elb.register_targets(TargetGroupArn=group, Targets=[target])


@contextmanager
def capture_outside() -> Iterator[socket.socket]:
    with inside(f"/run/netns/{OUTSIDE}"), capture() as frames:
        yield frames


@contextmanager
def capture() -> Iterator[socket.socket]:
    """What the client's network sees from now on."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IP)) as frames:
        frames.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        frames.bind(("br0", IP))
        frames.setblocking(False)
        yield frames


def senders(frames: socket.socket, address: str) -> dict[int, set[str]]:
    """The client's port -> who sent it the packets that come from the address."""
    found: dict[int, set[str]] = {}
    with suppress(BlockingIOError):
        while frame := frames.recv(2048):
            if frame[26:30] == socket.inet_aton(address):
                port = int.from_bytes(frame[36:38], "big")
                found.setdefault(port, set()).add(frame[6:12].hex(":"))
    return found
