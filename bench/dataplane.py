"""Nanoseconds a packet in the data plane's programs, by BPF_PROG_TEST_RUN on one core. Needs root.

    python bench/dataplane.py [--rounds N]

*hit*: an established flow, looked up, rewritten, redirected. Each flow's rewrite gives the next flow's key,
in random order, so that repeating one packet walks through them all and the rewrite is real. *new*: a SYN,
both entries made and its first rewrite. *pass*: a packet that is none of ours. All include the harness;
medians of rounds.
"""

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sealway.drivers.contracts.dataplane import Backend, DataPlaneState, Frontend, WeightedBackend
from sealway.drivers.dataplane import abi
from tests.support.bpf_run import Machine, machine
from tests.support.flow_cells import put_cycle
from tests.support.packets import ACK, SYN, Packet

VIP, TASK = "10.1.1.100", "10.1.1.11"
STATE = DataPlaneState(
    vips=frozenset({VIP}),
    frontends=(
        Frontend(
            vip=VIP,
            port=443,
            backends=(
                WeightedBackend(backend=Backend(address=TASK, port=8443, interface="swt1")),
                WeightedBackend(backend=Backend(address="10.1.2.12", port=8443, interface="swt2")),
            ),
        ),
    ),
)
REPEAT = 300_000
HELLO = Packet("203.0.113.2", 40000, VIP, 443, flags=SYN)


def cycle(kernel: Machine, count: int) -> Packet:
    """So many flows, each leading to the next; answers a packet of the first."""
    kernel.forget()
    kernel.run("uplink", HELLO)
    value = next(flow for flow in kernel.flows().values() if not flow.flags & abi.FlowFlag.ANSWER)
    kernel.forget()
    first = put_cycle(kernel.maps, value, bytes(map(int, VIP.split("."))), count)
    source = ".".join(map(str, first.source))
    return Packet(source, int.from_bytes(first.source_port, "big"), VIP, 443, flags=ACK)


def hit(kernel: Machine, rounds: int, packet: Packet) -> float:
    kernel.run("uplink", packet, REPEAT)
    return statistics.median(kernel.run("uplink", packet, REPEAT).duration for _ in range(rounds))


def new(kernel: Machine, rounds: int) -> float:
    """Each packet runs once: the harness's two clock readings (about 50 ns) are in."""
    kernel.forget()
    durations = []
    for n in range(rounds * 2000):
        packet = HELLO.but(source=f"203.0.113.{2 + n // 50000}", source_port=1024 + n % 50000)
        durations.append(kernel.run("uplink", packet).duration)
    return statistics.median(durations)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with machine(flow_capacity=1 << 22) as kernel:
        kernel.tell(STATE)
        print(f"{'pass, not a VIP':32}{hit(kernel, rounds, HELLO.but(destination='192.0.2.1')):8.0f} ns")
        for count in (1, 64 * 1024, 1024 * 1024):
            print(f"{f'hit, {count} flows':32}{hit(kernel, rounds, cycle(kernel, count)):8.0f} ns")
        print(f"{'new flow':32}{new(kernel, rounds):8.0f} ns")


if __name__ == "__main__":
    main()
