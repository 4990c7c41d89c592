"""One Sealway a machine: interfaces, programs and the containers' label have fixed names.

The lock is held while ``sealway up`` or ``down`` runs. The file also says whose the machine's tasks are
(the data directory), from the first ``up`` until ``down``: another data directory would take running
tasks it does not know for rubbish and remove them. ``/run`` is emptied at boot, as are those tasks.
"""

import fcntl
import os
import time
from pathlib import Path

from ..model.errors import SealwayError

MACHINE_LOCK = Path("/run/sealway.lock")


class MachineTaken(SealwayError):
    """Another Sealway runs here, or its tasks do; ``next_step`` says what to do about it."""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem)
        self.next_step = next_step


class MachineLock:
    """Held from construction to ``release``. ``patience``: seconds to wait for a holder that is stopping."""

    def __init__(self, data_dir: Path, patience: float = 0, path: Path = MACHINE_LOCK) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._acquire(patience)
            self._check_owner(data_dir)
        except MachineTaken:
            os.close(self._handle)
            raise

    def claim(self, data_dir: Path) -> None:
        """From now on the machine's tasks are this data directory's."""
        self._write(str(data_dir))

    def give_up(self) -> None:
        """Nothing of ours is left on the machine."""
        self._write("")

    def release(self) -> None:
        """Lets another process take it."""
        os.close(self._handle)

    def _acquire(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise MachineTaken(
                        "another `sealway up` runs on this machine",
                        "stop that one first; one machine carries one Sealway",
                    ) from error
            time.sleep(0.05)

    def _check_owner(self, data_dir: Path) -> None:
        owner = os.pread(self._handle, 4096, 0).decode()
        if owner and owner != str(data_dir):
            raise MachineTaken(
                f"this machine carries what was made with --data-dir {owner}",
                f"go on with that one, or remove it first: sealway down --data-dir {owner}",
            )

    def _write(self, text: str) -> None:
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, text.encode(), 0)
