"""Registering, deregistering, and the health a client is shown."""

from typing import Any

import pytest

from sealway.model.instance import Instance
from sealway.model.load_balancer import LoadBalancer
from sealway.model.target_group import Target, TargetHealth
from tests.support.elbv2_world import (
    ELSEWHERE,
    RUNNING,
    RUNNING_B,
    STOPPED,
    VPC,
    World,
)


def health(world: World, group: Any, *asked: dict[str, Any]) -> list[Any]:
    request = {"Targets": list(asked)} if asked else {}
    answer = world("DescribeTargetHealth", TargetGroupArn=group["TargetGroupArn"], **request)
    return list(answer["TargetHealthDescriptions"])


def register(world: World, group: Any, *targets: dict[str, Any]) -> None:
    world("RegisterTargets", TargetGroupArn=group["TargetGroupArn"], Targets=list(targets))


def deregister(world: World, group: Any, *targets: dict[str, Any]) -> None:
    world("DeregisterTargets", TargetGroupArn=group["TargetGroupArn"], Targets=list(targets))


def observe(world: World, group: Any, target: str, port: int, **seen: Any) -> None:
    with world.store.transaction() as tx:
        tx.put(
            TargetHealth(
                target_group_arn=group["TargetGroupArn"], id=target, port=port, changed_at=world.now, **seen
            )
        )


def stored(world: World) -> dict[tuple[str, int], Target]:
    return {(target.id, target.port): target for target in world.store.list(Target)}


def test_instances_register_at_the_groups_port_or_their_own(world: World) -> None:
    group = world.target_group()
    register(world, group, {"Id": RUNNING}, {"Id": RUNNING, "Port": 32768}, {"Id": RUNNING_B, "Port": 443})
    register(world, group, {"Id": RUNNING})
    targets = stored(world)
    assert set(targets) == {(RUNNING, 443), (RUNNING, 32768), (RUNNING_B, 443)}
    assert targets[RUNNING, 443].registered_at == world.now
    assert targets[RUNNING, 443].task_arn is None
    assert targets[RUNNING_B, 443].availability_zone == "us-east-1b"


def test_addresses_register_in_their_subnets_zone(world: World) -> None:
    group = world.target_group(TargetType="ip")
    register(world, group, {"Id": "10.0.1.20"}, {"Id": "10.0.0.7", "AvailabilityZone": "us-east-1a"})
    targets = stored(world)
    assert targets["10.0.1.20", 443].availability_zone == "us-east-1b"
    assert targets["10.0.0.7", 443].availability_zone == "us-east-1a"


def test_a_peers_address_belongs_to_every_zone(world: World) -> None:
    group = world.target_group(TargetType="ip")
    register(world, group, {"Id": "10.200.1.11", "Port": 8443, "AvailabilityZone": "all"})
    assert stored(world)["10.200.1.11", 8443].availability_zone == "all"


