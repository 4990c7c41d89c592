"""Sees when a target that is no longer registered has carried its last flow.

Where a target group lets connections outlive the deregistration delay, ``control`` keeps such a target,
unused, so that the data plane goes on carrying them. Here its flows are counted until there are none: that is
written once, ``control`` deletes the target, and then what was written goes too. No new flow can have begun
meanwhile, since the target takes none; registered again it is another one, of which this says nothing.
"""

import asyncio
from collections.abc import Collection, Iterable

import structlog

from ..drivers.contracts.dataplane import Backend
from ..model.errors import DriverError, StoreError
from ..model.target_group import Target, TargetFlows
from .dataplane_state import backends_of
from .host import Host
from .pace import Pace

log = structlog.get_logger(__name__)


class UnusedTargets:
    """See the module."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._watch = host.store.watch(Target, TargetFlows)
        self._unused: set[str] = set()
        self._take(target.key for target in host.store.list(Target))

    async def run(self) -> None:
        """Until cancelled. Nothing is counted while there is no such target."""
        settings, pace = self._host.settings, Pace(self._host.settings)
        try:
            while True:
                try:
                    longest = settings.flow_count if await self.once() else settings.resync
                    pace.succeeded()
                except (DriverError, StoreError) as error:
                    delay = pace.failed()
                    log.warning("cannot see what targets still carry", error=str(error), retry_in=delay)
                    await asyncio.sleep(delay)
                    continue
                self._take(key for _, key in await self._watch.changes(longest))
        finally:
            self._watch.close()

    async def once(self) -> bool:
        """Writes which ones have ended; whether others still carry flows."""
        self._take(key for _, key in self._watch.pending())
        found = (self._host.store.get(Target, key) for key in self._unused)
        unused = {target.key: target for target in found if target is not None}
        known = self._host.store.list(TargetFlows)
        stale = [one for one in known if not _is_of(one, unused.get(one.key))]
        told = {one.key for one in known} - {one.key for one in stale}
        waiting = [target for key, target in unused.items() if key not in told]
        ended = await self._without_flows(waiting) if waiting else []
        if stale or ended:
            self._write(stale, ended)
        return len(ended) < len(waiting)

    def _take(self, changed: Iterable[str]) -> None:
        """Notes which of these targets are unused."""
        for key in changed:
            target = self._host.store.get(Target, key)
            unused = target is not None and target.unused_since is not None
            (self._unused.add if unused else self._unused.discard)(key)

    async def _without_flows(self, targets: Collection[Target]) -> list[Target]:
        """A backend that the data plane does not know yet says nothing; a target that is nowhere has none."""
        attached = await self._host.endpoints.known()
        view = self._host.views.current()
        places = {target.key: backends_of(view, attached, target) for target in targets}
        flows = await self._host.dataplane.flows(frozenset[Backend]().union(*places.values()))
        return [t for t in targets if all(flows.get(backend) == 0 for backend in places[t.key])]

    def _write(self, stale: Collection[TargetFlows], ended: Collection[Target]) -> None:
        with self._host.store.transaction() as tx:
            for one in stale:
                tx.delete(one)
            for target in ended:
                found = tx.get(Target, target.key)
                if found is None or found.unused_since is None or found.unused_since != target.unused_since:
                    continue  # registered again meanwhile, or gone
                tx.put(
                    TargetFlows(
                        target_group_arn=target.target_group_arn,
                        id=target.id,
                        port=target.port,
                        unused_since=found.unused_since,
                        ended_at=self._host.clock(),
                    )
                )


def _is_of(flows: TargetFlows, target: Target | None) -> bool:
    return target is not None and target.unused_since == flows.unused_since
