from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sealway.control import snapshot
from sealway.control.target_plan import endpoint
from sealway.model.account_setting import AccountSetting
from sealway.model.instance import Instance
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetFlows, TargetGroup, TargetHealth, target_key
from sealway.model.task import PortBinding, Task
from tests.support.cluster_world import OWNER, subnet, task
from tests.support.control_world import GROUP, NETWORK, ZONES, ControlWorld


def by_hand(world: ControlWorld, name: str, **fields: Any) -> Target:
    made = Target(
        target_group_arn=GROUP,
        id=name,
        port=443,
        availability_zone="us-east-1a",
        registered_at=world.now,
        **fields,
    )
    world.put(made)
    return made


def test_running_tasks_are_registered_by_instance_and_host_port(world: ControlWorld) -> None:
    world.machines(2)
    world.target_group()
    world.create(2, balanced=True)
    world.steady()
    targets = world.store.list(Target)
    assert {t.id for t in targets} == {f"i-{1:017x}", f"i-{2:017x}"}
    assert {t.port for t in targets} == {32769, 32770}
    assert {t.task_arn for t in targets} == {t.arn for t in world.active}
    assert f"registered 2 targets in (target-group {GROUP})" in world.messages


def test_host_mode_targets_have_the_container_port(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group()
    world.define(1, networkMode="host")
    world.create(1, balanced=True)
    world.steady()
    assert [t.port for t in world.store.list(Target)] == [8443]


def test_nothing_is_registered_before_the_port_is_known(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group()
    world.create(1, balanced=True)
    world.settle()
    [waiting] = world.active
    found = snapshot.read_service(world.store, world.arn)
    assert found is not None
    balancer = world.service.load_balancers[0]
    assert endpoint(found, waiting, balancer, found.target_groups[GROUP]) is None


def test_an_address_is_not_registered_before_its_task_runs(world: ControlWorld) -> None:
    world.subnets()
    world.target_group(target_type="ip")
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(1, balanced=True, launch_type="FARGATE", network_configuration=NETWORK)
    world.settle()
    [starting] = world.active
    assert starting.interface is not None
    for status in ("PENDING", "ACTIVATING"):
        world.change(Task, starting.arn, last_status=status)
        world.settle()
        assert world.store.list(Target) == []
    world.change(Task, starting.arn, last_status="RUNNING")
    world.settle()
    assert [t.id for t in world.store.list(Target)] == [starting.interface.private_ip]


def test_a_target_group_of_ipv6_takes_the_tasks_ipv6_addresses(world: ControlWorld) -> None:
    """A task that has none could not be registered."""
    world.put(*(subnet(n, ZONES[n - 1]).replace(ipv6_cidr=f"fd00:1:2:{n}::/64") for n in (1, 2)))
    world.target_group(target_type="ip", version="ipv6")
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(2, balanced=True, launch_type="FARGATE", network_configuration=NETWORK)
    world.steady()
    assert {t.id for t in world.store.list(Target)} == {"fd00:1:2:1::a00:104", "fd00:1:2:2::a00:204"}
    found = snapshot.read_service(world.store, world.arn)
    assert found is not None
    task = world.active[0]
    assert task.interface is not None
    without = task.replace(interface=msgspec.structs.replace(task.interface, ipv6_address=""))
    assert endpoint(found, without, world.service.load_balancers[0], found.target_groups[GROUP]) is None


def test_tasks_without_an_ipv6_address_for_their_target_group_are_told_of_once(world: ControlWorld) -> None:
    """Until more of them start."""
    world.subnets()
    world.target_group(target_type="ip", version="ipv6")
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(2, balanced=True, launch_type="FARGATE", network_configuration=NETWORK)
    world.settle()
    for each in world.active:
        world.change(Task, each.arn, last_status="RUNNING")
        world.settle()
    said = [each.message for each in world.service.events if "failed to register targets" in each.message]
    assert len(said) == 1
    assert f"(target-group {GROUP}) with (error the tasks have no IPv6 address" in said[0]
    assert world.store.list(Target) == []
    assert not any("steady state" in each.message for each in world.service.events)


def test_no_ipv6_address_where_the_account_wants_none(world: ControlWorld) -> None:
    world.put(
        subnet(1, ZONES[0]).replace(ipv6_cidr="fd00:1:2:1::/64"),
        subnet(2, ZONES[1]),
        AccountSetting(
            **OWNER, principal_arn="arn:aws:iam::000000000000:root", name="dualStackIPv6", value="disabled"
        ),
    )
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(2, launch_type="FARGATE", network_configuration=NETWORK)
    world.steady()
    interfaces = [task.interface for task in world.active]
    assert [each.ipv6_address for each in interfaces if each] == ["", ""]


def test_a_draining_address_that_comes_again_belongs_to_the_new_task(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group()
    world.create(1, balanced=True)
    world.steady()
    [old] = world.active
    [target] = world.store.list(Target)
    world.change(Task, old.arn, desired_status="STOPPED", stop_code="UserInitiated")
    world.tick()
    assert [t.draining_since is None for t in world.store.list(Target)] == [False]

    [new] = world.active
    bound = PortBinding(container_port=8443, host_port=target.port, host_ip="10.0.0.11")
    containers = tuple(msgspec.structs.replace(c, bindings=(bound,)) for c in new.containers)
    world.change(Task, new.arn, last_status="RUNNING", started_at=world.now, containers=containers)
    world.settle()
    [taken] = world.store.list(Target)
    assert (taken.key, taken.task_arn, taken.draining_since) == (target.key, new.arn, None)
    assert taken.registered_at == world.now
    stale = world.store.get(TargetHealth, taken.key)
    assert stale is not None
    assert stale.changed_at < taken.registered_at
    assert not world.service.steady, "what was known of the old one is no word on the new one"
    freed = world.store.get(Task, old.arn)
    assert freed is not None
    assert freed.may_stop


@pytest.mark.parametrize("cuts", [True, False])
def test_targets_registered_by_hand_drain_and_go(world: ControlWorld, cuts: bool) -> None:
    world.target_group(delay=60, cuts=cuts)
    kept = by_hand(world, "10.0.0.1")
    by_hand(world, "10.0.0.2", draining_since=world.now)
    world.carrying = {"10.0.0.2"} if cuts else set()
    world.tick(59)
    assert len(world.store.list(Target)) == 2
    assert world.loop.wake_at == world.now + timedelta(seconds=1)
    world.tick(1)
    assert [t.key for t in world.store.list(Target, unused_since=None)] == [kept.key]
    world.tick(1)
    assert [t.key for t in world.store.list(Target)] == [kept.key]


def test_an_unused_target_stays_for_its_last_flow(world: ControlWorld) -> None:
    world.target_group(delay=60)
    by_hand(world, "10.0.0.2", draining_since=world.now)
    world.carrying = {"10.0.0.2"}
    world.tick(60)
    ended = world.now
    assert [t.unused_since for t in world.store.list(Target)] == [ended]
    assert world.loop.wake_at is None, "only its flows' end changes it"
    world.tick(3600, times=3)
    [left] = world.store.list(Target)
    assert (left.unused_since, left.version) == (ended, 2), "it is not written again"
    world.carrying.clear()
    world.tick(1)
    assert world.store.list(Target) == []


def test_the_end_of_an_earlier_registrations_flows_is_not_that_of_this_one(world: ControlWorld) -> None:
    world.target_group(delay=1)
    target = by_hand(world, "10.0.0.2", draining_since=world.now)
    world.carrying = {"10.0.0.2"}
    world.tick(1)
    of_before = TargetFlows(
        target_group_arn=GROUP,
        id=target.id,
        port=target.port,
        unused_since=world.now - timedelta(seconds=30),
        ended_at=world.now,
    )
    world.put(of_before)
    world.settle()
    assert len(world.store.list(Target)) == 1


def test_connection_termination_set_meanwhile_ends_it(world: ControlWorld) -> None:
    world.target_group(delay=1)
    by_hand(world, "10.0.0.2", draining_since=world.now)
    world.carrying = {"10.0.0.2"}
    world.tick(1)
    assert len(world.store.list(Target)) == 1
    cuts = {"deregistration_delay.connection_termination.enabled": "true"}
    world.change(TargetGroup, GROUP, attributes={"deregistration_delay.timeout_seconds": "1", **cuts})
    world.settle()
    assert world.store.list(Target) == []


def test_a_task_may_stop_after_the_delay_and_its_flows_end_with_it(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group(delay=5)
    world.create(1, balanced=True)
    world.steady()
    [old] = world.active
    [target] = world.store.list(Target)
    world.carrying = {target.id}
    world.change(Task, old.arn, desired_status="STOPPED", stop_code="UserInitiated")
    world.settle()
    world.now += timedelta(seconds=5)
    world.settle()
    stopping = world.store.get(Task, old.arn)
    assert stopping is not None
    assert stopping.may_stop
    assert world.store.list(Target, task_arn=old.arn, unused_since=None) == []
    [left] = world.store.list(Target, task_arn=old.arn)
    assert left.unused_since == world.now
    world.exit_container(stopping)
    world.settle()
    assert world.store.list(Target, task_arn=old.arn) == [left], "its last packets are on their way"
    world.change(Task, old.arn, last_status="STOPPED", stopped_at=world.now)
    world.settle()
    assert world.store.list(Target, task_arn=old.arn) == []


def test_drained_by_hand_with_flows_a_tasks_target_is_registered_again(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group(delay=5)
    world.create(1, balanced=True)
    world.steady()
    [target] = world.store.list(Target)
    world.carrying = {target.id}
    world.change(Target, target.key, draining_since=world.now)
    world.tick(5)
    [again] = world.store.list(Target)
    assert (again.draining_since, again.unused_since) == (None, None)
    assert again.registered_at == world.now
    world.steady()


def test_an_unused_address_that_comes_again_belongs_to_the_new_task(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group(delay=0)
    world.create(1, balanced=True)
    world.steady()
    [old] = world.active
    [target] = world.store.list(Target)
    world.carrying = {target.id}
    world.change(Task, old.arn, desired_status="STOPPED", stop_code="UserInitiated")
    world.settle()
    assert [t.unused_since for t in world.store.list(Target)] == [world.now]
    [new] = world.active
    bound = PortBinding(container_port=8443, host_port=target.port, host_ip="10.0.0.11")
    containers = tuple(msgspec.structs.replace(c, bindings=(bound,)) for c in new.containers)
    world.change(Task, new.arn, last_status="RUNNING", started_at=world.now, containers=containers)
    world.settle()
    [taken] = world.store.list(Target)
    assert (taken.task_arn, taken.draining_since, taken.unused_since) == (new.arn, None, None)


def test_a_clock_set_back_begins_their_drain_anew(world: ControlWorld) -> None:
    world.target_group(delay=30)
    by_hand(world, "10.0.0.99", draining_since=world.now + timedelta(hours=1))
    world.tick(1)
    [left] = world.store.list(Target)
    assert left.draining_since == world.now
    world.tick(29)
    assert world.store.list(Target) == [left]
    world.tick(1)
    assert [t.unused_since for t in world.store.list(Target)] == [world.now]


def test_without_a_listener_they_go_at_once(world: ControlWorld) -> None:
    world.target_group(delay=60, listener=False)
    by_hand(world, "10.0.0.2", draining_since=world.now)
    world.settle()
    assert world.store.list(Target) == []


def test_targets_of_a_terminated_instance_go(world: ControlWorld) -> None:
    machine = world.machines(1)[0]
    world.target_group()
    by_hand(world, machine.ec2_instance_id)
    world.settle()
    world.change(Instance, machine.ec2_instance_id, state="shutting-down")
    world.settle()
    assert [t.draining_since for t in world.store.list(Target)] == [world.now]
    world.change(Instance, machine.ec2_instance_id, state="terminated", terminated_at=world.now)
    world.settle()
    assert world.store.list(Target) == []


def test_a_target_whose_task_is_gone_goes(world: ControlWorld) -> None:
    world.target_group()
    by_hand(world, "10.0.0.1", task_arn="arn:gone")
    world.settle()
    assert world.store.list(Target) == []


def test_a_group_taken_from_the_service_is_drained(world: ControlWorld) -> None:
    world.subnets()
    world.target_group(target_type="ip", delay=5)
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(1, balanced=True, launch_type="FARGATE", network_configuration=NETWORK)
    world.steady()
    [served] = world.active
    assert served.interface is not None
    assert world.store.get(Target, target_key(GROUP, served.interface.private_ip, 8443)) is not None
    world.change(Service, world.arn, load_balancers=())
    world.settle()
    assert [t.draining_since for t in world.store.list(Target)] == [world.now]
    world.carrying = {served.interface.private_ip}
    world.tick(seconds=6)
    assert [t.unused_since for t in world.store.list(Target)] == [world.now]
    world.carrying.clear()
    world.tick(1)
    assert world.store.list(Target) == []
    assert [t.arn for t in world.active] == [served.arn], "the task itself goes on"


def test_an_address_that_another_service_holds_is_left_to_it(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group()
    foreign = Target(
        target_group_arn=GROUP,
        id=f"i-{1:017x}",
        port=32769,
        availability_zone="us-east-1b",
        task_arn="arn:other",
        registered_at=world.now,
    )
    world.put(task(1, arn="arn:other", service_arn="arn:service/other"), foreign)
    world.create(1, balanced=True)
    world.tick(times=5)
    assert [t.task_arn for t in world.store.list(Target)] == ["arn:other"]
    assert not world.service.steady


@pytest.mark.parametrize(("protocol", "registered"), [("TCP", 32801), ("UDP", 32853), ("TCP_UDP", 32801)])
def test_the_host_port_is_that_of_the_target_groups_protocol(
    world: ControlWorld, protocol: str, registered: int
) -> None:
    assert _endpoint_port(world, protocol, tcp=32801, udp=32853) == registered


def test_a_port_published_for_both_protocols_serves_both(world: ControlWorld) -> None:
    assert _endpoint_port(world, "TCP_UDP", tcp=53, udp=53) == 53


def _endpoint_port(world: ControlWorld, protocol: str, **ports: int) -> int:
    world.machines(1)
    world.target_group()
    world.create(1, balanced=True)
    world.steady()
    found = snapshot.read_service(world.store, world.arn)
    assert found is not None
    (running,) = world.active
    bindings = tuple(
        PortBinding(container_port=8443, host_port=port, host_ip="10.0.1.1", protocol=name)
        for name, port in ports.items()
    )
    container = msgspec.structs.replace(running.containers[0], bindings=bindings)
    both = running.replace(containers=(container,))
    group = found.target_groups[GROUP].replace(protocol=protocol)
    place = endpoint(found, both, world.service.load_balancers[0], group)
    assert place is not None
    return place[1]
