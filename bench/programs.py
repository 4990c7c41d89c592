"""Nanoseconds a packet in the kernel's programs, by BPF_PROG_TEST_RUN: ours beside a lower bound of our own.

The programs measured against are in ``bench/bpf/bench.bpf.c``. What the harness costs (an empty program of
the same kind, in the same round) is taken off every figure. Rounds alternate between ours and what it is
compared with. Runs in a network namespace of its own, on one core.
"""

import os
import random
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_uint32, c_void_p
from pathlib import Path
from socket import inet_ntoa

from sealway.drivers.dataplane import abi, libbpf
from sealway.drivers.dataplane.early_programs import programs_for
from tests.support.bpf_run import REDIRECT, Machine, machine, run_program
from tests.support.handshakes import current_window, limit_of, set_uncompleted, use_up_the_rate
from tests.support.packets import ACK, Packet

from .dataplane import HELLO, STATE, VIP, cycle
from .figures import Sheet

SOURCE = Path(__file__).parent / "bpf" / "bench.bpf.c"
ROOT = SOURCE.parent.parent.parent
COUNTS = {"1": 2, "64k": 64 * 1024, "1m": 1024 * 1024}
HITS = 200_000
INSERTS = 8_000
"""In one run: fewer than a listener may have of uncompleted handshakes."""
OVER = 1_000
"""As many SYNs over that limit as pass at once."""
IN_USE = 100_000
XDP_TX = 3
_FIRST = bytes(4)
NAMES = (
    *(f"{kind}_ns_{count}" for count in COUNTS for kind in ("hit", "floor")),
    *("new_flow_ns", "new_flow_full_ns", "insert_ns", "insert_full_ns"),
    *("bytes_per_flow", "bytes_per_hidden_flow"),
    *("over_limit_ns", "beyond_rate_ns", "beyond_rate_early_ns", "early_pass_ns"),
)


class Bench:
    """The bench's own programs and maps, loaded."""

    def __init__(self, obj: int) -> None:
        self._object = c_void_p(obj)

    def program(self, name: str) -> int:
        found = libbpf.library().bpf_object__find_program_by_name(self._object, name.encode())
        return libbpf.call("bpf_program__fd", c_void_p(found))

    def map(self, name: str) -> libbpf.Map:
        found = libbpf.library().bpf_object__find_map_by_name(self._object, name.encode())
        return libbpf.Map(os.dup(libbpf.call("bpf_map__fd", c_void_p(found))))


def compiled() -> Path:
    """The object, in ``build/bench/``."""
    target = ROOT / "build" / "bench" / "bench.bpf.o"
    target.parent.mkdir(parents=True, exist_ok=True)
    machine_headers = f"/usr/include/{os.uname().machine}-linux-gnu"
    command = ["clang", "-O2", "-g", "-Wall", "-target", "bpfel", "-mcpu=v3"]
    command += [
        "-Wno-address-of-packed-member",
        f"-I{ROOT / 'bpf' / 'include'}",
        "-idirafter",
        machine_headers,
    ]
    subprocess.run([*command, "-c", str(SOURCE), "-o", str(target)], check=True)
    return target


@contextmanager
def loaded() -> Iterator[Bench]:
    lib = libbpf.library()
    obj = lib.bpf_object__open_file(c_char_p(os.fsencode(compiled())), None)
    try:
        libbpf.call("bpf_object__load", c_void_p(obj))
        yield Bench(obj)
    finally:
        lib.bpf_object__close(c_void_p(obj))


