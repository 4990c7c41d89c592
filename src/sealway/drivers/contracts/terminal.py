"""A terminal in a container, as ``execute-command`` opens one."""

from typing import Protocol


class Terminal(Protocol):
    """A process in a container, with a terminal of its own."""

    async def read(self) -> bytes:
        """What it has written since; empty once it has ended."""
        ...

    async def write(self, data: bytes) -> None:
        """What is typed; nothing happens once the process has ended."""
        ...

    async def resize(self, rows: int, columns: int) -> None:
        """The terminal's size; nothing happens once the process has ended."""
        ...

    async def close(self) -> None:
        """Ends the process, if it still runs, as a terminal that is hung up does."""
        ...
