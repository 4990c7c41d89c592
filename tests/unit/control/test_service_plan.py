from collections import Counter

import pytest

from sealway.control.events import CRASH_LOOP, STEADY
from sealway.model.cluster import ContainerInstance
from sealway.model.instance import Instance
from sealway.model.network import NetworkInterface
from sealway.model.service import Service
from sealway.model.target_group import Target, TargetGroup
from sealway.model.task import Task
from tests.support.control_world import GROUP, NETWORK, ControlWorld, later


def test_a_new_service_reaches_its_steady_state(world: ControlWorld) -> None:
    world.machines(3)
    world.create(3)
    world.steady()
    assert len({task.container_instance_arn for task in world.active}) == 3
    started, completed, steady = world.messages
    assert started == "has started 3 tasks: " + " ".join(f"(task {t.id})" for t in _by_creation(world)) + "."
    assert completed == "(deployment ecs-svc/1) deployment completed."
    assert steady == STEADY
    primary = world.service.primary
    assert (primary.rollout_state, primary.rollout_reason) == (
        "COMPLETED",
        "ECS deployment ecs-svc/1 completed.",
    )
    assert {t.started_by for t in world.active} == {"ecs-svc/1"}


def _by_creation(world: ControlWorld) -> list[Task]:
    names = world.messages[0]
    return sorted(world.active, key=lambda task: names.index(task.id))


def test_scaling_in_stops_where_most_tasks_are(world: ControlWorld) -> None:
    world.machines(2)
    world.create(4)
    world.steady()
    world.change(Service, world.arn, desired_count=2)
    world.settle()
    assert len({task.container_instance_arn for task in world.active}) == 2
    stopped = [t for t in world.store.list(Task) if t.desired_status == "STOPPED"]
    assert {t.stopped_reason for t in stopped} == {"Scaling activity initiated by (deployment ecs-svc/1)"}
    assert {t.stop_code for t in stopped} == {"ServiceSchedulerInitiated"}
    assert world.messages[-1].startswith("has stopped 2 running tasks: (task ")
    world.steady()
    assert world.messages[-1] == STEADY


def test_a_rolling_update_starts_before_it_stops(world: ControlWorld) -> None:
    world.machines(3)
    world.target_group(delay=5)
    world.create(3, balanced=True)
    world.steady()
    world.deploy(world.define(2))
    world.settle()
    assert world.revisions() == [1, 1, 1, 2, 2, 2]

    world.tick(times=2)  # running and registered, not yet probed
    assert world.revisions() == [1, 1, 1, 2, 2, 2]
    world.tick()
    assert world.revisions() == [2, 2, 2]
    assert [d.status for d in world.service.deployments] == ["PRIMARY", "ACTIVE"]

    world.steady()
    assert [d.id for d in world.service.deployments] == ["ecs-svc/2"]
    assert world.messages[-5].startswith("has stopped 3 running tasks")
    assert world.messages[-4:] == [
        f"deregistered 3 targets in (target-group {GROUP})",
        "has begun draining connections on 3 tasks.",
        "(deployment ecs-svc/2) deployment completed.",
        STEADY,
    ]


def test_maximum_100_percent_stops_before_it_starts(world: ControlWorld) -> None:
    world.machines(3)
    world.create(4, minimum_healthy_percent=50, maximum_percent=100)
    world.steady()
    world.deploy(world.define(2))
    world.settle()
    assert world.revisions() == [1, 1, 2, 2]
    world.steady()
    assert world.revisions() == [2, 2, 2, 2]


def test_a_fixed_port_gives_way_where_the_minimum_lets_it(world: ControlWorld) -> None:
    """A new task finds no port free until an old one has gone: the minimum percent allows that."""
    world.machines(2)
    port = [{"containerPort": 8443, "hostPort": 8443}]
    container = {"name": "app", "image": "app:1", "memory": 10, "portMappings": port}
    world.define(1, containerDefinitions=[container])
    world.create(2, minimum_healthy_percent=50)
    world.steady()
    world.deploy(world.define(2, containerDefinitions=[container]))
    world.until(lambda: world.service.steady and world.revisions() == [2, 2])


def test_a_killed_task_is_replaced_at_once(world: ControlWorld) -> None:
    world.machines(3)
    world.target_group()
    world.create(3, balanced=True)
    world.steady()
    victim = world.active[0]
    world.exit_container(victim)
    world.settle()
    dead = world.store.get(Task, victim.arn)
    assert dead is not None
    assert (dead.stop_code, dead.stopped_reason) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert len(world.active) == 3
    world.tick()
    dead = world.store.get(Task, victim.arn)
    assert dead is not None
    assert dead.may_stop, "its connections died with it: there is nothing to drain"
    assert all(target.task_arn != victim.arn for target in world.store.list(Target))
    world.steady()
    assert world.service.backoff is not None
    world.tick(seconds=61)
    assert world.service.backoff is None


