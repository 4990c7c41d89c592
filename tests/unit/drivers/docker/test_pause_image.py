import io
import json
import tarfile
from pathlib import Path

import pytest

from sealway.drivers.docker.pause_image import pause_archive
from sealway.model.errors import ImageUnavailable


def unpack(archive: bytes) -> dict[str, tuple[bytes, int]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: (tar.extractfile(m).read(), m.mode) for m in tar}  # type: ignore[union-attr]


def test_the_archive_is_what_docker_loads(tmp_path: Path) -> None:
    (tmp_path / "pause").write_bytes(b"ELF")
    files = unpack(pause_archive(tmp_path / "pause"))

    [image] = json.loads(files["manifest.json"][0])
    assert image["RepoTags"] == ["sealway/pause:1"]
    assert json.loads(files[image["Config"]][0])["config"]["Entrypoint"] == ["/pause"]
    assert unpack(files[image["Layers"][0]][0]) == {"pause": (b"ELF", 0o755)}


def test_equal_programs_make_equal_images(tmp_path: Path) -> None:
    (tmp_path / "pause").write_bytes(b"ELF")
    assert pause_archive(tmp_path / "pause") == pause_archive(tmp_path / "pause")


def test_a_program_that_was_never_compiled_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageUnavailable, match="make setup"):
        pause_archive(tmp_path / "pause")
