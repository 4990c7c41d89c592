"""Scenarios: what is registered and healthy, and what the kernel is told.

Two zones, a VIP in each (10.0.0.4, 10.0.1.4). Fargate task N of zone Z is 10.0.Z.(10 + N).
"""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Interface
from sealway.model.resource import Resource
from sealway.model.target_group import Target, TargetGroup
from sealway.model.task import ContainerStatus, PortBinding, Task
from sealway.node.bridge_sources_sync import bridge_sources
from sealway.node.snapshot import Snapshot
from sealway.node.state_maker import dataplane_state
from tests.support.node_world import (
    VIPS,
    World,
    balancer,
    definition,
    ec2_task,
    fargate_task,
    group,
    healthy,
    instance,
    listener,
    registered,
    target,
)
from tests.support.virtual_time import START

VPC_TASKS = definition(networkMode="awsvpc")
SHARES = dict[str, int]


def app(**fields: Any) -> ContainerStatus:
    return ContainerStatus(
        **{"name": "app", "arn": "arn", "image": "app:1", "last_status": "RUNNING"} | fields
    )


def fargate(number: int, zone: int, **fields: Any) -> Task:
    return fargate_task(
        number, VPC_TASKS, zone, **{"containers": (app(),), "last_status": "RUNNING"} | fields
    )


def of(task: Task, to: TargetGroup, **fields: Any) -> Target:
    """The task's target."""
    assert task.interface is not None
    zone = 0 if task.availability_zone.endswith("a") else 1
    return target(to, task.interface.private_ip, zone=zone, task_arn=task.arn, **fields)


def state(world: World, *resources: Resource, uplinks: tuple[str, ...] = ()) -> DataPlaneState:
    world.put(*resources)
    interfaces = {
        t.interface.network_interface_id: f"swt{n}"
        for n, t in enumerate(world.store.list(Task))
        if t.interface
    }
    return dataplane_state(Snapshot(world.store), interfaces, uplinks)


def shares(seen: DataPlaneState, zone: int = 0, port: int = 443) -> SHARES:
    """address:port -> weight, of the zone's VIP."""
    (frontend,) = (f for f in seen.frontends if (f.vip, f.port) == (VIPS[zone], port))
    return {f"{w.backend.address}:{w.backend.port}": w.weight for w in frontend.backends}


@pytest.fixture
def three(world: World) -> tuple[World, TargetGroup, list[Target]]:
    """A listener, a group, a healthy task in zone a and two in zone b."""
    g = group()
    tasks = [fargate(1, 0), fargate(2, 1), fargate(3, 1)]
    targets = [of(task, g) for task in tasks]
    world.put(balancer(), g, listener(443, g), *tasks, *targets, *(healthy(t) for t in targets))
    return world, g, targets


Three = tuple[World, TargetGroup, list[Target]]


def test_each_zone_has_its_own_targets(three: Three) -> None:
    seen = state(three[0], uplinks=("eth0",))
    assert seen.vips == set(VIPS)
    assert shares(seen, 0) == {"10.0.0.11:8443": 1}
    assert shares(seen, 1) == {"10.0.1.12:8443": 1, "10.0.1.13:8443": 1}
    assert seen.draining == frozenset()
    assert seen.endpoints == {"10.0.0.11": "swt0", "10.0.1.12": "swt1", "10.0.1.13": "swt2"}
    assert seen.interfaces == {
        Interface(name="sealway0", role="host"),
        Interface(name="swt0", role="task", address="10.0.0.11"),
        Interface(name="swt1", role="task", address="10.0.1.12"),
        Interface(name="swt2", role="task", address="10.0.1.13"),
        Interface(name="eth0", role="uplink"),
    }
    assert not any(share.preserve_client_ip for share in seen.frontends[0].backends)
    assert seen.frontends[0].idle_timeout == 350


CROSS = "load_balancing.cross_zone.enabled"


@pytest.mark.parametrize(
    ("of_balancer", "of_group", "crosses"),
    [
        ("false", "use_load_balancer_configuration", False),
        ("true", "use_load_balancer_configuration", True),
        ("true", "false", False),
        ("false", "true", True),
        ("true", None, True),
    ],
)
def test_cross_zone(three: Three, of_balancer: str, of_group: str | None, crosses: bool) -> None:
    world, g, _ = three
    attributes = {} if of_group is None else {CROSS: of_group}
    seen = state(world, balancer(attributes={CROSS: of_balancer}), g.replace(attributes=attributes))
    assert len(shares(seen, 0)) == (3 if crosses else 1)


