"""A host of its own on this machine: network, pins, lock, name server, Docker Engine and ``sealway up``.

Its processes are in a network and a mount namespace whose ``/run`` and bpffs nobody else sees.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.architecture import Clients
from demo.machine import SEALWAY, clients_of
from tests.support.netns_topology import inside, run
from tests.support.private_docker import PrivateDocker
from tests.support.waiting import until

_SETUP = "mount -t tmpfs tmpfs /run && mount -t bpf bpf /sys/fs/bpf && ip link set lo up && echo && sleep 900"


class SeparateHost:
    """``address`` is that of ``up0``, which ``plug_into`` makes."""

    def __init__(self, folder: Path, address: str) -> None:
        folder.mkdir()
        self._folder, self.address = folder, address
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", _SETUP],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self._sealway: subprocess.Popen[bytes] | None = None
        self.docker = PrivateDocker(folder, live_restore=False)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread in its network."""
        with inside(f"/proc/{self._holder.pid}/ns/net"):
            yield

    def plug_into(self, namespace: str, bridge: str, near: str) -> None:
        """A cable to a bridge in another namespace."""
        pid = str(self._holder.pid)
        there = ("ip", "-n", namespace, "link")
        run(*there, "add", near, "type", "veth", "peer", "name", "up0", "netns", pid)
        run(*there, "set", near, "master", bridge, "up")
        with self.inside():
            run("ip", "addr", "add", f"{self.address}/24", "dev", "up0")
            run("ip", "link", "set", "up0", "up")

    def start_docker(self, *images: str) -> None:
        with self.inside():
            self.docker.start()
        self.docker.copy_images(*images)

    def start(self, peer: str) -> None:
        """``sealway up``, until it is ready."""
        command = self._here(
            *SEALWAY, "up", "--data-dir", str(self._state), "--uplink", "up0", "--peer", peer
        )
        with self._log.open("ab") as log:
            self._sealway = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        until("sealway up", self._is_ready, seconds=60)

    def clients(self) -> Clients:
        """boto3's; to be used ``inside``."""
        asked = self._here(*SEALWAY, "env", "--data-dir", str(self._state))
        text = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        exports = [line.removeprefix("export ") for line in text.splitlines() if line.startswith("export ")]
        return clients_of({name: value.strip("'") for name, _, value in (e.partition("=") for e in exports)})

    @property
    def mac(self) -> str:
        """Of its uplink."""
        with self.inside():
            return str(json.loads(run("ip", "-j", "link", "show", "up0"))[0]["address"])

    def close(self) -> None:
        """Everything on it goes."""
        if self._sealway is not None:
            self._sealway.terminate()
            self._sealway.wait(timeout=30)
            down = self._here(*SEALWAY, "down", "--data-dir", str(self._state))
            subprocess.run(down, check=False, capture_output=True, env=self._environment)
        self.docker.close()
        os.killpg(self._holder.pid, 9)
        self._holder.communicate()

    @property
    def _state(self) -> Path:
        return self._folder.with_suffix(".state")

    @property
    def _log(self) -> Path:
        return self._folder.with_suffix(".log")

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"DOCKER_HOST": self.docker.url}

    def _here(self, *command: str) -> list[str]:
        return ["nsenter", "--mount", "--net", f"--target={self._holder.pid}", *command]

    def _is_ready(self) -> bool:
        assert self._sealway is not None
        assert self._sealway.poll() is None, self._log.read_text()[-3000:]
        return "sealway: ready" in self._log.read_text()
