"""An answer before it goes out over HTTP, and how our own mistakes in it are told."""

from collections.abc import Callable, Mapping

import msgspec


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """``headers`` beside Content-Length and Date, which the HTTP server adds."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}


class EncodeError(TypeError):
    """A handler's output does not fit the operation's output shape: our bug."""


Report = Callable[[str], None]
"""Is told what does not fit. Raises ``EncodeError`` in tests, logs in production (the member is left out)."""


def strict(problem: str) -> None:
    """The ``Report`` for tests."""
    raise EncodeError(problem)
