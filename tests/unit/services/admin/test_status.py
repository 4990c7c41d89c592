"""What the state at a glance says of a world that holds one of everything."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sealway.model.capacity import NAME
from sealway.model.service import Service
from sealway.model.target_group import Target
from sealway.model.task import Task, Wait
from sealway.services.admin.status import status
from tests.support.accounts import OWNER, Accounts, Has
from tests.support.ec2 import NOW


class World(Accounts):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.has: Has = self.fill(OWNER)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_clusters_hold_services_and_other_tasks(world: World) -> None:
    (cluster,) = status(world.store)["clusters"]
    service, sets, shipped = cluster["services"]
    (task,) = cluster["other_tasks"]

    assert (cluster["name"], cluster["instances"]) == ("blue-owner", 1)
    assert (service["name"], service["running"], service["desired"]) == ("orders-owner", 0, 1)
    assert service["rollout"] == "IN_PROGRESS"
    assert (sets["name"], sets["desired"], sets["rollout"]) == ("sets-owner", 0, "STABILIZING")
    assert (shipped["name"], shipped["desired"], shipped["definition"]) == ("shipped-owner", 1, "web-owner:1")
    assert (task["id"], task["status"], task["address"]) == (world.has.task_id, "PROVISIONING", "10.10.0.9")


def test_a_task_that_waits_says_for_what(world: World) -> None:
    task = world.store.list(Task, service_arn=None)[0]
    with world.store.transaction() as tx:
        tx.put(task.replace(wait=Wait(), container_instance_arn=None, extra={NAME: "own"}))
    (shown,) = status(world.store)["clusters"][0]["other_tasks"]
    assert shown["reason"] == "waits for an instance of the capacity provider own"


def test_a_task_that_ended_by_itself_is_told_of(world: World) -> None:
    wanted, failed = (
        Task(
            arn=f"{world.has.cluster.replace(':cluster/', ':task/')}/{digit * 32}",
            account_id=OWNER.account_id,
            region=OWNER.region,
            cluster_arn=world.has.cluster,
            task_definition_arn=world.has.definition,
            group="service:orders-owner",
            service_arn=world.has.service,
            launch_type="EC2",
            availability_zone="us-east-1a",
            cpu="128",
            memory="64",
            last_status="STOPPED",
            desired_status="STOPPED",
            stop_code=code,
            stopped_reason=reason,
            created_at=NOW,
            stopped_at=NOW,
        )
        for digit, code, reason in (
            ("1", "ServiceSchedulerInitiated", "Scaling activity"),
            ("2", "EssentialContainerExited", "Essential container in task exited"),
        )
    )
    with world.store.transaction() as tx:
        tx.put(wanted)
        tx.put(failed)
    service = status(world.store)["clusters"][0]["services"][0]
    assert service["tasks"] == []
    assert service["failure"]["id"] == failed.id
    assert service["failure"]["reason"] == "Essential container in task exited"


def test_tasks_of_a_service_that_is_gone_are_still_shown(world: World) -> None:
    task = world.store.get(Task, world.has.task)
    service = world.store.get(Service, world.has.service)
    assert task is not None
    assert service is not None
    with world.store.transaction() as tx:
        tx.put(task.replace(service_arn=service.arn, desired_status="STOPPED"))
        tx.put(service.replace(status="INACTIVE"))
    (cluster,) = status(world.store)["clusters"]
    assert [one["name"] for one in cluster["services"]] == ["sets-owner", "shipped-owner"]
    assert [(one["id"], one["stopping"]) for one in cluster["other_tasks"]] == [(world.has.task_id, True)]


def test_load_balancers_hold_listeners_and_targets_as_the_api_sees_them(world: World) -> None:
    has = world.has
    with world.store.transaction() as tx:
        (target,) = tx.list(Target, target_group_arn=has.instance_group)
        tx.put(target.replace(draining_since=NOW))
    (balancer,) = status(world.store)["load_balancers"]
    groups = [listener["groups"][0] for listener in balancer["listeners"]]

    assert balancer["dns_name"].startswith("edge-owner-")
    assert [listener["port"] for listener in balancer["listeners"]] == [80, 81]
    assert [(group["name"], group["type"]) for group in groups] == [
        ("ip-owner", "ip"),
        ("instance-owner", "instance"),
    ]
    (shown,) = groups[1]["targets"]
    (described,) = world.call(OWNER, "elbv2", "DescribeTargetHealth", TargetGroupArn=has.instance_group)[
        "TargetHealthDescriptions"
    ]
    assert shown["state"] == described["TargetHealth"]["State"] == "draining"


def test_a_target_group_without_a_listener_is_not_forgotten(world: World) -> None:
    world.call(OWNER, "elbv2", "DeleteListener", ListenerArn=world.has.listener)
    assert [group["name"] for group in status(world.store)["unused_target_groups"]] == ["ip-owner"]


def test_all_of_it_goes_over_the_socket(world: World) -> None:
    assert msgspec.json.decode(msgspec.json.encode(status(world.store)))
