"""From the store's security groups to who may reach whom on this host."""

from typing import Any

from sealway.model.guard import Guard, GuardRule
from sealway.model.network import NetworkInterface, SecurityGroup
from sealway.model.task import ContainerStatus, PortBinding
from sealway.node.guards import guards
from sealway.node.snapshot import Snapshot
from tests.support.node_world import (
    OWNER,
    VIPS,
    ZONES,
    World,
    balancer,
    definition,
    ec2_task,
    instance,
    registered,
)
from tests.support.virtual_time import START

EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
EVERY = GuardRule(network="0.0.0.0/0")


def group(
    group_id: str, *ingress: dict[str, Any], egress: tuple[dict[str, Any], ...] = (EVERYWHERE,)
) -> SecurityGroup:
    return SecurityGroup(
        id=group_id,
        **OWNER,
        vpc_id="vpc-1",
        name=group_id,
        description=group_id,
        ingress=ingress,
        egress=egress,
    )


def interface(address: str, *groups: str) -> NetworkInterface:
    return NetworkInterface(
        id=f"eni-{address}",
        **OWNER,
        vpc_id="vpc-1",
        subnet_id="subnet-0",
        availability_zone=ZONES[0],
        private_ip=address,
        mac="02:00:00:00:00:01",
        security_groups=groups,
        created_at=START,
    )


def tcp(port: int, **peer: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def of(group_id: str) -> dict[str, Any]:
    return {"UserIdGroupPairs": [{"GroupId": group_id, "UserId": OWNER["account_id"]}]}


def test_the_default_group_lets_its_members_in_and_all_out(world: World) -> None:
    own = {"IpProtocol": "-1", **of("sg-default")}
    world.put(
        group("sg-default", own), interface("10.0.0.11", "sg-default"), interface("10.0.1.12", "sg-default")
    )
    made = guards(Snapshot(world.store))
    assert made.rules == {"sg-default": Guard(ingress=(GuardRule(group="sg-default"),), egress=(EVERY,))}
    assert made.of == {"10.0.0.11": "sg-default", "10.0.1.12": "sg-default"}
    assert made.members == {"sg-default": {"10.0.0.11", "10.0.1.12"}}


def test_several_groups_allow_together(world: World) -> None:
    world.put(
        group("sg-a", tcp(80, **of("sg-b"))),
        group("sg-b", tcp(81, IpRanges=[{"CidrIp": "10.0.0.0/8"}]), egress=()),
        interface("10.0.0.11", "sg-b", "sg-a"),
        interface("10.0.1.12", "sg-b"),
    )
    made = guards(Snapshot(world.store))
    assert made.of == {"10.0.0.11": "sg-a,sg-b", "10.0.1.12": "sg-b"}
    both = made.rules["sg-a,sg-b"]
    assert set(both.ingress) == {
        GuardRule(group="sg-b", protocol=6, first=80, last=80),
        GuardRule(network="10.0.0.0/8", protocol=6, first=81, last=81),
    }
    assert (both.egress, made.rules["sg-b"].egress) == ((EVERY,), ())
    assert made.members == {"sg-a": {"10.0.0.11"}, "sg-b": {"10.0.0.11", "10.0.1.12"}}


def test_both_addresses_of_an_interface_stand_behind_its_groups(world: World) -> None:
    wide = interface("10.0.0.11", "sg-a").replace(ipv6_addresses=("fd00:1:2::a00:b",))
    world.put(group("sg-a"), wide)
    made = guards(Snapshot(world.store))
    assert made.of == {"10.0.0.11": "sg-a", "fd00:1:2::a00:b": "sg-a"}
    assert made.members == {"sg-a": {"10.0.0.11", "fd00:1:2::a00:b"}}


def test_only_a_load_balancer_with_groups_is_guarded(world: World) -> None:
    world.put(group("sg-edge"), balancer(security_groups=("sg-edge",)), interface(VIPS[0], "sg-edge"))
    made = guards(Snapshot(world.store))
    assert (made.of, made.balancers) == ({VIPS[0]: "sg-edge"}, {VIPS[0]})
    world.put(interface(VIPS[0]))
    made = guards(Snapshot(world.store))
    assert (made.of, made.balancers, made.rules) == ({}, frozenset(), {})


def test_containers_in_bridge_mode_stand_behind_their_instance(world: World) -> None:
    machine = instance()
    binding = PortBinding(container_port=8443, host_port=32768, host_ip=machine.private_ip)
    container = ContainerStatus(
        name="app",
        arn="arn",
        image="app:1",
        last_status="RUNNING",
        bridge_ip="172.30.0.5",
        bindings=(binding,),
    )
    on = registered(machine)
    world.put(
        group("sg-host"),
        machine,
        on,
        interface(machine.private_ip, "sg-host"),
        ec2_task(1, definition(), on, containers=(container,)),
    )
    made = guards(Snapshot(world.store))
    assert made.published == {("172.30.0.5", 8443): (machine.private_ip, 32768)}
    assert made.containers == {"172.30.0.5": machine.private_ip}
