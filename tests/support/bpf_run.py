"""Runs the loaded programs on single packets (BPF_PROG_TEST_RUN): a packet in, verdict and packet out.

The programs see the loopback interface of a namespace of the test's own; its routes are what they look up.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int, c_size_t, c_uint32, c_void_p
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec

from sealway.drivers.contracts.dataplane import DataPlaneState, Interface
from sealway.drivers.dataplane import abi, census, flow_table, libbpf, loader, tables
from sealway.drivers.dataplane.layouts import NARROW, WIDE, Layout
from sealway.drivers.dataplane.slots_plan import Place
from sealway.drivers.dataplane.tables_plan import (
    EMPTY,
    Plan,
    Tables,
    after,
    narrow_part,
    plan,
    wide_part,
)
from tests.support.flow_cells import key_of
from tests.support.netns_topology import inside, run

PASS, SHOT, REDIRECT = 0xFFFFFFFF, 2, 7
TASK1, TASK2, BOX = "10.1.1.11", "10.1.2.12", "172.30.0.11"
CHECKSUM_COMPLETE = 1 << 2
"""BPF_F_TEST_SKB_CHECKSUM_COMPLETE: the packet comes with its whole sum, which must be right at the end."""
LOOPBACK = 1
FRONTENDS = 8
"""More than any of these tests has."""
PLACES = {
    "swt1": Place(11, True),
    "swt2": Place(12, True),
    "sealway-br0": Place(13, False),
    "lo": Place(LOOPBACK, True),
}
SEEN_BY = Interface(name="lo", role="task")
"""What a program meets every packet on; as a task's interface, of any task."""
_made = count()


class _Options(ctypes.Structure):
    """libbpf's ``struct bpf_test_run_opts``."""

    _fields_ = [
        ("size", c_size_t), ("data_in", c_void_p), ("data_out", c_void_p),
        ("data_size_in", c_uint32), ("data_size_out", c_uint32),
        ("ctx_in", c_void_p), ("ctx_out", c_void_p), ("ctx_size_in", c_uint32), ("ctx_size_out", c_uint32),
        ("retval", c_uint32), ("repeat", c_int), ("duration", c_uint32),
        ("flags", c_uint32), ("cpu", c_uint32), ("batch_size", c_uint32),
    ]  # fmt: skip


class Result(NamedTuple):
    """``duration``: nanoseconds, the mean over the repetitions."""

    verdict: int
    frame: bytes
    duration: int


def run_program(fd: int, frame: bytes, repeat: int = 1, flags: int = 0) -> Result:
    """Any program by its descriptor. Each repetition finds the packet as the one before left it."""
    out = ctypes.create_string_buffer(len(frame) + 256)
    given = ctypes.create_string_buffer(frame, len(frame))
    options = _Options(
        size=ctypes.sizeof(_Options), data_in=ctypes.addressof(given), data_size_in=len(frame),
        data_out=ctypes.addressof(out), data_size_out=len(out), repeat=repeat,
        flags=flags,
    )  # fmt: skip
    libbpf.call("bpf_prog_test_run_opts", fd, ctypes.byref(options))
    return Result(options.retval, out.raw[: options.data_size_out], options.duration)


