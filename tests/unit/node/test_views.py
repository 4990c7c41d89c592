from sealway.model.task import ContainerStatus, PortBinding
from sealway.node.views import Views
from tests.support import node_world
from tests.support.node_world import World


def test_all_look_at_one_snapshot_until_something_changes(world: World) -> None:
    world.put(*node_world.vpc(), node_world.balancer())
    views = Views(world.store)
    first = views.current()
    assert views.current() is first
    assert [b.name for b in first.balancers] == ["edge"]

    world.put(node_world.group())
    second = views.current()
    assert second is not first
    assert len(second.groups) == 1
    assert not first.groups


def test_what_it_does_not_show_makes_no_new_one(world: World) -> None:
    views = Views(world.store)
    first = views.current()
    world.put(node_world.cluster())
    assert views.current() is first


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
    views = Views(world.store)
    before = views.current()

    world.put(task)
    after = views.current()
    assert after.stamp(mine.arn) != before.stamp(mine.arn)
    assert after.stamp(other.arn) == before.stamp(other.arn)

    world.delete(type(task), task.key)
    assert views.current().stamp(mine.arn) != after.stamp(mine.arn), "what it had counts when it is gone"
