"""Maglev tables in the kernel: a change is one store in the map that is there, and packets follow it."""

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import abi, maglev_maps
from tests.support.bpf_run import REDIRECT, TASK1, TASK2, Machine
from tests.support.packets import SYN, Packet, parse

pytestmark = pytest.mark.root

VIP, CLIENT = "10.1.1.100", "203.0.113.2"
FIRST = Backend(address=TASK1, port=8443, interface="swt1")
SECOND = Backend(address=TASK2, port=8443, interface="swt2")


def frontend(*backends: Backend, port: int = 443, weight: int = 1) -> Frontend:
    """``weight``: the first backend's."""
    weights = [weight] + [1] * len(backends)
    weighted = tuple(
        WeightedBackend(backend=each, weight=w) for each, w in zip(backends, weights, strict=False)
    )
    return Frontend(vip=VIP, port=port, backends=weighted)


def state(*frontends: Frontend) -> DataPlaneState:
    return DataPlaneState(vips=frozenset({VIP}), frontends=frontends, draining=frozenset({FIRST, SECOND}))


def inner_ids(kernel: Machine) -> list[bytes]:
    return [value for _, value in kernel.maps["maglev"].items()]


def targets_of_new_flows(kernel: Machine, first_port: int) -> set[str]:
    reached = set()
    for port in range(first_port, first_port + 40):
        result = kernel.run("uplink", Packet(CLIENT, port, VIP, 443, flags=SYN))
        assert result.verdict == REDIRECT
        reached.add(parse(result.frame).destination)
    return reached


def test_changes_of_one_size_keep_the_map_and_take_effect(kernel: Machine) -> None:
    kernel.tell(state(frontend(FIRST)))
    before = inner_ids(kernel)
    way = [((SECOND,), {TASK2}), ((FIRST, SECOND), {TASK1, TASK2}), ((FIRST,), {TASK1})]
    for turn, (backends, reached) in enumerate(way):
        kernel.tell(state(frontend(*backends)))
        assert targets_of_new_flows(kernel, 40000 + 100 * turn) == reached
        assert inner_ids(kernel) == before
        assert maglev_maps.read(kernel.maps["maglev"]) == kernel.tables.maglev
        assert kernel.after_restart(state(frontend(*backends))).writes == 0


def test_another_size_is_another_map(kernel: Machine) -> None:
    kernel.tell(state(frontend(FIRST, SECOND)))
    before = inner_ids(kernel)
    kernel.tell(state(frontend(FIRST, SECOND, weight=30)))
    assert inner_ids(kernel) != before
    assert maglev_maps.read(kernel.maps["maglev"]) == kernel.tables.maglev
    assert targets_of_new_flows(kernel, 40000) >= {TASK1}


def test_the_table_that_does_not_count_is_never_asked(kernel: Machine) -> None:
    """Half written, as a change that was interrupted leaves it."""
    kernel.tell(state(frontend(FIRST)))
    ((_, map_id),) = kernel.maps["maglev"].items()
    inner = maglev_maps.libbpf.map_by_id(int.from_bytes(map_id, "little"))
    size = (inner.max_entries - 1) // 2
    inner.fill(abi.Limit.MAX_BACKENDS.to_bytes(4, "little") * size, start=1 + size)
    inner.close()
    assert targets_of_new_flows(kernel, 40000) == {TASK1}
    assert maglev_maps.read(kernel.maps["maglev"]) == kernel.tables.maglev


def test_more_frontends_at_once_than_are_written_in_one_call(kernel: Machine) -> None:
    many = [frontend(FIRST if port % 2 else SECOND, port=port) for port in range(443, 743)]
    kernel.tell(state(*many))
    assert len(set(inner_ids(kernel))) == len(many)
    assert maglev_maps.read(kernel.maps["maglev"]) == kernel.tables.maglev
    assert targets_of_new_flows(kernel, 40000) == {TASK1}
