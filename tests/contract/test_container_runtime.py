"""What every container runtime does: the fake, and Docker with a tiny image made here."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sealway.drivers.contracts.container_runtime import (
    ContainerHealthCheck,
    ContainerSpec,
    ContainerState,
    Mount,
    PublishedPort,
    Ulimit,
)
from sealway.drivers.docker.engine import DockerRuntime
from sealway.drivers.docker.fake import FakeProgram, FakeRuntime
from sealway.drivers.docker.scope import Scope
from sealway.model.errors import DriverError, ImageUnavailable, Unavailable
from tests.support import images

Runtime = FakeRuntime | DockerRuntime


def box_program(spec: ContainerSpec) -> FakeProgram:
    """What the test image's program does, for the fake."""
    words = spec.command or ()
    if spec.entrypoint:
        return FakeProgram(fails_to_start=f'exec: "{spec.entrypoint[0]}": no such file or directory')
    if "exit" in words:
        return FakeProgram(exits=int(words[words.index("exit") + 1]))
    return FakeProgram(on_stop=None if "ignore-term" in words else 143)


DOCKER = pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.root])
real_engine = pytest.mark.parametrize("runtime", [DOCKER], indirect=True)


@pytest.fixture(params=["fake", DOCKER])
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    if request.param == "fake":
        yield FakeRuntime({"box"}, box_program)
        return
    name = uuid.uuid4().hex[:8]
    scope = Scope(label=f"sealway.test-{name}", network=f"sealway-test-{name}", bridge=f"boxes{name}")
    async with DockerRuntime(scope=scope) as runtime:
        yield runtime
        await runtime.teardown()
        await runtime.teardown()


@pytest.fixture
def spec(runtime: Runtime) -> Callable[..., ContainerSpec]:
    """Makes specifications: the command's words, then any other field."""
    image = "box" if isinstance(runtime, FakeRuntime) else images.build_testbox()
    prefix = uuid.uuid4().hex[:8]

    def make(*command: str, name: str = "main", **fields: object) -> ContainerSpec:
        return ContainerSpec(
            **{"name": f"{prefix}-{name}", "image": image, "labels": {"role": name}, "command": command}
            | fields
        )

    return make


async def started(runtime: Runtime, spec: ContainerSpec) -> ContainerState:
    container_id = await runtime.create(spec)
    await runtime.start(container_id)
    state = await runtime.inspect(container_id)
    assert state is not None
    return state


async def until(
    runtime: Runtime, container_id: str, wanted: Callable[[ContainerState], bool]
) -> ContainerState:
    async with asyncio.timeout(20):
        while True:
            state = await runtime.inspect(container_id)
            assert state is not None
            if wanted(state):
                return state
            await asyncio.sleep(0.02)


async def test_answers_a_ping(runtime):
    await runtime.ping()


async def test_a_container_is_created_started_stopped_and_removed(runtime, spec):
    container_id = await runtime.create(spec("sleep"))
    created = await runtime.inspect(container_id)
    assert (created.status, created.pid, created.exit_code, created.started_at) == ("created", 0, None, None)

    await runtime.start(container_id)
    running = await runtime.inspect(container_id)
    assert running.status == "running"
    assert running.pid > 0
    assert running.exit_code is None
    assert running.health == "UNKNOWN"
    assert running.labels["role"] == "main"
    assert running.image == spec().image
    assert running.started_at is not None
    assert running.finished_at is None

    await runtime.stop(container_id, 10)
    stopped = await runtime.inspect(container_id)
    assert (stopped.status, stopped.exit_code, stopped.pid) == ("exited", 143, 0)
    assert stopped.finished_at is not None

    await runtime.remove(container_id)
    assert await runtime.inspect(container_id) is None


async def test_a_container_is_found_by_its_name(runtime, spec):
    container_id = await runtime.create(spec("sleep"))
    assert (await runtime.inspect(spec().name)).id == container_id


async def test_creating_again_answers_the_same_container(runtime, spec):
    assert await runtime.create(spec("sleep")) == await runtime.create(spec("sleep"))


async def test_starting_again_changes_nothing(runtime, spec):
    before = await started(runtime, spec("sleep"))
    await runtime.start(before.id)
    assert (await runtime.inspect(before.id)).pid == before.pid


