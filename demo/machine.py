"""A Sealway of our own: ``sealway up`` as a child process with a data directory of its own."""

import io
import os
import shlex
import signal
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import boto3

from sealway.cli.machine_lock import MACHINE_LOCK

from .architecture import Clients

SEALWAY = (sys.executable, "-m", "sealway.cli.main")
START_SECONDS = 60
TEMPORARY_PREFIX = "sealway-demo-"
OUR_DIRECTORIES = (f"/{TEMPORARY_PREFIX}", "/pytest-of-")
"""Data directories of demo and test runs: nobody misses what they left on the machine."""


class NotReady(Exception):
    """``sealway up`` ended or did not get ready; carries the end of its log."""


class CannotRemove(Exception):
    """``sealway down`` failed; carries its words."""


@dataclass
class Machine:
    """Starts, kills and removes ``sealway up``. ``uplinks``: where outside clients come in; ``exposed``: at
    whose addresses they are answered too, dropping early as ``xdp`` says."""

    data_dir: Path
    api: str = "127.0.0.1:4566"
    uplinks: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    xdp: str = ""
    dataplane: str = "ebpf"
    metrics: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What the process says."""
        return self.data_dir.with_suffix(".log")

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        command = [
            *SEALWAY,
            "up",
            "--data-dir",
            str(self.data_dir),
            "--api",
            self.api,
            "--dataplane",
            self.dataplane,
        ]
        for uplink in self.uplinks:
            command += ["--uplink", uplink]
        for exposed in self.exposed:
            command += ["--expose", exposed]
        if self.xdp:
            command += ["--xdp", self.xdp]
        if self.metrics:
            command += ["--metrics", self.metrics]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotReady(f"sealway up is not ready; its log {self.log} ends:\n{self._log_end()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and waits. Tasks and traffic go on."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def restart(self, **changes: object) -> None:
        """Stops it, and starts it with other options."""
        self.stop()
        for name, value in changes.items():
            setattr(self, name, value)
        self.start()

    def prepare(self) -> None:
        """Clears away what a killed demo or test run left; refuses where another Sealway has tasks."""
        owner = MACHINE_LOCK.read_text().strip() if MACHINE_LOCK.exists() else ""
        if any(mark in owner for mark in OUR_DIRECTORIES):
            _down(owner)
        self.down()

    def down(self) -> None:
        """Removes everything it made."""
        self.stop()
        _down(str(self.data_dir))

    def environment(self) -> dict[str, str]:
        """What ``sealway env`` exports."""
        command = [*SEALWAY, "env", "--data-dir", str(self.data_dir)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        exports = [shlex.split(line)[1] for line in text.splitlines() if line.startswith("export ")]
        return dict(export.split("=", 1) for export in exports)

    def said(self, command: str) -> str:
        """What another command prints."""
        asked = [*SEALWAY, command, "--data-dir", str(self.data_dir)]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout

    def clients(self) -> Clients:
        """boto3 clients with its key."""
        return clients_of(self.environment())

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.api}/_sealway/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def _down(data_dir: str) -> None:
    command = [*SEALWAY, "down", "--data-dir", data_dir]
    ran = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode:
        raise CannotRemove(ran.stderr.strip())


def clients_of(environment: dict[str, str]) -> Clients:
    """boto3 clients from ``sealway env``'s variables."""
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    return Clients.from_session(session, environment["AWS_ENDPOINT_URL"])


def container_file(container_id: str, path: str) -> bytes:
    """A file out of a container: for the certificate and CA that it really holds."""
    copied = subprocess.run(["docker", "cp", f"{container_id}:{path}", "-"], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        file = archive.extractfile(archive.next() or "")
        assert file is not None
        return file.read()
