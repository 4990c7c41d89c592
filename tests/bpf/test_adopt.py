"""Flows put into the table from outside, as an upgrade does."""

import struct

import pytest

from sealway.drivers.dataplane import abi, libbpf
from sealway.drivers.dataplane.flow_table import HEAD
from tests.bpf.test_packet_paths import HELLO, TASK1, carried, frontend, state
from tests.support.bpf_run import Machine
from tests.support.flow_cells import key_of
from tests.support.packets import ACK

pytestmark = pytest.mark.root


def adopt(kernel: Machine, what: abi.Adopt, *flows: abi.Flow) -> int:
    header = bytes([what]).ljust(abi.Adopt.HEADER, b"\0")
    return libbpf.run_program(
        kernel.loaded.programs["sealway_adopt"], header + b"".join(flow.pack() for flow in flows)
    )


def opened(kernel: Machine) -> list[abi.Flow]:
    """Both directions of a flow; the table forgets them."""
    kernel.tell(state(frontend(TASK1)))
    carried(kernel, "uplink", HELLO)
    found = list(kernel.flows().values())
    kernel.forget()
    return found


def test_flows_are_carried_as_if_they_had_begun_here(kernel: Machine) -> None:
    flows = opened(kernel)
    assert adopt(kernel, abi.Adopt.PUT, *flows) == len(flows) == 2
    assert {key: flow.flags for key, flow in kernel.flows().items()} == {
        key_of(flow): flow.flags for flow in flows
    }
    there = carried(kernel, "uplink", HELLO.but(flags=ACK))
    carried(kernel, "task", there.back(flags=ACK))


def test_what_the_table_knows_stays_unless_it_shall_be_replaced(kernel: Machine) -> None:
    flows = opened(kernel)
    later = [flow._replace(client_fin=77) for flow in flows]
    established = [flow._replace(flags=flow.flags | abi.FlowFlag.ESTABLISHED) for flow in flows]
    for what, given, fins, flag in (
        (abi.Adopt.ADD, flows, {0}, 0),
        (abi.Adopt.ADD, later, {0}, 0),
        (abi.Adopt.PUT, later, {77}, 0),
        (abi.Adopt.ADD, established, {0}, abi.FlowFlag.ESTABLISHED),
        (abi.Adopt.ADD, later, {0}, abi.FlowFlag.ESTABLISHED),
    ):
        assert adopt(kernel, what, *given) == 2
        known = kernel.flows().values()
        assert {flow.client_fin for flow in known} == fins
        assert {flow.flags & abi.FlowFlag.ESTABLISHED for flow in known} == {flag}


@pytest.mark.parametrize("what", [abi.Adopt.PUT, abi.Adopt.ADD])
@pytest.mark.parametrize("keep", [True, False])
def test_directions_that_come_apart_share_an_entry_again(
    kernel: Machine, keep: bool, what: abi.Adopt
) -> None:
    kernel.tell(state(frontend(TASK1, keep=keep)))
    carried(kernel, "uplink", HELLO)
    for order in (1, -1):
        flows = list(kernel.flows().values())[::order]
        kernel.forget()
        for flow in flows:
            assert adopt(kernel, what, flow) == 1
        assert adopt(kernel, what, *flows) == 2
        assert kernel.flows() == {key_of(flow): flow for flow in flows}
        tags = [abi.BucketHead.unpack(bucket[:HEAD]).tags for _, bucket in kernel.maps["flows"].items()]
        used = sum(1 for each in tags for tag in struct.unpack("<8H", each) if tag)
        assert used == (1 if keep else 2)


def test_what_has_ended_is_taken_out(kernel: Machine) -> None:
    flows = opened(kernel)
    adopt(kernel, abi.Adopt.PUT, *flows)
    assert adopt(kernel, abi.Adopt.REMOVE, *flows) == 2
    assert kernel.flows() == {}
    assert adopt(kernel, abi.Adopt.REMOVE, *flows) == 0


def test_flows_of_one_client_from_one_port_do_not_displace_each_other(kernel: Machine) -> None:
    [flow] = [flow for flow in opened(kernel) if not flow.flags & abi.FlowFlag.ANSWER]
    many = [flow._replace(key_destination_port=port.to_bytes(2, "big")) for port in range(1000, 1100)]
    for what in (abi.Adopt.PUT, abi.Adopt.ADD):
        for start in range(0, len(many), abi.Adopt.MOST):
            some = many[start : start + abi.Adopt.MOST]
            assert adopt(kernel, what, *some) == len(some)
    assert kernel.flows().keys() == {key_of(flow) for flow in many}


def test_so_many_at_a_time(kernel: Machine) -> None:
    [flow, _] = opened(kernel)
    many = [flow._replace(key_source_port=port.to_bytes(2, "big")) for port in range(1, abi.Adopt.MOST + 3)]
    assert adopt(kernel, abi.Adopt.PUT, *many) == abi.Adopt.MOST == len(kernel.flows())
