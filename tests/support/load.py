"""A steady load of new TLS connections, each recorded; bounded in pace and time, and it stops by itself."""

import random
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from demo.tls_client import Visit, visit

LONGEST_SECONDS = 180


class Load:
    """Visits ``addresses`` in turn, ``pace`` new connections a second, until the block ends.

    with Load(vips, 443, "orders.demo.internal", ca) as load:
        ...
    assert load.failures == []
    """

    def __init__(
        self, addresses: Sequence[str], port: int, name: str, ca_file: str, pace: float = 25
    ) -> None:
        self._addresses, self._port, self._name, self._ca_file = list(addresses), port, name, ca_file
        self._pause = 1 / pace
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(2)]
        self.visits: list[tuple[float, Visit]] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _run(self) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not self._stop.wait(self._pause * len(self._threads)) and time.monotonic() < deadline:
            began = time.monotonic()
            address = random.choice(self._addresses)
            self.visits.append((began, visit(address, self._port, self._name, self._ca_file)))

    @property
    def failures(self) -> list[str]:
        """What went wrong, with the time since the first visit."""
        first = min((began for began, _ in self.visits), default=0)
        return [f"{began - first:.2f} s {v.to}: {v.error}" for began, v in self.visits if not v.ok]

    def failures_after(self, moment: float) -> list[str]:
        """Failures of connections begun after a ``time.monotonic()`` moment."""
        return [
            f"+{began - moment:.2f} s {v.to}: {v.error}"
            for began, v in self.visits
            if not v.ok and began > moment
        ]
