"""Whatever is done to a service's task sets, and whatever becomes of their tasks, control keeps its promises:

- a set has at most as many tasks to run as the maximum percent of its part allows, unless it had before;
- a draining set starts nothing;
- a may-stop is given only when no target of the task is left;
- once nobody interferes and tasks behave, every set is steady at its part, and what was deleted is gone.
"""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealway.control.loop import ControlLoop
from sealway.model.cluster import ContainerInstance
from sealway.model.service import Service
from sealway.model.target_group import Target
from sealway.model.task import Task
from tests.support.task_set_world import TaskSetWorld

MOST_SETS = 3
numbers = st.integers(1, MOST_SETS)
actions = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from([0.2, 1, 7, 40])),
    st.tuples(st.just("scale"), st.integers(0, 5)),
    st.tuples(st.just("add"), st.sampled_from(["good", "crash", "sick", "slow", "pull"])),
    st.tuples(st.just("drop"), numbers),
    st.tuples(st.just("rescale"), st.tuples(numbers, st.sampled_from([0, 0.1, 33.4, 50, 100]))),
    st.tuples(st.just("kill"), st.integers(0, 9)),
    st.tuples(st.just("drain"), st.integers(0, 3)),
    st.tuples(st.just("restart"), st.none()),
)


class Watcher:
    """Plays the actions and checks the promises after each."""

    def __init__(self, world: TaskSetWorld, maximum: int) -> None:
        self.world, self.maximum, self.revision = world, maximum, 0
        self.machines = world.machines(4)
        world.target_group(delay=3)
        world.external(3, maximum_percent=maximum, minimum_healthy_percent=50)

    def play(self, action: str, argument: object) -> None:
        before, draining = self.counts(), self.draining()
        getattr(self, action)(argument)
        self.world.settle()
        after = self.counts()
        for number, one in self.world.sets().items():
            part = one.desired_count(self.world.service.desired_count)
            assert after[number] <= max(before[number], part * self.maximum // 100)
            assert number not in draining or after[number] <= before[number]
        for task in self.world.store.list(Task):
            assert not task.may_stop or not self.world.store.list(Target, task_arn=task.arn)

    def counts(self) -> Counter[int]:
        return Counter(int((task.deployment_id or "").removeprefix("ecs-svc/")) for task in self.world.active)

    def draining(self) -> set[int]:
        return {number for number, one in self.world.sets().items() if one.status == "DRAINING"}

    def tick(self, seconds: float) -> None:
        self.world.tick(seconds)

    def scale(self, count: int) -> None:
        self.world.change(Service, self.world.arn, desired_count=count)

    def add(self, conduct: str) -> None:
        free = set(range(1, MOST_SETS + 1)) - self.world.sets().keys()
        if free and not any(t.deployment_id == f"ecs-svc/{min(free)}" for t in self.world.store.list(Task)):
            self.revision += 1
            self.world.add(min(free), self.world.define(self.revision, conduct))

    def drop(self, number: int) -> None:
        if number in self.world.sets():
            self.world.drop(number)

    def rescale(self, given: tuple[int, float]) -> None:
        if given[0] in self.world.sets().keys() - self.draining():
            self.world.rescale(*given)

    def kill(self, index: int) -> None:
        if active := self.world.active:
            self.world.exit_container(active[index % len(active)])

    def drain(self, index: int) -> None:
        self.world.change(ContainerInstance, self.machines[index].arn, status="DRAINING")

    def restart(self, _: None) -> None:
        self.world.loop = ControlLoop(self.world.store, lambda: self.world.now, self.world.ids)

    def calm(self) -> None:
        """Nobody interferes any more, and tasks behave."""
        world = self.world
        doomed = self.draining()
        for machine in self.machines:
            world.change(ContainerInstance, machine.arn, status="ACTIVE")
        world.conduct = dict.fromkeys(world.conduct, "good")
        world.until(lambda: world.all_steady() and not self.draining(), most=80, seconds=10)
        desired = world.service.desired_count
        parts = {n: one.desired_count(desired) for n, one in world.sets().items()}
        assert {n: self.counts()[n] for n in parts} == parts
        assert not doomed & world.sets().keys()
        assert sum(parts.values()) == len(world.active) == len(world.store.list(Target))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(maximum=st.sampled_from([100, 150, 200]), played=st.lists(actions, max_size=12))
def test_the_promises_hold(maximum: int, played: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = TaskSetWorld(Path(directory))
        watcher = Watcher(world, maximum)
        for action, argument in [("add", "good"), *played]:
            watcher.play(action, argument)
        watcher.calm()
        world.store.close()
