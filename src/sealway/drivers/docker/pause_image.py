"""The image of the container that holds a task's network namespace: one static program, no registry.

The program is compiled by ``make setup`` (``images/pause``) and shipped in the wheel; the image is made of it
in the engine whenever it is missing there, so an engine that was emptied mends itself.

    python -m sealway.drivers.docker.pause_image | docker load
"""

import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

from ...model.errors import ImageUnavailable
from ..contracts.container_runtime import PAUSE_IMAGE

PROGRAM = Path(__file__).parent / "objects" / "pause"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def pause_archive(program: Path = PROGRAM) -> bytes:
    """The image as ``docker load`` takes it. Raises ``ImageUnavailable`` when it was never compiled.

    Source: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
    """
    try:
        layer = _tar({"pause": (program.read_bytes(), 0o755)})
    except OSError as error:
        raise ImageUnavailable(f"{program} is not built; run make setup", retryable=False) from error
    machine = platform.machine()
    config = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    return _tar(
        {
            "config.json": (json.dumps(config).encode(), 0o644),
            "layer.tar": (layer, 0o644),
            "manifest.json": (json.dumps(manifest).encode(), 0o644),
        }
    )


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """Name -> (content, mode), owned by root, with no times, so that equal files make equal archives."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(pause_archive())