async def test_stopping_and_removing_what_is_not_there_is_fine(runtime, spec):
    await runtime.stop("nowhere", 1)
    await runtime.remove("nowhere")
    await runtime.remove_volume("nowhere")
    assert await runtime.inspect("nowhere") is None
    state = await started(runtime, spec("exit", "0"))
    await until(runtime, state.id, lambda s: s.status == "exited")
    await runtime.stop(state.id, 1)


async def test_starting_what_is_not_there_fails_for_good(runtime):
    with pytest.raises(DriverError) as failure:
        await runtime.start("nowhere")
    assert not failure.value.retryable


async def test_the_exit_code_is_kept(runtime, spec):
    state = await started(runtime, spec("exit", "3"))
    ended = await until(runtime, state.id, lambda s: s.status == "exited")
    assert (ended.exit_code, ended.oom_killed) == (3, False)


async def test_who_ignores_the_stop_signal_is_killed(runtime, spec):
    state = await started(runtime, spec("ignore-term", "sleep"))
    await runtime.stop(state.id, 1)
    assert (await runtime.inspect(state.id)).exit_code == 137


async def test_a_program_that_is_not_there_fails_to_start(runtime, spec):
    container_id = await runtime.create(spec(entrypoint=("/missing",)))
    with pytest.raises(DriverError, match="no such file or directory"):
        await runtime.start(container_id)
    state = await runtime.inspect(container_id)
    assert "no such file or directory" in state.error
    assert state.status == "created"


async def test_all_containers_are_listed_stopped_ones_too(runtime, spec):
    running = await started(runtime, spec("sleep", name="one"))
    created = await runtime.create(spec("sleep", name="two"))
    assert {state.id for state in await runtime.list()} == {running.id, created}


async def test_a_dynamic_port_is_published_and_told(runtime, spec):
    ports = tuple(PublishedPort(container_port=port, host_ip="127.0.0.1") for port in (8080, 8081))
    state = await started(runtime, spec("listen", "8080", network="bridge", published_ports=ports))
    assert [(p.container_port, p.host_ip, p.protocol) for p in state.published_ports] == [
        (8080, "127.0.0.1", "tcp"),
        (8081, "127.0.0.1", "tcp"),
    ]
    assert len({p.host_port for p in state.published_ports} - {0}) == 2
    assert state.bridge_ip is not None


async def test_a_container_without_network_has_no_address(runtime, spec):
    state = await started(runtime, spec("sleep", network="none"))
    assert (state.bridge_ip, state.published_ports) == (None, ())


async def test_events_tell_a_containers_life(runtime, spec):
    events = runtime.events()  # before anything happens, and not yet awaited
    state = await started(runtime, spec("exit", "0"))
    await until(runtime, state.id, lambda s: s.status == "exited")
    await runtime.remove(state.id)
    seen = []
    async with asyncio.timeout(10):
        async for event in events:
            assert (event.container_id, event.labels["role"]) == (state.id, "main")
            seen.append(event.action)
            if event.action == "destroy":
                break
    await events.aclose()
    assert seen == ["start", "die", "destroy"]


async def test_an_image_that_is_here_is_not_pulled(runtime, spec):
    await runtime.ensure_image(spec().image)


async def test_an_image_that_cannot_be_had_is_told_soon(runtime):
    async with asyncio.timeout(30):
        with pytest.raises(ImageUnavailable) as failure:
            await runtime.ensure_image("registry.invalid/missing:1")
    assert str(failure.value)


async def test_creating_from_a_missing_image_fails(runtime, spec):
    with pytest.raises(ImageUnavailable):
        await runtime.create(spec("sleep", image="sealway-test/never-made:1"))


async def test_teardown_removes_everything(runtime, spec):
    await started(runtime, spec("sleep", network="bridge"))
    await runtime.teardown()
    assert await runtime.list() == []


# --- what only a real engine can show -------------------------------------------------------------


@real_engine
async def test_the_images_stop_signal_is_used(runtime, spec):
    image = images.build_testbox_stopped_by_usr1()
    state = await started(runtime, spec("on-usr1", "7", "sleep", image=image))
    await runtime.stop(state.id, 10)
    assert (await runtime.inspect(state.id)).exit_code == 7


@real_engine
async def test_a_published_port_leads_to_the_program(runtime, spec):
    port = PublishedPort(container_port=8080, host_ip="127.0.0.1")
    words = ("listen", "8080", "reply", "here")
    state = await started(runtime, spec(*words, network="bridge", published_ports=(port,)))
    address = (state.published_ports[0].host_ip, state.published_ports[0].host_port)
    assert await asyncio.to_thread(read_all, address) == b"here\n"


