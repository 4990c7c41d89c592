"""A request's own view of its parts."""

from sealway.wire.request import HttpRequest


def test_repeated_headers_are_joined() -> None:
    request = HttpRequest("GET", "/", [("X-A", "1"), ("x-a", "2")], b"")
    assert request.headers == {"x-a": "1,2"}


def test_the_query_is_taken_apart_and_a_plus_stays() -> None:
    request = HttpRequest("GET", "/p?a=b%20c&d&e=f+g=h", [], b"")
    assert request.path == "/p"
    assert request.query_pairs == [("a", "b c"), ("d", ""), ("e", "f+g=h")]


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    request = HttpRequest("GET", "/\udcff?\udcfe=%ff", [("x", "\udcff")], b"")
    assert (request.path, request.headers) == ("/\ufffd", {"x": "\ufffd"})
    assert request.query_pairs == [("\ufffd", "\ufffd")]
