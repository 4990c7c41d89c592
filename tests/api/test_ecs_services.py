from datetime import UTC, datetime, timedelta

import pytest

from sealway.control.loop import ControlLoop
from sealway.model.service import Service, ServiceEvent
from sealway.model.task import Task
from tests.support.ecs_world import (
    BALANCERS,
    CONTAINER,
    ECS,
    FARGATE,
    IDLE_GROUP,
    INSTANCE_GROUP,
    IP_GROUP,
    NOW,
    OTHER_SECURITY_GROUP,
    OTHER_SUBNET,
    OWNER,
    SUBNETS,
    VPC,
    World,
    ecs_world,
    refused,
)

ORDERS = f"{ECS}:service/blue/orders"
QUICK = {"Delay": 0, "MaxAttempts": 1}


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        world.ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        world.ecs.register_task_definition(family="ledger", containerDefinitions=[CONTAINER], **FARGATE)
        yield world


def create(world: World, **members):
    given = {"cluster": "blue", "serviceName": "orders", "taskDefinition": "web", "desiredCount": 2}
    return world.ecs.create_service(**{**given, **members})["service"]


def create_ledger(world: World, **members):
    given = {"serviceName": "ledger", "taskDefinition": "ledger", "launchType": "FARGATE"}
    return create(world, **{**given, "networkConfiguration": VPC, **members})


def update(world: World, **members):
    return world.ecs.update_service(**{"cluster": "blue", "service": "orders", **members})["service"]


def describe(world: World, name: str = "orders"):
    (service,) = world.ecs.describe_services(cluster="blue", services=[name])["services"]
    return service


def put_task(world: World, number: int, deployment: str, **fields) -> None:
    given = {
        "arn": f"{ECS}:task/blue/{number:032x}",
        "cluster_arn": f"{ECS}:cluster/blue",
        "task_definition_arn": f"{ECS}:task-definition/web:2",
        "group": "service:orders",
        "service_arn": ORDERS,
        "deployment_id": deployment,
        "launch_type": "EC2",
        "availability_zone": "us-east-1a",
        "cpu": "128",
        "memory": "128",
        "last_status": "RUNNING",
        "created_at": NOW,
    }
    world.put(Task(**OWNER, **{**given, **fields}))


def test_create_service_on_ec2(world):
    service = create(world, loadBalancers=BALANCERS, healthCheckGracePeriodSeconds=7)
    assert service["serviceArn"] == ORDERS
    assert service["status"] == "ACTIVE"
    assert service["taskDefinition"] == f"{ECS}:task-definition/web:2"
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (2, 0, 0)
    assert service["launchType"] == "EC2"
    assert service["loadBalancers"] == BALANCERS
    assert service["healthCheckGracePeriodSeconds"] == 7
    assert service["schedulingStrategy"] == "REPLICA"
    assert service["propagateTags"] == "NONE"
    assert "networkConfiguration" not in service
    configuration = service["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (100, 200)
    (deployment,) = service["deployments"]
    assert deployment["status"] == "PRIMARY"
    assert deployment["id"].startswith("ecs-svc/")
    assert len(deployment["id"]) == len("ecs-svc/") + 19
    assert deployment["rolloutState"] == "IN_PROGRESS"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} in progress."


def test_create_service_on_fargate(world):
    balancers = [{"targetGroupArn": IP_GROUP, "containerName": "app", "containerPort": 8443}]
    service = create_ledger(world, loadBalancers=balancers)
    assert service["launchType"] == "FARGATE"
    assert (service["platformVersion"], service["platformFamily"]) == ("LATEST", "Linux")
    assert service["deployments"][0]["platformVersion"] == "1.4.0"
    vpc = service["networkConfiguration"]["awsvpcConfiguration"]
    assert vpc["subnets"] == list(SUBNETS)
    assert vpc["assignPublicIp"] == "DISABLED"


