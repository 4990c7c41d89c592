"""Addresses of both widths, and which of the two a part of the state belongs to."""

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import abi, abi6
from sealway.drivers.dataplane.layouts import NARROW, NO_ADDRESS, WIDE, address_text, is_ipv6
from sealway.drivers.dataplane.slots_plan import Place
from sealway.drivers.dataplane.tables import vip_filter
from sealway.drivers.dataplane.tables_plan import EMPTY, after, narrow_part, plan, wide_part

FOUR = Backend(address="10.0.0.5", port=80, interface="swt1")
SIX = Backend(address="fd00::5", port=80, interface="swt1")
PLACES = {"swt1": Place(3, True)}
MAPPED = bytes(10) + b"\xff\xff"


def frontend(vip: str, *backends: Backend, counterpart: str = "") -> Frontend:
    weighted = tuple(WeightedBackend(backend=backend) for backend in backends)
    return Frontend(vip=vip, port=443, backends=weighted, counterpart=counterpart)


@pytest.mark.parametrize("text", ["10.1.2.3", "fd00::1", "2001:db8::ff"])
def test_a_wide_address_and_back(text: str) -> None:
    packed = WIDE.address(text)
    assert len(packed) == 16
    assert packed.startswith(MAPPED) != is_ipv6(text)
    assert address_text(packed) == text


def test_a_narrow_address_and_back() -> None:
    assert address_text(NARROW.address("10.1.2.3")) == "10.1.2.3"
    with pytest.raises(ValueError, match="does not fit"):
        NARROW.address("fd00::1")


def test_each_frontend_is_of_one_part() -> None:
    plain, upward, downward, wide = (
        frontend("10.0.0.1", FOUR),
        frontend("10.0.0.2", SIX, counterpart="fd00::2"),
        frontend("fd00::3", FOUR, counterpart="10.0.0.3"),
        frontend("fd00::4", SIX),
    )
    state = DataPlaneState(
        vips=frozenset({"10.0.0.1", "10.0.0.2", "fd00::3", "fd00::4"}),
        frontends=(plain, upward, downward, wide),
        draining=frozenset({FOUR, SIX}),
    )
    narrow, other = narrow_part(state), wide_part(state)
    assert narrow.frontends == (plain,)
    assert other.frontends == (upward, downward, wide)
    assert narrow.vips | other.vips == state.vips
    assert (narrow.draining, other.draining) == ({FOUR}, {FOUR, SIX})


def test_a_state_of_ipv4_alone_leaves_the_wide_tables_empty() -> None:
    state = DataPlaneState(
        vips=frozenset({"10.0.0.1"}), frontends=(frontend("10.0.0.1", FOUR),), draining=frozenset({FOUR})
    )
    assert plan(wide_part(state), PLACES, EMPTY, WIDE).writes == 0


def test_a_wide_plan_is_of_wide_structs_and_converges() -> None:
    state = wide_part(
        DataPlaneState(
            vips=frozenset({"fd00::3"}), frontends=(frontend("fd00::3", FOUR, SIX, counterpart="10.0.0.3"),)
        )
    )
    todo = plan(state, PLACES, EMPTY, WIDE)
    assert {entry.address for entry in todo.backends} == {MAPPED + b"\x0a\0\0\x05", WIDE.address("fd00::5")}
    (value,) = todo.frontends.values()
    assert isinstance(value, abi6.Frontend)
    assert value.counterpart == MAPPED + b"\x0a\0\0\x03"
    assert plan(state, PLACES, after(EMPTY, todo), WIDE).writes == 0


def test_a_target_without_an_address_to_ask_from_gets_no_flow() -> None:
    state = wide_part(DataPlaneState(frontends=(frontend("fd00::3", FOUR, SIX),)))
    todo = plan(state, PLACES, EMPTY, WIDE)
    (table,) = todo.tables.values()
    (six,) = [entry for entry in todo.backends if entry.address == WIDE.address("fd00::5")]
    assert set(memoryview(table).cast("I")[1:]) == {six.id}
    (value,) = todo.frontends.values()
    assert isinstance(value, abi6.Frontend)
    assert value.counterpart == NO_ADDRESS


def test_the_vip_filter_knows_wide_addresses() -> None:
    bits = vip_filter([WIDE.address("fd00::3"), WIDE.address("10.0.0.3")])
    assert 1 <= int.from_bytes(bits, "little").bit_count() <= 2
    assert len(bits) == abi.Limit.VIP_FILTER_BITS // 8
