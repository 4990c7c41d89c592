"""Commands in bad situations: one line that says what is wrong, one that says what to do, status 1 or 2."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sealway.app.machine import Settings
from sealway.app.paths import ADMIN_SOCKET
from sealway.cli import credentials, lifecycle
from sealway.cli.main import app
from sealway.cli.peers import peers_of

COMMANDS = [
    ["status"],
    ["env"],
    ["credentials", "list"],
    ["credentials", "add"],
    ["credentials", "remove", "AKID"],
]


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_runs_there(command: list[str], tmp_path: Path) -> None:
    assert run(*command, "--data-dir", str(tmp_path)) == (
        1,
        f"sealway: no sealway runs with the data directory {tmp_path}\n"
        f"         start it, as root: sealway up --data-dir {tmp_path}\n",
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_is_roots(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / ADMIN_SOCKET))

    monkeypatch.setattr("asyncio.unix_events._UnixSelectorEventLoop.create_unix_connection", refused)
    assert run(*command, "--data-dir", str(tmp_path)) == (
        1,
        f"sealway: only root may ask the sealway of {tmp_path}\n"
        "         run the same command as root, with sudo\n",
    )


@pytest.mark.parametrize("command", ["up", "down"])
def test_not_root(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    status, output = run(command, "--data-dir", str(tmp_path))
    assert status == 1
    assert f"run it as root: sudo sealway {command}" in output


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--api", "127.0.0.1", "--api takes ADDRESS:PORT"),
        ("--api", "127.0.0.1:70000", "--api takes ADDRESS:PORT"),
        ("--region", "us east 1; reboot", "--region takes a region's name"),
        ("--peer", "192.0.2.2", "--peer takes ADDRESS=CIDR[,CIDR...], not '192.0.2.2'"),
        ("--peer", "there=10.2.0.0/16", "--peer takes ADDRESS=CIDR[,CIDR...]"),
        ("--peer", "192.0.2.2=10.2.0.1/16", "has host bits set"),
    ],
)
def test_what_up_does_not_take(option: str, value: str, complaint: str, tmp_path: Path) -> None:
    status, output = run("up", "--data-dir", str(tmp_path / "none"), option, value)
    assert status == 2
    assert complaint in output
    assert not (tmp_path / "none").exists()


def test_a_peer_may_have_several_networks_and_each_one_has_one_peer() -> None:
    assert peers_of(["192.0.2.2=10.2.0.0/16,10.3.0.0/16", "192.0.2.3=10.4.0.0/16"]) == {
        "10.2.0.0/16": "192.0.2.2", "10.3.0.0/16": "192.0.2.2", "10.4.0.0/16": "192.0.2.3",
    }  # fmt: skip
    with pytest.raises(typer.Exit):
        peers_of(["192.0.2.2=10.2.0.0/16", "192.0.2.3=10.2.0.0/16"])


def test_regions_are_taken_as_aws_names_them() -> None:
    assert all(lifecycle.REGION.fullmatch(name) for name in ("us-east-1", "eu-central-2", "us-gov-west-1"))


def test_a_secret_is_quoted_for_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"access_key_id": "AKID", "secret_access_key": "a;reboot $(x)"}
    ask: Callable[..., Any] = lambda *_: answer  # noqa: E731
    monkeypatch.setattr(credentials, "ask", ask)
    assert run("credentials", "add")[1].splitlines() == [
        "export AWS_ACCESS_KEY_ID=AKID",
        "export AWS_SECRET_ACCESS_KEY='a;reboot $(x)'",
    ]


def test_a_taken_port_is_told_with_its_number(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api_port=4567)
    taken = OSError(errno.EADDRINUSE, "error while attempting to bind on address ('127.0.0.1', 4567)")
    assert lifecycle._told(taken, settings) == (
        "the API cannot listen on 127.0.0.1:4567: Address already in use",
        "choose another with --api",
    )


@pytest.mark.parametrize("option", ["--uplink", "--expose"])
def test_an_interface_that_is_not_there(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    assert run("up", "--data-dir", str(tmp_path), option, "eth7") == (
        2,
        f"sealway: {option} takes an interface of this host, not 'eth7'\n         there are lo, eth0\n",
    )


def test_the_relay_exposes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    words = ("up", "--data-dir", str(tmp_path), "--dataplane", "relay", "--expose", "lo")
    assert run(*words) == (
        2,
        "sealway: --expose needs the kernel's data plane\n"
        "         leave --expose out, or take --dataplane ebpf\n",
    )


def test_nothing_drops_early_where_nothing_is_exposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert run("up", "--data-dir", str(tmp_path), "--xdp", "native") == (
        2,
        "sealway: --xdp is for the interfaces of --expose\n         name one: --expose eth0\n",
    )