def test_a_zone_without_a_healthy_target_uses_the_others(three: Three) -> None:
    world, _, (first, *_) = three
    seen = state(world, healthy(first, "unhealthy"))
    assert shares(seen, 0) == shares(seen, 1) == {"10.0.1.12:8443": 1, "10.0.1.13:8443": 1}


def test_no_healthy_target_at_all_fails_open(three: Three) -> None:
    world, _, targets = three
    seen = state(world, *(healthy(t, "unhealthy") for t in targets))
    assert shares(seen, 0) == {"10.0.0.11:8443": 1}
    assert len(shares(seen, 1)) == 2


def test_a_target_that_never_passed_takes_no_traffic(three: Three) -> None:
    world, g, _ = three
    task = fargate(4, 0)
    seen = state(world, task, of(task, g), healthy(of(task, g), "initial"))
    assert shares(seen, 0) == {"10.0.0.11:8443": 1}


def test_a_target_registered_again_must_pass_again(three: Three) -> None:
    world, _, (first, *_) = three
    seen = state(world, first.replace(registered_at=START + timedelta(seconds=1)))
    assert "10.0.0.11:8443" not in shares(seen, 0)


def test_a_draining_target_takes_no_new_flow_and_keeps_its_old_ones(three: Three) -> None:
    world, _, (_, second, _) = three
    seen = state(world, second.replace(draining_since=START))
    assert shares(seen, 1) == {"10.0.1.13:8443": 1}
    assert seen.draining == {Backend(address="10.0.1.12", port=8443, interface="swt1")}
    world.delete(Target, second.key)
    assert state(world).draining == frozenset()


def test_draining_targets_do_not_fail_open(three: Three) -> None:
    world, _, targets = three
    seen = state(world, *(t.replace(draining_since=START) for t in targets))
    assert shares(seen, 0) == shares(seen, 1) == {}
    assert len(seen.draining) == 3


def test_an_ended_container_takes_no_new_flow(three: Three) -> None:
    world, *_ = three
    dead = fargate(2, 1, containers=(app(last_status="STOPPED"),), execution_stopped_at=START)
    seen = state(world, dead)
    assert shares(seen, 1) == {"10.0.1.13:8443": 1}
    assert seen.draining == {Backend(address="10.0.1.12", port=8443, interface="swt1")}


def test_a_task_whose_work_is_over_takes_no_new_flow_while_a_sidecar_runs_on(three: Three) -> None:
    world, *_ = three
    containers = (app(last_status="STOPPED"), app(name="sidecar"))
    seen = state(world, fargate(2, 1, containers=containers, execution_stopped_at=START))
    assert shares(seen, 1) == {"10.0.1.13:8443": 1}


@pytest.mark.parametrize("dead", [False, True])
def test_unhealthy_targets_keep_their_flows_while_they_drain_or_end(three: Three, dead: bool) -> None:
    world, _, (_, second, _) = three
    ended = [fargate(2, 1, containers=(app(last_status="STOPPED"),), execution_stopped_at=START)]
    way = ended if dead else [second.replace(draining_since=START)]
    seen = state(world, healthy(second, "unhealthy"), *way)
    assert seen.draining == {Backend(address="10.0.1.12", port=8443, interface="swt1")}


@pytest.mark.parametrize(("attribute", "keeps"), [(None, False), ("true", False), ("false", True)])
def test_flows_of_unhealthy_targets(three: Three, attribute: str | None, keeps: bool) -> None:
    world, g, (_, second, _) = three
    name = "target_health_state.unhealthy.connection_termination.enabled"
    attributes = {} if attribute is None else {name: attribute}
    seen = state(world, g.replace(attributes=attributes), healthy(second, "unhealthy"))
    assert bool(seen.draining) is keeps


@pytest.mark.parametrize(
    ("interval", "health", "keeps"),
    [
        ("0", "unhealthy", True),
        ("60", "unhealthy.draining", True),
        ("60", "unhealthy", False),
        ("60", "healthy", False),
    ],
)
def test_flows_of_unhealthy_targets_that_drain(three: Three, interval: str, health: str, keeps: bool) -> None:
    world, g, (_, second, _) = three
    unhealthy = "target_health_state.unhealthy"
    attributes = {
        f"{unhealthy}.connection_termination.enabled": "false",
        f"{unhealthy}.draining_interval_seconds": interval,
    }
    seen = state(world, g.replace(attributes=attributes), healthy(second, health))
    assert bool(seen.draining) is keeps
    assert ("10.0.1.12:8443" in shares(seen, 1)) is (health == "healthy")


