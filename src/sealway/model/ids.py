"""Ids and randomness are arguments: everything that needs one takes an ``IdSource``."""

import hashlib
import secrets
from typing import Protocol


class IdSource(Protocol):
    """Where new identifiers come from."""

    def hex(self, digits: int) -> str:
        """``digits`` lower-case hexadecimal digits, unique for practical purposes."""
        ...


class RandomIds:
    """Identifiers from the operating system's randomness."""

    def hex(self, digits: int) -> str:
        """See ``IdSource``."""
        return secrets.token_hex((digits + 1) // 2)[:digits]


class CountingIds:
    """Reproducible identifiers for tests: the hash of a counter."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0

    def hex(self, digits: int) -> str:
        """See ``IdSource``."""
        self._count += 1
        return hashlib.sha256(f"{self._seed}{self._count}".encode()).hexdigest()[:digits]


def uuid(ids: IdSource) -> str:
    """A random UUID's usual writing, 8-4-4-4-12."""
    digits = ids.hex(32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def decimal(ids: IdSource, digits: int) -> str:
    """A number of exactly ``digits`` decimal digits, as in ``ecs-svc/9223370526043414679``."""
    return str(int(ids.hex(digits), 16) % 10**digits).zfill(digits)
