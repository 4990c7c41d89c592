from pathlib import Path

from sealway.control.dependants import Dependants
from sealway.control.scopes import WATCHED, Scope, everything, frees_room, touched
from sealway.model.auto_scaling import AutoScalingGroup, GroupInstance
from sealway.model.capacity import NAME
from sealway.model.capacity_provider import CapacityProvider
from sealway.model.cluster import Cluster, ContainerInstance
from sealway.model.instance import Instance
from sealway.model.load_balancer import Listener, LoadBalancer
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetGroup, TargetHealth
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
    [target], [listener] = world.store.list(Target), world.store.list(Listener)
    loose = Target(target_group_arn=GROUP, id="i-9", port=1, availability_zone="all", registered_at=NOW)
    world.put(loose)
    service, alone, group = Scope("service", world.arn), Scope("task", task(7).arn), Scope("group", GROUP)
    waiting = Scope("waiting", CLUSTER)
    served = next(t for t in world.store.list(Task) if t.service_arn)
    for change, expected in (
        ((Service, world.arn), {service}),
        ((Task, served.arn), {service}),
        ((Task, task(7).arn), {alone}),
        ((Task, "gone"), set()),
        ((Target, target.key), {service}),
        ((TargetHealth, target.key), {service}),
        ((Target, loose.key), {Scope("target", loose.key)}),
        ((Target, "gone"), set()),
        ((ContainerInstance, machine.arn), {service, waiting}),
        ((Instance, machine.ec2_instance_id), {service, Scope("reaper")}),
        ((Listener, listener.arn), {service, group}),
        ((LoadBalancer, listener.load_balancer_arn), {service, group}),
        ((TargetGroup, GROUP), {service, group}),
        ((Listener, "any"), set()),
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
    scaling, waiting = Scope("autoscaling", group.arn), Scope("waiting", CLUSTER)
    of_waits, of_begins, of_runs = (Scope("task", one.arn) for one in (waits, begins, runs))
    there = {of_begins, of_runs}
    for change, expected in (
        ((AutoScalingGroup, group.arn), {scaling}),
        ((GroupInstance, member.instance_id), {scaling}),
        ((CapacityProvider, provider.arn), {scaling}),
        ((Cluster, CLUSTER), {scaling}),
        ((Instance, machine.ec2_instance_id), there | {scaling, Scope("reaper")}),
        ((ContainerInstance, machine.arn), there | {scaling, waiting}),
        ((Task, waits.arn), {scaling, of_waits, waiting}),
        ((Task, begins.arn), {scaling, of_begins}),
        ((Task, runs.arn), {of_runs}),
    ):
        assert change[0] in WATCHED
        assert touched([change], world.store) == expected, change
    assert everything(world.store) >= {scaling, waiting, Scope("cluster", CLUSTER)}


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


def test_an_event_touches_nothing_that_it_has_nothing_to_do_with(world: ControlWorld) -> None:
    machine, _ = world.machines(2)
    world.target_group()
    world.create(1, balanced=True)
    daemon = world.service.replace(
        arn=f"{world.arn}-d", name="d", version=0, scheduling_strategy="DAEMON", load_balancers=()
    )
    balanced = world.service.replace(
        arn=f"{world.arn}-b", name="b", version=0, extra={"availabilityZoneRebalancing": "ENABLED"}
    )
    others = [
        world.service.replace(arn=f"{world.arn}-{n}", name=f"{n}", version=0, load_balancers=())
        for n in range(9)
    ]
    world.put(daemon, balanced.replace(load_balancers=()), *others)
    world.steady()
    [listener] = world.store.list(Listener)
    own = {scope for scope in touched([(Listener, listener.arn)], world.store) if scope.kind == "service"}
    assert own == {Scope("service", world.arn)}
    on = {t.service_arn for t in world.store.list(Task, container_instance_arn=machine.arn)}
    there = touched([(ContainerInstance, machine.arn)], world.store)
    wanted = {Scope("service", arn) for arn in {*on, daemon.arn, balanced.arn} if arn}
    assert {scope for scope in there if scope.kind == "service"} == wanted


def test_a_listener_touches_the_services_of_the_groups_that_it_led_to(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group()
    world.create(1, balanced=True)
    [listener] = world.store.list(Listener)
    dependants = Dependants(world.store)
    with world.store.transaction() as tx:
        tx.delete(listener)
    change = (Listener, listener.arn)
    assert touched([change], world.store, dependants) >= {Scope("service", world.arn), Scope("group", GROUP)}
    assert touched([change], world.store, dependants) == set(), "it has been told once"
