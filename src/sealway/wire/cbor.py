"""CBOR as Smithy's RPC v2 protocol has it: what JSON has, and byte strings, and times (tag 1).

Nothing else is read: other tags, keys that are no text, numbers that are none, nesting without end. A length
is believed only as far as there are bytes.
Source: RFC 8949; Smithy, "AWS RPC v2 CBOR protocol".
"""

import math
import struct
from typing import Any, NamedTuple

_DEEPEST = 100
_BREAK = 0xFF
_INDEFINITE = 31
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _OTHER = range(8)
_EPOCH_TAG = 1


class Epoch(NamedTuple):
    """A time to be written: seconds since 1970."""

    seconds: float


def loads(data: bytes) -> Any:
    """The value; a time is its number of seconds. Raises ValueError for anything that is not read here."""
    reader = _Reader(data)
    value = reader.item(0)
    if reader.at != len(data):
        raise ValueError("there are bytes after the end of the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        kind, info = divmod(self._take(1)[0], 32)
        if kind == _OTHER:
            return self._other(info)
        if kind in (_BYTES, _TEXT):
            found = self._string(kind, info)
            return found.decode() if kind == _TEXT else found
        if kind in (_LIST, _MAP):
            return self._list(info, depth) if kind == _LIST else self._map(info, depth)
        number = self._number(info)
        if kind == _TAG:
            return self._time(number, depth)
        return number if kind == _UNSIGNED else -1 - number

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise ValueError("it ends too early")
        self.at += count
        return self._data[self.at - count : self.at]

    def _number(self, info: int) -> int:
        """What stands in the head of an item, or in the bytes after it."""
        if info < 24:
            return info
        if info > 27:
            raise ValueError("a length is not well formed")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _ends(self) -> bool:
        """Whether an item of indefinite length ends here."""
        if self._data[self.at : self.at + 1] != bytes([_BREAK]):
            return False
        self.at += 1
        return True

    def _string(self, kind: int, info: int) -> bytes:
        if info != _INDEFINITE:
            return self._take(self._number(info))
        parts = []
        while not self._ends():
            inner, length = divmod(self._take(1)[0], 32)
            if inner != kind or length == _INDEFINITE:
                raise ValueError("a part of a text or byte string is of another kind")
            parts.append(self._take(self._number(length)))
        return b"".join(parts)

    def _list(self, info: int, depth: int) -> list[Any]:
        found: list[Any] = []
        if info == _INDEFINITE:
            while not self._ends():
                found.append(self.item(depth + 1))
            return found
        for _ in range(self._number(info)):
            found.append(self.item(depth + 1))
        return found

    def _map(self, info: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        left = -1 if info == _INDEFINITE else self._number(info)
        while left != 0 and not (left < 0 and self._ends()):
            key = self.item(depth + 1)
            if not isinstance(key, str):
                raise ValueError("a key is no text")
            found[key] = self.item(depth + 1)
            left -= left > 0
        return found

    def _time(self, tag: int, depth: int) -> float:
        value = self.item(depth + 1)
        if tag != _EPOCH_TAG or type(value) not in (int, float):
            raise ValueError("only times may be tagged")
        return float(value)

    def _other(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info not in _FLOATS:
            raise ValueError("it has a value of an unknown kind")
        (number,) = struct.unpack(_FLOATS[info], self._take(struct.calcsize(_FLOATS[info])))
        if not math.isfinite(number):
            raise ValueError("a number is not finite")
        return number


def dumps(value: Any) -> bytes:
    """The value's bytes. Of scalars there may be None, bool, int, float, str, bytes and ``Epoch``."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def _write(out: bytearray, value: Any) -> None:
    if isinstance(value, Epoch):
        _head(out, _TAG, _EPOCH_TAG)
        _write(out, float(value.seconds))
    elif isinstance(value, dict):
        _head(out, _MAP, len(value))
        for key, item in value.items():
            _write(out, key)
            _write(out, item)
    elif isinstance(value, list):
        _head(out, _LIST, len(value))
        for item in value:
            _write(out, item)
    else:
        _write_scalar(out, value)


def _write_scalar(out: bytearray, value: Any) -> None:
    if value is None or isinstance(value, bool):
        out.append({None: 0xF6, False: 0xF4, True: 0xF5}[value])
    elif isinstance(value, int):
        _head(out, *((_UNSIGNED, value) if value >= 0 else (_NEGATIVE, -1 - value)))
    elif isinstance(value, float):
        out += b"\xfb" + struct.pack(">d", value)
    elif isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        _head(out, _TEXT if isinstance(value, str) else _BYTES, len(data))
        out += data
    else:
        raise TypeError(f"{type(value).__name__} cannot be written as CBOR")


def _head(out: bytearray, kind: int, number: int) -> None:
    if number < 24:
        out.append(kind * 32 + number)
        return
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            out.append(kind * 32 + info)
            out += number.to_bytes(size, "big")
            return
    raise ValueError(f"{number} has more than 64 bits")
