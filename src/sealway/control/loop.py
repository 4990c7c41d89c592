"""Runs the planners: a change or a timer makes a scope due; each due scope is read whole, planned, and
its plan written in one transaction, all in one turn of the event loop.

Every scope is looked at when the loop starts and again every ``resync`` seconds, so an event can be late
or lost without harm. That is done in slices, and what an event touches comes between them: it waits for no
resync. A planner that fails is logged and tried again later; it stops nobody else.
The loop gives way to the rest of the process after each slice of work.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import structlog

from ..model.clock import Clock
from ..model.cluster import ContainerInstance
from ..model.ids import IdSource
from ..model.service import Service
from ..model.task_set import TaskSet
from ..store import Store
from . import (
    auto_scaling_plan,
    auto_scaling_snapshot,
    capacity_plan,
    code_deploy_plan,
    definition_plan,
    demand_snapshot,
    managed_scaling_plan,
    reaper_plan,
    record_plan,
    service_plan,
    snapshot,
    target_plan,
    task_plan,
    task_set_plan,
    traffic_plan,
    waiting_plan,
)
from .dependants import Dependants
from .ledger import Ledger
from .plan import Plan, earliest
from .scopes import WATCHED, Scope, everything, frees_room, touched
from .timers import Timers

log = structlog.get_logger(__name__)

COALESCE = 0.005
"""Seconds in which changes gather before they are acted on."""
SLICE = 0.02
"""Seconds of planning after which others get a turn."""
LONGEST_RETRY = 60
MOST_PASSES = 200
_ORDER = {
    kind: place
    for place, kind in enumerate(
        (
            "service",
            "codedeploy",
            "task",
            "cluster",
            "waiting",
            "target",
            "group",
            "autoscaling",
            "reaper",
        )
    )
}


class ControlLoop:
    """See the module. ``resync``: seconds between full passes."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, resync: float = 30) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._resync = resync
        self._timers: Timers[Scope] = Timers()
        self._later: deque[Scope] = deque()
        """What is left of a resync."""
        self._failures: dict[Scope, int] = {}
        self._starved: set[Scope] = set()
        self._ledger_kept: Ledger | None = None

    async def run(self) -> None:
        """Until cancelled."""
        watch = self._store.watch(*WATCHED)
        try:
            dependants = Dependants(self._store)
            elapsed = asyncio.get_running_loop().time
            next_resync = elapsed()
            while True:
                if elapsed() >= next_resync:
                    self._later = deque(_in_order(everything(self._store)))
                    next_resync = elapsed() + self._resync
                self._look_at_some()
                pause = 0.0 if self._later else self._pause(next_resync - elapsed())
                changes = await watch.changes(pause)
                if changes:
                    await asyncio.sleep(0 if self._later else COALESCE)
                    changes |= await watch.changes(0)
                due = touched(changes, self._store, dependants).union(self._timers.due(self._clock()))
                if frees_room(changes, self._store):
                    due |= self._starved
                await self._work(due)
        finally:
            watch.close()
            self._ledger.close()
            self._ledger_kept = None

    def step(self) -> None:
        """Full passes until nothing changes any more; for tests and tools. Failures are raised."""
        for _ in range(MOST_PASSES):
            wrote = [self._plan_scope(scope) for scope in _in_order(everything(self._store))]
            if not any(wrote):
                return
        raise RuntimeError(f"the planners do not settle: still writing after {MOST_PASSES} passes")

    @property
    def wake_at(self) -> datetime | None:
        """When a timer is due next."""
        return self._timers.first

    @property
    def _ledger(self) -> Ledger:
        if self._ledger_kept is None:
            self._ledger_kept = Ledger(self._store)
        return self._ledger_kept

    async def _work(self, due: set[Scope]) -> None:
        slice_end = time.monotonic() + SLICE
        for scope in _in_order(due):
            self._plan_safely(scope)
            if time.monotonic() >= slice_end:
                await asyncio.sleep(0)
                slice_end = time.monotonic() + SLICE

    def _look_at_some(self) -> None:
        """A slice of what is left of a resync."""
        slice_end = time.monotonic() + SLICE
        while self._later:
            self._plan_safely(self._later.popleft())
            if time.monotonic() >= slice_end:
                return

    def _plan_safely(self, scope: Scope) -> None:
        try:
            self._plan_scope(scope)
            self._failures.pop(scope, None)
        except Exception:
            # Whatever it is, it must not take the other scopes down; the trace says where to look.
            count = self._failures[scope] = self._failures.get(scope, 0) + 1
            delay = min(2 ** min(count - 1, 10), LONGEST_RETRY)
            self._timers.set(scope, self._clock() + timedelta(seconds=delay))
            log.exception("planning failed", scope=scope.kind, key=scope.key, retry_in=delay)

    def _plan_scope(self, scope: Scope) -> bool:
        """Plans and writes; whether anything was written."""
        plans = []
        for plan in self._plans(scope, self._clock()):
            self._apply(plan)
            plans.append(plan)
        self._timers.set(scope, earliest(*(plan.wake_at for plan in plans)))
        (self._starved.add if any(plan.starved for plan in plans) else self._starved.discard)(scope)
        return any(not plan.empty for plan in plans)

    def _apply(self, plan: Plan) -> None:
        if plan.empty:
            return
        with self._store.transaction() as tx:
            for resource in plan.puts:
                tx.put(resource)
            for resource in plan.deletes:
                tx.delete(resource)

    def _plans(self, scope: Scope, now: datetime) -> Iterator[Plan]:
        """The planners' answers one after the other; each sees what the one before wrote."""
        if scope.kind == "service":
            yield from self._of_service(scope.key, now)
        elif scope.kind == "codedeploy":
            rollout = code_deploy_plan.read(self._store, scope.key)
            yield Plan() if rollout is None else code_deploy_plan.plan(rollout, now)
        elif scope.kind == "cluster":
            yield task_plan.plan(snapshot.read_loose(self._store, scope.key), now)
        elif scope.kind == "task":
            yield task_plan.plan(snapshot.read_task(self._store, scope.key), now)
        elif scope.kind == "group":
            yield target_plan.plan_group(snapshot.read_group(self._store, scope.key, self._ledger), now)
        elif scope.kind == "target":
            yield target_plan.plan_group(snapshot.read_target(self._store, scope.key, self._ledger), now)
        elif scope.kind == "autoscaling":
            yield from self._of_auto_scaling_group(scope.key, now)
        elif scope.kind == "waiting":
            waiting = waiting_plan.read(self._store, scope.key, self._ledger)
            yield waiting_plan.plan(waiting, now, self._ids)
        else:
            dead = reaper_plan.plan(snapshot.read_leftovers(self._store), now)
            records = record_plan.of_gone(self._store, dead.deletes)
            yield msgspec.structs.replace(dead, deletes=(*dead.deletes, *records))
            yield definition_plan.plan(definition_plan.read(self._store))

    def _of_service(self, arn: str, now: datetime) -> Iterator[Plan]:
        found = snapshot.read_service(self._store, arn, self._ledger)
        if found is None:
            return
        if found.service.made_of_task_sets:
            yield from self._of_task_sets(arn, now)
        else:
            yield from self._of_deployments(found, now)
        records = record_plan.read(self._store, arn)
        if records is not None:
            yield record_plan.plan(records, now)

    def _of_deployments(self, found: snapshot.ServiceSnapshot, now: datetime) -> Iterator[Plan]:
        """The plans of a service that deploys by itself."""
        arn = found.service.arn
        plan = self._tasks_planned(found, now)
        yield plan
        traffic = traffic_plan.read(self._store, arn)
        if traffic is not None:
            yield traffic_plan.plan(traffic)
        if not plan.empty:
            found = snapshot.read_service(self._store, arn, self._ledger) or found
        yield self._targets_planned(found, now)
        yield Plan(deletes=reaper_plan.released(found.interfaces))

    def _of_task_sets(self, arn: str, now: datetime) -> Iterator[Plan]:
        """The plans of a service that is made of task sets."""
        for task_set in self._store.list(TaskSet, service_arn=arn):
            for planner in (self._tasks_planned, self._targets_planned):
                service, current = self._store.get(Service, arn), self._store.get(TaskSet, task_set.arn)
                if service is not None and current is not None:
                    stand_in = task_set_plan.stand_in(service, current)
                    part = snapshot.read_task_set(self._store, stand_in, self._ledger)
                    yield task_set_plan.told(planner(part, now), service, current, now)
        found = snapshot.read_service(self._store, arn, self._ledger)
        if found is not None:
            yield Plan(deletes=reaper_plan.released(found.interfaces))
            yield task_set_plan.finish(found, self._store.list(TaskSet, service_arn=arn), now)

    def _of_auto_scaling_group(self, arn: str, now: datetime) -> Iterator[Plan]:
        found = auto_scaling_snapshot.read(self._store, arn)
        if found is None:
            return
        name = found.provider.name if found.provider else None
        named = self._store.list(ContainerInstance, capacity_provider=name) if name else []
        yield capacity_plan.plan(found, named)
        if found.provider is not None and found.clusters:
            demand = demand_snapshot.read(self._store, found, self._ledger)
            yield managed_scaling_plan.plan(demand, now)
        found = auto_scaling_snapshot.read(self._store, arn) or found
        yield auto_scaling_plan.plan(found, now, self._ids)

    def _tasks_planned(self, found: snapshot.ServiceSnapshot, now: datetime) -> Plan:
        plan = service_plan.plan(found, now, self._ids)
        if plan.wants_stock:
            stock = snapshot.read_stock(self._store, found, self._ledger)
            plan = service_plan.plan(found, now, self._ids, stock)
        return plan

    def _targets_planned(self, found: snapshot.ServiceSnapshot, now: datetime) -> Plan:
        return target_plan.plan(found, now, self._ids)

    def _pause(self, longest: float) -> float:
        """Seconds until a timer is due. The resync minds no clock that is set: it finds timers anew."""
        timer = self.wake_at
        until_timer = (timer - self._clock()).total_seconds() if timer else longest
        return max(0.0, min(until_timer, longest))


def _in_order(scopes: set[Scope]) -> list[Scope]:
    return sorted(scopes, key=lambda scope: (_ORDER[scope.kind], scope.key))
