from sealway.control.definition_plan import Deletions, plan
from sealway.model.task_definition import TaskDefinition
from tests.support.cluster_world import definition
from tests.support.control_world import ControlWorld


def doomed(revision: int, status: str = "DELETE_IN_PROGRESS", family: str = "orders") -> TaskDefinition:
    return definition(family, revision).replace(status=status)


def outcome(*definitions: TaskDefinition, used: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    made = plan(Deletions(definitions=definitions, used=frozenset(used)))
    emptied = [d for d in made.puts if isinstance(d, TaskDefinition)]
    assert all(d.status == "DELETED" and d.containers == [] for d in emptied)
    return [d.arn[-8:] for d in emptied], [d.key[-8:] for d in made.deletes]


def test_unused_revisions_are_deleted() -> None:
    assert outcome(doomed(1), doomed(2), definition("orders", 3)) == ([], ["orders:1", "orders:2"])


def test_used_ones_wait() -> None:
    assert outcome(doomed(1), definition("orders", 2), used=(doomed(1).arn,)) == ([], [])


def test_the_highest_number_stays() -> None:
    assert outcome(doomed(1), doomed(2)) == (["orders:2"], ["orders:1"])
    assert outcome(doomed(2, "DELETED")) == ([], [])
    assert outcome(doomed(2, "DELETED"), definition("orders", 3)) == ([], ["orders:2"])


def test_families_of_other_accounts_are_apart() -> None:
    other = definition("orders", 9).replace(account_id="111111111111")
    assert outcome(doomed(1), other) == (["orders:1"], [])


def test_a_service_and_its_stopped_tasks_hold_a_definition(world: ControlWorld) -> None:
    world.machines(1)
    world.create(1)
    world.steady()
    (task,) = world.active
    world.change(TaskDefinition, task.task_definition_arn, status="DELETE_IN_PROGRESS")
    world.deploy(world.define(2))
    world.steady()
    world.tick(seconds=3500)
    assert world.store.get(TaskDefinition, task.task_definition_arn) is not None
    world.tick(seconds=101, times=2)
    assert world.store.get(TaskDefinition, task.task_definition_arn) is None
    assert len(world.active) == 1