def test_creating_again_is_idempotent_only_when_nothing_differs(world):
    first = create(world, clientToken="a")
    assert create(world, clientToken="a")["deployments"][0]["id"] == first["deployments"][0]["id"]
    with refused("InvalidParameterException", "Creation of service was not idempotent."):
        create(world, clientToken="a", desiredCount=3)


def vpc(**members):
    return {"awsvpcConfiguration": {**VPC["awsvpcConfiguration"], **members}}


LEDGER = {"taskDefinition": "ledger", "launchType": "FARGATE", "networkConfiguration": VPC}


def balancer(**members):
    return [{**BALANCERS[0], **members}]


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"cluster": "none"}, "ClusterNotFoundException", "Cluster not found."),
        ({"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
        ({"serviceName": "a b"}, "InvalidParameterException", "Invalid service name 'a b'"),
        ({"clientToken": "x" * 37}, "InvalidParameterException", "Invalid client token"),
        ({"desiredCount": -1}, "InvalidParameterException", "desiredCount must be"),
        ({"schedulingStrategy": "DAEMON"}, "InvalidParameterException", "does not support a desired count"),
        (
            {"deploymentController": {"type": "CODE_DEPLOY"}},
            "InvalidParameterException",
            "exactly one entry in loadBalancers, not 0",
        ),
        ({"serviceRegistries": [{"registryArn": "x"}]}, "ClientException", "'serviceRegistries'"),
        ({"serviceConnectConfiguration": {"enabled": True}}, "ClientException", "'serviceConnect"),
        ({"launchType": "FARGATE"}, "InvalidParameterException", "does not support launch_type FARGATE."),
        ({"launchType": "EXTERNAL"}, "ClientException", "The launch type EXTERNAL"),
        ({"platformVersion": "LATEST"}, "InvalidParameterException", "platform version must be null"),
        ({**LEDGER, "platformVersion": "9"}, "PlatformUnknownException", "platform version 9"),
        (
            {**LEDGER, "networkConfiguration": {}},
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ),
        ({"networkConfiguration": VPC}, "InvalidParameterException", "not valid for the given networkMode"),
        (
            {**LEDGER, "networkConfiguration": vpc(subnets=["subnet-1"])},
            "InvalidParameterException",
            "The subnet ID 'subnet-1' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
        ),
        (
            {**LEDGER, "networkConfiguration": vpc(subnets=[SUBNETS[0], OTHER_SUBNET])},
            "InvalidParameterException",
            "same VPC",
        ),
        (
            {**LEDGER, "networkConfiguration": vpc(securityGroups=["sg-1"])},
            "InvalidParameterException",
            "The security group 'sg-1' does not exist (ErrorCode: InvalidGroup.NotFound)",
        ),
        (
            {**LEDGER, "networkConfiguration": vpc(securityGroups=[OTHER_SECURITY_GROUP])},
            "InvalidParameterException",
            "VPC of the subnets",
        ),
        (
            {**LEDGER, "launchType": "EC2", "networkConfiguration": vpc(assignPublicIp="ENABLED")},
            "InvalidParameterException",
            "Assign public IP is not supported for this launch type.",
        ),
        (
            {**LEDGER, "placementConstraints": [{"type": "distinctInstance"}]},
            "InvalidParameterException",
            "Placement constraints are not supported with FARGATE launch type.",
        ),
        (
            {**LEDGER, "placementStrategy": [{"type": "random"}]},
            "InvalidParameterException",
            "Placement strategies are not supported with FARGATE launch type.",
        ),
        (
            {"placementStrategy": [{"type": "random"}] * 6},
            "InvalidParameterException",
            "strategies cannot exceed 5",
        ),
        (
            {"placementConstraints": [{"type": "distinctInstance"}] * 11},
            "InvalidParameterException",
            "constraints cannot exceed 10",
        ),
        (
            {"loadBalancers": balancer(targetGroupArn=IDLE_GROUP)},
            "InvalidParameterException",
            f"The target group with targetGroupArn {IDLE_GROUP} does not have an associated load balancer.",
        ),
        (
            {"loadBalancers": balancer(targetGroupArn=IP_GROUP)},
            "InvalidParameterException",
            f"The provided target group {IP_GROUP} has target type ip, which is incompatible with the bridge"
            " network mode specified in the task definition.",
        ),
        (
            {**LEDGER, "loadBalancers": BALANCERS},
            "InvalidParameterException",
            f"The provided target group {INSTANCE_GROUP} has target type instance, which is incompatible"
            " with the awsvpc network mode",
        ),
        (
            {"loadBalancers": balancer(targetGroupArn="arn:aws:x")},
            "InvalidParameterException",
            "Unable to assume role and validate the specified targetGroupArn.",
        ),
        (
            {"loadBalancers": balancer(containerName="other")},
            "InvalidParameterException",
            "The container other does not exist in the task definition.",
        ),
        (
            {"loadBalancers": balancer(containerPort=80)},
            "InvalidParameterException",
            "The container app did not have a container port 80 defined.",
        ),
        (
            {"loadBalancers": [{"loadBalancerName": "x", "containerName": "app", "containerPort": 8443}]},
            "ClientException",
            "Classic Load Balancer",
        ),
        ({"loadBalancers": BALANCERS * 6}, "InvalidParameterException", "load balancers cannot exceed 5"),
        (
            {"loadBalancers": BALANCERS * 2, "role": "ecs"},
            "InvalidParameterException",
            "You cannot specify an IAM role for services that require a service linked role.",
        ),
        (
            {"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}},
            "InvalidParameterException",
            "cannot be 100 as this will block deployments.",
        ),
        (
            {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}, "loadBalancers": BALANCERS},
            "InvalidParameterException",
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING",
        ),
        (
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
            "InvalidParameterException",
            "not associated with the cluster",
        ),
        ({"tags": [{"key": "aws:x", "value": "y"}]}, "InvalidParameterException", "reserved prefix"),
    ],
)
def test_create_service_refuses_and_changes_nothing(world, members, code, message):
    with refused(code, message):
        create(world, **members)
    assert world.ecs.list_services(cluster="blue")["serviceArns"] == []


