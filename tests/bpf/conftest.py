"""One load of the programs a file of packet tests; every test begins with empty tables.

Not one for the whole session: while it lives, this thread is in the programs' network namespace, and so
is every process that is started meanwhile.
"""

from collections.abc import Iterator

import pytest

from sealway.drivers.contracts.dataplane import DataPlaneState
from sealway.drivers.dataplane.layouts import WIDE
from tests.support.bpf_run import Machine, machine


@pytest.fixture(scope="module")
def loaded_machine() -> Iterator[Machine]:
    with machine() as made:
        yield made


@pytest.fixture
def kernel(loaded_machine: Machine) -> Machine:
    loaded_machine.tell(DataPlaneState())
    loaded_machine.forget()
    loaded_machine.set_host(7)
    return loaded_machine


@pytest.fixture(scope="module")
def loaded_wide_machine() -> Iterator[Machine]:
    with machine(1 << 15, WIDE) as made:
        yield made


@pytest.fixture
def kernel6(loaded_wide_machine: Machine) -> Machine:
    loaded_wide_machine.tell(DataPlaneState())
    loaded_wide_machine.forget()
    loaded_wide_machine.set_host(7)
    return loaded_wide_machine