def read_all(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, timeout=5) as peer:
        return peer.recv(100)


@real_engine
async def test_health_goes_from_unknown_to_healthy(runtime, spec):
    check = ContainerHealthCheck(command=("CMD", "/testbox", "exit", "0"), interval=1)
    state = await started(runtime, spec("sleep", health_check=check))
    assert state.health == "UNKNOWN"
    await until(runtime, state.id, lambda s: s.health == "HEALTHY")


@real_engine
async def test_a_failing_check_makes_unhealthy_and_is_told(runtime, spec):
    check = ContainerHealthCheck(command=("CMD", "/testbox", "exit", "1"), interval=1, retries=1)
    events = runtime.events()
    state = await started(runtime, spec("sleep", health_check=check))
    async with asyncio.timeout(15):
        async for event in events:
            if event.action == "health_status":
                break
    await events.aclose()
    assert (await runtime.inspect(state.id)).health == "UNHEALTHY"


@real_engine
async def test_a_container_of_another_is_left_alone(runtime, spec):
    other = Scope(label=f"{runtime._scope.label}-other", network=runtime._scope.network)
    async with DockerRuntime(scope=other) as stranger:
        await stranger.create(spec("sleep"))
        with pytest.raises(DriverError, match="not Sealway's"):
            await runtime.create(spec("sleep"))
        assert await runtime.list() == []
        await stranger.teardown()


@real_engine
async def test_a_named_volume_lives_until_it_is_removed(runtime, spec):
    name = f"{spec().name}-volume"
    mount = Mount(type="volume", source=name, target="/data")
    state = await started(runtime, spec("sleep", mounts=(mount,)))
    await runtime.remove(state.id)
    assert await runtime._volumes() == (name,)
    await runtime.remove_volume(name)
    assert await runtime._volumes() == ()


@real_engine
async def test_a_pause_container_lends_its_network_and_names(runtime, spec):
    images.build_pause()
    pause = await started(
        runtime, spec(name="pause", command=None, image="sealway/pause:1", dns_servers=("10.9.0.2",))
    )
    app = await started(runtime, spec("sleep", network=f"container:{pause.name}"))

    def inside(pid: int, path: str) -> str:
        with open(f"/proc/{pid}/root/{path}") as file:
            return file.read()

    assert "nameserver 10.9.0.2" in inside(app.pid, "etc/resolv.conf")

    assert os.stat(f"/proc/{app.pid}/ns/net").st_ino == os.stat(f"/proc/{pause.pid}/ns/net").st_ino
    await runtime.stop(pause.id, 5)
    assert (await runtime.inspect(pause.id)).exit_code == 0


@real_engine
async def test_who_takes_too_much_memory_is_told_to_be_out_of_it(runtime, spec):
    state = await started(runtime, spec("eat", memory=16 << 20))
    ended = await until(runtime, state.id, lambda s: s.status == "exited")
    assert (ended.exit_code, ended.oom_killed) == (137, True)


async def test_a_terminal_tells_what_a_command_writes_to_its_end(runtime, spec):
    container = await started(runtime, spec("sleep"))
    terminal = await runtime.open_terminal(container.id, ("/testbox", "print", "hello", "exit", "0"))
    await terminal.resize(24, 80)
    async with asyncio.timeout(20):
        said = b"".join([data async for data in _read(terminal)])
    await terminal.write(b"to nobody")
    await terminal.resize(25, 81)
    await terminal.close()
    assert b"hello" in said


async def test_a_terminal_that_is_hung_up_ends_its_command(runtime, spec):
    container = await started(runtime, spec("sleep"))
    terminal = await runtime.open_terminal(container.id, ("/testbox", "sleep"))
    await terminal.close()
    async with asyncio.timeout(20):
        while await terminal.read():
            pass
    assert (await runtime.inspect(container.id)).status == "running"


async def test_there_is_no_terminal_where_nothing_runs(runtime, spec):
    with pytest.raises(DriverError):
        await runtime.open_terminal("absent", ("/testbox", "sleep"))
    stopped = await runtime.create(spec("sleep"))
    with pytest.raises(DriverError):
        await runtime.open_terminal(stopped, ("/testbox", "sleep"))


