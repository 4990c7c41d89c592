import pytest

from sealway.model.port_range import (
    PublishedRange,
    Wanted,
    first_ports,
    parse_range,
    publish,
    wanted_ranges,
    write_range,
)
from tests.support.cluster_world import definition

MAPPINGS = [
    {"containerPort": 443},
    {"containerPortRange": "8000-8009"},
    {"containerPortRange": "9000-9001", "protocol": "udp"},
]
CONTAINERS = [{"name": "app", "image": "app:1", "portMappings": MAPPINGS}]


@pytest.mark.parametrize("text", ["1-2", "8000-8010", "65534-65535"])
def test_a_range_is_read_and_written(text: str) -> None:
    ports = parse_range(text)
    assert ports is not None
    assert write_range(ports) == text


@pytest.mark.parametrize("text", ["", "1", "2-1", "2-2", "0-5", "1-65536", "1-2-3", "-1-2", "a-b", "1-2 "])
def test_what_is_no_range(text: str) -> None:
    assert parse_range(text) is None


def test_a_bridge_task_wants_its_ranges_and_publishes_them() -> None:
    bridge = definition(containerDefinitions=CONTAINERS)
    assert wanted_ranges(bridge) == (Wanted("tcp", 10), Wanted("udp", 2))
    given = publish(bridge, (61000, 61000))
    assert given[0] == PublishedRange(
        container="app", protocol="tcp", container_port=8000, host_port=61000, ports=10
    )
    assert write_range(given[1].container_ports) == "9000-9001"
    assert write_range(given[1].host_ports) == "61000-61001"


def test_an_awsvpc_task_has_ports_of_its_own() -> None:
    assert wanted_ranges(definition(containerDefinitions=CONTAINERS, networkMode="awsvpc")) == ()


def test_ranges_come_one_after_another_and_the_draw_moves_them() -> None:
    two = (Wanted("tcp", 10), Wanted("tcp", 5))
    assert first_ports(two, {}) == (61000, 61010)
    assert first_ports(two, {}, draw=100) == (61100, 61110)
    assert first_ports(two, {"tcp": [61003, 61015]}) == (61004, 61016)
    assert first_ports(two, {"udp": range(61000, 65536)}) == (61000, 61010)


def test_a_draw_near_the_end_goes_back_to_the_beginning() -> None:
    assert first_ports((Wanted("tcp", 10),), {}, draw=65530 - 61000) == (61000,)


def test_where_the_quiet_ports_are_taken_any_ephemeral_one_serves() -> None:
    assert first_ports((Wanted("tcp", 10),), {"tcp": range(61000, 65530)}) == (32768,)
    assert first_ports((Wanted("tcp", 5000),), {"tcp": [33000, 39000]}) == (33001,)


def test_what_does_not_fit() -> None:
    assert first_ports((Wanted("tcp", 40000),), {}) is None
    assert first_ports((Wanted("tcp", 2),), {"tcp": range(32768, 65536, 2)}) is None


def test_no_draw_makes_ranges_unplaceable_that_fit() -> None:
    tight = {"tcp": range(32768, 61000)}
    both = (Wanted("tcp", 2268), Wanted("tcp", 2268))
    for draw in (0, 1, 2268, 4535):
        assert sorted(first_ports(both, tight, draw) or ()) == [61000, 63268]
