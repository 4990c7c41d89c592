"""Waiting for something to become true, with a deadline; never a blind sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(what: str, ready: Callable[[], T], seconds: float = 30, every: float = 0.1) -> T:
    """The first true answer of ``ready``; fails naming ``what`` and the last answer after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s (last: {answer!r})")
        time.sleep(every)