class Machine:
    """The programs and maps, with tables as last told."""

    def __init__(self, loaded: loader.Loaded, namespace: str, layout: Layout = NARROW) -> None:
        self.loaded, self.maps, self.namespace = loaded, loaded.maps, namespace
        self.layout = layout
        self.tables = EMPTY
        self.narrow: Machine | None = None
        """Of a wide one: those that stand in front of it at every hook."""

    def tell(self, state: DataPlaneState) -> None:
        todo = self._plan(state, self.tables)
        tables.write(self.maps, todo)
        self.tables = after(self.tables, todo)

    def after_restart(self, state: DataPlaneState) -> Plan:
        """What a new process would write, which has only the maps to know from."""
        return self._plan(state, tables.read(self.maps))

    def _plan(self, state: DataPlaneState, now: Tables) -> Plan:
        if not any(each.name == SEEN_BY.name for each in state.interfaces):
            state = msgspec.structs.replace(state, interfaces=state.interfaces | {SEEN_BY})
        part = narrow_part if self.layout is NARROW else wide_part
        return plan(part(state), PLACES, now, self.layout)

    def run(self, program: str, packet: object, repeat: int = 1, flags: int = 0) -> Result:
        return run_program(self.loaded.programs[f"sealway_{program}"], bytes(packet), repeat, flags)  # type: ignore[call-overload]

    def flows(self) -> dict[abi.Tuple, abi.Flow]:
        """Entries by their key; not those that only linger."""
        found = flow_table.entries(self.maps["flows"])
        return {key_of(flow): flow for flow in found if not flow.flags & abi.FlowFlag.LINGERING}

    def forget(self) -> None:
        """Empties what packets have left behind."""
        table = self.maps["flows"]
        table.fill(bytes(table.max_entries * table.value_size))
        self.maps["fragments"].delete_many([key for key, _ in self.maps["fragments"].items()])
        for reason in abi.DropReason:
            if reason != abi.DropReason.REASONS:
                self.maps["drops"].zero_per_cpu(int(reason).to_bytes(4, "little"))
        for name in ("refusals", "half_open", "pending"):
            table = self.maps[name]
            table.fill(bytes(table.max_entries * table.value_size))
        for frontend in range(FRONTENDS):
            self.maps["handshakes"].zero_per_cpu(frontend.to_bytes(4, "little"))

    def counters(self, frontend: int = 0) -> abi.Counters:
        """Of all CPUs together."""
        parts = self.maps["counters"].get_per_cpu(frontend.to_bytes(4, "little"))
        return abi.Counters(*map(sum, zip(*map(abi.Counters.unpack, parts), strict=True)))

    def drops(self) -> dict[str, int]:
        return {name: count for name, count in census.drops(self.maps["drops"]).items() if count}

    def set_host(self, ifindex: int) -> None:
        value = abi.Config.unpack(self.maps["config"].get(bytes(4)) or b"")
        new = value._replace(host_ifindex=ifindex, host_mac=b"\x02\0\0\0\0\x07")
        self.maps["config"].put(bytes(4), new.pack())


def _wide(pins: Path, flow_capacity: int, narrow: loader.Loaded, namespace: str) -> Iterator[Machine]:
    wide = loader.load6(pins, flow_capacity, narrow)
    try:
        made = Machine(wide._replace(maps={**wide.maps, "drops": narrow.maps["drops"]}), namespace, WIDE)
        made.narrow = Machine(narrow, namespace)
        yield made
    finally:
        wide.close()


@contextmanager
def machine(flow_capacity: int = 1 << 17, layout: Layout = NARROW) -> Iterator[Machine]:
    """Loaded in a namespace whose routes know clients at 203.0.113.0/24 and 2001:db8:1::/64 (1,500 bytes), at
    198.51.100.0/24 and 2001:db8:2::/64 (1,280 bytes), and the host itself at 10.1.0.1 and fd00::1."""
    number = next(_made)
    name = f"bpf{os.getpid()}-{number}"
    pins = Path(f"/sys/fs/bpf/sealway-run-{os.getpid()}-{number}")
    run("ip", "netns", "add", name)
    try:
        for command in (
            "link set lo up", "addr add 10.1.0.1/32 dev lo",
            "link add up0 type veth peer name up1", "link set up0 up", "link set up1 up",
            "addr add 203.0.113.1/24 dev up0", "link add small0 mtu 1280 type veth peer name small1",
            "link set small0 up", "link set small1 up", "addr add 198.51.100.1/24 dev small0",
            "route add unreachable 192.0.2.0/24", "addr add fd00::1/128 dev lo",
            "addr add 2001:db8:1::1/64 dev up0 nodad", "addr add 2001:db8:2::1/64 dev small0 nodad",
            "-6 route add unreachable 2001:db8:9::/64",
        ):  # fmt: skip
            run("ip", "-n", name, *command.split())
        with inside(f"/run/netns/{name}"):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
            loaded = loader.load(pins, flow_capacity)
            try:
                elsewhere = loader.load_elsewhere(pins, loaded)
                loaded = loaded._replace(programs={**loaded.programs, **elsewhere})
                if layout is WIDE:
                    yield from _wide(pins, flow_capacity, loaded, name)
                else:
                    yield Machine(loaded, name)
            finally:
                loaded.close()
                loader.discard(pins)
    finally:
        run("ip", "netns", "del", name, check=False)
