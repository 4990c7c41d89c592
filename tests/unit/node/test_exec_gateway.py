"""Sessions of ExecuteCommand, with a plugin at one end and a container in memory at the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sealway.drivers.contracts.container_runtime import ContainerSpec
from sealway.drivers.docker.fake import FakeRuntime
from sealway.model.clock import system_clock
from sealway.model.exec_session import ExecSession, digest_of
from sealway.model.ids import RandomIds
from sealway.node import agent_message
from sealway.node.container_names import container_name
from sealway.node.exec_gateway import PATH, ExecGateway
from sealway.store.sqlite import SqliteStore
from tests.support.exec_plugin import Plugin
from tests.support.node_world import OWNER, definition, fargate_task

TASK = fargate_task(1, definition(networkMode="awsvpc"))


class Stage:
    """A gateway that listens, and a running container ``app`` of the task."""

    def __init__(self, directory: Path) -> None:
        self.store = SqliteStore(directory)
        self.runtime = FakeRuntime({"app:1"})
        self.gateway = ExecGateway(self.store, self.runtime, system_clock, RandomIds())
        self.server: TestServer

    async def start(self) -> None:
        name = container_name(TASK, "app")
        await self.runtime.start(
            await self.runtime.create(ContainerSpec(name=name, image="app:1", labels={}))
        )
        with self.store.transaction() as tx:
            tx.put(TASK)
        app = web.Application()
        self.gateway.add_to(app)
        self.server = TestServer(app)
        await self.server.start_server()

    def session(self, *command: str, lifetime: float = 60) -> dict[str, str]:
        """What ExecuteCommand answers."""
        with self.store.transaction() as tx:
            tx.put(
                ExecSession(
                    **OWNER, id="s-1", task_arn=TASK.arn, container="app", command=command or ("sh",),
                    token_digest=digest_of("secret"), expires_at=system_clock() + timedelta(seconds=lifetime),
                )
            )  # fmt: skip
        return {
            "sessionId": "s-1",
            "tokenValue": "secret",
            "streamUrl": str(self.server.make_url(f"{PATH}/s-1")),
        }


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.start()
    yield made
    await made.server.close()
    made.store.close()


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def refused(plugin: Plugin) -> AsyncIterator[None]:
    """The connection comes to nothing, and is told nothing."""
    with pytest.raises(AssertionError, match="refused"):
        async with plugin:
            pass
    await plugin.__aexit__()
    yield


async def test_what_is_typed_goes_in_and_what_is_written_comes_out(stage: Stage) -> None:
    async with Plugin(stage.session("sh")) as plugin:
        await plugin.resize(24, 80)
        await plugin.type("echo hello\r")
        assert await plugin.until("\r\nhello\r\n")
        await plugin.type("exit\r")
        await plugin.rest()
        assert plugin.closed_in_words
        assert plugin.acknowledged == [0, 1, 2, 3]
    (terminal,) = stage.runtime.terminals
    assert terminal.size == (24, 80)
    await soon(lambda: terminal.closed)


async def test_a_command_that_ends_by_itself(stage: Stage) -> None:
    async with Plugin(stage.session("echo", "a  b", "c")) as plugin:
        assert await plugin.rest() == "a  b c\r\n"
        assert plugin.closed_in_words


async def test_much_output_comes_whole_and_in_order(stage: Stage) -> None:
    text = "".join(f"{n:07d}" for n in range(10_000))
    async with Plugin(stage.session("echo", text)) as plugin:
        assert await plugin.rest() == text + "\r\n"


@pytest.mark.parametrize("how", ["flag", "connection"])
async def test_the_command_is_hung_up_when_the_plugin_leaves(stage: Stage, how: str) -> None:
    async with Plugin(stage.session("sh")) as plugin:
        if how == "flag":
            await plugin.terminate()
            await plugin.rest()
    await soon(lambda: stage.runtime.terminals[0].closed)


async def test_what_is_sent_again_is_not_typed_again(stage: Stage) -> None:
    async with Plugin(stage.session("cat")) as plugin:
        await plugin.type("once\r")
        await plugin.until("once\r\nonce")
        await plugin.send(agent_message.TEXT, b"once\r", sequence=1)
        await plugin.type("twice\r")
        assert "once" not in await plugin.until("twice\r\ntwice")
        assert plugin.acknowledged == [0, 1, 1, 2]


async def test_a_session_is_handed_out_once(stage: Stage) -> None:
    session = stage.session("sh")
    async with Plugin(session), refused(Plugin(session)):
        pass


async def test_only_its_token_opens_it_and_a_wrong_one_does_not_spoil_it(stage: Stage) -> None:
    session = stage.session("sh")
    async with refused(Plugin(session, token="guess")):
        pass
    async with Plugin(session):
        pass


async def test_it_must_be_taken_up_in_time(stage: Stage) -> None:
    async with refused(Plugin(stage.session("sh", lifetime=-1))):
        assert stage.runtime.terminals == []


async def test_a_container_that_has_ended(stage: Stage) -> None:
    session = stage.session("sh")
    stage.runtime.die(container_name(TASK, "app"))
    async with refused(Plugin(session)):
        pass


@pytest.mark.parametrize("frame", [b"", b"x" * 200, b"\0" * 120])
async def test_a_plugin_that_talks_nonsense_is_left(stage: Stage, frame: bytes) -> None:
    async with Plugin(stage.session("sh")) as plugin:
        await plugin.send_raw(frame)
        await plugin.rest()
    await soon(lambda: stage.runtime.terminals[0].closed)
    async with Plugin(stage.session("echo", "still here")) as plugin:
        assert await plugin.rest() == "still here\r\n"
