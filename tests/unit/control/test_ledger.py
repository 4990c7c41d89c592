from sealway.control.ledger import Ledger
from sealway.control.usage import read_usage
from sealway.model.cluster import ContainerInstance
from sealway.model.load_balancer import Listener
from sealway.model.network import NetworkInterface
from sealway.model.placement import rooms
from sealway.model.port_range import PublishedRange
from sealway.model.task import ContainerStatus, PortBinding, Task
from sealway.model.task_definition import TaskDefinition
from tests.support.cluster_world import CLUSTER, instance, task
from tests.support.control_world import GROUP, NETWORK, ControlWorld, ec2


def as_new(world: ControlWorld) -> list[object]:
    """The rooms made of all there is."""
    definitions = {d.arn: d for d in world.store.list(TaskDefinition)}
    return rooms(world.store.list(ContainerInstance), world.store.list(Task), definitions)


def kept(ledger: Ledger) -> list[object]:
    return sorted(ledger.rooms(CLUSTER), key=lambda room: room.arn)


def test_it_follows_tasks_and_instances(world: ControlWorld) -> None:
    first, second = world.machines(2)
    world.define()
    ledger = Ledger(world.store)
    world.put(task(1, container_instance_arn=first.arn))
    assert kept(ledger) == as_new(world)
    world.change(Task, task(1).arn, last_status="STOPPED", desired_status="STOPPED")
    assert kept(ledger) == as_new(world)
    world.put(task(2, container_instance_arn=second.arn))
    world.change(ContainerInstance, first.arn, status="DRAINING")
    assert [room.arn for room in ledger.rooms(CLUSTER)] == [second.arn]
    third = instance(3)
    world.put(third, ec2(third))
    gone = world.store.get(Task, task(2).arn)
    assert gone is not None
    with world.store.transaction() as tx:
        tx.delete(gone)
    assert kept(ledger) == as_new(world)


def test_a_new_task_takes_its_part_and_later_changes_count(world: ControlWorld) -> None:
    first, second = world.machines(2)
    world.define()
    ledger = Ledger(world.store)
    assert kept(ledger) == as_new(world)
    for number, machine in enumerate((first, first, second)):
        new = {"last_status": "PROVISIONING", "container_instance_arn": machine.arn}
        world.put(task(number, **new))
        assert kept(ledger) == as_new(world)
    ranged = {"containerPortRange": "1-9", "protocol": "udp"}
    wide = world.define(
        2, containerDefinitions=[{"name": "app", "image": "app:1", "memory": 1, "portMappings": [ranged]}]
    )
    given = PublishedRange(container="app", protocol="udp", container_port=1, host_port=61000, ports=9)
    world.put(task(3, **new, task_definition_arn=wide.arn, port_ranges=(given,)))
    assert kept(ledger) == as_new(world)
    bound = PortBinding(container_port=8443, host_port=32768, host_ip="10.0.0.4")
    running = ContainerStatus(name="app", arn="c", image="app:1", last_status="RUNNING", bindings=(bound,))
    world.change(Task, task(0).arn, last_status="RUNNING", containers=(running,))
    assert kept(ledger) == as_new(world)
    world.change(Task, task(1).arn, desired_status="STOPPED")
    assert kept(ledger) == as_new(world)


def test_it_knows_what_was_there_before_it(world: ControlWorld) -> None:
    (machine,) = world.machines(1)
    world.define()
    world.put(task(1, container_instance_arn=machine.arn))
    assert kept(Ledger(world.store)) == as_new(world)


def test_it_follows_listeners(world: ControlWorld) -> None:
    ledger = Ledger(world.store)
    assert ledger.usage().zones == {}
    world.target_group()
    assert ledger.usage() == read_usage(world.store)
    assert ledger.usage().covers(GROUP, "us-east-1a")
    (listener,) = world.store.list(Listener)
    with world.store.transaction() as tx:
        tx.delete(listener)
    assert not ledger.usage().covers(GROUP, "us-east-1a")


def test_an_address_given_back_is_not_the_next_one_given_out(world: ControlWorld) -> None:
    world.subnets()
    world.define(networkMode="awsvpc", cpu="256", memory="512")
    world.create(1, launch_type="FARGATE", network_configuration=NETWORK)
    world.steady()
    first = {i.private_ip for i in world.store.list(NetworkInterface)}
    for stopping in world.active:
        world.exit_container(stopping)
    world.settle()
    world.tick(times=3)
    assert first.isdisjoint(i.private_ip for i in world.store.list(NetworkInterface))
    ledger = Ledger(world.store)
    assert ledger.last_given().keys() <= {"subnet-1", "subnet-2"}


def test_closed_it_follows_no_longer(world: ControlWorld) -> None:
    ledger = Ledger(world.store)
    ledger.close()
    world.machines(1)
    assert ledger.rooms(CLUSTER) == []
