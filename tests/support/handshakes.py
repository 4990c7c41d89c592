"""Sets how many handshakes of a listener the kernel takes for uncompleted."""

import struct
import time

from sealway.drivers.dataplane import abi
from tests.support.bpf_run import Machine

_WINDOW_BITS = 24


def limit_of(kernel: Machine) -> int:
    """``handshake_limit`` of handshakes.h."""
    return kernel.maps["flows"].max_entries // 4


def set_uncompleted(kernel: Machine, count: int, frontend: int = 0, ago: int = 0) -> None:
    """So many, as of so many seconds ago."""
    key = frontend.to_bytes(4, "little")
    then = int(time.clock_gettime(time.CLOCK_MONOTONIC)) - ago
    kernel.maps["half_open"].put(key, struct.pack("<IiI", 0, count, then))
    kernel.maps["handshakes"].zero_per_cpu(key)


def uncompleted(kernel: Machine, frontend: int = 0) -> int:
    """With what no CPU has settled yet."""
    key = frontend.to_bytes(4, "little")
    parts = map(abi.Handshakes.unpack, kernel.maps["handshakes"].get_per_cpu(key))
    unsettled = sum((part.change ^ 1 << 31) - (1 << 31) for part in parts)
    return int.from_bytes((kernel.maps["half_open"].get(key) or b"")[4:8], "little") + unsettled


def use_up_the_rate(kernel: Machine, frontend: int = 0) -> int:
    """As if the most had passed in this window, on every CPU. Which window that is."""
    handshakes, key = kernel.maps["handshakes"], frontend.to_bytes(4, "little")
    window = current_window()
    parts = [abi.Handshakes.unpack(part) for part in handshakes.get_per_cpu(key)]
    most = int(abi.Limit.HANDSHAKES_PER_WINDOW)
    handshakes.put(key, b"".join(part._replace(window=window, passed=most).pack() for part in parts))
    return window


def current_window() -> int:
    """The kernel's, by the same clock."""
    now = time.clock_gettime(6)  # CLOCK_MONOTONIC_COARSE
    return int(now * 1e9) >> _WINDOW_BITS
