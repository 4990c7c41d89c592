"""``sealway doctor``: what this machine lacks, and the command that mends it.

Each check answers None when all is well, or what is wrong and the next step.
"""

import os
import platform
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from ..app.paths import ADMIN_SOCKET

OLDEST_KERNEL = (5, 15)
"""What the programs are written for: redirect_neigh, redirect_peer, coarse time, resizable inner maps."""
DOCKER_SOCKET = Path("/var/run/docker.sock")
SYSTEMD = Path("/run/systemd/system")
"""There while systemd runs the machine."""
BPF_OBJECTS = Path(__file__).parent.parent / "drivers" / "dataplane" / "objects"
PAUSE_PROGRAM = Path(__file__).parent.parent / "drivers" / "docker" / "objects" / "pause"


class Problem(NamedTuple):
    """What is wrong, and what to type."""

    what: str
    mend: str


Check = Callable[[], Problem | None]


def kernel() -> Problem | None:
    """Recent enough, with BPF and type information."""
    release = platform.release()
    numbers = tuple(int("".join(filter(str.isdigit, part)) or 0) for part in release.split(".")[:2])
    if platform.system() != "Linux":
        return Problem(f"{platform.system()} has no eBPF", "run Sealway in a Linux machine")
    if numbers < OLDEST_KERNEL:
        return Problem(f"kernel {release} is older than 5.15", "install a newer kernel")
    return None


def rights() -> Problem | None:
    """Root."""
    return None if os.geteuid() == 0 else Problem("not root", "sudo sealway up")


def tools() -> Problem | None:
    """The programs that are run."""
    missing = [name for name in ("iptables", "iptables-restore", "nft") if shutil.which(name) is None]
    return (
        Problem(f"{', '.join(missing)} not found", "apt-get install iptables nftables") if missing else None
    )


def programs() -> Problem | None:
    """What is compiled beforehand: the eBPF objects, the pause program."""
    if not list(BPF_OBJECTS.glob("*.o")):
        return Problem("the eBPF programs are not built", "make bpf")
    return None if PAUSE_PROGRAM.exists() else Problem("the pause program is not built", "make setup")


def docker() -> Problem | None:
    """An engine answers."""
    try:
        status = _docker_get("/_ping")
    except OSError as error:
        start = "systemctl start docker" if SYSTEMD.exists() else "service docker start"
        step = start if shutil.which("dockerd") else "apt-get install docker.io"
        return Problem(f"no Docker Engine answers at {_docker_socket()} ({error.strerror})", step)
    return None if status == 200 else Problem(f"Docker Engine answers with status {status}", "docker info")


def _docker_socket() -> str:
    return os.environ.get("DOCKER_HOST", str(DOCKER_SOCKET)).removeprefix("unix://")


def _docker_get(path: str) -> int:
    """The status of GET ``path`` from Docker's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(_docker_socket())
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        return int(connection.recv(64).split()[1])


def api_port(data_dir: Path, api: str) -> Check:
    """The API's port is free, or held by this very Sealway."""

    def check() -> Problem | None:
        if _runs(data_dir):
            return None
        host, _, port = api.rpartition(":")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as error:
                return Problem(
                    f"port {api} cannot be used: {error.strerror}", "sealway up --api 127.0.0.1:4567"
                )
        return None

    return check


def _runs(data_dir: Path) -> bool:
    """Whether a Sealway answers there; one that was killed leaves its socket behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(data_dir / ADMIN_SOCKET)) == 0


def names() -> Problem | None:
    """Nobody listens on port 53 of every address, where ours could then not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.66.66.66", 53))
        except PermissionError:
            return None
        except OSError:
            return Problem(
                "another name server holds port 53 of every address", "bind it to its own address only"
            )
    return None


def data_directory(data_dir: Path) -> Check:
    """Can be written, with some room left."""

    def check() -> Problem | None:
        existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
        if not os.access(existing, os.W_OK):
            return Problem(f"{existing} cannot be written", "choose another --data-dir, or use sudo")
        if shutil.disk_usage(existing).free < 100 * 2**20:
            return Problem(f"less than 100 MB are free in {existing}", "free some space")
        return None

    return check


def early_drops() -> str:
    """Where XDP is attached, for whoever wonders; there is nothing to mend where it is not."""
    from ..drivers.dataplane import early  # noqa: PLC0415 - what it needs may be what is missing
    from ..drivers.dataplane.driver import PINS  # noqa: PLC0415

    try:
        found = [f"{name} ({mode})" for name, mode in early.attached(PINS)]
    except OSError:
        found = []  # not for everybody's eyes
    return ", ".join(found) or "nowhere; tc decides everything (see sealway up --expose and --xdp)"


def checks(data_dir: Path, api: str) -> list[tuple[str, Check]]:
    """By name, in order."""
    return [
        ("kernel", kernel),
        ("rights", rights),
        ("tools", tools),
        ("compiled programs", programs),
        ("Docker Engine", docker),
        ("API port", api_port(data_dir, api)),
        ("name server's port", names),
        ("data directory", data_directory(data_dir)),
    ]


def diagnose(data_dir: Path, api: str) -> int:
    """Prints every check; 0 when all passed."""
    console = Console(highlight=False)
    problems = 0
    for title, check in checks(data_dir, api):
        problem = check()
        if problem is None:
            console.print(f"[green]ok[/green]       {title}")
            continue
        problems += 1
        console.print(f"[red]missing[/red]  {title}: {problem.what}\n         [bold]{problem.mend}[/bold]")
    console.print(f"[green]ok[/green]       XDP drops early at: {early_drops()}")
    console.print("All is well: sealway up" if not problems else f"{problems} to mend")
    return 1 if problems else 0
