"""Each CPU remembers frontends that it found (``bpf/lib/frontend.h``), and forgets them when they change."""

import pytest

from tests.bpf.test_packet_paths import HELLO, TASK1, TASK2, carried, frontend, passes, state
from tests.support.bpf_run import Machine

pytestmark = pytest.mark.root

OTHER = HELLO.but(destination_port=8443)


def ends_after(kernel: Machine, port: int) -> set[int]:
    """The idle timeout of new flows."""
    kernel.forget()
    carried(kernel, "uplink", HELLO.but(source_port=port))
    return {flow.idle_timeout for flow in kernel.flows().values()}


def test_what_is_told_last_counts_for_the_next_flow(kernel: Machine) -> None:
    for turn, seconds in enumerate((350, 60, 6000)):
        kernel.tell(state(frontend(TASK1, idle_timeout=seconds)))
        assert ends_after(kernel, 40000 + turn) == ends_after(kernel, 41000 + turn) == {seconds}


def test_one_that_is_gone_takes_no_flow(kernel: Machine) -> None:
    kernel.tell(state(frontend(TASK1), frontend(TASK2, port=8443)))
    for packet, target in ((HELLO, TASK1), (OTHER, TASK2)) * 2:
        kernel.forget()
        assert carried(kernel, "uplink", packet).destination == target
    kernel.forget()
    kernel.tell(state(frontend(TASK2, port=8443)))
    passes(kernel, "uplink", HELLO)
    assert carried(kernel, "uplink", OTHER).destination == TASK2
    kernel.tell(state(frontend(TASK2), frontend(TASK1, port=8443)))
    kernel.forget()
    assert carried(kernel, "uplink", HELLO).destination == TASK2
    assert carried(kernel, "uplink", OTHER).destination == TASK1


def test_more_than_are_remembered(kernel: Machine) -> None:
    ports = range(1000, 1400)
    kernel.tell(state(*(frontend(TASK1 if port % 2 else TASK2, port=port) for port in ports)))
    for turn in (0, 1):
        kernel.forget()
        for port in ports:
            there = carried(kernel, "uplink", HELLO.but(source_port=20000 + turn, destination_port=port))
            assert there.destination == (TASK1 if port % 2 else TASK2)
