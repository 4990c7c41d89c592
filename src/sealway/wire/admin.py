"""The administrator's own API, for the command line: plain JSON over a Unix socket.

Whoever may open the socket (its directory belongs to the user who runs Sealway, mode 0700) may do all;
it is never bound to a network address.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from ..model.errors import SealwayError

AdminOperation = Callable[[dict[str, Any]], Any]


def make_admin_app(operations: Mapping[str, AdminOperation]) -> web.Application:
    """``POST /NAME`` with a JSON object calls the operation of that name; its answer, which may be awaitable,
    comes back as JSON.

    400 with ``{"error": ...}`` for what the caller can mend; 404 for an unknown name.
    """

    async def handle(request: web.Request) -> web.Response:
        operation = operations.get(request.match_info["name"])
        if operation is None:
            return _answer({"error": f"no such operation: {request.match_info['name']}"}, 404)
        try:
            answer = operation(msgspec.json.decode(await request.read() or b"{}", type=dict))
            return _answer(await answer if inspect.isawaitable(answer) else answer)
        except (SealwayError, msgspec.MsgspecError) as error:
            return _answer({"error": str(error)}, 400)

    app = web.Application()
    app.router.add_post("/{name}", handle)
    return app


def _answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