def test_a_target_in_a_zone_that_is_not_enabled_is_unused(three: Three) -> None:
    world, g, _ = three
    task = fargate(9, 0)
    away = of(task, g).replace(availability_zone="us-east-1c")
    assert "10.0.0.19:8443" not in shares(state(world, task, away, healthy(away)), 0)


def test_a_task_without_its_interface_is_no_backend(three: Three) -> None:
    world, *_ = three
    seen = dataplane_state(Snapshot(world.store), {"eni-00000000000000001": "swt0"}, ())
    assert shares(seen, 1) == {"10.0.0.11:8443": 1}


def test_weights_share_between_groups_of_different_sizes(three: Three) -> None:
    world, blue, _ = three
    green = group("green")
    task = fargate(4, 1)
    fresh = of(task, green)
    seen = state(world, green, task, fresh, healthy(fresh), listener(443, blue, green, weights=(90, 10)))
    assert shares(seen, 1) == {"10.0.1.12:8443": 9, "10.0.1.13:8443": 9, "10.0.1.14:8443": 2}


def test_a_group_of_weight_zero_keeps_its_flows(three: Three) -> None:
    world, blue, _ = three
    green = group("green")
    task = fargate(4, 1)
    fresh = of(task, green)
    seen = state(world, green, task, fresh, healthy(fresh), listener(443, blue, green, weights=(0, 1)))
    assert shares(seen, 0) == shares(seen, 1) == {"10.0.1.14:8443": 1}
    assert len(seen.draining) == 3


def test_groups_of_one_listener_may_ask_for_different_things(three: Three) -> None:
    world, blue, _ = three
    green = group("green", proxy_protocol_v2__enabled="true", preserve_client_ip__enabled="true")
    task = fargate(4, 0)
    fresh = of(task, green)
    seen = state(world, green, task, fresh, healthy(fresh), listener(443, blue, green))
    asked = {w.backend.address: (w.preserve_client_ip, w.proxy_protocol) for w in seen.frontends[0].backends}
    assert asked == {"10.0.0.11": (False, False), "10.0.0.14": (True, True)}


def test_a_sticky_group_makes_its_listener_sticky(three: Three) -> None:
    world, g, _ = three
    assert not any(frontend.sticky for frontend in state(world).frontends)
    seen = state(world, g.replace(attributes={"stickiness.enabled": "true"}))
    assert all(frontend.sticky for frontend in seen.frontends)


ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


@pytest.mark.parametrize(
    ("attribute", "demand", "enough"),
    [("count", "1", True), ("count", "2", False), ("percentage", "50", True), ("percentage", "51", False)],
)
def test_a_zone_with_too_few_healthy_targets_sends_to_all_of_its(
    three: Three, attribute: str, demand: str, enough: bool
) -> None:
    """Zone b has one of two healthy; zone a all of its one, which the demand for two does not change."""
    world, g, (_, sick, _) = three
    seen = state(world, g.replace(attributes={f"{ROUTING}.{attribute}": demand}), healthy(sick, "unhealthy"))
    assert shares(seen, 0) == {"10.0.0.11:8443": 1}
    well = {"10.0.1.13:8443": 1}
    assert shares(seen, 1) == (well if enough else {"10.0.1.12:8443": 1, **well})


def test_across_zones_all_targets_count_against_the_threshold(three: Three) -> None:
    world, g, (_, sick, _) = three
    asked = {CROSS: "true", f"{ROUTING}.count": "3"}
    seen = state(world, g.replace(attributes=asked), healthy(sick, "unhealthy"))
    assert len(shares(seen, 0)) == len(shares(seen, 1)) == 3


def test_attributes_reach_the_frontend(three: Three) -> None:
    world, g, _ = three
    seen = state(
        world,
        g.replace(attributes={"preserve_client_ip.enabled": "true"}),
        listener(443, g, attributes={"tcp.idle_timeout.seconds": "60"}),
    )
    assert all(share.preserve_client_ip for share in seen.frontends[0].backends)
    assert seen.frontends[0].idle_timeout == 60


def test_a_load_balancer_without_listeners_or_that_failed(world: World) -> None:
    assert state(world, balancer()).vips == set(VIPS)
    assert state(world, balancer()).frontends == ()
    assert state(world, balancer(state="failed")).vips == frozenset()


# --- instance targets -------------------------------------------------------------------------