def test_create_service_needs_a_desired_count(world):
    with refused("InvalidParameterException", "The desired count is required"):
        world.ecs.create_service(cluster="blue", serviceName="x", taskDefinition="web")


def test_scaling_makes_no_new_deployment(world):
    before = create(world)["deployments"][0]["id"]
    service = update(world, desiredCount=5)
    (deployment,) = service["deployments"]
    assert (deployment["id"], deployment["desiredCount"], service["desiredCount"]) == (before, 5, 5)


def test_a_new_definition_makes_a_new_primary(world):
    before = create(world)["deployments"][0]["id"]
    service = update(world, taskDefinition="web:1", desiredCount=3)
    primary, active = service["deployments"]
    assert (primary["status"], active["status"], active["id"]) == ("PRIMARY", "ACTIVE", before)
    assert primary["taskDefinition"] == service["taskDefinition"] == f"{ECS}:task-definition/web:1"
    assert (primary["desiredCount"], active["desiredCount"]) == (3, 2)


def test_the_same_definition_makes_none_unless_forced(world):
    create(world)
    assert len(update(world, taskDefinition="web")["deployments"]) == 1
    assert len(update(world, forceNewDeployment=True)["deployments"]) == 2


def test_updating_what_is_not_in_the_tasks_makes_no_new_deployment(world):
    create(world)
    service = update(
        world,
        deploymentConfiguration={"minimumHealthyPercent": 50},
        healthCheckGracePeriodSeconds=9,
        placementStrategy=[{"type": "binpack", "field": "memory"}],
        propagateTags="SERVICE",
    )
    assert len(service["deployments"]) == 1
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 50
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    assert service["healthCheckGracePeriodSeconds"] == 9
    assert service["placementStrategy"] == [{"type": "binpack", "field": "memory"}]
    assert service["propagateTags"] == "SERVICE"


