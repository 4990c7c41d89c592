"""Each check of ``sealway doctor`` finds what it is for, and names the command that mends it."""

import socket
from pathlib import Path

import pytest

from sealway.app.paths import ADMIN_SOCKET
from sealway.cli import doctor


def test_the_guide_shows_what_is_checked(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs/getting-started.md").read_text()
    shown = [line.removeprefix("ok       ") for line in guide.splitlines() if line.startswith("ok  ")]
    titles = [title for title, _ in doctor.checks(tmp_path, "127.0.0.1:4566")]
    assert shown[:-1] == titles
    assert shown[-1].startswith("XDP drops early at: ")


def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: "5.4.0-150-generic")
    problem = doctor.kernel()
    assert problem is not None
    assert "5.15" in problem.what


def test_this_kernel() -> None:
    assert doctor.kernel() is None


def test_missing_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert doctor.rights() == ("not root", "sudo sealway up")


def test_missing_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = doctor.tools()
    assert problem is not None
    assert problem.mend == "apt-get install iptables nftables"


def test_the_engine_that_sealway_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    problem = doctor.docker()
    assert problem is not None
    assert "/nowhere/docker.sock (No such file or directory)" in problem.what


def test_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(doctor, "DOCKER_SOCKET", tmp_path / "none.sock")
    problem = doctor.docker()
    assert problem is not None
    assert "no Docker Engine answers" in problem.what


@pytest.mark.parametrize(
    ("there", "step"), [(True, "systemctl start docker"), (False, "service docker start")]
)
def test_an_engine_is_started_as_the_host_starts_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, step: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(doctor, "DOCKER_SOCKET", tmp_path / "none.sock")
    monkeypatch.setattr(doctor, "SYSTEMD", tmp_path if there else tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda _: "/usr/sbin/dockerd")
    problem = doctor.docker()
    assert problem is not None
    assert problem.mend == step


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        api = f"127.0.0.1:{taken.getsockname()[1]}"
        problem = doctor.api_port(tmp_path, api)()
    assert problem is not None
    assert api in problem.what


def test_a_killed_ones_socket_hides_no_taken_port(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind, socket.socket() as holder:
        left_behind.bind(str(tmp_path / ADMIN_SOCKET))
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        check = doctor.api_port(tmp_path, f"127.0.0.1:{holder.getsockname()[1]}")
        assert check() is not None
        left_behind.listen()
        assert check() is None


def test_programs_not_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "BPF_OBJECTS", tmp_path)
    assert doctor.programs() == ("the eBPF programs are not built", "make bpf")


def test_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    assert doctor.data_directory(tmp_path / "a" / "b")() is None


def test_where_xdp_drops_early(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sealway.drivers.dataplane.driver.PINS", tmp_path)
    assert doctor.early_drops().startswith("nowhere")
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    (tmp_path / "uplinks").mkdir()
    (tmp_path / "uplinks" / "2-native").touch()
    assert doctor.early_drops() == "eth0 (native)"