def bridged(number: int, host_port: int, status: str = "RUNNING", **fields: Any) -> list[Resource]:
    """A bridge task on an instance of its own number, published on ``host_port``."""
    machine = instance(number, state="running")
    binding = PortBinding(container_port=8443, host_port=host_port, host_ip=machine.private_ip)
    container = app(bindings=(binding,), bridge_ip=f"172.30.0.{number}", last_status=status, **fields)
    made = definition(family="orders")
    task = ec2_task(number, made, registered(machine), containers=(container,), last_status="RUNNING")
    return [machine, registered(machine), task]


def test_an_instance_target_is_its_containers_own_address(world: World) -> None:
    g = group(target_type="instance")
    t = target(g, f"i-{1:017x}", port=49153)
    seen = state(world, balancer(), g, listener(443, g), *bridged(1, 49153), t, healthy(t))
    (frontend, _) = seen.frontends
    (only,) = frontend.backends
    assert only.backend == Backend(address="172.30.0.1", port=8443, interface="sealway-br0")
    assert all(share.preserve_client_ip for share in frontend.backends)
    assert Interface(name="sealway-br0", role="bridge") in seen.interfaces
    assert bridge_sources(Snapshot(world.store)) == {"172.30.0.1": "10.0.0.101"}


def test_an_instance_port_that_nobody_published_is_no_backend(world: World) -> None:
    g = group(target_type="instance")
    t = target(g, f"i-{1:017x}", port=50000)
    seen = state(world, balancer(), g, listener(443, g), *bridged(1, 49153), t, healthy(t))
    assert shares(seen) == {}


def test_a_new_container_may_have_an_ended_ones_address_and_port(world: World) -> None:
    g = group(target_type="instance")
    t = target(g, f"i-{1:017x}", port=49153)
    world.put(balancer(), g, listener(443, g), *bridged(1, 49153), t, healthy(t))
    old = world.store.list(Task)[0]
    world.change(Task, old.arn, containers=(old.containers[0].__class__(**dead(old)),))
    assert shares(state(world)) == {}
    assert state(world).draining == {Backend(address="172.30.0.1", port=8443, interface="sealway-br0")}
    new = old.replace(arn=old.arn[:-1] + "9", version=0)
    seen = state(world, new)
    assert shares(seen) == {"172.30.0.1:8443": 1}
    assert seen.draining == frozenset()
    assert bridge_sources(Snapshot(world.store)) == {"172.30.0.1": "10.0.0.101"}


def dead(task: Task) -> dict[str, Any]:
    (only,) = task.containers
    return {f: getattr(only, f) for f in only.__struct_fields__} | {"last_status": "STOPPED"}


def test_an_address_target_may_be_an_instances_published_port(world: World) -> None:
    g = group(target_type="ip")
    t = target(g, "10.0.0.101", port=49153)
    seen = state(world, balancer(), g, listener(443, g), *bridged(1, 49153), t, healthy(t))
    assert shares(seen) == {"172.30.0.1:8443": 1}


# --- UDP --------------------------------------------------------------------------------------


def by_protocol(seen: DataPlaneState) -> dict[str, set[str]]:
    """Protocol -> address:port of the backends, over all VIPs."""
    found: dict[str, set[str]] = {}
    for frontend in seen.frontends:
        backends = {f"{w.backend.address}:{w.backend.port}" for w in frontend.backends}
        found.setdefault(frontend.protocol, set()).update(backends)
    return found


def test_a_tcp_udp_listener_is_answered_for_both(world: World) -> None:
    g = group().replace(protocol="TCP_UDP")
    task = fargate(1, 0)
    t = of(task, g)
    seen = state(world, balancer(), g, listener(53, g, protocol="TCP_UDP"), task, t, healthy(t))
    assert by_protocol(seen) == {"tcp": {"10.0.0.11:8443"}, "udp": {"10.0.0.11:8443"}}
    assert all(share.preserve_client_ip for frontend in seen.frontends for share in frontend.backends)


@pytest.mark.parametrize(("of_listener", "answered"), [("TCP", "tcp"), ("UDP", "udp")])
def test_a_listener_of_one_protocol_takes_only_that(world: World, of_listener: str, answered: str) -> None:
    g = group().replace(protocol="TCP_UDP")
    task = fargate(1, 0)
    t = of(task, g)
    seen = state(world, balancer(), g, listener(53, g, protocol=of_listener), task, t, healthy(t))
    assert by_protocol(seen) == {answered: {"10.0.0.11:8443"}}