def test_crash_loops_back_off(world: ControlWorld) -> None:
    world.machines(3)
    world.define(1, conduct="crash")
    world.create(1)
    starts = []
    world.after_step = lambda: starts.append(len(world.store.list(Task)))
    world.tick(times=40)
    assert starts[-1] == 6, "three seconds a life; the next at once, then after 1, 2, 4, 8 seconds"
    assert world.messages.count(CRASH_LOOP) == 1
    assert not world.service.steady


def test_a_new_deployment_does_not_wait_for_the_old_ones_crashes(world: ControlWorld) -> None:
    world.machines(3)
    world.define(1, conduct="crash")
    world.create(1)
    world.tick(times=40)
    world.deploy(world.define(2))
    world.settle()
    assert world.revisions() == [2]
    world.steady()


def test_a_task_that_cannot_start_says_why(world: ControlWorld) -> None:
    world.machines(1)
    world.define(1, conduct="pull")
    world.create(1)
    world.tick(times=2)
    stopped = [t for t in world.store.list(Task) if t.desired_status == "STOPPED"]
    assert {t.stop_code for t in stopped} == {"TaskFailedToStart"}
    assert {t.stopped_reason for t in stopped} == {"CannotPullContainerError: no such image"}


def test_sick_targets_are_replaced_after_the_grace_period(world: ControlWorld) -> None:
    world.machines(3)
    world.target_group()
    world.define(1, conduct="sick")
    world.create(1, balanced=True, health_check_grace_period_seconds=30)
    world.tick(times=20)
    assert len(world.active) == 1
    world.until(lambda: any("is unhealthy in" in m for m in world.messages))
    stopped = [t for t in world.store.list(Task) if t.desired_status == "STOPPED"]
    assert stopped[0].stopped_reason == f"Task failed ELB health checks in (target-group {GROUP})"
    assert any(
        m.endswith(
            f"(port 32769) is unhealthy in (target-group {GROUP}) due to (reason Health checks failed)"
        )
        for m in world.messages
    )


def test_a_sick_task_serves_until_its_replacement_is_healthy(world: ControlWorld) -> None:
    world.machines(3)
    world.create(2)
    world.steady()
    sick = world.active[0]
    world.change(Task, sick.arn, health_status="UNHEALTHY")
    world.settle()
    assert len(world.active) == 3
    world.until(lambda: len(world.active) == 2)
    gone = world.store.get(Task, sick.arn)
    assert gone is not None
    assert gone.stopped_reason == "Task failed container health checks"
    assert f"(task {sick.id}) failed container health checks." in world.messages


def test_no_room_is_said_once(world: ControlWorld) -> None:
    world.machines(1, cpu_units=200)
    world.create(2)
    world.tick(times=30)
    said = [m for m in world.messages if "unable to place" in m]
    assert len(said) == 1
    assert "has insufficient CPU units available." in said[0]
    assert len(world.active) == 1


def test_no_instances_are_said_too_and_new_ones_are_used(world: ControlWorld) -> None:
    world.create(1)
    world.settle()
    assert world.messages == [
        "was unable to place a task because no container instance met all of its requirements. "
        "Reason: No Container Instances were found in your cluster. For more information, see the "
        "Troubleshooting section of the Amazon ECS Developer Guide."
    ]
    world.machines(1)
    world.steady()


def test_fargate_tasks_get_addresses_and_give_them_back(world: ControlWorld) -> None:
    world.subnets()
    world.target_group(target_type="ip", delay=5)
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(3, balanced=True, launch_type="FARGATE", network_configuration=NETWORK)
    world.steady()
    first = {i.private_ip for i in world.store.list(NetworkInterface)}
    assert {t.id for t in world.store.list(Target)} == first
    assert len(first) == 3
    world.deploy(world.define(2, networkMode="awsvpc", cpu="256", memory="512"))
    world.steady()
    second = {i.private_ip for i in world.store.list(NetworkInterface)}
    assert len(second) == 3
    assert not first & second


def test_replacements_of_a_zones_sick_tasks_are_spread_as_if_those_were_gone(world: ControlWorld) -> None:
    world.subnets()
    world.define(1, networkMode="awsvpc", cpu="256", memory="512")
    world.create(4, launch_type="FARGATE", network_configuration=NETWORK)
    world.steady()
    for task in [t for t in world.active if t.availability_zone == "us-east-1a"]:
        world.change(Task, task.arn, health_status="UNHEALTHY")
    world.settle()
    world.until(lambda: len(world.active) == 4)
    assert Counter(t.availability_zone for t in world.active) == {"us-east-1a": 2, "us-east-1b": 2}


