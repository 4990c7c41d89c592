"""Whatever a user does to a service, and whatever becomes of its tasks, the planners keep their promises:

- no container instance is ever over its capacity, no host port is given twice, and constraints hold;
- tasks to run never exceed the maximum percent, when they did not before;
- the planner never takes healthy tasks below the minimum percent;
- a deleted service starts nothing;
- a may-stop is given only when no target of the task is left;
- once nobody interferes and tasks behave, the plan ends empty and the service steady.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.control import snapshot
from sealway.control.deployment_plan import bounds_of
from sealway.control.health import is_healthy
from sealway.model import placement
from sealway.model.cluster import ContainerInstance
from sealway.model.service import Service
from sealway.model.target_group import Target
from sealway.model.task import Task
from sealway.model.task_definition import TaskDefinition
from tests.support.control_world import ControlWorld

actions = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from([0.2, 1, 7, 40])),
    st.tuples(st.just("scale"), st.integers(0, 6)),
    st.tuples(st.just("deploy"), st.sampled_from(["good", "crash", "sick", "slow", "pull"])),
    st.tuples(st.just("kill"), st.integers(0, 5)),
    st.tuples(st.just("stop"), st.integers(0, 5)),
    st.tuples(st.just("drain"), st.integers(0, 3)),
    st.tuples(st.just("undrain"), st.integers(0, 3)),
)
worlds = st.fixed_dictionaries(
    {
        "desired": st.integers(0, 5),
        "minimum": st.sampled_from([0, 50, 66, 100]),
        "maximum": st.sampled_from([100, 133, 150, 200]),
        "balanced": st.booleans(),
        "distinct": st.booleans(),
        "fixed_port": st.booleans(),
        "range": st.sampled_from([None, "9000-9009", "9000-18999"]),
        "breaker": st.booleans(),
        "rebalancing": st.booleans(),
        "actions": st.lists(actions, max_size=14),
    }
)


class Watcher:
    """Plays the actions and checks every promise after every pass."""

    def __init__(self, world: ControlWorld, case: dict[str, Any]) -> None:
        self.world, self.case = world, case
        self.revision = 0
        self.machines = world.machines(4, cpu_units=500)
        world.target_group(delay=3)
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}} if case["breaker"] else {}
        self.define("good")
        world.create(
            case["desired"],
            balanced=case["balanced"],
            minimum_healthy_percent=case["minimum"],
            maximum_percent=case["maximum"],
            deployment_configuration=breaker,
            extra={"availabilityZoneRebalancing": "ENABLED"} if case["rebalancing"] else {},
            placement_constraints=({"type": "distinctInstance"},) if case["distinct"] else (),
        )

    def define(self, conduct: str) -> TaskDefinition:
        self.revision += 1
        port: list[dict[str, Any]] = [
            {"containerPort": 8443, "hostPort": 8443 if self.case["fixed_port"] else 0}
        ]
        if self.case["range"]:
            port.append({"containerPortRange": self.case["range"]})
        container = {"name": "app", "image": "app:1", "cpu": 128, "memory": 128, "portMappings": port}
        return self.world.define(self.revision, conduct, containerDefinitions=[container])

    def play(self, action: str, argument: Any) -> None:
        world, active = self.world, self.world.active
        if action == "tick":
            with self.promises():
                world.tick(argument)
            for task in world.store.list(Task, last_status="STOPPED"):
                assert world.store.list(Target, task_arn=task.arn) == []
            return
        if action == "scale" and world.service.status == "ACTIVE":
            world.change(Service, world.arn, desired_count=argument)
        elif action == "deploy" and world.service.status == "ACTIVE":
            world.deploy(self.define(argument))
        elif action == "kill" and active:
            world.exit_container(active[argument % len(active)])
        elif action == "stop" and active:
            world.change(
                Task, active[argument % len(active)].arn, desired_status="STOPPED", stop_code="UserInitiated"
            )
        elif action in ("drain", "undrain"):
            status = "DRAINING" if action == "drain" else "ACTIVE"
            world.change(ContainerInstance, self.machines[argument].arn, status=status)
        with self.promises():
            world.settle()

    @contextmanager
    def promises(self) -> Iterator[None]:
        """Checks each single write of the control loop, not only where it ends."""
        loop = self.world.loop
        apply = loop._apply

        def checked(plan: Any) -> None:
            before, running = self._healthy(), len(self.world.active)
            apply(plan)
            if not plan.empty:
                self.check(before, running)

        loop._apply = checked  # type: ignore[method-assign]
        try:
            yield
        finally:
            loop._apply = apply  # type: ignore[method-assign]

    def check(self, healthy_before: int, active_before: int) -> None:
        world, service = self.world, self.world.service
        bounds, active = bounds_of(service), self.world.active
        assert len(active) <= max(bounds.upper, active_before), "above the maximum percent"
        assert self._healthy() >= min(bounds.lower, healthy_before), "below the minimum percent"
        if service.status != "ACTIVE":
            assert len(active) <= active_before, "a deleted service started a task"
        tasks = world.store.list(Task)
        definitions = {d.arn: d for d in world.store.list(TaskDefinition)}
        everywhere = [m.replace(status="ACTIVE") for m in world.store.list(ContainerInstance)]
        for room in placement.rooms(everywhere, tasks, definitions):
            assert room.cpu >= 0
            assert room.memory >= 0
        if self.case["distinct"]:
            assert max(Counter(t.container_instance_arn for t in active).values(), default=0) <= 1
        if self.case["fixed_port"]:
            alive = Counter(t.container_instance_arn for t in tasks if t.last_status != "STOPPED")
            assert max(alive.values(), default=0) <= 1, "a port given twice"
        given = sorted(
            (task.container_instance_arn or "", each.host_port, each.host_ports.stop)
            for task in tasks
            if task.last_status != "STOPPED"
            for each in task.port_ranges
        )
        for (machine, _, stop), (following, start, _) in itertools.pairwise(given):
            assert machine != following or stop <= start, "a port of a range given twice"
        for task in tasks:
            if task.may_stop:
                assert task.desired_status == "STOPPED"
                assert world.store.list(Target, task_arn=task.arn, unused_since=None) == []

    def balanced(self) -> bool:
        """Whether no Availability Zone with a machine has two tasks more than another one."""
        counts = {machine.availability_zone: 0 for machine in self.machines}
        for task in self.world.active:
            counts[task.availability_zone] += 1
        return max(counts.values()) - min(counts.values()) <= 1

    def _healthy(self) -> int:
        """Healthy tasks that still take new connections, whose containers run."""
        found = snapshot.read_service(self.world.store, self.world.arn)
        assert found is not None
        alive = [t for t in self.world.active if all(c.last_status != "STOPPED" for c in t.containers)]
        return sum(is_healthy(found, task, self.world.now) for task in alive)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=worlds)
def test_promises_hold_and_the_service_converges(case: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = ControlWorld(Path(directory))
        watcher = Watcher(world, case)
        for action, argument in case["actions"]:
            watcher.play(action, argument)
        for machine in watcher.machines:
            world.change(ContainerInstance, machine.arn, status="ACTIVE")
        world.change(Service, world.arn, minimum_healthy_percent=0, maximum_percent=200, desired_count=3)
        world.deploy(watcher.define("good"))
        with watcher.promises():
            world.until(lambda: world.service.steady and len(world.service.deployments) == 1, most=200)
        assert world.revisions() == [watcher.revision] * 3
        if case["rebalancing"]:
            world.until(lambda: world.service.steady and watcher.balanced(), seconds=60)

        world.change(Service, world.arn, status="DRAINING", desired_count=0)
        with watcher.promises():
            world.until(lambda: world.service.status == "INACTIVE")
        assert world.store.list(Target) == []
        world.store.close()
