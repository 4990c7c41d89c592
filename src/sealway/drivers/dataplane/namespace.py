"""The network namespace that somebody was in, for threads made later: a new one starts in its maker's."""

import ctypes
import os
import weakref

from ...model.errors import DriverError

_CLONE_NEWNET = 0x4000_0000
_OWN = "/proc/thread-self/ns/net"


class Namespace:
    """The calling thread's; it lives on while this object does."""

    def __init__(self) -> None:
        self._fd = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._fd)

    def enter(self) -> None:
        """Takes the calling thread there, for good. Raises ``DriverError``."""
        if os.fstat(self._fd).st_ino == os.stat(_OWN).st_ino:
            return
        if ctypes.CDLL(None, use_errno=True).setns(self._fd, _CLONE_NEWNET):
            raise DriverError(f"cannot enter the network namespace: {os.strerror(ctypes.get_errno())}")
