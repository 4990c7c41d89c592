"""Whatever becomes of a DAEMON service's instances and tasks, the planners keep their promises:

- never two of its tasks on one container instance, not even while one drains;
- tasks are started only on ACTIVE instances that meet the constraints;
- the planner itself never takes healthy tasks below the minimum percent of those wanted;
- once nobody interferes, there is exactly one on each such instance, and the plan ends empty.
"""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.control import daemon_plan, snapshot
from sealway.control.deployment_plan import bounds_of
from sealway.control.health import is_healthy
from sealway.control.service_plan import plan
from sealway.model.cluster import ContainerInstance
from sealway.model.ids import CountingIds
from sealway.model.service import Service
from sealway.model.task import Task
from tests.support.cluster_world import instance
from tests.support.control_world import ControlWorld, ec2

actions = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from([0.2, 1, 7, 40])),
    st.tuples(st.just("deploy"), st.sampled_from(["good", "crash", "sick", "slow", "pull"])),
    st.tuples(st.just("kill"), st.integers(0, 5)),
    st.tuples(st.just("status"), st.tuples(st.integers(0, 3), st.sampled_from(["ACTIVE", "DRAINING"]))),
    st.tuples(st.just("mark"), st.tuples(st.integers(0, 3), st.sampled_from(["edge", "core"]))),
    st.tuples(st.just("join"), st.none()),
)
EDGE = ({"type": "memberOf", "expression": "attribute:role == edge"},)


class Watcher:
    """Plays the actions and checks every promise at every write."""

    def __init__(self, world: ControlWorld, case: dict[str, Any]) -> None:
        self.world, self.case, self.revision = world, case, 1
        made = [instance(n, f"us-east-1{'abc'[n % 3]}", attributes={"role": "edge"}) for n in range(1, 5)]
        world.put(*made, *(ec2(m) for m in made))
        world.target_group(delay=3)
        world.create(
            0,
            balanced=case["balanced"],
            scheduling_strategy="DAEMON",
            minimum_healthy_percent=case["minimum"],
            maximum_percent=100,
            placement_constraints=EDGE if case["constrained"] else (),
        )
        apply = world.loop._apply

        def checked(plan: Any) -> None:
            before = {t.arn for t in world.store.list(Task)}
            found = snapshot.read_service(world.store, world.arn)
            assert found is not None
            healthy, lower = self._healthy(), bounds_of(self._counted(found)).lower
            apply(plan)
            if not plan.empty:
                self.check(before, healthy, lower)

        world.loop._apply = checked  # type: ignore[method-assign]

    def _counted(self, found: snapshot.ServiceSnapshot) -> Service:
        """The service with the number of tasks that it wants now."""
        definition = found.definitions[found.service.primary.task_definition_arn]
        on = daemon_plan.ground(found.service, definition, found.machines.instances, found.tasks, found.busy)
        return found.service.replace(desired_count=on.desired)

    def play(self, action: str, argument: Any) -> None:
        world = self.world
        machines = world.store.list(ContainerInstance)
        if action == "tick":
            world.tick(argument)
        elif action == "deploy":
            self.revision += 1
            world.deploy(world.define(self.revision, argument))
        elif action == "kill" and world.active:
            world.exit_container(world.active[argument % len(world.active)])
        elif action == "status":
            world.change(ContainerInstance, machines[argument[0]].arn, status=argument[1])
        elif action == "mark":
            world.change(ContainerInstance, machines[argument[0]].arn, attributes={"role": argument[1]})
        elif action == "join":
            made = instance(len(machines) + 1, attributes={"role": "edge"})
            world.put(made, ec2(made))
        world.settle()

    def check(self, before: set[str], healthy: int, lower: int) -> None:
        tasks = self.world.store.list(Task)
        alive = Counter(t.container_instance_arn for t in tasks if t.last_status != "STOPPED")
        assert max(alive.values(), default=0) <= 1, "two of a daemon on one instance"
        machines = {m.arn: m for m in self.world.store.list(ContainerInstance)}
        for task in tasks:
            if task.arn not in before:
                assert machines[task.container_instance_arn or ""].status == "ACTIVE"
                if self.case["constrained"]:
                    assert machines[task.container_instance_arn or ""].attributes["role"] == "edge"
        assert self._healthy() >= min(lower, healthy), "below the minimum percent"

    def _places(self) -> set[str]:
        return {
            m.arn
            for m in self.world.store.list(ContainerInstance)
            if m.status == "ACTIVE" and (not self.case["constrained"] or m.attributes["role"] == "edge")
        }

    def _healthy(self) -> int:
        """Healthy tasks where they belong."""
        found = snapshot.read_service(self.world.store, self.world.arn)
        assert found is not None
        alive = [
            t
            for t in self.world.active
            if t.container_instance_arn in self._places()
            and all(c.last_status != "STOPPED" for c in t.containers)
        ]
        return sum(is_healthy(found, task, self.world.now) for task in alive)


cases = st.fixed_dictionaries(
    {
        "minimum": st.sampled_from([0, 50, 75]),
        "balanced": st.booleans(),
        "constrained": st.booleans(),
        "actions": st.lists(actions, max_size=14),
    }
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases)
def test_one_on_each_instance(case: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = ControlWorld(Path(directory))
        watcher = Watcher(world, case)
        for action, argument in case["actions"]:
            watcher.play(action, argument)
        world.change(Service, world.arn, minimum_healthy_percent=0)  # a high one may block for good
        watcher.play("deploy", "good")
        world.until(lambda: world.service.steady and len(world.service.deployments) == 1, most=400)
        assert {t.container_instance_arn for t in world.active} == watcher._places()
        assert world.revisions() == [watcher.revision] * len(world.active)
        found = snapshot.read_service(world.store, world.arn)
        assert found is not None
        assert plan(found, world.now, CountingIds("again")).empty
        world.store.close()
