"""Who may connect before anything is known of him: so many, not for ever, and nothing is unpacked for him."""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from sealway.wire.connections import serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def app() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    made = web.Application()
    made.router.add_route("*", "/", answer)
    return made


async def served(stream: Stream, request: bytes = GET) -> bytes:
    """The answer; nothing where the connection ends."""
    reader, writer = stream
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            pass


async def test_connections_beyond_the_bound_are_ended_and_the_others_served() -> None:
    async with serving(app(), "127.0.0.1", 0, most=2) as place:
        three = [await asyncio.open_connection(*place) for _ in range(3)]
        assert [await served(stream) for stream in three] == [b"0", b"0", b""]
        three[0][1].close()

        async def another_is_served() -> bool:
            stream = await asyncio.open_connection(*place)
            told = await served(stream)
            stream[1].close()
            return told == b"0"

        await until(another_is_served)
        for _, writer in three[1:]:
            writer.close()


@pytest.mark.parametrize("said", [b"", GET[:20], GET + GET[:20]])
async def test_who_does_not_finish_a_request_is_not_waited_for(said: bytes) -> None:
    async with serving(app(), "127.0.0.1", 0, patience=0.1) as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(said)
        async with asyncio.timeout(10):
            await reader.read()  # to its end
        writer.close()


async def test_a_body_counts_as_it_came() -> None:
    body = gzip.compress(b"0" * 10_000)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(app(), "127.0.0.1", 0) as place:
        stream = await asyncio.open_connection(*place)
        assert await served(stream, head.encode() + body) == str(len(body)).encode()
        stream[1].close()


async def test_nonsense_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(app(), "127.0.0.1", 0) as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" * 10 + b"\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
        writer.close()
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []
