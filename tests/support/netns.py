"""A test's own host: the calling thread moves into a fresh network namespace, and back."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def fresh_network() -> Iterator[None]:
    """Threads and processes that start inside belong to the new namespace as well."""
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        if _libc.setns(outside, CLONE_NEWNET) != 0:
            os.abort()  # the rest of the run would work on the wrong network
        os.close(outside)


@contextmanager
def stranger() -> Iterator[int]:
    """A process with a network namespace of its own, as a pause container is. Yields its pid."""
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 300"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def inside(pid: int, *command: str) -> str:
    """The output of a command in the network namespace of a process."""
    whole = ["nsenter", "--net", "--target", str(pid), *command]
    return subprocess.run(whole, check=True, capture_output=True, text=True, timeout=20).stdout


def output(*command: str) -> str:
    """The output of a command here."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
