"""Plays AWS's session-manager-plugin against a data channel, as far as its protocol is concerned."""

import asyncio
import json
import uuid
from typing import Any, Self

import aiohttp

from sealway.node import agent_message
from sealway.node.agent_message import Message, decode, encode

SECONDS = 20


class Plugin:
    """``async with Plugin(session) as plugin``: connected, the handshake done. ``session``: ExecuteCommand's.

    ``typed``: sequence numbers of what was sent that have been acknowledged.
    """

    def __init__(self, session: dict[str, str], token: str | None = None) -> None:
        self._session = session
        self._token = session["tokenValue"] if token is None else token
        self._http = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse
        self._sent = 0
        self._seen = 0
        self.acknowledged: list[int] = []
        self.closed_in_words = False

    async def __aenter__(self) -> Self:
        self._socket = await self._http.ws_connect(self._session["streamUrl"])
        opening = {"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": self._token}
        await self._socket.send_str(json.dumps({**opening, "ClientId": str(uuid.uuid4())}))
        request = await self._next()
        assert request is not None, "refused"
        assert (request.payload_type, request.sequence) == (agent_message.HANDSHAKE_REQUEST, 0)
        (action,) = json.loads(request.payload)["RequestedClientActions"]
        assert action["ActionParameters"]["SessionType"] == "Standard_Stream"
        done = [{"ActionType": action["ActionType"], "ActionStatus": 1, "ActionResult": {}}]
        answer = {"ClientVersion": "1.2.0.0", "ProcessedClientActions": done, "Errors": []}
        await self.send(agent_message.HANDSHAKE_RESPONSE, json.dumps(answer).encode())
        complete = await self._next()
        assert complete is not None
        assert complete.payload_type == agent_message.HANDSHAKE_COMPLETE
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._http.close()

    async def type(self, text: str) -> None:
        await self.send(agent_message.TEXT, text.encode())

    async def resize(self, rows: int, columns: int) -> None:
        await self.send(agent_message.SIZE, json.dumps({"rows": rows, "cols": columns}).encode())

    async def terminate(self) -> None:
        await self.send(agent_message.FLAG, (2).to_bytes(4, "big"))

    async def send(self, payload_type: int, payload: bytes, sequence: int | None = None) -> None:
        """The next message; with ``sequence``: one that was sent before."""
        if sequence is None:
            sequence, self._sent = self._sent, self._sent + 1
        message = Message(
            kind=agent_message.INPUT, id=str(uuid.uuid4()), created=1, sequence=sequence,
            payload_type=payload_type, payload=payload,
        )  # fmt: skip
        await self._socket.send_bytes(encode(message))

    async def send_raw(self, frame: bytes) -> None:
        await self._socket.send_bytes(frame)

    async def until(self, text: str) -> str:
        """Everything written up to and with this text."""
        said = ""
        while text not in said:
            message = await self._next()
            assert message is not None, f"the session ended after {said!r}"
            said += message.payload.decode()
        return said

    async def rest(self) -> str:
        """Everything written from now to the session's end."""
        said = ""
        while (message := await self._next()) is not None:
            said += message.payload.decode()
        return said

    async def _next(self) -> Message | None:
        """The next output; None when the channel is closed. Acknowledgements are noted on the way."""
        async with asyncio.timeout(SECONDS):
            while True:
                frame = await self._socket.receive()
                if frame.type is not aiohttp.WSMsgType.BINARY:
                    return None
                message = decode(frame.data)
                if message.kind == agent_message.CLOSED:
                    self.closed_in_words = True
                    return None
                if message.kind == agent_message.ACKNOWLEDGE:
                    told: dict[str, Any] = json.loads(message.payload)
                    self.acknowledged.append(told["AcknowledgedMessageSequenceNumber"])
                    continue
                assert message.sequence == self._seen
                self._seen += 1
                return message
