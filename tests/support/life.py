"""A life of a service, as a client scripts it: one call a step, then waiting until all is quiet.

A step whose answer never came is called again, as clients do; one that was answered never is.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from sealway.model.auto_scaling import AutoScalingGroup, GroupInstance, ScalingActivity
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.errors import AwsError
from sealway.model.instance import Instance
from sealway.model.load_balancer import Listener, LoadBalancer
from sealway.model.network import NetworkInterface
from sealway.model.request import Params
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetHealth
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from sealway.model.task_set import TaskSet
from tests.support.process import Process

FAILING = ("nowhere:1", "crash:1")
"""Images whose tasks never serve: how many are tried before a rollout is given up is a matter of moments."""
Say = Callable[[Process], Params]


class Step(NamedTuple):
    """One call. ``again``: the code that a repeated call is answered with when the first one had worked."""

    name: str
    service: str
    operation: str
    params: Say
    again: str = ""
    ready: Callable[[Process], bool] = lambda _: True


class Progress:
    """How far a client has come: it outlives Sealway's process. ``shapes``: what each step led to."""

    def __init__(self) -> None:
        self.at = 0
        self.answers: dict[str, Params] = {}
        self.shapes: dict[str, Any] = {}

    def copied(self) -> "Progress":
        other = Progress()
        other.at, other.answers, other.shapes = self.at, dict(self.answers), dict(self.shapes)
        return other


async def live(process: Process, steps: list[Step], progress: Progress) -> None:
    """The rest of the life."""
    for step in steps[progress.at :]:
        if step.name not in progress.answers:
            progress.answers[step.name] = _called(process, step)
        await until(lambda ready=step.ready: ready(process) and quiet(process), step.name)  # type: ignore[misc]
        progress.shapes[step.name] = await still(process)
        progress.at += 1


def _called(process: Process, step: Step) -> Params:
    try:
        return process.call(step.service, step.operation, step.params(process))
    except AwsError as error:
        if error.code != step.again:
            raise
        return {}


async def until(holds: Callable[[], bool], what: str, seconds: float = 600) -> None:
    """Polls, in the loop's time."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while not holds():
        assert clock() < end, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.1)


async def still(process: Process, seconds: float = 1) -> dict[str, Any]:
    """The shape, once it has been the same for so long."""
    before: dict[str, Any] = {}
    while (now := shape(process)) != before:
        before = now
        await asyncio.sleep(seconds)
    return now


# --- what there is ------------------------------------------------------------------------------


def found(process: Process, kind: Any, **equals: Any) -> Any:
    """The only such resource."""
    (only,) = process.store.list(kind, **equals)
    return only


def alive(process: Process) -> list[Task]:
    return [t for t in process.store.list(Task) if t.last_status != "STOPPED"]


def settled(process: Process) -> bool:
    """The service is steady, with one deployment, rolled out; or all its task sets are, and none is going."""
    service: Service = found(process, Service)
    if service.made_of_task_sets:
        return all(one.steady and one.status != "DRAINING" for one in process.store.list(TaskSet))
    return service.steady and [d.rollout_state for d in service.deployments] == ["COMPLETED"]


def quiet(process: Process) -> bool:
    """Nothing is on its way: not in the store, not outside."""
    tasks, outside = alive(process), process.outside
    if any((t.last_status, t.desired_status) != ("RUNNING", "RUNNING") for t in tasks):
        return False
    targets = process.store.list(Target)
    if any(t.draining_since for t in targets) or len(process.store.list(TargetHealth)) != len(targets):
        return False
    if any(b.state != "active" for b in process.store.list(LoadBalancer)):
        return False
    attached = {t.interface.network_interface_id for t in tasks if t.interface}
    containers = len(tasks) + len(attached)  # an awsvpc task has a pause container too
    there = len(outside.runtime._containers), set(outside.network.tasks), outside.dataplane.state.draining
    return there == (containers, attached, frozenset())


def shape(process: Process) -> dict[str, Any]:
    """All that there is, without its ids: equal after equal lives."""
    store, outside = process.store, process.outside
    images = {d.arn: d.containers[0]["image"] for d in store.list(TaskDefinition)}
    frontends = outside.dataplane.state.frontends
    return {
        "tasks": Counter(
            (images[t.task_definition_arn], t.group, t.last_status, t.stop_code)
            for t in store.list(Task)
            if images[t.task_definition_arn] not in FAILING
        ),
        "services": [
            (
                s.status,
                s.desired_count,
                images.get(s.task_definition_arn),
                [d.rollout_state for d in s.deployments],
            )
            for s in store.list(Service)
        ],
        "task sets": sorted(
            (images[s.task_definition_arn], s.status, s.scale, s.steady) for s in store.list(TaskSet)
        ),
        "targets": Counter((_name(t.target_group_arn), _health(process, t)) for t in store.list(Target)),
        "interfaces": len(store.list(NetworkInterface)),
        "groups": [(g.desired_capacity, g.name) for g in store.list(AutoScalingGroup)],
        "members": Counter((m.state, m.template.version) for m in store.list(GroupInstance)),
        "activities": Counter((a.description[:9], a.status) for a in store.list(ScalingActivity)),
        "instances": Counter(i.state for i in store.list(Instance)),
        "container instances": Counter(c.status for c in store.list(ContainerInstance)),
        "clusters": Counter(c.status for c in store.list(Cluster)),
        "balancers": [(b.name, b.state) for b in store.list(LoadBalancer)],
        "weights": [
            sorted((_name(g), w) for g, w in one.target_group_weights.items()) for one in store.list(Listener)
        ],
        "containers": Counter((c.image, c.status) for c in outside.runtime._containers.values()),
        "addresses": (
            len(outside.network.tasks),
            len(outside.network.vips),
            len(outside.network.host_addresses),
        ),
        "frontends": sorted((f.vip, f.port, len(f.backends)) for f in frontends),
        "names": sorted(len(addresses) for addresses in outside.dns.records.values()),
    }


def _health(process: Process, target: Target) -> str:
    health = process.store.get(TargetHealth, target.key)
    return health.state if health else "unknown"


def _name(arn: str) -> str:
    return re.sub(r"/[0-9a-f]{16}$", "", arn).rsplit("/", 1)[-1]
