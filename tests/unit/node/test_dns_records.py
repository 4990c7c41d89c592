import msgspec

from sealway.model.resource import Resource
from sealway.node.dns_records import dns_records
from sealway.node.snapshot import Snapshot
from tests.support.node_world import VIPS, World, balancer, group, healthy, listener, target

NAME = "edge-1.elb.us-east-1.sealway.internal"


def answer(world: World, *resources: Resource) -> tuple[str, ...]:
    world.put(*resources)
    return dns_records(Snapshot(world.store))[NAME]


def test_a_load_balancer_without_targets_has_all_its_addresses(world: World) -> None:
    world.put(balancer())
    assert dns_records(Snapshot(world.store)) == {
        NAME: VIPS,
        f"us-east-1a.{NAME}": (VIPS[0],),
        f"us-east-1b.{NAME}": (VIPS[1],),
    }
    g = group()
    assert answer(world, g, listener(443, g)) == VIPS


def test_a_zone_without_a_healthy_target_leaves(world: World) -> None:
    g = group()
    a, b = target(g, "10.0.0.11", zone=0), target(g, "10.0.1.11", zone=1)
    base = (balancer(), g, listener(443, g), a, b)
    assert answer(world, *base, healthy(a)) == VIPS[:1]
    assert answer(world, healthy(b)) == VIPS
    assert answer(world, healthy(a, "unhealthy")) == VIPS[1:]
    assert answer(world, healthy(b, "unhealthy")) == VIPS, "none healthy: all stay"
    assert dns_records(Snapshot(world.store))[f"us-east-1a.{NAME}"] == VIPS[:1]


def test_every_target_group_counts(world: World) -> None:
    g, h = group("g"), group("h")
    targets = [target(g, "10.0.0.11", zone=0), target(g, "10.0.1.11", zone=1), target(h, "10.0.1.12", zone=1)]
    healths = [healthy(t) for t in targets]
    assert (
        answer(world, balancer(), g, h, listener(443, g), listener(8443, h), *targets, *healths) == VIPS[1:]
    )


def test_across_zones_any_healthy_target_will_do(world: World) -> None:
    g = group(load_balancing__cross_zone__enabled="true")
    a = target(g, "10.0.0.11", zone=0)
    assert answer(world, balancer(), g, listener(443, g), a, healthy(a)) == VIPS


def test_dual_stack_has_addresses_of_both_versions(world: World) -> None:
    plain = balancer()
    zones = tuple(
        msgspec.structs.replace(zone, vip6=f"fd00:{number}::1") for number, zone in enumerate(plain.zones)
    )
    g = group()
    a, b = target(g, "10.0.0.11", zone=0), target(g, "10.0.1.11", zone=1)
    said = answer(world, plain.replace(zones=zones), g, listener(443, g), a, b, healthy(a))
    assert said == (VIPS[0], "fd00:0::1")
    assert dns_records(Snapshot(world.store))[f"us-east-1b.{NAME}"] == (VIPS[1], "fd00:1::1")


def test_a_zone_with_too_few_healthy_targets_leaves(world: World) -> None:
    name = "target_group_health.dns_failover.minimum_healthy_targets"
    g = group()
    a, b, c = (target(g, f"10.0.{zone}.{host}", zone=zone) for zone, host in ((0, 11), (1, 11), (1, 12)))
    base = (balancer(), listener(443, g), a, b, c, healthy(a), healthy(b), healthy(c))
    assert answer(world, g, *base) == VIPS
    assert answer(world, g.replace(attributes={f"{name}.count": "2"})) == VIPS[1:]
    assert answer(world, healthy(c, "unhealthy")) == VIPS, "none has enough: all stay"
    assert answer(world, g.replace(attributes={f"{name}.percentage": "51"})) == VIPS[:1]
    off = {f"{name}.count": "off", f"{name}.percentage": "off"}
    assert answer(world, g.replace(attributes=off), healthy(a, "unhealthy")) == VIPS