def test_a_new_network_makes_a_new_deployment(world):
    create_ledger(world)
    service = update(world, service="ledger", networkConfiguration=vpc(subnets=[SUBNETS[0]]))
    primary, active = service["deployments"]
    assert primary["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == [SUBNETS[0]]
    assert active["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == list(SUBNETS)


def test_a_service_scales_though_its_definition_was_deregistered(world):
    create(world)
    world.ecs.deregister_task_definition(taskDefinition="web:2")
    assert update(world, desiredCount=4)["desiredCount"] == 4
    assert len(update(world, forceNewDeployment=True)["deployments"]) == 2
    with refused("ClientException", "TaskDefinition is inactive"):
        update(world, taskDefinition="web:2")


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"service": "none"}, "ServiceNotFoundException", "Service not found."),
        ({"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
        ({"desiredCount": -1}, "InvalidParameterException", "desiredCount must be"),
        ({"loadBalancers": BALANCERS * 6}, "InvalidParameterException", "load balancers cannot exceed 5"),
        ({"taskDefinition": "ledger"}, "InvalidParameterException", "must be provided when networkMode"),
    ],
)
def test_update_service_refuses_and_changes_nothing(world, members, code, message):
    before = create(world)
    with refused(code, message):
        update(world, **members)
    after = describe(world)
    assert after == {k: v for k, v in before.items() if k != "tags"}


def test_a_definition_without_the_balanced_port_is_refused(world):
    create(world, loadBalancers=BALANCERS)
    container = {**CONTAINER, "portMappings": [{"containerPort": 80}]}
    world.ecs.register_task_definition(family="web", containerDefinitions=[container])
    with refused("InvalidParameterException", "did not have a container port 8443 defined."):
        update(world, taskDefinition="web")


def test_counts_are_of_the_tasks_by_deployment(world):
    first = create(world)["deployments"][0]["id"]
    second = update(world, forceNewDeployment=True)["deployments"][0]["id"]
    put_task(world, 1, first)
    put_task(world, 2, first, desired_status="STOPPED")
    put_task(world, 3, second, last_status="PENDING")
    put_task(world, 4, second, last_status="STOPPED", desired_status="STOPPED")
    service = describe(world)
    assert (service["runningCount"], service["pendingCount"]) == (1, 1)
    counts = {d["id"]: (d["runningCount"], d["pendingCount"]) for d in service["deployments"]}
    assert counts == {first: (1, 0), second: (0, 1)}
    (cluster,) = world.ecs.describe_clusters(clusters=["blue"])["clusters"]
    assert (cluster["runningTasksCount"], cluster["pendingTasksCount"]) == (1, 1)
    assert cluster["activeServicesCount"] == 1


def test_services_stable_waits_for_the_tasks(world):
    deployment = create(world, desiredCount=1)["deployments"][0]["id"]
    put_task(world, 1, deployment)
    world.ecs.get_waiter("services_stable").wait(cluster="blue", services=["orders"], WaiterConfig=QUICK)


def test_events_come_newest_first(world):
    create(world)

    def tell() -> None:
        with world.store.transaction() as tx:
            service = tx.get(Service, ORDERS)
            later = NOW.replace(hour=2)
            events = (
                ServiceEvent(id="a", created_at=NOW, message="one"),
                ServiceEvent(id="b", created_at=later, message="two"),
            )
            tx.put(service.replace(events=events))

    world.run(tell)
    assert [e["message"] for e in describe(world)["events"]] == ["two", "one"]


def test_describe_services_names_what_is_missing(world):
    answer = world.ecs.describe_services(cluster="blue", services=["none", f"{ECS}:service/green/x"])
    assert answer["services"] == []
    assert answer["failures"] == [
        {"arn": f"{ECS}:service/blue/none", "reason": "MISSING"},
        {"arn": f"{ECS}:service/green/x", "reason": "MISSING"},
    ]
    with refused("InvalidParameterException", "Services cannot exceed 10"):
        world.ecs.describe_services(cluster="blue", services=["x"] * 11)
    with refused("InvalidParameterException", "Services cannot be empty."):
        world.ecs.describe_services(cluster="blue", services=[])


