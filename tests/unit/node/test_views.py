from sealway.model.task import ContainerStatus, PortBinding
from sealway.node.touched import Touched
from sealway.node.views import Views
from tests.support import node_world
from tests.support.node_world import World


def test_who_looks_first_is_told_of_everything_and_then_of_what_changes(world: World) -> None:
    group, balancer = node_world.group(), node_world.balancer()
    world.put(*node_world.vpc(), balancer, group)
    follower = Views(world.store).follow()
    view, touched = follower.look()
    assert [each.name for each in view.balancers] == ["edge"]
    assert (touched.balancers, touched.groups) == ({balancer.arn}, {group.arn})

    assert follower.look()[1] == Touched()
    other = node_world.group("other")
    world.put(other)
    assert follower.look()[1] == Touched(groups={other.arn})


def test_each_is_told_whoever_looks_first(world: World) -> None:
    views = Views(world.store)
    one, two = views.follow(), views.follow()
    one.look(), two.look()
    group = node_world.group()
    world.put(group)
    assert one.look()[1].groups == two.look()[1].groups == {group.arn}


def test_what_nobody_looks_at_touches_nothing(world: World) -> None:
    follower = Views(world.store).follow()
    follower.look()
    world.put(node_world.cluster())
    assert not follower.look()[1]


def test_a_listener_touches_the_groups_that_it_names_and_named(world: World) -> None:
    before, after = node_world.group("before"), node_world.group("after")
    balancer, listener = node_world.balancer(), node_world.listener(443, before)
    world.put(*node_world.vpc(), balancer, before, after, listener)
    follower = Views(world.store).follow()
    follower.look()
    world.put(node_world.listener(443, after))
    touched = follower.look()[1]
    assert touched.groups == {before.arn, after.arn}
    assert (touched.listeners, touched.balancers) == ({listener.arn}, {balancer.arn})

    world.delete(type(listener), listener.key)
    touched = follower.look()[1]
    assert touched.groups == {after.arn}
    assert touched.balancers == {balancer.arn}, "its names are asked about one group less"


def test_a_bridge_task_touches_the_targets_at_its_own_ports_alone(world: World) -> None:
    """An instance has a hundred tasks, of as many target groups: one's event makes its own anew."""
    machine = node_world.instance()
    on = node_world.registered(machine)
    mine, other = node_world.group("mine", "instance"), node_world.group("other", "instance")
    world.put(*node_world.vpc(), machine, on, mine, other)
    world.put(node_world.target(mine, machine.id, 32768), node_world.target(other, machine.id, 32769))
    port = PortBinding(container_port=8443, host_port=32768, host_ip=machine.private_ip)
    running = ContainerStatus(name="app", arn="a", image="app:1", last_status="RUNNING", bindings=(port,))
    task = node_world.ec2_task(1, node_world.definition(), on, containers=(running,))
    follower = Views(world.store).follow()
    follower.look()

    world.put(task)
    assert follower.look()[1].groups == {mine.arn}
    world.delete(type(task), task.key)
    assert follower.look()[1].groups == {mine.arn}, "what it had counts when it is gone"