REFUSED = {
    "an instance nobody has": ("instance", {"Id": "i-0000000000000000f"}, "InvalidTarget", "is not valid"),
    "an address among instances": ("instance", {"Id": "10.0.0.9"}, "InvalidTarget", "is not valid"),
    "an instance that does not run": (
        "instance",
        {"Id": STOPPED},
        "InvalidTarget",
        f"The following targets are not in a running state and cannot be registered: '{STOPPED}'",
    ),
    "another VPC's instance": ("instance", {"Id": ELSEWHERE}, "InvalidTarget", "not in the target group VPC"),
    "an instance's zone": (
        "instance",
        {"Id": RUNNING, "AvailabilityZone": "us-east-1a"},
        "ValidationError",
        "Availability Zone",
    ),
    "an instance among addresses": ("ip", {"Id": RUNNING}, "ValidationError", "not a valid IPv4 address"),
    "an IPv6 address": ("ip", {"Id": "2001:db8::1"}, "ValidationError", "not a valid IPv4 address"),
    "a public address": ("ip", {"Id": "8.8.8.8"}, "ValidationError", "not within"),
    "an address in no subnet": ("ip", {"Id": "10.0.200.1"}, "InvalidTarget", "not in a subnet"),
    "the wrong zone": (
        "ip",
        {"Id": "10.0.0.9", "AvailabilityZone": "us-east-1b"},
        "ValidationError",
        "us-east-1a",
    ),
    "an address outside the VPC": (
        "ip",
        {"Id": "192.168.1.1", "AvailabilityZone": "all"},
        "InvalidConfigurationRequest",
        "A target outside the VPC ('192.168.1.1') is not supported",
    ),
    "a peer's address without a zone": (
        "ip",
        {"Id": "10.200.1.11"},
        "ValidationError",
        "The Availability Zone is required for IP address '10.200.1.11' because it is not in the VPC",
    ),
    "a peer's address in one zone": (
        "ip",
        {"Id": "10.200.1.11", "AvailabilityZone": "us-east-1a"},
        "ValidationError",
        "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, since"
        " the IP address '10.200.1.11' is outside the VPC",
    ),
    "a QUIC server": ("instance", {"Id": RUNNING, "QuicServerId": "0x0"}, "ValidationError", "QUIC"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_target_is_refused_with_all_the_others(world: World, case: str) -> None:
    kind, target, code, words = REFUSED[case]
    group = world.target_group(TargetType=kind)
    good = {"Id": RUNNING} if kind == "instance" else {"Id": "10.0.0.9", "Port": 1}
    refused = world.error("RegisterTargets", TargetGroupArn=group["TargetGroupArn"], Targets=[good, target])
    assert refused[0] == code
    assert words in refused[1]


def test_a_group_has_a_thousand_targets(world: World) -> None:
    group = world.target_group()
    register(world, group, *({"Id": RUNNING, "Port": port} for port in range(1, 1001)))
    assert (
        world.error(
            "RegisterTargets", TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": RUNNING, "Port": 2000}]
        )[0]
        == "TooManyTargets"
    )


def test_unknown_groups(world: World) -> None:
    arn = world.target_group()["TargetGroupArn"]
    missing = ("TargetGroupNotFound", "One or more target groups not found")
    gone = arn[:-16] + "0" * 16
    for operation in ("RegisterTargets", "DeregisterTargets", "DescribeTargetHealth"):
        assert world.error(operation, TargetGroupArn=gone, Targets=[{"Id": RUNNING}]) == missing
        assert (
            world.error(operation, TargetGroupArn=arn, Targets=[{"Id": RUNNING}], account="111111111111")
            == missing
        )


def test_of_an_unused_group_a_target_goes_at_once(world: World) -> None:
    group = world.target_group()
    register(world, group, {"Id": RUNNING}, {"Id": RUNNING_B})
    observe(world, group, RUNNING, 443, state="healthy")
    deregister(world, group, {"Id": RUNNING}, {"Id": STOPPED}, {"Id": RUNNING_B, "Port": 1})
    assert set(stored(world)) == {(RUNNING_B, 443)}
    assert world.store.list(TargetHealth) == []


def test_of_a_group_in_use_a_target_drains_and_can_be_revived(world: World) -> None:
    group = world.target_group()
    world.listener(world.load_balancer(), group)
    register(world, group, {"Id": RUNNING})
    observe(world, group, RUNNING, 443, state="healthy", reason=None, description=None)
    began = world.now
    world.wait(10)
    deregister(world, group, {"Id": RUNNING})
    world.wait(10)
    deregister(world, group, {"Id": RUNNING})
    draining = stored(world)[RUNNING, 443]
    assert draining.draining_since
    assert (draining.draining_since - began).total_seconds() == 10
    [shown] = health(world, group)
    assert shown["TargetHealth"] == {
        "State": "draining",
        "Reason": "Target.DeregistrationInProgress",
        "Description": "Target deregistration is in progress",
    }

    register(world, group, {"Id": RUNNING})
    revived = stored(world)[RUNNING, 443]
    assert (revived.draining_since, revived.registered_at) == (None, world.now)
    assert health(world, group)[0]["TargetHealth"]["State"] == "initial"


def test_one_that_only_carries_its_last_flows_is_not_registered(world: World) -> None:
    group = world.target_group()
    world.listener(world.load_balancer(), group)
    register(world, group, {"Id": RUNNING})
    [target] = stored(world).values()
    over = {"draining_since": world.now, "unused_since": world.now}
    with world.store.transaction() as tx:
        left = tx.put(target.replace(**over))
    assert health(world, group) == []
    [asked] = health(world, group, {"Id": target.id})
    assert (asked["TargetHealth"]["State"], asked["TargetHealth"]["Reason"]) == (
        "unused",
        "Target.NotRegistered",
    )
    deregister(world, group, {"Id": target.id})
    assert list(stored(world).values()) == [left]
    register(world, group, {"Id": target.id})
    [again] = stored(world).values()
    assert (again.draining_since, again.unused_since) == (None, None)
    assert len(health(world, group)) == 1


def test_health_from_registration_to_the_end(world: World) -> None:
    group = world.target_group()
    register(world, group, {"Id": RUNNING})
    [shown] = health(world, group)
    assert shown["Target"] == {"Id": RUNNING, "Port": 443}
    assert shown["HealthCheckPort"] == "443"
    assert shown["TargetHealth"] == {
        "State": "unused",
        "Reason": "Target.NotInUse",
        "Description": "Target group is not configured to receive traffic from the load balancer",
    }

    edge = world.load_balancer(zones="a")
    world.listener(edge, group)
    assert health(world, group)[0]["TargetHealth"] == {
        "State": "initial",
        "Reason": "Elb.RegistrationInProgress",
        "Description": "Target registration is in progress",
    }
    observe(
        world,
        group,
        RUNNING,
        443,
        state="unhealthy",
        reason="Target.FailedHealthChecks",
        description="Health checks failed",
    )
    assert health(world, group)[0]["TargetHealth"] == {
        "State": "unhealthy",
        "Reason": "Target.FailedHealthChecks",
        "Description": "Health checks failed",
    }

    world("DeleteLoadBalancer", LoadBalancerArn=edge["LoadBalancerArn"])
    assert health(world, group)[0]["TargetHealth"]["Reason"] == "Target.NotInUse"


def test_a_terminated_instance_is_an_invalid_state(world: World) -> None:
    group = world.target_group()
    world.listener(world.load_balancer(), group)
    register(world, group, {"Id": RUNNING})
    with world.store.transaction() as tx:
        instance = tx.get(Instance, RUNNING)
        assert instance
        tx.put(instance.replace(state="terminated"))
    assert health(world, group)[0]["TargetHealth"] == {
        "State": "unused",
        "Reason": "Target.InvalidState",
        "Description": "Target is in the terminated state",
    }


def test_a_load_balancers_own_address_is_unusable(world: World) -> None:
    group = world.target_group(TargetType="ip", HealthCheckPort="8080")
    world.listener(world.load_balancer(), group)
    [edge] = world.store.list(LoadBalancer)
    register(world, group, {"Id": edge.zones[0].vip})
    [shown] = health(world, group)
    assert shown["TargetHealth"]["Reason"] == "Target.IpUnusable"
    assert shown["HealthCheckPort"] == "8080"
    assert shown["Target"]["AvailabilityZone"] == "us-east-1a"


def test_asking_for_some(world: World) -> None:
    group = world.target_group()
    register(world, group, {"Id": RUNNING}, {"Id": RUNNING, "Port": 8443}, {"Id": RUNNING_B})
    every_port = health(world, group, {"Id": RUNNING})
    assert {one["Target"]["Port"] for one in every_port} == {443, 8443}
    [unknown] = health(world, group, {"Id": RUNNING_B, "Port": 1})
    assert unknown == {
        "Target": {"Id": RUNNING_B, "Port": 1},
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    }
    deregister(world, group, {"Id": RUNNING_B})
    [gone] = health(world, group, {"Id": RUNNING_B})
    assert gone["TargetHealth"]["State"] == "unused"


def test_the_vpc_of_a_group_is_its_own(world: World) -> None:
    assert world.target_group()["VpcId"] == VPC
