import pytest

from sealway.model.task_size import needs_of, parse_cpu, parse_memory
from tests.support.cluster_world import definition


@pytest.mark.parametrize(
    ("text", "units"),
    [("256", 256), (".25 vCPU", 256), ("1 vcpu", 1024), ("2vCPU", 2048), ("x", None), ("", None)],
)
def test_cpu(text: str, units: int | None) -> None:
    assert parse_cpu(text) == units


@pytest.mark.parametrize(("text", "mib"), [("512", 512), ("0.5 GB", 512), ("1GB", 1024), ("1.5", None)])
def test_memory(text: str, mib: int | None) -> None:
    assert parse_memory(text) == mib


def test_containers_add_up_where_the_task_has_no_size() -> None:
    containers = [
        {"name": "a", "image": "a", "cpu": 10, "memory": 300, "memoryReservation": 100},
        {"name": "b", "image": "b", "memory": 50},
    ]
    needs = needs_of(definition(containerDefinitions=containers))
    assert (needs.cpu, needs.memory) == (10, 150)


def test_overrides_count() -> None:
    needs = needs_of(definition(), {"containerOverrides": [{"name": "app", "cpu": 7, "memory": 9}]})
    assert (needs.cpu, needs.memory) == (7, 9)
    assert needs_of(definition(cpu="256", memory="1 GB"), {"cpu": "512"}).cpu == 512


@pytest.mark.parametrize(
    ("mode", "tcp", "udp"), [("bridge", {8080}, {53}), ("host", {8080, 90}, {53}), ("awsvpc", set(), set())]
)
def test_static_ports(mode: str, tcp: set[int], udp: set[int]) -> None:
    mappings = [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 90, "hostPort": 0},
        {"containerPort": 53, "hostPort": 53, "protocol": "udp"},
    ]
    spec = [{"name": "a", "image": "a", "memory": 1, "portMappings": mappings}]
    needs = needs_of(definition(containerDefinitions=spec, networkMode=mode))
    assert (needs.tcp_ports, needs.udp_ports) == (tcp, udp)
