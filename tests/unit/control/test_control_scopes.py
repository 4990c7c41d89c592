from pathlib import Path

from sealway.control.scopes import WATCHED, Scope, everything, frees_room, touched
from sealway.model.auto_scaling import AutoScalingGroup, GroupInstance
from sealway.model.capacity import NAME
from sealway.model.capacity_provider import CapacityProvider
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.instance import Instance
from sealway.model.load_balancer import Listener
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetHealth
from sealway.model.task import Task, Wait
from sealway.model.task_set import TaskSet
from tests.support.cluster_world import CLUSTER, ECS, NOW, OWNER, group_member, scaling_group, task
from tests.support.control_world import GROUP, ControlWorld
from tests.support.task_set_world import TaskSetWorld


def test_changes_touch_the_scopes_that_look_at_them(world: ControlWorld) -> None:
    machine = world.machines(1)[0]
    world.target_group()
    world.create(1, balanced=True)
    world.steady()
    world.put(task(7, service_arn=None))
    [target] = world.store.list(Target)
    service, cluster, group = Scope("service", world.arn), Scope("cluster", CLUSTER), Scope("group", GROUP)
    waiting = Scope("waiting", CLUSTER)
    served = next(t for t in world.store.list(Task) if t.service_arn)
    for change, expected in (
        ((Service, world.arn), {service}),
        ((Task, served.arn), {service}),
        ((Task, task(7).arn), {cluster}),
        ((Task, "gone"), set()),
        ((Target, target.key), {service, group}),
        ((TargetHealth, target.key), {service, group}),
        ((ContainerInstance, machine.arn), {service, cluster, waiting}),
        ((Instance, machine.ec2_instance_id), {service, cluster, group, Scope("reaper")}),
        ((Listener, "any"), everything(world.store)),
    ):
        assert touched([change], world.store) == expected, change


def test_changes_touch_the_auto_scaling_group_that_they_are_about(world: ControlWorld) -> None:
    (machine,) = world.machines(1, capacity_provider="own")
    group, member = scaling_group(), group_member(machine.ec2_instance_id)
    provider = CapacityProvider(
        **OWNER, arn=f"{ECS}:capacity-provider/own", name="own", group_arn=group.arn, created_at=NOW
    )
    waits = task(1, wait=Wait(), last_status="PROVISIONING", service_arn=None, extra={NAME: "own"})
    begins = task(2, last_status="PROVISIONING", container_instance_arn=machine.arn, service_arn=None)
    runs = task(3, container_instance_arn=machine.arn, service_arn=None)
    world.put(group, member, provider, waits, begins, runs)
    scaling, waiting, cluster = (
        Scope("autoscaling", group.arn),
        Scope("waiting", CLUSTER),
        Scope("cluster", CLUSTER),
    )
    for change, expected in (
        ((AutoScalingGroup, group.arn), {scaling}),
        ((GroupInstance, member.instance_id), {scaling}),
        ((CapacityProvider, provider.arn), {scaling}),
        ((Cluster, CLUSTER), {scaling}),
        ((Instance, machine.ec2_instance_id), {scaling, cluster, Scope("reaper")}),
        ((ContainerInstance, machine.arn), {scaling, cluster, waiting}),
        ((Task, waits.arn), {scaling, cluster, waiting}),
        ((Task, begins.arn), {scaling, cluster}),
        ((Task, runs.arn), {cluster}),
    ):
        assert change[0] in WATCHED
        assert touched([change], world.store) == expected, change
    assert everything(world.store) >= {scaling, waiting, cluster}


def test_a_task_set_touches_its_service(tmp_path: Path) -> None:
    world = TaskSetWorld(tmp_path)
    world.external(1)
    world.add(1, world.define())
    assert TaskSet in WATCHED
    assert touched([(TaskSet, world.set_arn(1))], world.store) == {Scope("service", world.arn)}
    assert touched([(TaskSet, world.set_arn(2))], world.store) == set()
    world.store.close()


def test_only_stopped_tasks_and_instances_make_room(world: ControlWorld) -> None:
    world.put(task(1), task(2, last_status="STOPPED"))
    assert not frees_room([(Task, task(1).arn), (Service, "any")], world.store)
    assert frees_room([(Task, task(2).arn)], world.store)
    assert frees_room([(Task, "gone")], world.store)
    assert frees_room([(ContainerInstance, "any")], world.store)