def test_a_deleted_service_drains_and_becomes_inactive(world: ControlWorld) -> None:
    world.machines(3)
    world.target_group(delay=5)
    world.create(3, balanced=True)
    world.steady()
    world.change(Service, world.arn, status="DRAINING", desired_count=0)
    world.settle()
    assert world.active == []
    assert all(target.draining_since for target in world.store.list(Target))
    world.until(lambda: world.service.status == "INACTIVE")
    assert world.service.stopped_at is not None
    assert world.store.list(Target) == []


def test_draining_an_instance_moves_its_tasks(world: ControlWorld) -> None:
    first = world.machines(2)[0]
    world.create(4)
    world.steady()
    world.change(ContainerInstance, first.arn, status="DRAINING")
    world.settle()
    assert len(world.active) == 6, "replacements come first"
    world.steady()
    assert {t.container_instance_arn for t in world.active} == {world.store.list(ContainerInstance)[1].arn}


def test_a_terminating_instance_takes_its_tasks_with_it(world: ControlWorld) -> None:
    first = world.machines(2)[0]
    world.create(2)
    world.steady()
    world.change(Instance, first.ec2_instance_id, terminate_requested_at=world.now)
    world.change(ContainerInstance, first.arn, agent_connected=False)
    world.steady()
    ended = [t for t in world.store.list(Task) if t.last_status == "STOPPED"]
    assert [t.stopped_reason for t in ended] == [f"Host EC2 (instance {first.ec2_instance_id}) terminated."]
    assert len(world.active) == 2


BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def test_the_circuit_breaker_rolls_back(world: ControlWorld) -> None:
    world.machines(3)
    world.create(2, deployment_configuration=BREAKER)
    world.steady()
    world.deploy(world.define(2, conduct="crash"))
    world.until(lambda: "rolling back to (deployment ecs-svc/1)." in world.messages)
    assert "(deployment ecs-svc/2) deployment failed: tasks failed to start." in world.messages
    world.steady()
    assert world.revisions() == [1, 1]
    assert world.service.task_definition_arn.endswith(":1")
    assert [d.id for d in world.service.deployments] == ["ecs-svc/1"]


def test_without_rollback_the_failed_deployment_stays(world: ControlWorld) -> None:
    world.machines(3)
    world.define(1, conduct="crash")
    world.create(
        2, deployment_configuration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    )
    world.until(lambda: world.service.primary.rollout_state == "FAILED")
    count = len(world.store.list(Task))
    world.tick(seconds=60, times=5)
    assert len(world.store.list(Task)) == count, "nothing is started any more"
    reason = "ECS deployment circuit breaker: tasks failed to start."
    assert world.service.primary.rollout_reason == reason


@pytest.mark.parametrize("listener", [True, False])
def test_established_flows_have_the_deregistration_delay(world: ControlWorld, listener: bool) -> None:
    world.machines(1)
    world.target_group(delay=120, listener=listener)
    world.create(1, balanced=True)
    world.steady()
    [task] = world.active
    began = world.now
    world.change(Service, world.arn, desired_count=0)
    world.until(lambda: bool((found := world.store.get(Task, task.arn)) and found.may_stop), most=130)
    assert (world.now - began).total_seconds() == (120 if listener else 0)


def test_deleting_the_target_group_does_not_hold_the_task(world: ControlWorld) -> None:
    world.machines(1)
    world.target_group(delay=120)
    world.create(1, balanced=True)
    world.steady()
    group = world.store.get(TargetGroup, GROUP)
    assert group is not None
    with world.store.transaction() as tx:
        tx.delete(group)
    world.change(Service, world.arn, desired_count=0)
    world.settle()
    assert world.store.list(Target) == []
    assert later(0) < world.now


def test_propagated_tags_are_on_the_task(world: ControlWorld) -> None:
    world.machines(1)
    world.create(1, tags={"team": "a"}, extra={"propagateTags": "SERVICE", "enableECSManagedTags": True})
    world.settle()
    assert world.active[0].tags == {
        "team": "a",
        "aws:ecs:clusterName": "blue",
        "aws:ecs:serviceName": "orders",
    }


def test_nobody_waits_for_a_target_in_a_zone_the_load_balancer_is_not_in(world: ControlWorld) -> None:
    world.machines(3)
    world.target_group(listener=False)
    world.listen("us-east-1b")
    world.define(1, conduct="slow")
    world.create(1, balanced=True, placement_constraints=({"type": "memberOf", "expression": IN_A},))
    world.steady()
    assert len(world.store.list(Target)) == 1


IN_A = "attribute:ecs.availability-zone == us-east-1a"