def floor_cycle(bench: Bench, count: int) -> Packet:
    """As ``bench.dataplane.cycle``: each flow's rewrite is the next one's key, in random order.

    They are inserted in another order than they are visited in: a preallocated hash takes its elements one
    after the other, and a walk along them would be a stream that the processor fetches ahead.
    """
    vip = bytes(map(int, VIP.split(".")))
    clients = [
        (0xC6120000 + n // 60000).to_bytes(4, "big") + (1024 + n % 60000).to_bytes(2, "big")
        for n in range(count)
    ]
    random.Random(2).shuffle(clients)
    keys = [each[:4] + vip + each[4:] + b"\x01\xbb\x06\0\0\0" for each in clients]
    inserted = dict(sorted(zip(keys, (key[:12] for key in keys[1:] + keys[:1]), strict=True)))
    table = bench.map("floor_flows")
    _empty(table)
    libbpf.call(
        "bpf_map_update_batch",
        table.fd,
        b"".join(inserted),
        b"".join(inserted.values()),
        byref(c_uint32(count)),
        None,
    )
    table.close()
    return Packet(inet_ntoa(keys[0][:4]), int.from_bytes(keys[0][8:10], "big"), VIP, 443, flags=ACK)


def _empty(table: libbpf.Map) -> None:
    keys = b"".join(keys for keys, _ in table.chunks())
    if keys:
        libbpf.call(
            "bpf_map_delete_batch", table.fd, keys, byref(c_uint32(len(keys) // table.key_size)), None
        )


def hits(sheet: Sheet, kernel: Machine, bench: Bench, name: str, rounds: int) -> None:
    """Established flows: each run walks through all of them, ours and the floor in turns."""
    least, idle_xdp, idle_tc = (bench.program(name) for name in ("least", "idle_xdp", "idle_tc"))
    ours, count = kernel.loaded.programs["sealway_uplink"], COUNTS[name]
    packets = {ours: cycle(kernel, count), least: floor_cycle(bench, count)}
    times: dict[int, list[float]] = {ours: [], least: []}
    repeat = max(HITS, 2 * count)
    for number in range(rounds + 1):
        for program, idle, verdict in ((ours, idle_tc, REDIRECT), (least, idle_xdp, XDP_TX)):
            result = run_program(program, bytes(packets[program]), repeat)
            assert result.verdict == verdict, f"verdict {result.verdict}: not a hit"
            harness = run_program(idle, bytes(HELLO), HITS).duration
            if number:  # the first brings the table into the caches
                times[program].append(result.duration - harness)
    how = f"BPF_PROG_TEST_RUN, {count} flows in random order, {repeat} packets a round, less the harness"
    told = f"sealway_uplink, a table of {entries(kernel)} entries: {how}"
    sheet.add(f"hit_ns_{name}", statistics.median(times[ours]), "ns", told, times[ours])
    told = f"bench/bpf/bench.bpf.c, least: {how}"
    sheet.add(f"floor_ns_{name}", statistics.median(times[least]), "ns", told, times[least])


class Inserts:
    """Runs that make a flow (or a bare entry) a packet."""

    def __init__(self, kernel: Machine, bench: Bench) -> None:
        self._kernel, self._bench, self._next = kernel, bench, bench.map("next")
        self._ours = kernel.loaded.programs["sealway_uplink"]
        self._idle = bench.program("idle_tc")
        self._syn = bench.program("next_syn")

    def _through(self, program: int, count: int = INSERTS) -> float:
        self._next.put(_FIRST, program.to_bytes(4, "little"))
        return run_program(self._syn, bytes(HELLO), count).duration

    def flow(self) -> float:
        """A new flow in ours, without what making the SYN costs."""
        set_uncompleted(self._kernel, 0)
        return self._through(self._ours) - self._through(self._idle)

    def over_limit(self) -> float:
        """A SYN that goes on without a flow."""
        set_uncompleted(self._kernel, 2 * limit_of(self._kernel))
        return self._through(self._ours, OVER) - self._through(self._idle)

    def beyond_rate(self) -> float:
        """A SYN that is dropped for the listener's limit."""
        return self.at_the_rate(lambda: self._through(self._ours)) - self._through(self._idle)

    def at_the_rate(self, run: Callable[[], float]) -> float:
        """A run that lay within one of the 17 milliseconds for which the rate is counted."""
        while True:
            before = current_window()
            while current_window() == before:
                pass
            set_uncompleted(self._kernel, 2 * limit_of(self._kernel))
            window = use_up_the_rate(self._kernel)
            took = run()
            if window == current_window():
                return took

    def bare(self, program: str) -> float:
        """A bare insert."""
        took = run_program(self._bench.program(program), bytes(HELLO), INSERTS).duration
        return took - run_program(self._idle, bytes(HELLO), HITS).duration


class Early:
    """Runs of the XDP program. ``program``: its descriptor."""

    def __init__(self, inserts: Inserts, bench: Bench, program: int) -> None:
        self._inserts, self._bench, self._program = inserts, bench, program
        self._next = bench.map("next_xdp")

    def beyond_rate(self) -> float:
        """The same SYN, dropped by the XDP program."""
        took = self._inserts.at_the_rate(lambda: self._through(self._program))
        return took - self._through(self._bench.program("idle_early"))

    def _through(self, program: int) -> float:
        self._next.put(_FIRST, program.to_bytes(4, "little"))
        return run_program(self._bench.program("next_early"), bytes(HELLO), INSERTS).duration

    def established(self) -> float:
        """What every packet of an established connection pays, before tc's turn."""
        took = run_program(self._program, bytes(HELLO.but(flags=ACK)), HITS).duration
        return took - run_program(self._bench.program("idle_early"), bytes(HELLO), HITS).duration


def new_flows(sheet: Sheet, kernel: Machine, bench: Bench, rounds: int) -> None:
    """Neither table is full: 8,000 flows a round on top of 100,000, in tables of a million and two."""
    kernel.forget()
    inserts = Inserts(kernel, bench)
    for _ in range(IN_USE // INSERTS):
        inserts.flow(), inserts.bare("insert_hash"), inserts.bare("insert_hash")
    thin_out(bench.map("bare_hash"))
    pairs = [(inserts.flow(), inserts.bare("insert_hash")) for _ in range(rounds)]
    assert not kernel.drops(), kernel.drops()
    ours, bare = [p[0] for p in pairs], [p[1] for p in pairs]
    how = f"BPF_PROG_TEST_RUN, {INSERTS} new flows a round, less the harness and the making of the SYN"
    sheet.add("new_flow_ns", statistics.median(ours), "ns", f"{how}; an entry for both directions", ours)
    sheet.add(
        "insert_ns", statistics.median(bare), "ns", "one entry into a preallocated BPF hash of 2^20", bare
    )


def syns_over_limit(sheet: Sheet, kernel: Machine, bench: Bench, rounds: int) -> None:
    """What a listener's flood costs from its limit on."""
    kernel.forget()
    inserts = Inserts(kernel, bench)
    with programs_for(kernel.maps, {}) as made:
        xdp = Early(inserts, bench, made.program)
        ways = (inserts.over_limit, inserts.beyond_rate, xdp.beyond_rate, xdp.established)
        times = [[way() for way in ways] for _ in range(rounds + 1)][1:]
    passed, dropped, dropped_early, let_on = map(list, zip(*times, strict=True))
    assert set(kernel.drops()) == {"handshake_limit"}
    assert kernel.drops()["handshake_limit"] >= 2 * rounds * INSERTS
    assert not kernel.flows()
    how = (
        "BPF_PROG_TEST_RUN, less the harness and the SYN's making: a SYN over its listener's handshake limit"
    )
    sheet.add("over_limit_ns", statistics.median(passed), "ns", f"{how}, passed on; {OVER} a round", passed)
    told = f"{how} and rate, dropped; {INSERTS} a round"
    sheet.add("beyond_rate_ns", statistics.median(dropped), "ns", told, dropped)
    told += "; by the XDP program, and no skb is made"
    sheet.add("beyond_rate_early_ns", statistics.median(dropped_early), "ns", told, dropped_early)
    told = f"the XDP program, a packet of an established TCP connection, which it lets on; {HITS} a round"
    sheet.add("early_pass_ns", statistics.median(let_on), "ns", told, let_on)


def thin_out(table: libbpf.Map) -> None:
    """Deletes half, as they come up: a hash in use gives out its elements in no order of memory."""
    keys = [key for key, _ in table.items()]
    gone = random.Random(3).sample(keys, len(keys) // 2)
    libbpf.call("bpf_map_delete_batch", table.fd, b"".join(gone), byref(c_uint32(len(gone))), None)
    table.close()


def new_flows_when_full(sheet: Sheet, kernel: Machine, bench: Bench, rounds: int) -> None:
    """Both tables are LRU, of the default size, and full: each insert evicts."""
    inserts = Inserts(kernel, bench)
    table = bench.map("bare_lru")
    for _ in range(int(entries(kernel) * 1.3) // INSERTS):
        inserts.flow(), inserts.bare("insert_lru")
    pairs = [(inserts.flow(), inserts.bare("insert_lru")) for _ in range(rounds)]
    ours, bare = [p[0] for p in pairs], [p[1] for p in pairs]
    how = f"both tables full of {table.max_entries} entries: every insert takes another's place"
    sheet.add("new_flow_full_ns", statistics.median(ours), "ns", f"{how}; an entry for both directions", ours)
    sheet.add("insert_full_ns", statistics.median(bare), "ns", f"{how}; one entry", bare)
    table.close()


def entries(kernel: Machine) -> int:
    """How many the flow table has room for."""
    return kernel.maps["flows"].max_entries * abi.Limit.FLOWS_PER_BUCKET


def memory(sheet: Sheet, kernel: Machine) -> None:
    """What the kernel says the flow table takes."""
    table = kernel.maps["flows"]
    told = Path(f"/proc/self/fdinfo/{table.fd}").read_text()
    taken = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("memlock"))
    how = f"the flow table's memory as the kernel counts it, over its {entries(kernel)} entries"
    each = taken / entries(kernel)  # but for the map's own page
    sheet.add("bytes_per_flow", round(each, 1), "bytes", f"{how}: the client is seen, one entry")
    sheet.add(
        "bytes_per_hidden_flow", round(2 * each, 1), "bytes", f"{how}: the client is hidden, two entries"
    )


def measure(sheet: Sheet, rounds: int) -> None:
    """All of the above."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        with loaded() as bench:
            for name, count in COUNTS.items():
                with machine(flow_capacity=max(4 * count, abi.Limit.DEFAULT_FLOWS)) as kernel:
                    kernel.tell(STATE)
                    hits(sheet, kernel, bench, name, rounds)
            with machine(flow_capacity=1 << 21) as kernel:
                kernel.tell(STATE)
                new_flows(sheet, kernel, bench, rounds)
            with machine(flow_capacity=abi.Limit.DEFAULT_FLOWS) as kernel:
                kernel.tell(STATE)
                memory(sheet, kernel)
                syns_over_limit(sheet, kernel, bench, rounds)
                new_flows_when_full(sheet, kernel, bench, rounds)
    finally:
        os.sched_setaffinity(0, before)
