"""Service deployments and revisions through boto3, with control at work and the test as the node."""

from datetime import UTC, datetime, timedelta

import pytest

from sealway.control.loop import ControlLoop
from sealway.model.service_deployment import ServiceDeployment, ServiceRevision
from tests.support.ecs_world import CONTAINER, ECS, FARGATE, VPC, World, ecs_world, refused

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        world.skipped = timedelta()
        world.loop = ControlLoop(world.store, lambda: now(world), world.ids)
        for number in (1, 2):
            world.instance(number)
        world.ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        yield world


def now(world: World) -> datetime:
    return datetime.now(UTC) + world.skipped


def settle(world: World, *broken: str) -> None:
    """Plays the node until nothing moves any more; tasks of ``broken`` definitions fail to start."""
    for _ in range(12):
        world.run(world.loop.step)
        for arn in tasks(world):
            task = described(world, arn)
            if task["lastStatus"] == "STOPPED":
                continue
            if task["desiredStatus"] == "STOPPED":
                world.observe(arn, last_status="STOPPED", stopped_at=now(world))
            elif task["taskDefinitionArn"].rsplit("/")[-1] in broken:
                world.observe(arn, failure="CannotPullContainerError: no such image")
            elif task["lastStatus"] != "RUNNING":
                world.observe(arn, last_status="RUNNING", started_at=now(world))
        world.skipped += timedelta(seconds=30)


def tasks(world: World) -> list[str]:
    list_tasks = world.ecs.list_tasks
    return [
        a for s in ("RUNNING", "STOPPED") for a in list_tasks(cluster="blue", desiredStatus=s)["taskArns"]
    ]


def described(world: World, arn: str):
    return world.ecs.describe_tasks(cluster="blue", tasks=[arn])["tasks"][0]


def create(world: World, **members):
    given = {"cluster": "blue", "serviceName": "s", "taskDefinition": "web:1", "desiredCount": 2}
    return world.ecs.create_service(**{**given, **members})["service"]


def update(world: World, **members):
    return world.ecs.update_service(cluster="blue", service="s", **members)["service"]


def service(world: World):
    return world.ecs.describe_services(cluster="blue", services=["s"])["services"][0]


def deployment(world: World, arn: str):
    return world.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def revision(world: World, arn: str):
    return world.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"][0]


def statuses(world: World) -> list[str]:
    found = world.ecs.list_service_deployments(cluster="blue", service="s")["serviceDeployments"]
    return [each["status"] for each in found]


def test_a_rollout_is_recorded(world):
    made = create(world)
    first = deployment(world, made["currentServiceDeployment"])
    assert first["status"] == "PENDING"
    assert first["serviceDeploymentArn"].startswith(f"{ECS}:service-deployment/blue/s/")
    assert first["sourceServiceRevisions"] == []
    assert first["deploymentConfiguration"]["maximumPercent"] == 200
    (current,) = made["currentServiceRevisions"]
    assert current["arn"].startswith(f"{ECS}:service-revision/blue/s/")
    assert first["targetServiceRevision"] == {**current, "requestedTaskCount": 2}
    settle(world)
    ended = deployment(world, made["currentServiceDeployment"])
    assert ended["status"] == "SUCCESSFUL"
    assert ended["createdAt"] <= ended["startedAt"] <= ended["finishedAt"]
    assert ended["targetServiceRevision"]["runningTaskCount"] == 2

    changed = update(world, taskDefinition="web:2")
    assert len(changed["currentServiceRevisions"]) == 2
    second = deployment(world, changed["currentServiceDeployment"])
    assert [source["arn"] for source in second["sourceServiceRevisions"]] == [current["arn"]]
    settle(world)
    assert statuses(world) == ["SUCCESSFUL", "SUCCESSFUL"]
    (left,) = service(world)["currentServiceRevisions"]
    assert left == {**left, "requestedTaskCount": 2, "runningTaskCount": 2, "pendingTaskCount": 0}
    shown = revision(world, left["arn"])
    assert shown["taskDefinition"] == f"{ECS}:task-definition/web:2"
    assert shown["launchType"] == "EC2"
    assert shown["containerImages"] == [{"containerName": "app", "image": "app:1"}]


def test_scaling_is_no_deployment_and_force_is_one(world):
    create(world)
    settle(world)
    update(world, desiredCount=1)
    assert statuses(world) == ["SUCCESSFUL"]
    update(world, forceNewDeployment=True)
    assert statuses(world) == ["PENDING", "SUCCESSFUL"]


def test_stopping_rolls_back(world):
    create(world)
    settle(world)
    good = service(world)["currentServiceRevisions"][0]["arn"]
    update(world, taskDefinition="web:2")
    settle(world, "web:2")
    running = service(world)["currentServiceDeployment"]
    assert deployment(world, running)["status"] == "IN_PROGRESS"
    stopped = world.ecs.stop_service_deployment(serviceDeploymentArn=running)
    assert stopped["serviceDeploymentArn"] == running
    requested = deployment(world, running)
    assert requested["status"] == "ROLLBACK_REQUESTED"
    assert requested["rollback"]["serviceRevisionArn"] == good
    assert service(world)["taskDefinition"].endswith("web:1")
    with refused("ConflictException", "not in progress"):
        world.ecs.stop_service_deployment(serviceDeploymentArn=running)
    settle(world)
    assert statuses(world) == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    (left,) = service(world)["currentServiceRevisions"]
    assert (left["arn"], left["runningTaskCount"]) == (good, 2)
    assert {described(world, a)["taskDefinitionArn"][-5:] for a in tasks(world) if is_running(world, a)} == {
        "web:1"
    }


