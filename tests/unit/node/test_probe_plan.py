import msgspec

from sealway.model.load_balancer import LoadBalancer
from sealway.node.probe_plan import probe_plan
from sealway.node.snapshot import Snapshot
from tests.support.node_world import LB, World, balancer, group, listener, target


def test_each_target_once_from_its_zones_address(world: World) -> None:
    g = group()
    a, b = target(g, "10.0.0.11", zone=0), target(g, "10.0.1.11", zone=1)
    anywhere = target(g, "192.168.0.1").replace(availability_zone="all")
    world.put(balancer(), g, listener(443, g), listener(8443, g), a, b, anywhere)
    jobs = probe_plan(Snapshot(world.store))
    assert {key: job.probe.source for key, job in jobs.items()} == {
        a.key: "10.0.0.4",
        b.key: "10.0.1.4",
        anywhere.key: "10.0.0.4",
    }
    world.change(LoadBalancer, LB, state="provisioning")
    assert probe_plan(Snapshot(world.store)) == {}


def test_targets_of_ipv6_are_probed_from_their_zones_ipv6_address(world: World) -> None:
    g = group().replace(ip_address_type="ipv6")
    a, b = target(g, "fd00:1:2::a00:b", zone=0), target(g, "fd00:1:2:1::a00:10b", zone=1)
    dual = balancer()
    zones = tuple(
        msgspec.structs.replace(zone, vip6=f"fd00:1:2:{number}::4") for number, zone in enumerate(dual.zones)
    )
    world.put(dual.replace(ip_address_type="dualstack", zones=zones), g, listener(443, g), a, b)
    jobs = probe_plan(Snapshot(world.store))
    assert {key: (job.probe.source, job.probe.address) for key, job in jobs.items()} == {
        a.key: ("fd00:1:2:0::4", a.id),
        b.key: ("fd00:1:2:1::4", b.id),
    }


def test_a_check_without_path_or_matcher_takes_the_defaults(world: World) -> None:
    g = group()
    t = target(g, "10.0.0.11")
    world.put(balancer(), g, listener(443, g), t)
    (job,) = probe_plan(Snapshot(world.store)).values()
    assert (job.probe.path, job.probe.matcher) == ("/", "200-399")


def test_targets_that_expect_a_proxy_protocol_header_get_one(world: World) -> None:
    g, plain = group("g", proxy_protocol_v2__enabled="true"), group("plain")
    t, other = target(g, "10.0.0.11"), target(plain, "10.0.0.12")
    world.put(balancer(), g, plain, listener(443, g), listener(80, plain), t, other)
    jobs = probe_plan(Snapshot(world.store))
    assert {key: job.probe.proxy_protocol for key, job in jobs.items()} == {t.key: True, other.key: False}
