"""What a collector reads, taken apart by the collector's own parser."""

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sealway.app.metrics import TOTALS, metrics
from sealway.drivers.contracts.dataplane import Backend as Target
from sealway.drivers.contracts.dataplane import DataPlaneState, Frontend, FrontendCounters, WeightedBackend
from sealway.drivers.dataplane.drop_reasons import DROP_REASONS
from sealway.drivers.dataplane.fake import FakeDataPlane
from sealway.drivers.network.fake import FakeNetwork
from tests.support.node_world import VIPS, World, balancer, group, healthy, listener, target

Samples = dict[tuple[str, tuple[str, ...]], float]


async def read(world: World, plane: FakeDataPlane) -> Samples:
    """Name and label values, by the labels' names in order -> value."""
    text = await metrics(world.store, plane, FakeNetwork())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
async def plane() -> FakeDataPlane:
    backend = Target(address="10.0.0.11", port=8443, interface="swt0")
    made = FakeDataPlane()
    await made.start()
    frontend = Frontend(vip=VIPS[0], port=443, backends=(WeightedBackend(backend=backend),))
    await made.apply(DataPlaneState(vips=frozenset(VIPS), frontends=(frontend,)))
    return made


async def test_listeners_are_named_by_load_balancer_and_zone(world: World, plane: FakeDataPlane) -> None:
    world.put(balancer())
    plane.connect(VIPS[0], 443)
    seen = await read(world, plane)
    where = (VIPS[0], "us-east-1a", "edge", "443", "tcp")
    assert seen["sealway_nlb_active_flows", where] == 1
    assert seen["sealway_nlb_new_flows_total", where] == 1
    assert seen["sealway_nlb_processed_packets_total", where] == 3
    assert {f"sealway_nlb_{known.name}_total" for known in TOTALS} <= {name for name, _ in seen}


def test_every_total_is_told() -> None:
    counters = FrontendCounters(new_flows=0, active_flows=0, packets=0, bytes=0)
    assert {known.field for known in TOTALS} | {"active_flows"} == set(msgspec.structs.asdict(counters))


async def test_an_address_of_the_hosts_own_belongs_to_no_load_balancer(
    world: World, plane: FakeDataPlane
) -> None:
    seen = await read(world, plane)
    assert ("sealway_nlb_active_flows", (VIPS[0], "", "", "443", "tcp")) in seen


async def test_targets_are_counted_by_health_and_zone(world: World, plane: FakeDataPlane) -> None:
    g = group()
    a, b, c = (target(g, f"10.0.{zone}.{host}", zone=zone) for zone, host in ((0, 11), (0, 12), (1, 11)))
    world.put(balancer(), g, listener(443, g), a, b, c, healthy(a), healthy(b, "unhealthy"))
    seen = await read(world, plane)
    hosts = {
        (name.removeprefix("sealway_nlb_"), labels[0]): value
        for (name, labels), value in seen.items()
        if name.endswith("_hosts")
    }
    assert hosts == {
        ("healthy_hosts", "us-east-1a"): 1, ("unhealthy_hosts", "us-east-1a"): 1,
        ("healthy_hosts", "us-east-1b"): 0, ("unhealthy_hosts", "us-east-1b"): 1,
    }  # fmt: skip


async def test_every_reason_to_drop_is_there(world: World, plane: FakeDataPlane) -> None:
    seen = await read(world, plane)
    dropped = {labels[0] for name, labels in seen if name == "sealway_dropped_packets_total"}
    assert dropped == set(DROP_REASONS)
