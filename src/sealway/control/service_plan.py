"""One service: ends what must end, decides, places, and keeps its deployments and history.

``plan`` answers the whole change of the service and its tasks. It is called without a ``stock`` first;
only if tasks are to be started does it ask for one, since reading a cluster's room is the costly part.
The control loop owns everything of the service that is written here; the user's specification changes
only when the circuit breaker rolls back, as on AWS.
"""

from collections import Counter
from collections.abc import Sequence, Set
from datetime import datetime, timedelta

import msgspec

from ..model import capacity
from ..model.ids import IdSource
from ..model.network import NetworkInterface
from ..model.new_task import Board, Stock, TaskRequest, board, parted, place_all, subnet_ids, waiting_task
from ..model.placement import SERVICE_DEFAULT_STRATEGY, Unplaced
from ..model.service import Deployment, Service
from ..model.task import Task
from ..model.waiting import MOST_WAITING, waits
from . import backoff, daemon_plan, events, rebalance_plan
from .deployment_plan import Decision, Rollout, bounds_of, decide
from .health import Unfit, is_healthy, next_verdict, unfit
from .plan import Plan, earliest, over
from .rebalance_plan import Balance
from .rollout_state import Progress, advance, with_deployment
from .shift_tasks import shift_decision
from .snapshot import ServiceSnapshot
from .task_plan import FAILURES, End, endings, stop

LEAST_BATCH, MOST_BATCH = 100, 1000
"""Tasks started in one go; the rest follows in the next pass. The more tasks a service has, the more a pass
costs and the more it starts, so that starting many is not paid for by reading as many over and over."""
RETRY_PLACEMENT = timedelta(seconds=10)


def plan(snapshot: ServiceSnapshot, now: datetime, ids: IdSource, stock: Stock | None = None) -> Plan:
    """The next step of the service."""
    if snapshot.service.status == "INACTIVE":
        return Plan()
    return _Step(snapshot, now, ids).plan(stock)