def test_list_services_pages_and_filters(world):
    for number in range(12):
        create(world, serviceName=f"s{number:02}")
    create_ledger(world)
    first = world.ecs.list_services(cluster="blue")
    assert len(first["serviceArns"]) == 10
    rest = world.ecs.list_services(cluster="blue", nextToken=first["nextToken"])
    assert len(rest["serviceArns"]) == 3
    assert "nextToken" not in rest
    on_fargate = world.ecs.list_services(cluster="blue", launchType="FARGATE")
    assert on_fargate["serviceArns"] == [f"{ECS}:service/blue/ledger"]
    with refused("InvalidParameterException", "Invalid token"):
        world.ecs.list_services(cluster="blue", nextToken="x")


def test_delete_service(world):
    create(world)
    with refused("InvalidParameterException", "The service cannot be stopped while it is scaled above 0."):
        world.ecs.delete_service(cluster="blue", service="orders")
    deleted = world.ecs.delete_service(cluster="blue", service="orders", force=True)["service"]
    assert (deleted["status"], deleted["desiredCount"]) == ("DRAINING", 0)
    assert world.ecs.list_services(cluster="blue")["serviceArns"] == []
    with refused("InvalidParameterException", "Unable to Start a service that is still Draining."):
        create(world)
    with refused("ServiceNotActiveException", "Service was not ACTIVE."):
        update(world, desiredCount=1)
    assert world.ecs.delete_service(cluster="blue", service="orders")["service"]["status"] == "DRAINING"


def end(world: World) -> None:
    """What control does when the last task is gone."""

    def write() -> None:
        with world.store.transaction() as tx:
            tx.put(tx.get(Service, ORDERS).replace(status="INACTIVE"))

    world.run(write)


def test_a_deleted_service_stays_describable_and_its_name_is_free(world):
    old = create(world)["deployments"][0]["id"]
    world.ecs.delete_service(cluster="blue", service=ORDERS, force=True)
    end(world)
    world.ecs.get_waiter("services_inactive").wait(cluster="blue", services=["orders"], WaiterConfig=QUICK)
    service = describe(world)
    assert (service["status"], service["deployments"]) == ("INACTIVE", [])
    with refused("ServiceNotFoundException", "Service not found."):
        world.ecs.delete_service(cluster="blue", service="orders")
    again = create(world, desiredCount=1)
    assert (again["status"], again["desiredCount"]) == ("ACTIVE", 1)
    assert again["deployments"][0]["id"] != old