def is_running(world: World, arn: str) -> bool:
    return described(world, arn)["lastStatus"] == "RUNNING"


def test_stopping_twice_returns_to_the_same_good_revision(world):
    create(world)
    settle(world)
    good = service(world)["currentServiceRevisions"][0]["arn"]
    for _ in range(2):
        running = update(world, taskDefinition="web:2")["currentServiceDeployment"]
        world.ecs.stop_service_deployment(serviceDeploymentArn=running, stopType="ROLLBACK")
        settle(world)
        assert service(world)["currentServiceRevisions"][0]["arn"] == good
    assert statuses(world) == ["ROLLBACK_SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


def test_the_circuit_breaker_is_recorded(world):
    create(world, deploymentConfiguration=BREAKER)
    settle(world)
    update(world, taskDefinition="web:2")
    for _ in range(4):
        settle(world, "web:2")
    failed = deployment(world, service(world)["currentServiceDeployment"])
    assert failed["status"] == "ROLLBACK_SUCCESSFUL"
    assert failed["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert failed["deploymentCircuitBreaker"]["threshold"] == 3
    assert "circuit breaker" in failed["rollback"]["reason"]


def test_a_newer_deployment_ends_an_unfinished_one(world):
    create(world)
    settle(world)
    update(world, taskDefinition="web:2")
    world.run(world.loop.step)
    update(world, forceNewDeployment=True)
    settle(world)
    assert statuses(world) == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    stopped = world.ecs.list_service_deployments(cluster="blue", service="s", status=["STOPPED"])
    assert len(stopped["serviceDeployments"]) == 1


def test_pages_and_dates(world):
    arn = create(world)["serviceArn"]
    for _ in range(2):
        update(world, forceNewDeployment=True)
    first = world.ecs.list_service_deployments(service=arn, maxResults=2)
    rest = world.ecs.list_service_deployments(service=arn, maxResults=2, nextToken=first["nextToken"])
    found = [d["createdAt"] for d in (*first["serviceDeployments"], *rest["serviceDeployments"])]
    assert found == sorted(found, reverse=True)
    assert len(found) == 3
    after = world.ecs.list_service_deployments(service=arn, createdAt={"after": found[1]})
    assert [d["createdAt"] for d in after["serviceDeployments"]] == found[:1]


def test_what_is_missing(world):
    made = create(world)
    current = made["currentServiceDeployment"]
    with refused("ClientException", "no earlier service revision"):
        world.ecs.stop_service_deployment(serviceDeploymentArn=current)
    with refused("ClientException", "ABORT"):
        world.ecs.stop_service_deployment(serviceDeploymentArn=current, stopType="ABORT")
    with refused("ServiceDeploymentNotFoundException", "was not found"):
        world.ecs.stop_service_deployment(serviceDeploymentArn=f"{current}x")
    with refused("ServiceDeploymentNotFoundException", "was not found"):
        world.stranger.stop_service_deployment(serviceDeploymentArn=current)
    with refused("ServiceNotFoundException", "Service not found."):
        world.ecs.list_service_deployments(cluster="blue", service="none")
    answer = world.stranger.describe_service_deployments(serviceDeploymentArns=[current])
    assert answer["failures"] == [{"arn": current, "reason": "MISSING"}]
    answer = world.ecs.describe_service_revisions(serviceRevisionArns=["none"])
    assert answer["failures"] == [{"arn": "none", "reason": "MISSING"}]
    with refused("InvalidParameterException", "between 1 and 20"):
        world.ecs.describe_service_deployments(serviceDeploymentArns=[])


def test_records_end_and_go_with_their_service(world):
    create(world, desiredCount=0)
    world.ecs.delete_service(cluster="blue", service="s")
    world.run(world.loop.step)
    assert statuses(world) == ["STOPPED"]
    world.skipped += timedelta(hours=2)
    world.run(world.loop.step)
    for kind in (ServiceDeployment, ServiceRevision):
        assert world.run(lambda kind=kind: world.store.list(kind)) == []


def test_old_records_are_forgotten_but_the_last_good_one(world):
    create(world, desiredCount=0)
    world.run(world.loop.step)
    for _ in range(2):
        update(world, forceNewDeployment=True)
        world.run(world.loop.step)
    assert len(statuses(world)) == 3
    world.skipped += timedelta(days=91)
    world.run(world.loop.step)
    assert statuses(world) == ["SUCCESSFUL"]
    assert len(world.run(lambda: world.store.list(ServiceRevision))) == 1 + 1, "its own and its source"


def test_a_capacity_provider_strategy_comes_back_too(world):
    spot, own = ([{"capacityProvider": name, "weight": 1}] for name in ("FARGATE_SPOT", "FARGATE"))
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    world.ecs.register_task_definition(family="ledger", containerDefinitions=[CONTAINER], **FARGATE)
    given = {"networkConfiguration": VPC, "capacityProviderStrategy": own}
    create(world, taskDefinition="ledger", **given)
    settle(world)
    running = update(world, capacityProviderStrategy=spot, forceNewDeployment=True)
    shown = revision(world, running["currentServiceRevisions"][0]["arn"])
    assert [item["capacityProvider"] for item in shown["capacityProviderStrategy"]] == ["FARGATE_SPOT"]
    world.ecs.stop_service_deployment(serviceDeploymentArn=running["currentServiceDeployment"])
    (item,) = service(world)["capacityProviderStrategy"]
    assert item["capacityProvider"] == "FARGATE"