class _Step:
    """One call of ``plan``: gathers what changes."""

    def __init__(self, snapshot: ServiceSnapshot, now: datetime, ids: IdSource) -> None:
        self.snapshot, self.now, self.ids = snapshot, now, ids
        self.service = snapshot.service
        self.tasks = {task.arn: task for task in snapshot.tasks}
        self.changed: dict[str, Task] = {}
        self.created: list[Task] = []
        self.interfaces: list[NetworkInterface] = []
        self.messages: list[str] = []
        self.wakes: list[datetime | None] = [next_verdict(snapshot, now)]
        self.starved = False

    def plan(self, stock: Stock | None) -> Plan:
        ended = endings(self.snapshot.tasks, self.snapshot.definitions, self.snapshot.machines)
        self._change(ended)
        self._count_failures([task for task in ended if task.stop_code in FAILURES])
        ground = self._ground()
        unfit_now, rollout = self._rollout()
        balance = self._balance(rollout)
        decision = self._decide(ground, rollout, balance)
        if (decision.start or decision.source_start) and stock is None:
            return Plan(wants_stock=True)
        missing = self._start(decision, stock, unfit_now.keys()) if stock is not None else 0
        self._stop([*decision.stop, *decision.spare[:missing]], unfit_now)
        self._say_started()
        if decision.blocked and not events.said_since_last_start(self.service, events.BLOCKED):
            self.messages.append(events.BLOCKED)
        self._rebalanced(balance, rollout, decision)
        self._progress(rollout, decision, steady=not missing)
        return self._written()

    # --- reading ------------------------------------------------------------------------------

    def _active(self) -> list[Task]:
        tasks = self.tasks.values()
        return [t for t in tasks if t.desired_status == "RUNNING" and t.last_status != "STOPPED"]

    def _ground(self) -> daemon_plan.Ground | None:
        """Where a DAEMON service's tasks belong, which also says how many there are to be."""
        if self.service.scheduling_strategy != "DAEMON":
            return None
        ground = daemon_plan.ground(
            self.service,
            self.snapshot.definitions[self.service.primary.task_definition_arn],
            self.snapshot.machines.instances,
            list(self.tasks.values()),
            self.snapshot.busy,
        )
        self.service = self.service.replace(desired_count=ground.desired)
        # The last of the others' tasks to leave a draining instance is no task of ours.
        self.starved = bool(ground.busy & ground.taken)
        return ground

    def _zones(self) -> frozenset[str]:
        definition = self.snapshot.definitions[self.service.primary.task_definition_arn]
        zones = self.snapshot.instance_zones, self.snapshot.subnet_zones
        return rebalance_plan.zones_of(self.service, definition, *zones)

    def _balance(self, rollout: Rollout) -> Balance:
        if self.service.extra.get("availabilityZoneRebalancing") != "ENABLED":
            return Balance()
        rest = rebalance_plan.rest_until(self.tasks.values(), self.now)
        self.wakes.append(rest)
        return rebalance_plan.plan(self.service, rollout, self._zones()) if rest is None else Balance()

    def _rollout(self) -> tuple[dict[str, Unfit], Rollout]:
        active, primary = self._active(), self.service.primary
        verdicts = {t.arn: why for t in active if (why := unfit(self.snapshot, t, self.now))}
        healthy = frozenset(t.arn for t in active if is_healthy(self.snapshot, t, self.now))
        return verdicts, Rollout(
            bounds=bounds_of(self.service),
            primary_id=primary.id,
            active=active,
            healthy=healthy - verdicts.keys(),
            unfit=frozenset(verdicts),
            displaced=frozenset(t.arn for t in active if self._displaced(t)),
            protected=frozenset(t.arn for t in active if self._protected(t)),
            may_start=self._may_start(primary, [t for t in active if t.arn in healthy]),
        )

    def _displaced(self, task: Task) -> bool:
        instance = self.snapshot.machines.instances.get(task.container_instance_arn or "")
        return instance is not None and instance.status == "DRAINING"

    def _protected(self, task: Task) -> bool:
        """Under protection; a service that is deleted takes all its tasks with it."""
        until = task.protected_until
        if until is None or until <= self.now or self.service.status != "ACTIVE":
            return False
        self.wakes.append(until)
        return True

    def _may_start(self, primary: Deployment, healthy: Sequence[Task]) -> bool:
        serving = [task for task in healthy if task.deployment_id == primary.id]
        series = backoff.current(self.service, primary)
        series, wake = backoff.after_success(series, serving, self.now)
        if series is None and self.service.backoff is not None:
            self.service = self.service.replace(backoff=None)
        self.wakes.append(wake)
        if primary.rollout_state == "FAILED":
            return False
        if series is not None and backoff.waits(series, self.now):
            self.wakes.append(series.not_before)
            return False
        return True

    def _decide(self, ground: daemon_plan.Ground | None, rollout: Rollout, balance: Balance) -> Decision:
        if ground is not None:
            return daemon_plan.decide(rollout, ground)
        primary = self.service.primary
        if primary.shift is not None and primary.shifting and self.service.status == "ACTIVE":
            rest = self._source_rest(primary.shift.source_id)
            return shift_decision(rollout, primary.shift, source_may_start=rest is None)
        return _decide(rollout, balance)

    def _source_rest(self, source_id: str) -> datetime | None:
        """Until when no task is started in the place of one that failed: its failures are not counted."""
        own = (t for t in self.tasks.values() if t.deployment_id == source_id and t.stop_code in FAILURES)
        last = max((ended for t in own if (ended := t.stopping_at or t.stopped_at)), default=None)
        if last is None or over(last, RETRY_PLACEMENT, self.now):
            return None
        self.wakes.append(last + RETRY_PLACEMENT)
        return last + RETRY_PLACEMENT

    # --- changing -----------------------------------------------------------------------------

    def _change(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self.changed[task.arn] = self.tasks[task.arn] = task

    def _count_failures(self, failed: Sequence[Task]) -> None:
        primary = self.service.primary
        ours = [task for task in failed if task.deployment_id == primary.id]
        if not ours:
            return
        before = backoff.current(self.service, primary)
        series = backoff.after_failures(before, primary, ours, self.now)
        counted = primary.failed_tasks + len(ours)
        counted_in = with_deployment(self.service, primary.id, failed_tasks=counted, updated_at=self.now)
        self.service = counted_in.replace(backoff=series)
        if series != before and series is not None and series.failures == backoff.LOOP_AFTER:
            self.messages.append(events.CRASH_LOOP)

    def _start(self, decision: Decision, stock: Stock, unfit_now: Set[str]) -> int:
        """Places what was decided; answers how many found no room."""
        request = self._request(self._starting(decision))
        # What is stopped in this very step gives no room yet; only its group's counts are free.
        leaving = {task.arn for task in decision.stop}
        now_known = [self.tasks.get(task.arn, task) for task in stock.tasks]
        told = [t.replace(desired_status="STOPPED") if t.arn in leaving else t for t in now_known]
        own = subnet_ids(request.network_configuration)
        subnets = [subnet for subnet in stock.subnets if subnet.id in own]
        on: Board = board(request, msgspec.structs.replace(stock, tasks=told, subnets=subnets))
        # Nor do those that go once their replacements serve; but zones are filled as if they had.
        unfit_zones = Counter(t.availability_zone for t in told if t.arn in unfit_now - leaving)
        on = msgspec.structs.replace(on, zone_tasks=Counter(on.zone_tasks) - unfit_zones)
        unplaced: list[Unplaced] = []
        has = capacity.counts(decision.kept)
        for wanted, count in _seats(request, decision, _batch(len(self.tasks))):
            for part, number in parted(wanted, count, has):
                made, on, refused = place_all(part, on, number, self.ids, self.now)
                has[part.provider or ""] += number
                self.created += [task for task, _ in made]
                self.interfaces += [interface for _, interface in made if interface is not None]
                if refused is not None and not self._wait(part, number - len(made), stock):
                    unplaced.append(refused)
        if request.launch_type == "FARGATE":
            self.created = capacity.divided(self.created, request.capacity, capacity.counts(decision.kept))
        if not unplaced:
            return 0
        if decision.zones:
            self.starved = True  # Nothing is missing: tasks move as soon as there is room.
            return 0
        self._say_unplaced(unplaced[0])
        return (decision.source_start or decision.start) - len(self.created)

    def _wait(self, part: TaskRequest, count: int, stock: Stock) -> bool:
        """Lets tasks wait for their capacity provider to grow; whether all of them do."""
        chosen = part.zone is not None or part.container_instance_arn is not None
        if part.provider not in stock.growing or chosen:
            return False
        room = max(0, MOST_WAITING - sum(map(waits, (*self.tasks.values(), *self.created))))
        self.created += [waiting_task(part, self.ids, self.now) for _ in range(min(count, room))]
        return count <= room

    def _starting(self, decision: Decision) -> Deployment:
        """Whose tasks are started: what serves comes before what is to serve."""
        primary = self.service.primary
        if not decision.source_start or primary.shift is None:
            return primary
        source = primary.shift.source_id
        return next(d for d in self.service.deployments if d.id == source)

    def _request(self, deployment: Deployment) -> TaskRequest:
        service, definition = self.service, self.snapshot.definitions[deployment.task_definition_arn]
        return TaskRequest(
            definition=definition,
            cluster_arn=service.cluster_arn,
            launch_type=deployment.launch_type,
            group=f"service:{service.name}",
            service_arn=service.arn,
            deployment_id=deployment.id,
            started_by=deployment.id,
            platform_version=deployment.platform_version,
            network_configuration=deployment.network_configuration,
            strategies=service.placement_strategy or SERVICE_DEFAULT_STRATEGY,
            constraints=service.placement_constraints,
            capacity=service.strategy if deployment.capacity is None else deployment.capacity,
            extra={"enableExecuteCommand": True} if service.extra.get("enableExecuteCommand") else {},
            tags=_task_tags(service, definition.tags),
        )

    def _rebalanced(self, balance: Balance, rollout: Rollout, decision: Decision) -> None:
        """Keeps how many tasks there are too many for now, and says what begins and ends."""
        surplus = len(self.created) if balance.zones else balance.surplus
        if balance.zones and surplus:
            counts = rebalance_plan.by_zone(rollout.active, self._zones())
            self.messages.insert(0, events.unbalanced(counts))
        if balance.over:
            self.messages.append(events.balanced(rebalance_plan.by_zone(decision.kept, self._zones())))
        if surplus != self.service.rebalancing:
            self.service = self.service.replace(rebalancing=surplus)

    def _say_unplaced(self, unplaced: Unplaced) -> None:
        self.starved = True
        self.wakes.append(self.now + RETRY_PLACEMENT)
        own_providers = bool(self.service.strategy) and self.service.launch_type != "FARGATE"
        message = events.unable_to_place(unplaced, by_provider=own_providers)
        if self.created or not events.said_since_last_start(self.service, message):
            self.messages.append(message)

    def _say_started(self) -> None:
        if self.created:
            # Before a word on who found no room: these were started first.
            self.messages.insert(0, events.started(self.created))

    def _stop(self, tasks: Sequence[Task], verdicts: dict[str, Unfit]) -> None:
        scaling = f"Scaling activity initiated by (deployment {self.service.primary.id})"
        stopped = []
        for task in tasks:
            why = verdicts.get(task.arn)
            if why is not None:
                self.messages.append(why.event)
            stopped.append(stop(task, End("ServiceSchedulerInitiated", why.reason if why else scaling)))
        self._change(stopped)
        self._count_failures([task for task in stopped if task.arn in verdicts])
        if stopped:
            self.messages.append(events.stopped(stopped))

    def _progress(self, rollout: Rollout, decision: Decision, *, steady: bool) -> None:
        progress = Progress(
            tasks=(*self.tasks.values(), *self.created),
            kept=decision.kept,
            healthy=rollout.healthy,
            settled=steady and not self.created and not decision.stop,
        )
        self.service, messages, wake = advance(self.service, progress, self.now, self.ids)
        self.messages += messages
        self.wakes.append(wake)

    def _written(self) -> Plan:
        service = events.add(self.service, self.messages, self.ids, self.now)
        own = () if service == self.snapshot.service else (service,)
        return Plan(
            puts=(*self.changed.values(), *self.interfaces, *self.created, *own),
            wake_at=earliest(*self.wakes),
            starved=self.starved,
        )


def _decide(rollout: Rollout, balance: Balance) -> Decision:
    bounds = rollout.bounds
    raised = msgspec.structs.replace(bounds, desired=bounds.desired + balance.surplus)
    decision = decide(msgspec.structs.replace(rollout, bounds=raised))
    return msgspec.structs.replace(decision, zones=balance.zones)


def _batch(tasks: int) -> int:
    """How many are started in one go of a service of so many."""
    return min(max(tasks, LEAST_BATCH), MOST_BATCH)


def _seats(request: TaskRequest, decision: Decision, most: int) -> list[tuple[TaskRequest, int]]:
    """What to start and how many of it (``most`` at once), each where the decision wants it."""
    if decision.places:
        chosen = decision.places[:most]
        return [(msgspec.structs.replace(request, container_instance_arn=at), 1) for at in chosen]
    if decision.zones:
        chosen = decision.zones[:most]
        return [(msgspec.structs.replace(request, zone=zone), n) for zone, n in Counter(chosen).items()]
    return [(request, min(decision.source_start or decision.start, most))]


def _task_tags(service: Service, of_definition: dict[str, str]) -> dict[str, str]:
    """The tags of a service's task, as ``propagateTags`` and ``enableECSManagedTags`` say."""
    sources = {"SERVICE": service.tags, "TASK_DEFINITION": of_definition}
    tags = dict(sources.get(service.extra.get("propagateTags") or "NONE", {}))
    if service.extra.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = service.cluster_arn.rsplit("/", 1)[-1]
        tags["aws:ecs:serviceName"] = service.name
    return tags
