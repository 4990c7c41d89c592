"""The loop that every part which follows the store runs: look, do what differs, wait for a change.

Changes that come while one state is being applied are gathered into the next. After a failure, and on a
timer, everything is applied again; the drivers write only differences.
"""

import asyncio

import structlog

from ..model.errors import DriverError, StoreError
from ..model.resource import Resource
from .host import Host
from .index import WATCHED
from .pace import Pace, Resync, measured

log = structlog.get_logger(__name__)


class SyncLoop:
    """``once`` does it; ``forget`` makes the next ``once`` do everything. ``what`` is named in the log."""

    what = "synchronise"
    rest: float = 15
    """After a pass, of the time that it took: see ``measured``."""
    urgent: tuple[type[Resource], ...] = ()
    """A change of these ends the rest."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def once(self) -> None:
        """Reads the store, applies what differs from what was applied last."""
        raise NotImplementedError

    def forget(self) -> None:
        """What was applied last is no longer certain."""
        raise NotImplementedError

    async def run(self) -> None:
        """Until cancelled; what was applied stays."""
        watch = self._host.store.watch(*WATCHED)
        urgent = self._host.store.watch(*self.urgent) if self.urgent else None
        pace, resync = Pace(self._host.settings), Resync(self._host.settings)
        try:
            while True:
                try:
                    async with measured(self._host.settings, self.rest, urgent):
                        await self.once()
                    pace.succeeded()
                except (DriverError, StoreError) as error:
                    self.forget()
                    delay = pace.failed()
                    log.warning(f"cannot {self.what}", error=str(error), retry_in=delay)
                    await asyncio.sleep(delay)
                    continue
                await watch.changes(resync.remaining)
                if resync.due():
                    self.forget()
        finally:
            watch.close()
            if urgent is not None:
                urgent.close()
