"""Docker Engine stopped and started, where this run started it (``SEALWAY_OWN_ENGINE``: its log)."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import until

PID_FILE = Path("/var/run/docker.pid")


def engine_answers() -> bool:
    """Whether Docker Engine answers."""
    return subprocess.run(["docker", "version"], check=False, capture_output=True).returncode == 0


@contextmanager
def engine_stopped() -> Iterator[None]:
    """No Docker Engine for the block; then the same again, with the arguments it had."""
    pid = int(PID_FILE.read_text())
    command = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    os.kill(pid, signal.SIGTERM)
    until("the engine's end", lambda: not Path(f"/proc/{pid}").exists() or not engine_answers(), seconds=60)
    until("the engine's pid file to go", lambda: not PID_FILE.exists(), seconds=60)
    try:
        yield
    finally:
        with Path(os.environ["SEALWAY_OWN_ENGINE"]).open("ab") as log:
            # Nobody's child: it outlives the tests.
            started = ["setsid", "--fork", *command]
            subprocess.run(started, check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until("the engine", engine_answers, seconds=60)
