"""Probes every target that is in use and writes its health, on transitions only.

One loop a target: the first probe at once, then one every interval. As long as a target has never
answered, extra probes come in between, at doubling distances: they may pass it into service, but a
failed one does not count. After a restart a target is as it was, so nothing flaps.

The end of an unhealthy draining interval is written at its time, by a clock that nobody sets; after a
restart what is left of it is known from when it began.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog

from ..drivers.contracts.prober import ProbeResult
from ..model.errors import DriverError, StoreError
from ..model.instance import Instance
from ..model.load_balancer import Listener, LoadBalancer
from ..model.target_group import Target, TargetGroup, TargetHealth
from .health_state import DRAINING, HealthState, drained, known, step
from .host import Host
from .pace import measured
from .probe_plan import ProbeJob, jobs_of

REST = 15
"""After a pass, of the time that it took: see ``measured``."""

log = structlog.get_logger(__name__)


class _Running(NamedTuple):
    """A target's job, and the loop that does it."""

    job: ProbeJob
    task: asyncio.Task[None]


class HealthProber:
    """See the module."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._follower = host.views.follow()
        self._running: dict[str, dict[str, _Running]] = {}
        """Target group ARN -> target key -> who probes it."""

    async def run(self) -> None:
        """Until cancelled."""
        watch = self._host.store.watch(LoadBalancer, Listener, TargetGroup, Target, Instance)
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    async with measured(self._host.settings, REST):
                        self._once(group)
                    await watch.changes(self._host.settings.resync)
        finally:
            watch.close()

    def _once(self, group: asyncio.TaskGroup) -> None:
        """Looks at the target groups that something has happened to."""
        view, touched = self._follower.look()
        for arn in touched.groups:
            jobs = jobs_of(view, arn)
            self._reconcile(arn, jobs, group)
            self._follower.touched.groups.add(arn)  # again, if this fails
            with _not_now():
                self._forget_gone(arn, jobs)
                self._follower.touched.groups.remove(arn)

    def _reconcile(self, arn: str, jobs: dict[str, ProbeJob], group: asyncio.TaskGroup) -> None:
        running = self._running.pop(arn, {})
        for key, (job, task) in tuple(running.items()):
            if jobs.get(key) != job:
                task.cancel()
                del running[key]
        for key, job in jobs.items():
            if key not in running:
                running[key] = _Running(job, group.create_task(self._watch_target(key, job)))
        if running:
            self._running[arn] = running

    def _forget_gone(self, arn: str, jobs: dict[str, ProbeJob]) -> None:
        """Deletes the health of targets that are gone or not in use; a draining one's is kept."""
        store = self._host.store
        known = store.list(TargetHealth, target_group_arn=arn)
        gone = [health for health in known if health.key not in jobs and not self._drains(health.key)]
        if gone:
            with store.transaction() as tx:
                for health in gone:
                    tx.delete(health)

    def _drains(self, key: str) -> bool:
        target = self._host.store.get(Target, key)
        return target is not None and target.draining_since is not None

    async def _watch_target(self, key: str, job: ProbeJob) -> None:
        clock = asyncio.get_running_loop().time
        health = self._known(key)
        drain = _Drain(clock, health, job.draining, self._drained_for(key))
        due, early, counts = clock(), self._host.settings.early_probe, True
        while True:
            result = await self._probe(job)
            if result is not None and (counts or result.passed):
                health = drain.follow(step(health, result, job.check, drains=job.draining > 0))
                with _not_now():
                    self._record(key, job, health)
            if counts:
                due = max(due + job.check.interval, clock())
            pause = due - clock()
            # ``counts`` says which kind comes next; the clock could not, as timers may fire a little early.
            counts = health.state != "initial" or pause <= early
            if not counts:
                pause, early = early, early * 2
            next_probe = clock() + pause
            if drain.end < next_probe:
                await asyncio.sleep(max(0, drain.end - clock()))
                health = drain.follow(drained(health))
                with _not_now():
                    self._record(key, job, health)
            await asyncio.sleep(max(0, next_probe - clock()))

    async def _probe(self, job: ProbeJob) -> ProbeResult | None:
        """None: the probe could not be sent, which says nothing about the target."""
        try:
            return await self._host.prober.probe(job.probe)
        except DriverError as error:
            log.warning("cannot probe", target=job.id, port=job.port, error=str(error))
            return None

    def _known(self, key: str) -> HealthState:
        target = self._host.store.get(Target, key)
        health = self._host.store.get(TargetHealth, key)
        return known(target, health) if target else HealthState()

    def _drained_for(self, key: str) -> float:
        """How many seconds ago the health was written."""
        health = self._host.store.get(TargetHealth, key)
        return (self._host.clock() - health.changed_at).total_seconds() if health else 0

    def _record(self, key: str, job: ProbeJob, health: HealthState) -> None:
        """Writes the health if it is another than the stored one, and the target still the same."""
        now = self._host.clock()
        with self._host.store.transaction() as tx:
            target = tx.get(Target, key)
            if target is None or target.registered_at != job.registered_at or target.draining_since:
                return
            stored = tx.get(TargetHealth, key)
            before = known(target, stored)
            if stored and (before.state, before.reason) == (health.state, health.reason):
                return
            tx.put(
                TargetHealth(
                    version=stored.version if stored else 0,
                    target_group_arn=job.target_group_arn,
                    id=job.id,
                    port=job.port,
                    state=health.state,
                    reason=health.reason,
                    description=health.description,
                    # Never before the registration, should the clock have been set back since.
                    changed_at=max(now, target.registered_at),
                )
            )
        if before.state != health.state:
            log.info("target health", target=f"{job.id}:{job.port}", state=health.state, reason=health.reason)


class _Drain:
    """When an ``unhealthy.draining`` target is drained, in the loop's time. ``since``: how long it has been
    what it is, by a clock that may have been set, so it never has more than the whole interval before it."""

    def __init__(
        self, clock: Callable[[], float], health: HealthState, interval: float, since: float = 0
    ) -> None:
        self._clock, self._interval = clock, interval
        self._health = health
        self.end = clock() + interval - max(0, since) if health.state == DRAINING else float("inf")

    def follow(self, health: HealthState) -> HealthState:
        """The health as given: an interval begins or ends with the state."""
        if health.state != self._health.state:
            self.end = self._clock() + self._interval if health.state == DRAINING else float("inf")
        self._health = health
        return health


@contextmanager
def _not_now() -> Iterator[None]:
    """The disk is full, say: what is not written now is written after a later probe."""
    try:
        yield
    except StoreError as error:
        log.warning("cannot write the targets' health", error=str(error))
