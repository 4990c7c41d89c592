"""The relay beyond the contract that all data planes share (``tests/contract/test_dataplane.py``)."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sealway.drivers.contracts.dataplane import Backend, Frontend, WeightedBackend
from sealway.drivers.dataplane.relay import RelayDataPlane
from sealway.model.errors import DriverError
from tests.support.proxy_header import told
from tests.support.relay_stage import VIP, RelayStage, relay_stage


@pytest.fixture
async def stage() -> AsyncIterator[RelayStage]:
    async with relay_stage() as made:
        await made.plane.start()
        yield made


def frontend(*backends: Backend, **options) -> Frontend:
    return Frontend(
        vip=VIP, port=443, backends=tuple(WeightedBackend(backend=b) for b in backends), **options
    )


async def until(check, deadline: float = 5.0) -> None:
    async with asyncio.timeout(deadline):
        while not await check():
            await asyncio.sleep(0.01)


async def active(stage: RelayStage) -> int:
    return sum((await stage.plane.flows()).values())


async def test_a_large_transfer_arrives_whole_both_ways(stage: RelayStage) -> None:
    await stage.plane.apply(stage.state(frontend(*stage.backends)))
    client = await stage.connect()
    payload = bytes(range(256)) * 40_000  # 10 MB: far more than any buffer on the way
    async with asyncio.TaskGroup() as group:
        client.writer.write(payload)
        group.create_task(client.writer.drain())
        answer = group.create_task(client.reader.readexactly(len(payload)))
    assert answer.result() == payload

    async def counted() -> bool:
        return (await stage.plane.counters())[(VIP, 443, "tcp")].bytes > 2 * len(payload)

    await until(counted)  # a last acknowledgement may be on its way


async def test_half_close_lets_the_answer_through(stage: RelayStage) -> None:
    await stage.plane.apply(stage.state(frontend(*stage.backends)))
    client = await stage.connect()
    client.writer.write(b"last words")
    client.writer.write_eof()
    assert await client.reader.read() == b"last words"
    await until(lambda: _is(active(stage), 0))


async def test_a_client_that_stops_reading_holds_its_sender_back(stage: RelayStage) -> None:
    sent = 0
    stop = asyncio.Event()

    async def flood(_reader, writer) -> None:
        nonlocal sent
        writer.write(b"flood\n")
        try:
            while not stop.is_set():
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(flood, "127.0.11.9", 0)
    source = Backend(address="127.0.11.9", port=server.sockets[0].getsockname()[1], interface="lo")
    await stage.plane.apply(stage.state(frontend(source)))
    client = await stage.connect()

    async def stands_still() -> bool:
        before = sent
        await asyncio.sleep(0.1)
        return sent == before

    await until(stands_still)
    assert sent < 64 << 20
    client.reset()
    await until(lambda: _is(active(stage), 0))
    stop.set()
    server.close()


async def test_a_reset_passes_through(stage: RelayStage) -> None:
    await stage.plane.apply(stage.state(frontend(*stage.backends)))
    client = await stage.connect()
    client.reset()
    await until(lambda: _is(active(stage), 0))


async def test_a_backend_that_refuses_is_passed_over(stage: RelayStage) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.11.8", 0))
        dead = Backend(address="127.0.11.8", port=closed.getsockname()[1], interface="lo")
        await stage.plane.apply(stage.state(frontend(dead, stage.backends[0])))
        clients = [await stage.connect() for _ in range(4)]
    assert {client.server for client in clients} == {stage.backends[0].address}
    assert (await stage.plane.flows())[dead] == 0


async def test_when_all_refuse_the_client_is_reset_and_counted(stage: RelayStage) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.11.8", 0))
        dead = Backend(address="127.0.11.8", port=closed.getsockname()[1], interface="lo")
        await stage.plane.apply(stage.state(frontend(dead)))
        with pytest.raises(ConnectionResetError):
            await stage.connect()
    assert (await stage.plane.drops())["backend_gone"] == 1


async def test_connections_beyond_the_bound_are_reset_and_counted(
    stage: RelayStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.plane, "_most", 2)
    await stage.plane.apply(stage.state(frontend(stage.backends[0])))
    clients = [await stage.connect() for _ in range(2)]
    with pytest.raises(ConnectionResetError):
        await stage.connect()
    assert (await stage.plane.drops())["flow_table"] == 1
    assert [await client.lives() for client in clients] == [True, True]


async def test_an_idle_connection_ends_and_a_busy_one_does_not(stage: RelayStage) -> None:
    await stage.plane.apply(stage.state(frontend(*stage.backends, idle_timeout=1)))
    idle, busy = await stage.connect(), await stage.connect()
    began = asyncio.get_running_loop().time()

    async def idle_is_over() -> bool:
        assert await busy.lives()
        return await active(stage) == 1

    await until(idle_is_over)
    assert 0.9 < asyncio.get_running_loop().time() - began < 3
    assert not await idle.lives()


async def test_a_removed_frontend_leaves_flows_of_living_backends_alone(stage: RelayStage) -> None:
    other = frontend(*stage.backends)
    await stage.plane.apply(stage.state(other))
    client = await stage.connect()
    await stage.plane.apply(stage.state(draining=frozenset(stage.backends)))
    with pytest.raises(ConnectionRefusedError):
        await stage.connect()
    assert await client.lives()
    await stage.plane.apply(stage.state())
    assert not await client.lives()


async def test_an_address_in_use_is_named_and_the_rest_is_done() -> None:
    plane = RelayDataPlane()
    await plane.start()
    async with relay_stage() as stage:
        with socket.socket() as stranger:
            stranger.bind((VIP, 0))
            stranger.listen()
            port = stranger.getsockname()[1]
            taken = Frontend(vip=VIP, port=port, backends=(WeightedBackend(backend=stage.backends[0]),))
            with socket.socket() as probe:
                probe.bind((VIP, 0))
                free = probe.getsockname()[1]
            fine = Frontend(vip=VIP, port=free, backends=(WeightedBackend(backend=stage.backends[0]),))
            with pytest.raises(DriverError, match=f"{VIP}:{port}: Address already in use") as caught:
                await plane.apply(stage.state(taken, fine))
            assert caught.value.retryable
            reader, writer = await asyncio.open_connection(VIP, free)
            assert await reader.readline() == stage.backends[0].address.encode() + b"\n"
            writer.close()
        await plane.teardown()


async def test_udp_is_left_out_by_name_and_tcp_carried(
    stage: RelayStage, caplog: pytest.LogCaptureFixture
) -> None:
    udp = Frontend(vip=VIP, port=53, protocol="udp")
    for _ in range(2):
        await stage.plane.apply(stage.state(udp, frontend(*stage.backends)))
    said = [record.getMessage() for record in caplog.records if "UDP" in record.getMessage()]
    assert said == [f"the relay carries TCP only, so nothing answers UDP on {VIP}:53"]
    assert await (await stage.connect()).lives()


async def test_stopping_ends_every_connection(stage: RelayStage) -> None:
    await stage.plane.apply(stage.state(frontend(*stage.backends)))
    clients = [await stage.connect() for _ in range(5)]
    await stage.plane.stop()
    assert [await client.lives() for client in clients] == [False] * 5
    with pytest.raises(ConnectionRefusedError):
        await stage.connect()


async def test_many_short_connections(stage: RelayStage) -> None:
    await stage.plane.apply(stage.state(frontend(*stage.backends)))

    async def call() -> str:
        client = await stage.connect()
        assert await client.lives()
        await client.finish()
        return client.server

    got = [server for _ in range(10) for server in await asyncio.gather(*(call() for _ in range(30)))]
    assert {got.count(backend.address) for backend in stage.backends} == {100}
    await until(lambda: _is(active(stage), 0))


async def _is(value, wanted) -> bool:
    return await value == wanted


async def test_a_proxy_protocol_header_is_first_where_it_is_wanted(stage: RelayStage) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard.put(await reader.readexactly(28 + 5))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.7", 0)
    backend = Backend(address="127.0.0.7", port=server.sockets[0].getsockname()[1], interface="lo")
    share = WeightedBackend(backend=backend, proxy_protocol=True)
    await stage.plane.apply(stage.state(Frontend(vip=VIP, port=443, backends=(share,))))
    reader, writer = await asyncio.open_connection(*stage.address(443))
    writer.write(b"hello")
    async with asyncio.timeout(5):
        received = await heard.get()
        assert await reader.read() == b""
    assert received[28:] == b"hello"
    assert told(received[:28]) == (*writer.get_extra_info("sockname"), *writer.get_extra_info("peername"))
    writer.close()
    server.close()
