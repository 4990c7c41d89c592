from datetime import timedelta

from sealway.control.reaper_plan import KEPT, plan
from sealway.control.snapshot import Leftovers
from sealway.model.cluster import ContainerInstance
from sealway.model.instance import Instance
from sealway.model.service import Service
from tests.support.cluster_world import NOW, task
from tests.support.control_world import ControlWorld


def test_deleted_services_stay_describable_for_an_hour(world: ControlWorld) -> None:
    world.create(0)
    world.change(Service, world.arn, status="DRAINING")
    world.settle()
    assert world.service.status == "INACTIVE"
    world.tick(seconds=3599)
    assert world.service.status == "INACTIVE"
    world.tick()
    assert world.store.get(Service, world.arn) is None


def test_terminated_instances_go_with_their_container_instances(world: ControlWorld) -> None:
    machine, other = world.machines(2)
    world.change(Instance, machine.ec2_instance_id, state="terminated", terminated_at=world.now)
    world.settle()
    assert world.loop.wake_at == world.now + timedelta(hours=1)
    world.tick(seconds=3600)
    assert [i.id for i in world.store.list(Instance)] == [other.ec2_instance_id]
    assert [c.arn for c in world.store.list(ContainerInstance)] == [other.arn]


def test_what_dies_within_a_minute_goes_together() -> None:
    """Not each of ten thousand stopped tasks is to take a look at all of them."""
    tasks = [
        task(n, last_status="STOPPED", desired_status="STOPPED", stopped_at=NOW + timedelta(seconds=n))
        for n in range(3)
    ]
    first = plan(Leftovers(tasks=tuple(tasks)), NOW + KEPT)
    assert first.deletes == (tasks[0],)
    assert first.wake_at == NOW + KEPT + timedelta(minutes=1)
