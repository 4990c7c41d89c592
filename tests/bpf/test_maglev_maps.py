"""Maglev tables in the kernel: a change is one store in the map that is there, and packets follow it."""

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import abi, maglev_maps
from tests.support.bpf_run import PASS, REDIRECT, TASK1, TASK2, Machine
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


def chunks(kernel: Machine) -> list[bytes]:
    """The inner maps' ids."""
    return [value for _, value in kernel.maps["maglev"].one_by_one()]


def targets_of_new_flows(kernel: Machine, first_port: int) -> set[str]:
    reached = set()
    for port in range(first_port, first_port + 40):
        result = kernel.run("uplink", Packet(CLIENT, port, VIP, 443, flags=SYN))
        assert result.verdict == REDIRECT
        reached.add(parse(result.frame).destination)
    return reached


def test_changes_of_one_size_keep_the_map_and_take_effect(kernel: Machine) -> None:
    kernel.tell(state(frontend(FIRST)))
    before = chunks(kernel)
    way = [((SECOND,), {TASK2}), ((FIRST, SECOND), {TASK1, TASK2}), ((FIRST,), {TASK1})]
    for turn, (backends, reached) in enumerate(way):
        kernel.tell(state(frontend(*backends)))
        assert targets_of_new_flows(kernel, 40000 + 100 * turn) == reached
        assert chunks(kernel) == before
        assert maglev_maps.read(kernel.maps) == kernel.tables.maglev
        assert kernel.after_restart(state(frontend(*backends))).writes == 0


def test_a_larger_table_needs_more_chunks_and_a_smaller_one_leaves_them(kernel: Machine) -> None:
    for turn, weight in enumerate((1, 30, 3, 900)):
        kernel.tell(state(frontend(FIRST, SECOND, weight=weight)))
        assert maglev_maps.read(kernel.maps) == kernel.tables.maglev
        assert targets_of_new_flows(kernel, 40000 + 100 * turn) >= {TASK1}
    assert len(chunks(kernel)) == abi.Maglev.CHUNKS
    kernel.tell(state())
    assert chunks(kernel) == []
    assert maglev_maps.read(kernel.maps) == {}


def test_nobody_is_nobody_in_either_table(kernel: Machine) -> None:
    for backends in ((FIRST,), (), (SECOND,), ()):
        kernel.tell(state(frontend(*backends)))
        verdict = kernel.run("uplink", Packet(CLIENT, 40000, VIP, 443, flags=SYN)).verdict
        assert verdict == (REDIRECT if backends else PASS)
        kernel.forget()


def test_the_table_that_does_not_count_is_never_asked(kernel: Machine) -> None:
    """Half written, as a change that was interrupted leaves it."""
    kernel.tell(state(frontend(FIRST)))
    [chunk] = chunks(kernel)
    inner = maglev_maps.libbpf.map_by_id(int.from_bytes(chunk, "little"))
    half = inner.max_entries // 2
    nobody = abi.Limit.MAX_BACKENDS.to_bytes(4, "little") * abi.Maglev.CHUNK
    head = int.from_bytes(kernel.maps["maglev_heads"].get(bytes(4)) or b"", "little")
    inner.fill(nobody, start=0 if head & abi.Maglev.SECOND else half)
    inner.close()
    assert targets_of_new_flows(kernel, 40000) == {TASK1}
    assert maglev_maps.read(kernel.maps) == kernel.tables.maglev


def test_more_frontends_at_once_than_are_written_in_one_call(kernel: Machine) -> None:
    many = [frontend(FIRST if port % 2 else SECOND, port=port) for port in range(443, 743)]
    kernel.tell(state(*many))
    assert len(set(chunks(kernel))) == len(many)
    assert maglev_maps.read(kernel.maps) == kernel.tables.maglev
    assert targets_of_new_flows(kernel, 40000) == {TASK1}
