"""``sealway up`` and ``down`` where unexpected: twice, without Docker, on a taken port, on a full disk."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo import outside
from demo.machine import SEALWAY, Machine, NotReady
from demo.tls_client import visit
from tests.support.engine import engine_stopped
from tests.support.leaks import leftovers, managed_containers, output, task_interfaces
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.root, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]
own_engine = pytest.mark.skipif(
    not os.environ.get("SEALWAY_OWN_ENGINE"), reason="the Docker Engine is not this run's own"
)


def sealway(*arguments: str) -> tuple[int, str]:
    """Exit status and all that a command said."""
    done = subprocess.run([*SEALWAY, *arguments], capture_output=True, text=True, timeout=60)  # noqa: PLW1510
    return done.returncode, done.stdout + done.stderr


def test_a_second_one_is_refused(world: World, tmp_path: Path) -> None:
    status, said = sealway("up", "--data-dir", str(tmp_path), "--api", "127.0.0.1:14567")
    assert status == 1
    assert "another `sealway up` runs on this machine" in said
    assert world.clients.sts.get_caller_identity()["Account"] == "000000000000"


def test_nothing_is_left_and_all_comes_back(world: World, tmp_path: Path) -> None:
    """Nor of XDP on an uplink."""
    definitions = world.clients.ecs.list_task_definitions()["taskDefinitionArns"]
    world.machine.restart(exposed=(outside.UPLINK,), xdp="native")
    assert "sealway_early" in output("ip", "-d", "link", "show", outside.UPLINK)
    for _ in range(2):
        world.machine.down()
        assert managed_containers() == []
        assert task_interfaces() == set()
        shown = output("ip", "link") + output("ip", "netns") + output("iptables-save")
        assert [n for n in ("sealway0", "sealway-br0", "sealway-lb", "SEALWAY") if n in shown] == []
        assert "sealway" not in output("nft", "list", "tables")
        assert not Path("/sys/fs/bpf/sealway").exists()
        assert "sealway" not in output("docker", "network", "ls")
        assert "prog/xdp" not in output("ip", "-d", "link", "show", outside.UPLINK)
    with socket.create_server(("127.0.0.1", 22222)):
        status, said = sealway("up", "--data-dir", str(tmp_path / "other"), "--api", "127.0.0.1:22222")
        assert (status, "in use" in said) == (1, True)
    # Which did not make the machine that one's: the world's own goes on.
    world.machine.restart(exposed=(), xdp="")
    world.stable()
    for side in world.made.sides:
        until(
            f"{side.service} to answer",
            lambda s=side: visit(world.vips[0], s.port, s.certificate_name, world.ca(s)).ok,  # type: ignore[misc]
        )
    assert world.clients.ecs.list_task_definitions()["taskDefinitionArns"] == definitions
    until("nothing left over", lambda: not leftovers(world), seconds=60)


def test_a_taken_port(world: World) -> None:
    world.machine.stop()
    other = Machine(world.machine.data_dir, api="127.0.0.1:22222")
    with subprocess.Popen(
        ["python3", "-m", "http.server", "-b", "127.0.0.1", "22222"], stderr=subprocess.DEVNULL
    ) as server:
        until("the port to be taken", lambda: ":22222" in output("ss", "-ltn"))
        try:
            with pytest.raises(NotReady, match=r"(?s)127\.0\.0\.1.*22222.*in use"):
                other.start()
        finally:
            server.kill()
    world.machine.start()
    world.stable()


@own_engine
def test_down_without_docker_says_what_to_do(world: World) -> None:
    world.machine.stop()
    with engine_stopped():
        status, said = sealway("down", "--data-dir", str(world.machine.data_dir))
        assert status == 1
        assert "Docker" in said
        assert "`sealway down` again" in said
    world.machine.down()
    assert managed_containers() == []
    world.machine.start()
    world.stable()


def create_clusters(ecs: Any, count: int) -> None:
    for number in range(count):
        ecs.create_cluster(clusterName=f"c{number}", tags=[{"key": "k", "value": "v" * 250}])


@pytest.fixture
def small_disk(world: World, tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; the world's Sealway makes room and comes back afterwards."""
    world.machine.down()
    output("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path))
    yield tmp_path
    output("umount", "-l", str(tmp_path))
    world.machine.start()
    world.stable()


def test_a_full_disk(world: World, small_disk: Path) -> None:
    machine = Machine(small_disk / "state", api="127.0.0.1:14567")
    ballast = small_disk / "ballast"
    machine.start()
    try:
        ecs = machine.clients().ecs
        ecs.create_cluster(clusterName="before")
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(8 << 20))
        with pytest.raises(ClientError) as refused:
            create_clusters(ecs, 2000)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        known = set(ecs.list_clusters()["clusterArns"])
        ballast.unlink()
        ecs.create_cluster(clusterName="after")
        assert {a.rsplit("/", 1)[-1] for a in known} < {
            a.rsplit("/", 1)[-1]
            for page in ecs.get_paginator("list_clusters").paginate()
            for a in page["clusterArns"]
        }
        machine.kill()
        machine.start()
        names = [c["clusterName"] for c in ecs.describe_clusters(clusters=["before", "after"])["clusters"]]
        assert names == ["before", "after"]
    finally:
        machine.down()