def test_capacity_providers(world):
    world.ecs.put_cluster_capacity_providers(
        cluster="blue",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    )
    service = create(world, taskDefinition="ledger", networkConfiguration=VPC)
    assert "launchType" not in service
    assert service["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    with refused("ResourceInUseException", "is in use and cannot be removed."):
        world.ecs.put_cluster_capacity_providers(
            cluster="blue", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
        )
    with refused("InvalidParameterException", "'asg' was not found"):
        world.ecs.put_cluster_capacity_providers(
            cluster="blue", capacityProviders=["asg"], defaultCapacityProviderStrategy=[]
        )
    with refused("InvalidParameterException", "both a launch type and capacity provider strategy"):
        strategy = [{"capacityProvider": "FARGATE"}]
        create_ledger(world, capacityProviderStrategy=strategy)
    shown = world.ecs.describe_capacity_providers(capacityProviders=["FARGATE", "asg"])
    assert [p["name"] for p in shown["capacityProviders"]] == ["FARGATE"]
    assert shown["failures"] == [{"arn": "asg", "reason": "MISSING"}]


def test_another_account_sees_nothing(world):
    create(world)
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.stranger.list_services(cluster="blue")
    world.stranger.create_cluster(clusterName="blue")
    answer = world.stranger.describe_services(cluster="blue", services=["orders", ORDERS])
    assert answer["services"] == []
    assert [f["reason"] for f in answer["failures"]] == ["MISSING", "MISSING"]
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.stranger.describe_services(cluster=f"{ECS}:cluster/blue", services=["orders"])
    elsewhere = world.client("ecs", region_name="eu-west-1")
    assert elsewhere.list_clusters()["clusterArns"] == []
    with refused("ClientException", "TaskDefinition not found."):
        world.stranger.create_service(
            cluster="blue", serviceName="x", taskDefinition=f"{ECS}:task-definition/web:1", desiredCount=1
        )


def test_a_service_lives_and_ends_under_control(world):
    control = ControlLoop(world.store, lambda: datetime.now(UTC), world.ids)
    instance = world.instance()
    create(world)
    world.run(control.step)
    service = describe(world)
    assert (service["runningCount"], service["pendingCount"]) == (0, 2)
    assert "has started 2 tasks" in service["events"][0]["message"]
    tasks = world.ecs.list_tasks(cluster="blue", serviceName="orders")["taskArns"]
    assert len(tasks) == 2
    shown = world.ecs.describe_tasks(cluster="blue", tasks=tasks)["tasks"]
    assert {task["group"] for task in shown} == {"service:orders"}
    assert {task["startedBy"] for task in shown} == {service["deployments"][0]["id"]}
    assert {task["containerInstanceArn"] for task in shown} == {instance}
    for task in tasks:
        # A task without any health check counts as healthy 40 seconds after its start.
        world.observe(task, last_status="RUNNING", started_at=datetime.now(UTC) - timedelta(minutes=1))
    world.run(control.step)
    world.ecs.get_waiter("services_stable").wait(cluster="blue", services=["orders"], WaiterConfig=QUICK)
    assert describe(world)["deployments"][0]["rolloutState"] == "COMPLETED"
    world.ecs.delete_service(cluster="blue", service="orders", force=True)
    world.run(control.step)
    assert world.ecs.list_tasks(cluster="blue")["taskArns"] == []
    for task in tasks:
        world.observe(task, last_status="STOPPED", stopped_at=datetime.now(UTC))
    world.run(control.step)
    world.ecs.get_waiter("services_inactive").wait(cluster="blue", services=["orders"], WaiterConfig=QUICK)


AZ_SPREAD = {"type": "spread", "field": "attribute:ecs.availability-zone"}
BINPACK = {"type": "binpack", "field": "cpu"}


def test_rebalancing_is_on_where_a_service_is_spread_over_zones(world):
    def made(name, **members):
        return create(world, serviceName=name, **members)["availabilityZoneRebalancing"]

    assert made("plain") == "ENABLED"
    assert made("spread", placementStrategy=[AZ_SPREAD, BINPACK]) == "ENABLED"
    assert made("packed", placementStrategy=[BINPACK, AZ_SPREAD]) == "DISABLED"
    assert made("off", availabilityZoneRebalancing="DISABLED") == "DISABLED"
    tight = {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}
    assert made("tight", **tight) == "DISABLED"
    with refused("InvalidParameterException", "rebalancing does not support a maximumPercent of 100"):
        made("forced", availabilityZoneRebalancing="ENABLED", **tight)


def test_rebalancing_stays_as_it_is_until_told_otherwise(world):
    create(world)
    assert update(world, desiredCount=1)["availabilityZoneRebalancing"] == "ENABLED"
    with refused("InvalidParameterException", "does not support a first placement strategy"):
        update(world, placementStrategy=[BINPACK], availabilityZoneRebalancing="ENABLED")
    off = update(world, placementStrategy=[BINPACK])
    assert off["availabilityZoneRebalancing"] == "DISABLED"
    assert len(off["deployments"]) == 1
