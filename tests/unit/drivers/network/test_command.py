import asyncio
import errno
import os

import pytest

from sealway.drivers.network.command import run
from sealway.model.errors import DriverError


async def test_what_it_printed_is_answered():
    assert await run(["cat"], "words") == "words"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EAGAIN])
async def test_a_host_with_no_room_for_it_is_tried_again(monkeypatch, number):
    async def no_room(*_: object, **__: object):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asyncio, "create_subprocess_exec", no_room)
    with pytest.raises(DriverError, match="nft cannot be started") as caught:
        await run(["nft", "list"], "")
    assert caught.value.retryable


async def test_a_program_that_is_not_there_is_not_waited_for():
    with pytest.raises(DriverError, match="sealway-nothing is not installed") as caught:
        await run(["sealway-nothing"], "")
    assert not caught.value.retryable
