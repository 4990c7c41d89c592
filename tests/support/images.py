"""Images for tests, made on this machine: no registry is asked.

``testbox`` is one static program (``testbox.c``) that sleeps, exits, listens or ignores signals as its
command says. Each image's tag is the hash of what it is made of, so a second call finds it made.
"""

import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTBOX_SOURCE = Path(__file__).with_name("testbox.c")


def build_pause() -> None:
    """``sealway/pause:1``, by the product's own script."""
    subprocess.run([str(ROOT / "images/build.sh"), "pause"], check=True, capture_output=True)


def build_testbox() -> str:
    """The test image's reference; its entry point is the program, its command empty."""
    source = TESTBOX_SOURCE.read_bytes()
    reference = f"sealway-test/box:{hashlib.sha256(source).hexdigest()[:12]}"
    if not exists(reference):
        import_image(reference, {"testbox": compile_static(TESTBOX_SOURCE)}, ['ENTRYPOINT ["/testbox"]'])
    return reference


def build_testbox_stopped_by_usr1() -> str:
    """The test image with ``STOPSIGNAL SIGUSR1``, which only a Dockerfile can say."""
    base = build_testbox()
    reference = f"{base}-usr1"
    if not exists(reference):
        text = f"FROM {base}\nSTOPSIGNAL SIGUSR1\n".encode()
        _run(["docker", "build", "--quiet", "--tag", reference, "-"], text, {"DOCKER_BUILDKIT": "0"})
    return reference


def exists(reference: str) -> bool:
    """Whether the engine has the image."""
    found = subprocess.run(["docker", "image", "inspect", reference], capture_output=True, check=False)
    return found.returncode == 0


def compile_static(source: Path) -> bytes:
    """A static executable of one C file."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "program")
        subprocess.run(["gcc", "-static", "-Os", "-s", "-Wall", "-o", target, source], check=True)
        return target.read_bytes()


def import_image(reference: str, executables: dict[str, bytes], changes: list[str]) -> None:
    """An image whose root holds just these executables. ``changes`` are Dockerfile lines."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in executables.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    options = [word for change in changes for word in ("--change", change)]
    _run(["docker", "import", *options, "-", reference], archive.getvalue(), {})


def _run(command: list[str], stdin: bytes, environment: dict[str, str]) -> None:
    subprocess.run(command, input=stdin, check=True, capture_output=True, env=os.environ | environment)
