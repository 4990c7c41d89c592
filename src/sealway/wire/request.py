"""A request as it came over HTTP, before anything is known of it. No HTTP library here."""

from collections.abc import Iterable
from functools import cached_property
from urllib.parse import unquote_to_bytes


class HttpRequest:
    """``headers`` by lower-case name, repeated ones joined with a comma; ``query`` undecoded.

    All text is valid Unicode: bytes that were not UTF-8 stand as U+FFFD.
    """

    def __init__(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.method = method
        self.path, _, self.query = _clean(target).partition("?")
        self.headers: dict[str, str] = {}
        for name, value in headers:
            key, text = name.lower(), _clean(value)
            self.headers[key] = f"{self.headers[key]},{text}" if key in self.headers else text
        self.body = body

    @cached_property
    def query_pairs(self) -> list[tuple[str, str]]:
        """Names and values of the query string, percent-decoded (a plus sign stays one)."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return [(_unquote(name), _unquote(value)) for name, _, value in pairs]


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _unquote(text: str) -> str:
    # Not UTF-8: the replacement character makes the signature or the name wrong, which is the answer.
    return unquote_to_bytes(text).decode("utf-8", "replace")
