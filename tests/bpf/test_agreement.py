"""Two hosts' kernels, and the model that the simulation of many hosts is made of (tests/support/ecmp.py)."""

import random

import pytest

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane.maglev import Share
from tests.support.bpf_run import Machine, machine
from tests.support.ecmp import Host, Tuple5
from tests.support.packets import SYN, Packet, parse

pytestmark = pytest.mark.root

VIP = "10.1.1.100"
TARGETS = [f"10.1.2.{n}" for n in range(1, 31)]


def state(targets: list[str]) -> DataPlaneState:
    backends = (Backend(address=address, port=8443, interface="swt1") for address in targets)
    shares = tuple(WeightedBackend(backend=backend) for backend in backends)
    return DataPlaneState(vips=frozenset({VIP}), frontends=(Frontend(vip=VIP, port=443, backends=shares),))


def chosen(kernel: Machine, flow: Tuple5) -> str:
    there = parse(kernel.run("uplink", Packet(*flow[:4], flags=SYN)).frame)
    return f"{there.destination}:{there.destination_port}"


def test_two_kernels_and_the_model_choose_alike(kernel: Machine) -> None:
    """The second host has a past: its slots hold other targets, and it was told of these in another order."""
    chance = random.Random(4)
    kernel.tell(state(TARGETS))
    model = Host([Share(f"{address}:8443") for address in TARGETS])
    clients = [
        Tuple5(f"203.0.113.{chance.randrange(2, 255)}", chance.randrange(1024, 65536), VIP, 443)
        for _ in range(500)
    ]
    with machine() as other:
        other.tell(state(["10.9.9.9", *TARGETS[::-2]]))
        other.tell(state(chance.sample(TARGETS, len(TARGETS))))
        for flow in clients:
            assert chosen(kernel, flow) == chosen(other, flow) == model.target(flow)