def test_a_published_port_is_found_by_its_protocol(world: World) -> None:
    """TCP and UDP of one number may lead to different containers."""
    g = group(target_type="instance").replace(protocol="UDP")
    t = target(g, f"i-{1:017x}", port=49153)
    machine, joined, task = bridged(1, 49153)
    assert isinstance(task, Task)
    (tcp,) = task.containers
    udp = app(
        name="dns",
        bindings=(
            PortBinding(container_port=53, host_port=49153, host_ip=tcp.bindings[0].host_ip, protocol="udp"),
        ),
        bridge_ip="172.30.0.9",
    )
    both = task.replace(containers=(tcp, udp))
    seen = state(world, balancer(), g, listener(53, g, protocol="UDP"), machine, joined, both, t, healthy(t))
    assert by_protocol(seen) == {"udp": {"172.30.0.9:53"}}


def test_a_drained_udp_target_keeps_its_flows(world: World) -> None:
    g = group().replace(protocol="UDP")
    task = fargate(1, 0)
    t = of(task, g).replace(draining_since=START)
    seen = state(world, balancer(), g, listener(53, g, protocol="UDP"), task, t)
    assert seen.draining == {Backend(address="10.0.0.11", port=8443, interface="swt0")}


def test_dual_stack_answers_at_both_addresses(world: World) -> None:
    """The same targets behind each; those of IPv4 see the node's IPv4 address."""
    plain = balancer()
    zones = tuple(
        msgspec.structs.replace(zone, vip6=f"fd00:{number}::1") for number, zone in enumerate(plain.zones)
    )
    g, task = group(), fargate(1, 0)
    told = state(world, plain.replace(zones=zones), g, listener(443, g), task, of(task, g))
    assert told.vips == {*VIPS, "fd00:0::1", "fd00:1::1"}
    by_vip = {frontend.vip: frontend for frontend in told.frontends}
    assert by_vip.keys() == told.vips
    for zone in zones:
        narrow, wide = by_vip[zone.vip], by_vip[zone.vip6]
        assert wide == msgspec.structs.replace(narrow, vip=zone.vip6, counterpart=zone.vip)


def test_targets_of_ipv6(world: World) -> None:
    """Both addresses of a task lead to its interface; each version of the load balancer asks from its own."""
    g = group().replace(ip_address_type="ipv6")
    plain = fargate(1, 0)
    assert plain.interface is not None
    task = plain.replace(interface=msgspec.structs.replace(plain.interface, ipv6_address="fd00:1:2::a00:b"))
    dual = balancer()
    zones = tuple(
        msgspec.structs.replace(zone, vip6=f"fd00:1:2:{number}::4") for number, zone in enumerate(dual.zones)
    )
    t = target(g, "fd00:1:2::a00:b", zone=0, task_arn=task.arn)
    seen = state(world, dual.replace(zones=zones), g, listener(443, g), task, t, healthy(t))
    assert seen.endpoints == {"10.0.0.11": "swt0", "fd00:1:2::a00:b": "swt0"}
    assert (
        Interface(name="swt0", role="task", address="10.0.0.11", address6="fd00:1:2::a00:b")
        in seen.interfaces
    )
    wanted = {
        (VIPS[0], "fd00:1:2:0::4"),
        ("fd00:1:2:0::4", VIPS[0]),
        (VIPS[1], "fd00:1:2:1::4"),
        ("fd00:1:2:1::4", VIPS[1]),
    }
    assert {(f.vip, f.counterpart) for f in seen.frontends} == wanted
    backend = Backend(address="fd00:1:2::a00:b", port=8443, interface="swt0")
    assert {w.backend for f in seen.frontends for w in f.backends} == {backend}
    world.change(Target, t.key, draining_since=START)
    assert state(world).draining == {backend}


def test_a_peers_target_is_reached_by_its_host(world: World) -> None:
    ip_group = group(target_type="ip")
    there = target(ip_group, "10.200.1.11", availability_zone="all")
    world.put(balancer(), listener(443, ip_group), ip_group, there, healthy(there))
    peers = {"10.200.0.0/16": "192.0.2.2"}
    seen = dataplane_state(Snapshot(world.store), {}, (), peers=peers)
    assert seen.peers == peers
    assert shares(seen, zone=0) == shares(seen, zone=1) == {"10.200.1.11:8443": 1}
    assert {w.backend.interface for f in seen.frontends for w in f.backends} == {""}
    assert shares(dataplane_state(Snapshot(world.store), {}, ())) == {}
