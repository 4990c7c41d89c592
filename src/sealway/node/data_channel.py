"""One session of ExecuteCommand: a terminal at one end, the session-manager-plugin's messages at the other.

The handshake tells the plugin that a plain terminal follows; then what is typed goes in, what is written
comes out, each message in the order of its number and acknowledged. A WebSocket loses nothing, so nothing is
ever sent again; what the plugin sends again is acknowledged again, and not typed twice.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeGuard

from ..drivers.contracts.terminal import Terminal
from ..model.clock import Clock
from ..model.ids import IdSource, uuid
from . import agent_message
from .agent_message import Malformed, Message

Send = Callable[[bytes], Awaitable[None]]
AGENT_VERSION = "3.3.0.0"
"""Of the SSM agent whose part is played: new enough that the plugin ends sessions by a flag."""
_TERMINATE = 2
_MOST_IN_ONE = 16 * 1024
_LARGEST_SIDE = 10_000
"""Rows or columns of a terminal that is believed."""


class DataChannel:
    """``send``: puts a binary frame on the wire."""

    def __init__(self, session_id: str, send: Send, clock: Clock, ids: IdSource) -> None:
        self._session_id = session_id
        self._send_frame = send
        self._clock = clock
        self._ids = ids
        self._sent = 0
        self._expected = 0
        self._ready = asyncio.Event()
        self.over = asyncio.Event()
        """Set when the plugin ends the session."""

    async def carry(self, terminal: Terminal) -> None:
        """Everything the terminal says, to its end; then the channel is closed in words."""
        started = self._clock()
        action = {"ActionType": "SessionType", "ActionParameters": {"SessionType": "Standard_Stream"}}
        request = {"AgentVersion": AGENT_VERSION, "RequestedClientActions": [action]}
        await self._say(agent_message.HANDSHAKE_REQUEST, _json(request))
        await self._ready.wait()
        lasted = int((self._clock() - started).total_seconds() * 1e9)
        complete = {"HandshakeTimeToComplete": lasted, "CustomerMessage": ""}
        await self._say(agent_message.HANDSHAKE_COMPLETE, _json(complete))
        while data := await terminal.read():
            for at in range(0, len(data), _MOST_IN_ONE):
                await self._say(agent_message.TEXT, data[at : at + _MOST_IN_ONE])
        await self._close()

    async def receive(self, frame: bytes, terminal: Terminal) -> None:
        """A frame of the plugin's. Raises ``Malformed``."""
        message = agent_message.decode(frame)
        if message.kind != agent_message.INPUT:
            return  # acknowledgements: nothing waits for them
        if message.sequence <= self._expected:
            acknowledged = _json(message.acknowledged_by)
            await self._put(agent_message.ACKNOWLEDGE, acknowledged, sequence=0, flags=3)
        if message.sequence != self._expected:
            return
        self._expected += 1
        await self._take(message, terminal)

    async def _take(self, message: Message, terminal: Terminal) -> None:
        if message.payload_type == agent_message.TEXT:
            await terminal.write(message.payload)
        elif message.payload_type == agent_message.SIZE:
            size = _object(message.payload)
            rows, columns = size.get("rows"), size.get("cols")
            if _is_side(rows) and _is_side(columns):
                await terminal.resize(rows, columns)
        elif message.payload_type == agent_message.HANDSHAKE_RESPONSE:
            self._ready.set()
        elif message.payload_type == agent_message.FLAG and _number(message.payload) == _TERMINATE:
            self.over.set()

    async def _say(self, payload_type: int, payload: bytes) -> None:
        flags = agent_message.SYN if self._sent == 0 else 0
        number, self._sent = self._sent, self._sent + 1
        await self._put(agent_message.OUTPUT, payload, number, flags, payload_type)

    async def _close(self) -> None:
        now = self._clock()
        closed = {
            "MessageType": agent_message.CLOSED,
            "MessageId": uuid(self._ids),
            "DestinationId": "",
            "SessionId": self._session_id,
            "SchemaVersion": 1,
            "CreatedDate": now.isoformat(),
            "Output": "",
        }
        await self._put(agent_message.CLOSED, _json(closed), sequence=0, flags=agent_message.FIN)

    async def _put(self, kind: str, payload: bytes, sequence: int, flags: int, payload_type: int = 0) -> None:
        message = Message(
            kind=kind,
            id=uuid(self._ids),
            created=agent_message.milliseconds(self._clock()),
            sequence=sequence,
            flags=flags,
            payload_type=payload_type,
            payload=payload,
        )
        await self._send_frame(agent_message.encode(message))


def token_of(opening: str) -> str:
    """The token in the plugin's first words (text: ``OpenDataChannelInput``). Raises ``Malformed``."""
    token = _object(opening.encode()).get("TokenValue")
    if not isinstance(token, str):
        raise Malformed("the first message shows no token")
    return token


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Malformed("a message that is no JSON") from error
    if not isinstance(value, dict):
        raise Malformed("a message that is no JSON object")
    return value


def _number(payload: bytes) -> int:
    return int.from_bytes(payload[:4], "big")


def _is_side(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 < value < _LARGEST_SIDE
