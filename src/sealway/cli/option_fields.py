"""Commands that take one value: each field of a dataclass is an option."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def takes(options: Callable[..., T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Makes the function a command whose options are the dataclass's fields, for typer reads signatures."""

    def command_of(function: Callable[[T], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**given: Any) -> None:
            function(options(**given))

        command.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]
        return command

    return command_of
