"""A TLS connection that stays open, to see how long it is carried."""

import errno
import json
from types import TracebackType
from typing import Any, Self

from OpenSSL import SSL

from demo.tls_client import connect

_ASK = b"GET / HTTP/1.1\r\nHost: witness\r\n\r\n"


class Held:
    """``server``: the address of the container at its other end."""

    def __init__(self, address: str, port: int, name: str, ca_file: str) -> None:
        self._tls, self._socket, _ = connect(address, port, name, ca_file)
        self._ended = False
        try:
            self._tls.do_handshake()
            self.server: str = self.ask()["address"]
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self) -> Any:
        """What the witness sees of this connection."""
        self._tls.sendall(_ASK)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._tls.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body += self._tls.recv(65536)
        return json.loads(body)

    def lives(self) -> bool:
        """Whether it still carries a request and its answer; False: somebody has reset it."""
        try:
            if not self._ended:
                self.ask()
        except SSL.SysCallError as error:
            if error.args[0] not in (errno.ECONNRESET, errno.EPIPE):
                raise
            self._ended = True
        return not self._ended
