"""A terminal in memory: a shell that knows ``echo`` and ``exit``; ``cat``; the test image's program."""

import asyncio


class FakeTerminal:
    """``contracts.terminal.Terminal``. ``size``: as last told. ``closed``: it was hung up, or has ended."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.command = command
        self.size: tuple[int, int] | None = None
        self.closed = False
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._line = b""
        if command[0] == "echo":
            self._say(" ".join(command[1:]).encode() + b"\r\n")
            self._end()
        elif command[:2] == ("/testbox", "print"):
            self._say(command[2].encode() + b"\r\n")
            self._end()
        elif command[0] not in {"cat", "sh", "/bin/sh", "/testbox"}:
            self._say(f"exec: {command[0]}: executable file not found in $PATH\r\n".encode())
            self._end()

    async def read(self) -> bytes:
        return b"" if self.closed and self._out.empty() else await self._out.get()

    async def write(self, data: bytes) -> None:
        """Echoes as a terminal does; a shell's whole lines are carried out."""
        if self.closed:
            return
        self._say(data.replace(b"\r", b"\r\n").replace(b"\n\n", b"\n"))
        self._line += data.replace(b"\r", b"\n")
        while b"\n" in self._line:
            line, self._line = self._line.split(b"\n", 1)
            self._carry_out(line)

    async def resize(self, rows: int, columns: int) -> None:
        self.size = rows, columns

    async def close(self) -> None:
        if not self.closed:
            self._end()

    def _carry_out(self, line: bytes) -> None:
        if self.command[0] == "cat":
            self._say(line + b"\r\n")
        elif line.startswith(b"echo "):
            self._say(line[5:] + b"\r\n")
        elif line.split()[:1] == [b"exit"]:
            self._end()

    def _say(self, data: bytes) -> None:
        self._out.put_nowait(data)

    def _end(self) -> None:
        self.closed = True
        self._out.put_nowait(b"")
