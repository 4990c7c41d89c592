"""Pages of a sorted list. A token names the last key that was given out.

The next page starts after that key, so items that come or go between two calls are neither skipped
nor given twice, and nothing is remembered between calls. Tokens are opaque to clients: base64 of the key.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_PREFIX = b"1:"
"""The tokens' version, so that another text is not taken for a token."""


def page(
    items: Sequence[T], key: Callable[[T], str], token: str | None, limit: int
) -> tuple[list[T], str | None]:
    """At most ``limit`` items after ``token``, and the token of what follows (None: no more).

    ``items`` in any order; the page is in order of their (unique) keys. Raises ValueError for a token
    that ``page`` did not make, or a limit below 1: services answer that with their AWS error.
    """
    if limit < 1:
        raise ValueError(f"a page of {limit} items")
    after = decode_token(token) if token else None
    rest = sorted((item for item in items if after is None or key(item) > after), key=key)
    if len(rest) <= limit:
        return rest, None
    chosen = rest[:limit]
    return chosen, encode_token(key(chosen[-1]))


def encode_token(last: str) -> str:
    """The token that stands for "after this key"."""
    return base64.urlsafe_b64encode(_PREFIX + last.encode()).decode()


def decode_token(token: str) -> str:
    """The key in a token. Raises ValueError when it is not one of ours."""
    try:
        decoded = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        text = decoded.removeprefix(_PREFIX).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("invalid pagination token") from error
    if not decoded.startswith(_PREFIX):
        raise ValueError("invalid pagination token")
    return text
