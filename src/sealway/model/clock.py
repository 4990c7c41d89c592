"""Time is an argument: whatever needs it takes a ``Clock``."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment, in UTC, with its time zone."""


def system_clock() -> datetime:
    """The operating system's time."""
    return datetime.now(UTC)
