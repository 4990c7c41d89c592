"""Times, numbers and bytes as the protocols write them."""

import base64
import binascii
import re
from datetime import UTC, datetime

INTEGER_BITS = {"integer": 31, "long": 63}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "blob": (bytes,),
}


def suits(kind: str, value: object) -> bool:
    """Whether a Python value is what the model's scalar type is written from."""
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, datetime) and value.tzinfo is None:
        return False
    return isinstance(value, _PYTHON[kind])


def fits(value: int, kind: str) -> bool:
    """Whether the number is in the range of the model's ``integer`` or ``long``."""
    return -(1 << INTEGER_BITS[kind]) <= value < 1 << INTEGER_BITS[kind]


def parse_integer(text: str, kind: str) -> int:
    """A decimal number. Raises ValueError for another text, or a number out of the kind's range."""
    if not _INTEGER.fullmatch(text) or not fits(int(text), kind):
        raise ValueError(f"not an {kind}")
    return int(text)


def parse_float(text: str) -> float:
    """A finite decimal number. Raises ValueError."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a number")
    return float(text)


def parse_boolean(text: str) -> bool:
    """``true`` or ``false`` in any case. Raises ValueError."""
    lowered = text.lower()
    if lowered not in {"true", "false"}:
        raise ValueError("not a boolean")
    return lowered == "true"


def parse_iso8601(text: str) -> datetime:
    """An instant; without an offset it is UTC. Raises ValueError."""
    instant = datetime.fromisoformat(text)
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not a time") from error


def parse_epoch(seconds: float) -> datetime:
    """An instant from seconds since 1970. Raises ValueError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("not a time") from error


def parse_blob(text: str) -> bytes:
    """Base64. Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def format_iso8601(instant: datetime) -> str:
    """Milliseconds and ``Z``, as AWS's XML protocols write instants."""
    utc = instant.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def format_epoch(instant: datetime) -> float:
    """Seconds since 1970 with milliseconds, as AWS's JSON protocols write instants."""
    return round(instant.timestamp(), 3)


def format_blob(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()
