"""Which listeners the host answers at its own addresses."""

from collections import Counter
from datetime import timedelta
from fractions import Fraction

import msgspec

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, Interface, WeightedBackend
from sealway.model.load_balancer import LoadBalancer
from sealway.node.exposure import dropping_early, exposure
from tests.support import node_world
from tests.support.node_world import VIPS
from tests.support.virtual_time import START

HERE = "192.0.2.1"
FREE: dict[str, frozenset[tuple[str, int]]] = {HERE: frozenset()}
A, B, C = (Backend(address=f"10.0.0.{n}", port=8443, interface=f"swt{n}") for n in (11, 12, 13))


def node(vip: str, *backends: Backend, port: int = 443, weights: tuple[int, ...] = ()) -> Frontend:
    weighted = zip(backends, weights or (1,) * len(backends), strict=True)
    return Frontend(
        vip=vip, port=port, backends=tuple(WeightedBackend(backend=b, weight=w) for b, w in weighted)
    )


def balancer() -> LoadBalancer:
    return node_world.balancer(scheme="internet-facing")


def other(**fields: object) -> LoadBalancer:
    """A younger load balancer."""
    younger = {"arn": "arn:other", "name": "other", "created_at": START + timedelta(hours=1), "zones": ()}
    return msgspec.structs.replace(balancer(), **younger | fields)


def shares(frontend: Frontend) -> dict[Backend, Fraction]:
    counted: Counter[Backend] = Counter()
    for each in frontend.backends:
        counted[each.backend] += each.weight
    return {backend: Fraction(weight, counted.total()) for backend, weight in counted.items()}


def test_nothing_is_exposed_unless_an_interface_is_named() -> None:
    made = exposure([balancer()], [node(VIPS[0], A)], {})
    assert (made.frontends, made.refused) == ((), frozenset())


def test_each_listener_is_answered_once_at_each_address() -> None:
    nodes = [node(vip, A, B, port=port) for port in (443, 8443) for vip in VIPS]
    made = exposure([balancer()], nodes, {HERE: frozenset(), "198.51.100.7": frozenset()})
    answered = {(f.vip, f.port) for f in made.frontends}
    assert answered == {(HERE, 443), (HERE, 8443), ("198.51.100.7", 443), ("198.51.100.7", 8443)}
    assert len(made.frontends) == 4
    assert made.refused == frozenset()


def test_zones_have_equal_parts_however_many_targets_they_have() -> None:
    (made,) = exposure([balancer()], [node(VIPS[0], A), node(VIPS[1], B, C, weights=(2, 1))], FREE).frontends
    assert shares(made) == {A: Fraction(1, 2), B: Fraction(1, 3), C: Fraction(1, 6)}


def test_a_target_of_several_zones_has_the_sum_of_its_parts() -> None:
    (made,) = exposure([balancer()], [node(VIPS[0], A, B), node(VIPS[1], B)], FREE).frontends
    assert shares(made) == {A: Fraction(1, 4), B: Fraction(3, 4)}


def test_a_zone_without_targets_counts_for_nothing() -> None:
    (made,) = exposure([balancer()], [node(VIPS[0]), node(VIPS[1], B)], FREE).frontends
    assert shares(made) == {B: Fraction(1)}
    (nobody,) = exposure([balancer()], [node(VIPS[0]), node(VIPS[1])], FREE).frontends
    assert nobody.backends == ()


def test_an_internal_load_balancer_stays_inside() -> None:
    internal = msgspec.structs.replace(balancer(), scheme="internal")
    assert exposure([internal], [node(VIPS[0], A)], FREE).frontends == ()


def test_a_port_that_the_host_uses_stays_the_hosts() -> None:
    made = exposure(
        [balancer()], [node(VIPS[0], A), node(VIPS[0], A, port=22)], {HERE: frozenset({("tcp", 22)})}
    )
    assert [f.port for f in made.frontends] == [443]
    (refused,) = made.refused
    assert (refused.address, refused.port, refused.reason) == (
        HERE,
        22,
        "a server of this host listens there",
    )


def test_of_two_load_balancers_the_older_one_is_answered() -> None:
    zone = msgspec.structs.replace(balancer().zones[0], vip="10.0.0.9")
    nodes = [node("10.0.0.9", B), node(VIPS[0], A)]
    made = exposure([other(zones=(zone,)), balancer()], nodes, FREE)
    assert [shares(f) for f in made.frontends] == [{A: Fraction(1)}]
    (refused,) = made.refused
    assert (refused.load_balancer, refused.reason) == ("other", "an older load balancer has that listener")


def test_it_is_added_to_what_there_is() -> None:
    state = DataPlaneState(vips=frozenset(VIPS), frontends=(node(VIPS[0], A),))
    whole = exposure([balancer()], state.frontends, FREE).added_to(state)
    assert (whole.vips, whole.shared) == (frozenset(VIPS), {HERE})
    assert [f.vip for f in whole.frontends] == [VIPS[0], HERE]


def test_only_an_exposed_uplink_drops_early() -> None:
    there = {
        Interface(name="eth0", role="uplink"),
        Interface(name="eth1", role="uplink"),
        Interface(name="sealway0", role="host"),
    }
    made = dropping_early(DataPlaneState(interfaces=frozenset(there)), ("eth1", "sealway0"), "native")
    assert {each.name: each.xdp for each in made.interfaces} == {"eth0": "", "eth1": "native", "sealway0": ""}
