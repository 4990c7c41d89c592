"""Work inside other network namespaces, and a named namespace that outlives its maker.

Code that enters a namespace gets a thread of its own, which ends with it: no thread of a pool and never
the main one is ever left in a wrong namespace. A socket stays in the namespace it was made in.
"""

import ctypes
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ...model.errors import DriverError

RUN = Path("/run/netns")
"""Where iproute2 keeps named namespaces; a bind mount there keeps one alive without a process."""

_CLONE_NEWNET = 0x4000_0000
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 0x10_0000
_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


def path_of(name: str) -> Path:
    """Where a named namespace is found."""
    return RUN / name


def run_inside(path: Path, work: Callable[[], T]) -> T:
    """``work``'s result, done in the namespace at ``path``; its exceptions come through.

    Raises DriverError when the namespace is not there.
    """

    def body() -> T:
        _enter(path)
        return work()

    return _in_own_thread(body)


def exists(name: str) -> bool:
    """Whether the name stands for a living namespace (and is not an empty file that a crash left)."""
    try:
        return os.stat(path_of(name)).st_dev == os.stat("/proc/self/ns/net").st_dev
    except FileNotFoundError:
        return False


def ensure(name: str) -> None:
    """Makes the namespace if it is not there."""
    if exists(name):
        return
    RUN.mkdir(parents=True, exist_ok=True)
    _share_mounts()
    path_of(name).touch()

    def body() -> None:
        _check(_libc.unshare(_CLONE_NEWNET), f"make namespace {name}")
        own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        _mount(own, str(path_of(name)), _MS_BIND)

    _in_own_thread(body)


def remove(name: str) -> None:
    """Lets go of the name. The namespace ends with its last process or socket."""
    if exists(name):
        _check(_libc.umount2(str(path_of(name)).encode(), _MNT_DETACH), f"unmount {name}")
    path_of(name).unlink(missing_ok=True)


def _in_own_thread(body: Callable[[], T]) -> T:
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(body())
        except BaseException as error:  # handed to the caller below, whatever it is
            failure.append(error)

    thread = threading.Thread(target=run, name="in-namespace")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _enter(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise DriverError(f"there is no network namespace at {path}") from error
    try:
        _check(_libc.setns(descriptor, _CLONE_NEWNET), f"enter {path}")
    finally:
        os.close(descriptor)


def _share_mounts() -> None:
    """As iproute2 does: what is mounted in RUN is seen by processes with mount namespaces of their own."""
    try:
        _mount("none", str(RUN), _MS_SHARED | _MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _mount(str(RUN), str(RUN), _MS_BIND | _MS_REC)
        _mount("none", str(RUN), _MS_SHARED | _MS_REC)


def _mount(source: str, target: str, flags: int) -> None:
    _check(_libc.mount(source.encode(), target.encode(), b"none", flags, None), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
