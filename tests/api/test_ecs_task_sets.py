"""Task sets and the EXTERNAL deployment controller through boto3. Control is at work, the test the node."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from sealway.control.loop import ControlLoop
from sealway.model.target_group import Target
from sealway.model.task_set import TaskSet
from tests.support.ecs_world import (
    BALANCERS,
    CONTAINER,
    ECS,
    FARGATE,
    INSTANCE_GROUP,
    IP_GROUP,
    VPC,
    World,
    ecs_world,
    refused,
)

LEDGER = [{"targetGroupArn": IP_GROUP, "containerName": "app", "containerPort": 8443}]
ON_FARGATE = {
    "taskDefinition": "ledger",
    "launchType": "FARGATE",
    "networkConfiguration": VPC,
    "loadBalancers": LEDGER,
}
WHOLE = {"value": 100, "unit": "PERCENT"}
NAMED = {"cluster": "blue", "service": "s"}


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        world.skipped = timedelta()
        world.loop = ControlLoop(world.store, lambda: now(world), world.ids)
        for number in (1, 2):
            world.instance(number)
        world.ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        world.ecs.register_task_definition(family="ledger", containerDefinitions=[CONTAINER], **FARGATE)
        yield world


def now(world: World) -> datetime:
    return datetime.now(UTC) + world.skipped


def settle(world: World, *broken: str) -> None:
    """Plays the node until nothing moves any more; tasks of ``broken`` definitions fail to start."""
    for _ in range(8):
        world.run(world.loop.step)
        for task in tasks(world):
            observed = {}
            if task["desiredStatus"] == "STOPPED":
                observed = {"last_status": "STOPPED", "stopped_at": now(world)}
            elif task["taskDefinitionArn"].rsplit("/")[-1] in broken:
                observed = {"failure": "CannotPullContainerError: no such image"}
            elif task["lastStatus"] != "RUNNING":
                observed = {"last_status": "RUNNING", "started_at": now(world)}
            if observed and task["lastStatus"] != "STOPPED":
                world.observe(task["taskArn"], **observed)
        world.skipped += timedelta(seconds=30)


def tasks(world: World, **wanted):
    found = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in world.ecs.list_tasks(cluster="blue", desiredStatus=status, **wanted)["taskArns"]
    ]
    return world.ecs.describe_tasks(cluster="blue", tasks=found)["tasks"] if found else []


def create(world: World, **members):
    given = {"cluster": "blue", "serviceName": "s", "deploymentController": {"type": "EXTERNAL"}}
    return world.ecs.create_service(**{**given, "desiredCount": 4, **members})["service"]


def add(world: World, **members):
    return world.ecs.create_task_set(**{**NAMED, "taskDefinition": "web:1", "scale": WHOLE, **members})[
        "taskSet"
    ]


def shown(world: World, *ids: str):
    answer = world.ecs.describe_task_sets(**NAMED, taskSets=list(ids))
    assert answer["failures"] == []
    return answer["taskSets"]


def service(world: World):
    return world.ecs.describe_services(cluster="blue", services=["s"])["services"][0]


def statistic(world: World, name: str) -> str:
    (cluster,) = world.ecs.describe_clusters(clusters=["blue"], include=["STATISTICS"])["clusters"]
    return {one["name"]: one["value"] for one in cluster["statistics"]}[name]


def targets(world: World, group: str) -> list[Target]:
    return world.run(partial(world.store.list, Target, target_group_arn=group))


def test_an_external_service_waits_for_its_task_sets(world):
    made = create(world)
    assert made["deploymentController"] == {"type": "EXTERNAL"}
    assert (made["deployments"], made["taskSets"], made["desiredCount"]) == ([], [], 4)
    assert "taskDefinition" not in made
    assert "launchType" not in made
    assert made["availabilityZoneRebalancing"] == "DISABLED"
    settle(world)
    assert tasks(world) == []
    assert service(world)["events"] == []
    assert world.ecs.list_service_deployments(cluster="blue", service="s")["serviceDeployments"] == []


def test_a_task_set_is_scaled_to_its_part_rounded_up(world):
    create(world, desiredCount=5)
    made = add(world, scale={"value": 30.0, "unit": "PERCENT"}, externalId="release-7")
    assert made["taskSetArn"] == f"{ECS}:task-set/blue/s/{made['id']}"
    assert made["serviceArn"] == f"{ECS}:service/blue/s"
    assert made["clusterArn"] == f"{ECS}:cluster/blue"
    assert made["externalId"] == "release-7"
    assert (made["status"], made["stabilityStatus"]) == ("ACTIVE", "STABILIZING")
    assert (made["computedDesiredCount"], made["runningCount"], made["launchType"]) == (2, 0, "EC2")
    settle(world)
    (steady,) = shown(world, made["id"])
    assert steady["stabilityStatus"] == "STEADY_STATE"
    assert steady["stabilityStatusAt"] > made["stabilityStatusAt"]
    assert (steady["runningCount"], steady["pendingCount"]) == (2, 0)
    assert len(tasks(world, startedBy=made["id"])) == 2
    assert {task["group"] for task in tasks(world)} == {"service:s"}

    scaled = world.ecs.update_task_set(**NAMED, taskSet=made["taskSetArn"], scale=WHOLE)["taskSet"]
    assert (scaled["computedDesiredCount"], scaled["stabilityStatus"]) == (5, "STABILIZING")
    settle(world)
    (whole,) = shown(world)
    assert (whole["runningCount"], whole["stabilityStatus"]) == (5, "STEADY_STATE")
    none = world.ecs.update_task_set(**NAMED, taskSet=made["id"], scale={"unit": "PERCENT"})["taskSet"]
    assert none["scale"] == {"value": 0.0, "unit": "PERCENT"}
    settle(world)
    assert service(world)["runningCount"] == 0


def test_by_default_a_task_set_has_no_tasks(world):
    create(world)
    made = add(world, scale={})
    assert made["scale"] == {"value": 0.0, "unit": "PERCENT"}
    assert made["computedDesiredCount"] == 0
    settle(world)
    assert shown(world)[0]["stabilityStatus"] == "STEADY_STATE"
    assert tasks(world) == []


def test_task_sets_follow_the_desired_count_of_their_service(world):
    create(world)
    blue, green = add(world), add(world, taskDefinition="web:2", scale={"value": 50, "unit": "PERCENT"})
    still = add(world, scale={})
    settle(world)
    assert [each["computedDesiredCount"] for each in shown(world)] == [4, 2, 0]
    changed = world.ecs.update_service(**NAMED, desiredCount=2)["service"]
    assert [s["stabilityStatus"] for s in changed["taskSets"]] == ["STABILIZING"] * 2 + ["STEADY_STATE"]
    settle(world)
    found = shown(world, blue["id"], green["taskSetArn"], still["id"])
    assert [each["runningCount"] for each in found] == [2, 1, 0]
    assert service(world)["runningCount"] == 3


def test_the_primary_task_set_is_what_the_service_shows(world):
    create(world)
    blue = add(world, taskDefinition="web:1")
    green = add(world, **ON_FARGATE)
    chosen = world.ecs.update_service_primary_task_set(**NAMED, primaryTaskSet=blue["id"])["taskSet"]
    assert chosen["status"] == "PRIMARY"
    assert service(world)["taskDefinition"].endswith("web:1")
    assert service(world)["launchType"] == "EC2"
    assert world.ecs.list_services(cluster="blue", launchType="FARGATE")["serviceArns"] == []
    world.ecs.update_service_primary_task_set(**NAMED, primaryTaskSet=green["taskSetArn"])
    assert [each["status"] for each in shown(world)] == ["ACTIVE", "PRIMARY"]
    found = service(world)
    assert found["taskDefinition"].endswith("ledger:1")
    assert (found["launchType"], found["platformVersion"]) == ("FARGATE", "LATEST")
    assert found["loadBalancers"] == LEDGER
    assert found["networkConfiguration"] == VPC | {
        "awsvpcConfiguration": {**VPC["awsvpcConfiguration"], "assignPublicIp": "DISABLED"}
    }
    assert world.ecs.list_services(cluster="blue", launchType="FARGATE")["serviceArns"] == [
        found["serviceArn"]
    ]
    assert found["deployments"] == []


def test_each_set_has_its_own_targets(world):
    create(world, desiredCount=2)
    blue = add(world, **ON_FARGATE)
    settle(world)
    others = {t.task_arn for t in targets(world, IP_GROUP)}
    assert others == {task["taskArn"] for task in tasks(world)}
    said = [event["message"] for event in service(world)["events"]]
    subject = f"(service s, taskSet {blue['id']})"
    assert said[0] == f"{subject} has reached a steady state."
    assert f"{subject} registered 2 targets in (target-group {IP_GROUP})" in said
    assert said[-1].startswith(f"{subject} has started 2 tasks: (task ")
    green = add(world, **{**ON_FARGATE, "loadBalancers": []})
    settle(world)
    assert {t.task_arn for t in targets(world, IP_GROUP)} == others
    world.ecs.delete_task_set(**NAMED, taskSet=blue["id"], force=True)
    settle(world)
    assert targets(world, IP_GROUP) == []
    assert [each["id"] for each in shown(world)] == [green["id"]]
    assert shown(world)[0]["runningCount"] == 2


def test_a_deleted_task_set_drains_and_is_gone(world):
    create(world, desiredCount=2)
    made = add(world)
    settle(world)
    with refused("InvalidParameterException", "scaled above 0"):
        world.ecs.delete_task_set(**NAMED, taskSet=made["id"])
    draining = world.ecs.delete_task_set(**NAMED, taskSet=made["id"], force=True)["taskSet"]
    assert (draining["status"], draining["computedDesiredCount"]) == ("DRAINING", 0)
    assert draining["stabilityStatus"] == "STABILIZING"
    again = world.ecs.delete_task_set(**NAMED, taskSet=made["id"], force=True)["taskSet"]
    assert again["updatedAt"] == draining["updatedAt"]
    for call, named in (
        (world.ecs.update_task_set, {"taskSet": made["id"], "scale": WHOLE}),
        (world.ecs.update_service_primary_task_set, {"primaryTaskSet": made["id"]}),
    ):
        with refused("InvalidParameterException", "is DRAINING"):
            call(**NAMED, **named)
    settle(world)
    answer = world.ecs.describe_task_sets(**NAMED, taskSets=[made["id"]])
    assert answer["taskSets"] == []
    assert answer["failures"] == [{"arn": made["taskSetArn"], "reason": "MISSING"}]
    with refused("TaskSetNotFoundException", "not found"):
        world.ecs.delete_task_set(**NAMED, taskSet=made["id"])
    assert {task["lastStatus"] for task in tasks(world)} == {"STOPPED"}


def test_the_primary_goes_by_force_alone(world):
    create(world, desiredCount=0)
    made = add(world)
    world.ecs.update_service_primary_task_set(**NAMED, primaryTaskSet=made["id"])
    with refused("InvalidParameterException", "primary task set cannot be deleted"):
        world.ecs.delete_task_set(**NAMED, taskSet=made["id"])
    world.ecs.delete_task_set(**NAMED, taskSet=made["id"], force=True)
    assert "taskDefinition" not in service(world)


def test_a_service_with_task_sets_is_deleted_by_force(world):
    create(world)
    add(world)
    settle(world)
    with refused("InvalidParameterException", "scaled above 0"):
        world.ecs.delete_service(**NAMED)
    world.ecs.update_service(**NAMED, desiredCount=0)
    with refused("InvalidParameterException", "cannot be stopped while deployments are active"):
        world.ecs.delete_service(**NAMED)
    deleted = world.ecs.delete_service(**NAMED, force=True)["service"]
    assert (deleted["status"], [s["status"] for s in deleted["taskSets"]]) == ("DRAINING", ["DRAINING"])
    with refused("ServiceNotActiveException", "not ACTIVE"):
        add(world)
    settle(world)
    assert service(world)["status"] == "INACTIVE"
    assert world.run(partial(world.store.list, TaskSet)) == []
    with refused("ServiceNotActiveException", "not ACTIVE"):
        world.ecs.describe_task_sets(**NAMED)
    assert create(world)["taskSets"] == []


def test_a_service_without_task_sets_is_deleted_at_once(world):
    create(world, desiredCount=0)
    world.ecs.delete_service(**NAMED)
    settle(world)
    assert service(world)["status"] == "INACTIVE"


def test_failed_tasks_are_replaced_and_waited_for(world):
    create(world, desiredCount=2)
    good, bad = add(world), add(world, taskDefinition="web:2")
    settle(world, "web:2")
    found = shown(world, good["id"], bad["id"])
    assert [each["stabilityStatus"] for each in found] == ["STEADY_STATE", "STABILIZING"]
    assert found[0]["runningCount"] == 2
    failures = tasks(world, startedBy=bad["id"])
    assert 4 <= len(failures) <= 16
    assert any(
        f"taskSet {bad['id']}) is unable to consistently" in e["message"] for e in service(world)["events"]
    )


def test_a_token_makes_one_task_set(world):
    create(world)
    first = add(world, clientToken="t", externalId="x")
    world.ecs.update_task_set(**NAMED, taskSet=first["id"], scale={"value": 7, "unit": "PERCENT"})
    assert add(world, clientToken="t", externalId="x")["id"] == first["id"]
    with refused("InvalidParameterException", "not idempotent"):
        add(world, clientToken="t", externalId="y")
    with refused("InvalidParameterException", "Invalid client token"):
        add(world, clientToken="a b")
    assert add(world)["id"] != add(world)["id"]
    assert len(shown(world)) == 3


def test_a_service_has_five_task_sets_at_most(world):
    create(world)
    for number in range(5):
        add(world, clientToken=str(number))
    with refused(
        "InvalidParameterException", "5 deployments exist on the service. Unable to create new TaskSet"
    ):
        add(world)
    assert add(world, clientToken="4")["id"] == shown(world)[-1]["id"]


def test_tags(world):
    create(world)
    made = add(world, tags=[{"key": "team", "value": "a"}])
    arn = made["taskSetArn"]
    assert made["tags"] == [{"key": "team", "value": "a"}]
    world.ecs.tag_resource(resourceArn=arn, tags=[{"key": "tier", "value": "b"}])
    world.ecs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert world.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "tier", "value": "b"}]
    assert "tags" not in shown(world)[0]
    (included,) = world.ecs.describe_task_sets(**NAMED, include=["TAGS"])["taskSets"]
    assert included["tags"] == [{"key": "tier", "value": "b"}]
    (there,) = world.ecs.describe_services(cluster="blue", services=["s"], include=["TAGS"])["services"]
    assert there["taskSets"] == [included]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"taskDefinition": "web:1"}, "TaskDefinition must be blank."),
        ({"launchType": "EC2"}, "LaunchType must be blank."),
        ({"networkConfiguration": VPC}, "NetworkConfiguration must be blank."),
        ({"loadBalancers": BALANCERS}, "LoadBalancers must be blank."),
        ({"schedulingStrategy": "DAEMON", "desiredCount": None}, "does not support the EXTERNAL"),
        ({"availabilityZoneRebalancing": "ENABLED"}, "does not support services that use the EXTERNAL"),
    ],
)
def test_what_belongs_to_task_sets_is_refused(world, members, message):
    given = {name: value for name, value in {"desiredCount": 1, **members}.items() if value is not None}
    named = {"cluster": "blue", "serviceName": "s", "deploymentController": {"type": "EXTERNAL"}}
    with refused("InvalidParameterException", message):
        world.ecs.create_service(**named, **given)
    assert world.ecs.list_services(cluster="blue")["serviceArns"] == []


def test_configuration_about_deployments_is_refused(world):
    with refused(
        "ClientException", "'deploymentCircuitBreaker' of deploymentConfiguration with the EXTERNAL"
    ):
        create(
            world, deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        )
    percents = {"maximumPercent": 150, "minimumHealthyPercent": 50}
    breaker = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    made = create(world, deploymentConfiguration={**percents, **breaker, "strategy": "ROLLING"})
    assert made["deploymentConfiguration"] == percents


def test_an_update_changes_what_is_the_services_own(world):
    create(world)
    add(world)
    settle(world)
    changed = world.ecs.update_service(
        **NAMED,
        healthCheckGracePeriodSeconds=7,
        propagateTags="SERVICE",
        placementStrategy=[{"type": "random"}],
        deploymentController={"type": "EXTERNAL"},
        forceNewDeployment=False,
    )["service"]
    assert (changed["healthCheckGracePeriodSeconds"], changed["propagateTags"]) == (7, "SERVICE")
    assert changed["placementStrategy"] == [{"type": "random"}]
    assert changed["taskSets"][0]["stabilityStatus"] == "STEADY_STATE"
    for member, value in (
        ("taskDefinition", "web:2"),
        ("capacityProviderStrategy", [{"capacityProvider": "FARGATE", "weight": 1}]),
        ("loadBalancers", BALANCERS),
        ("forceNewDeployment", True),
        ("enableExecuteCommand", True),
        ("deploymentConfiguration", {"maximumPercent": 150}),
    ):
        with refused("InvalidParameterException", f"Unable to update {member} on services with an EXTERNAL"):
            world.ecs.update_service(**NAMED, **{member: value})
    with refused("ClientException", "Changing the deployment controller of a service to ECS"):
        world.ecs.update_service(**NAMED, deploymentController={"type": "ECS"})


def test_a_service_that_had_deployments_can_come_back_with_task_sets(world):
    world.ecs.create_service(cluster="blue", serviceName="s", taskDefinition="web:1", desiredCount=1)
    settle(world)
    world.ecs.delete_service(**NAMED, force=True)
    settle(world)
    made = create(world, desiredCount=1)
    assert "currentServiceDeployment" not in made
    own = add(world)
    settle(world)
    (record,) = world.ecs.list_service_deployments(**NAMED)["serviceDeployments"]
    assert record["status"] == "SUCCESSFUL"
    assert len(tasks(world, startedBy=own["id"])) == 1
    with refused("ConflictException", "not in progress"):
        world.ecs.stop_service_deployment(serviceDeploymentArn=record["serviceDeploymentArn"])
    world.ecs.delete_service(**NAMED, force=True)
    settle(world)
    again = world.ecs.create_service(cluster="blue", serviceName="s", taskDefinition="web:1", desiredCount=1)
    assert again["service"]["deploymentController"] == {"type": "ECS"}
    settle(world)
    assert service(world)["runningCount"] == 1


def test_capacity_provider_strategies_divide_a_sets_tasks(world):
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    create(world, enableExecuteCommand=True, propagateTags="SERVICE", tags=[{"key": "team", "value": "a"}])
    given = {name: value for name, value in ON_FARGATE.items() if name != "launchType"}
    strategy = [
        {"capacityProvider": name, "weight": weight, "base": 0}
        for name, weight in (("FARGATE", 1), ("FARGATE_SPOT", 3))
    ]
    made = add(world, **given, capacityProviderStrategy=strategy)
    assert made["capacityProviderStrategy"] == strategy
    assert "launchType" not in made
    settle(world)
    placed = [task["capacityProviderName"] for task in tasks(world)]
    assert sorted(placed) == ["FARGATE"] + ["FARGATE_SPOT"] * 3
    assert all(task["enableExecuteCommand"] for task in tasks(world))
    tags = world.ecs.list_tags_for_resource(resourceArn=tasks(world)[0]["taskArn"])["tags"]
    assert tags == [{"key": "team", "value": "a"}]
    with refused("ResourceInUseException", f"It is used by the service {ECS}:service/blue/s."):
        world.ecs.put_cluster_capacity_providers(
            cluster="blue", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
        )
    assert statistic(world, "activeFargateServiceCount") == "0"
    world.ecs.update_service_primary_task_set(**NAMED, primaryTaskSet=made["id"])
    assert statistic(world, "activeFargateServiceCount") == "1"
    assert service(world)["capacityProviderStrategy"] == strategy
    assert "launchType" not in service(world)


def test_creating_the_service_again(world):
    first = create(world)
    add(world)
    assert create(world)["createdAt"] == first["createdAt"]
    with refused("InvalidParameterException", "not idempotent"):
        create(world, desiredCount=5)
    with refused("InvalidParameterException", "not idempotent"):
        create(world, deploymentController={"type": "ECS"}, taskDefinition="web:1")


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"scale": {"value": 100.5, "unit": "PERCENT"}}, "InvalidParameterException", "between 0 and 100"),
        ({"scale": {"value": -1, "unit": "PERCENT"}}, "InvalidParameterException", "between 0 and 100"),
        ({"taskDefinition": "absent"}, "ClientException", "TaskDefinition not found."),
        ({"service": "absent"}, "ServiceNotFoundException", "Service not found."),
        ({"cluster": "absent"}, "ClusterNotFoundException", "Cluster not found."),
        ({"taskDefinition": "ledger"}, "InvalidParameterException", "Network Configuration must be provided"),
        ({"launchType": "FARGATE"}, "InvalidParameterException", "does not support launch_type FARGATE"),
        ({"loadBalancers": LEDGER}, "InvalidParameterException", "target type ip"),
        ({"serviceRegistries": [{"registryArn": "x"}]}, "ClientException", "'serviceRegistries'"),
        (
            {"loadBalancers": [{**BALANCERS[0], "advancedConfiguration": {"roleArn": "r"}}]},
            "ClientException",
            "'advancedConfiguration' of loadBalancers",
        ),
    ],
)
def test_what_a_task_set_cannot_have(world, members, code, message):
    create(world)
    with refused(code, message):
        add(world, **members)
    assert shown(world) == []


def test_only_external_services_have_task_sets(world):
    world.ecs.create_service(cluster="blue", serviceName="s", taskDefinition="web:1", desiredCount=1)
    for call, members in (
        (world.ecs.create_task_set, {"taskDefinition": "web:1"}),
        (world.ecs.describe_task_sets, {}),
        (world.ecs.delete_task_set, {"taskSet": "ecs-svc/1"}),
    ):
        with refused("InvalidParameterException", "only supports task set management on services configured"):
            call(**NAMED, **members)
    assert "taskSets" not in service(world)


def test_a_task_set_of_another_service_is_not_found(world):
    create(world)
    create(world, serviceName="other")
    made = add(world, service="other")
    for name in (made["id"], made["taskSetArn"], "ecs-svc/1", "ecs-svc/../x"):
        with refused("TaskSetNotFoundException", "not found"):
            world.ecs.update_task_set(**NAMED, taskSet=name, scale=WHOLE)
    world.ecs.update_task_set(cluster="blue", service="other", taskSet=made["id"], scale=WHOLE)


def test_instance_targets_keep_to_their_set(world):
    create(world, desiredCount=1)
    made = add(world, loadBalancers=BALANCERS)
    assert made["loadBalancers"] == BALANCERS
    world.run(world.loop.step)
    (task,) = tasks(world)
    assert targets(world, INSTANCE_GROUP) == []
    assert shown(world)[0]["pendingCount"] == 1
    assert task["startedBy"] == made["id"]


def test_a_definition_of_a_task_set_is_not_deleted(world):
    create(world)
    add(world, scale={})
    world.ecs.deregister_task_definition(taskDefinition="web:1")
    world.ecs.delete_task_definitions(taskDefinitions=["web:1"])
    settle(world)
    found = world.ecs.describe_task_definition(taskDefinition="web:1")["taskDefinition"]
    assert found["status"] == "DELETE_IN_PROGRESS"