async def _read(terminal):
    while data := await terminal.read():
        yield data


@real_engine
async def test_a_real_container_is_as_the_specification_says(runtime, spec, tmp_path):
    fields = {
        "environment": {"COLOUR": "blue"},
        "user": "1234:1235",
        "working_directory": "/work",
        "hostname": "here",
        "network": "bridge",
        "dns_servers": ("10.9.0.2",),
        "dns_search": ("example.internal",),
        "extra_hosts": ("friend:10.9.0.9",),
        "cpu_shares": 256,
        "cpu_quota_units": 512,
        "memory": 32 << 20,
        "memory_reservation": 16 << 20,
        "shm_size": 4 << 20,
        "mounts": (
            Mount(source=f"{tmp_path}/made", target="/host", read_only=True),
            Mount(type="tmpfs", target="/scratch", tmpfs_size=1 << 20, tmpfs_options=("noexec", "mode=1777")),
        ),
        "ulimits": (Ulimit(name="nofile", soft=111, hard=222),),
        "read_only_root": True,
        "init": True,
        "cap_drop": ("ALL",),
        "log_options": {"max-size": "1m"},
    }
    state = await started(runtime, spec("sleep", **fields))
    process = Path(f"/proc/{state.pid}")
    mounts = {
        line.split()[1]: line.split()[3].split(",") for line in (process / "mounts").read_text().splitlines()
    }
    assert b"COLOUR=blue" in (process / "environ").read_bytes().split(b"\0")
    assert "Uid:\t1234" in (process / "status").read_text()
    assert "CapBnd:\t0000000000000000" in (process / "status").read_text()
    assert os.readlink(process / "cwd") == "/work"
    assert "docker-init" in (process / "cmdline").read_text()
    assert "ro" in mounts["/"]
    assert "ro" in mounts["/host"]
    assert {"rw", "noexec", "size=1024k"} <= set(mounts["/scratch"])
    assert "size=4096k" in mounts["/dev/shm"]
    assert (tmp_path / "made").is_dir()
    (limit,) = (line for line in (process / "limits").read_text().splitlines() if "open files" in line)
    assert limit.split()[3:5] == ["111", "222"]
    assert (process / "root/etc/hostname").read_text().strip() == "here"
    assert "example.internal" in (process / "root/etc/resolv.conf").read_text()
    assert "10.9.0.9\tfriend" in (process / "root/etc/hosts").read_text()
    host = (await runtime._docker.containers.container(state.id).show())["HostConfig"]
    assert (host["CpuShares"], host["CpuQuota"], host["CpuPeriod"]) == (256, 50_000, 100_000)
    assert (host["Memory"], host["MemoryReservation"]) == (32 << 20, 16 << 20)
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}


# --- an engine that is not there ------------------------------------------------------------------


async def test_no_engine_is_unavailable(tmp_path):
    async with DockerRuntime(f"unix://{tmp_path}/absent.sock") as runtime:
        for call in (runtime.ping(), runtime.list(), runtime.inspect("x"), runtime.ensure_image("x")):
            with pytest.raises(Unavailable):
                await call
        with pytest.raises(Unavailable):
            await anext(runtime.events())


async def test_a_stopped_fake_engine_is_unavailable_and_ends_the_events():
    runtime = FakeRuntime({"box"})
    events = runtime.events()
    await runtime.start(await runtime.create(ContainerSpec(name="one", image="box", labels={})))
    assert (await anext(events)).action == "start"
    runtime.engine_stop()
    assert [event async for event in events] == []
    with pytest.raises(Unavailable):
        await runtime.list()
    runtime.engine_start()
    assert [state.status for state in await runtime.list()] == ["running"]


async def test_an_engine_that_breaks_off_is_unavailable_and_back_again(tmp_path):
    """A listener that hangs up stands for an engine killed in the middle of an answer."""
    path = tmp_path / "engine.sock"

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Type: application/json\r\n\r\n{")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(hang_up, path)
    async with DockerRuntime(f"unix://{path}") as runtime:
        with pytest.raises(Unavailable):
            await runtime.list()
        server.close()
        await server.wait_closed()
        with pytest.raises(Unavailable):
            await runtime.ping()


async def test_an_engine_elsewhere_is_refused():
    with pytest.raises(DriverError, match="on this machine"):
        DockerRuntime("tcp://192.0.2.9:2375")
