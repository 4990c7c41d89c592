"""A Docker Engine of a test's own: started in the network namespace that the test is in.

Nothing of it is shared with the machine's engine: data, sockets, bridge, firewall rules.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class PrivateDocker:
    """A dockerd with everything below ``folder``. Stopped and started again, its containers are kept.

    Its containerd is a process apart, as on a machine where both are services: it outlives a killed dockerd.
    """

    def __init__(self, folder: Path, live_restore: bool = True) -> None:
        self._folder = folder
        self._live_restore = live_restore
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._containerd: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/docker.sock"

    def start(self) -> None:
        """Starts it; returns when it answers."""
        if self._containerd is None:
            self._containerd = self._spawn(
                "containerd",
                *("--address", self._path("containerd.sock")),
                *("--root", self._path("containerd")),
                *("--state", self._path("containerd-state")),
            )
            self._await(self._containerd, (self._folder / "containerd.sock").exists)
        self._dockerd = self._spawn(
            "dockerd",
            *("--host", self.url),
            *("--containerd", self._path("containerd.sock")),
            *("--data-root", self._path("data")),
            *("--exec-root", self._path("exec")),
            *("--pidfile", self._path("pid")),
            *("--shutdown-timeout", "5"),
            *(("--live-restore",) if self._live_restore else ()),
        )
        self._await(self._dockerd, self._answers)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends dockerd with a signal; returns when it is gone."""
        if self._dockerd is not None:
            self._dockerd.send_signal(how)
            self._dockerd.wait(timeout=60)
            self._dockerd = None

    def close(self) -> None:
        """Ends it, its containers and its files."""
        if self._dockerd is not None:
            listed = subprocess.run(self.command("ps", "-aq"), capture_output=True, text=True, check=False)
            if ids := listed.stdout.split():
                subprocess.run(self.command("rm", "-f", *ids), capture_output=True, check=False)
        self.stop()
        if self._containerd is not None:
            self._containerd.terminate()
            self._containerd.wait(timeout=60)
        for pid in self._left_over():
            os.kill(pid, signal.SIGKILL)
        for mount in self._mounts():
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> str:
        return str(self._folder / name)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _await(self, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def _answers(self) -> bool:
        asked = subprocess.run(self.command("version"), capture_output=True, check=False)
        return asked.returncode == 0

    def _left_over(self) -> list[int]:
        """Shims of this engine, told by its folder in their command line, and their containers."""
        shims = [
            int(found.parent.name)
            for found in Path("/proc").glob("[0-9]*/cmdline")
            if self._path("containerd.sock").encode() in _read(found)
        ]
        children = [_read(found) for pid in shims for found in Path(f"/proc/{pid}/task").glob("*/children")]
        return [*shims, *(int(pid) for listed in children for pid in listed.split())]

    def copy_images(self, *references: str) -> None:
        """Takes images over from the machine's engine."""
        saved = subprocess.run(["docker", "save", *references], check=True, capture_output=True).stdout
        subprocess.run(self.command("load"), input=saved, check=True, capture_output=True)

    def command(self, *words: str) -> list[str]:
        """A docker command line for this engine."""
        return ["docker", "--host", self.url, *words]

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        found = [line.split()[1] for line in lines]
        return sorted((path for path in found if path.startswith(f"{self._folder}{os.sep}")), reverse=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process ended meanwhile
        return b""
