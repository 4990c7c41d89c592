import pytest

from tests.support.ecs_world import CONTAINER, ECS, World, ecs_world, refused

BLUE = f"{ECS}:cluster/blue"


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def describe(world: World, name: str = "blue", **members):
    (cluster,) = world.ecs.describe_clusters(clusters=[name], **members)["clusters"]
    return cluster


def test_create_and_describe(world):
    cluster = world.ecs.create_cluster(clusterName="green", tags=[{"key": "a", "value": "b"}])["cluster"]
    assert cluster["clusterArn"] == f"{ECS}:cluster/green"
    assert cluster["status"] == "ACTIVE"
    assert cluster["tags"] == [{"key": "a", "value": "b"}]
    assert describe(world, "green")["tags"] == []
    full = describe(world, f"{ECS}:cluster/green", include=["TAGS", "SETTINGS", "STATISTICS"])
    assert full["tags"] == [{"key": "a", "value": "b"}]
    assert full["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert {"name": "runningEC2TasksCount", "value": "0"} in full["statistics"]


def test_the_default_cluster(world):
    assert world.ecs.describe_clusters()["failures"] == [
        {"arn": f"{ECS}:cluster/default", "reason": "MISSING"}
    ]
    assert world.ecs.create_cluster()["cluster"]["clusterName"] == "default"
    assert len(world.ecs.describe_clusters()["clusters"]) == 1


def test_creating_again_answers_the_cluster_there_is(world):
    world.ecs.create_cluster(clusterName="green", tags=[{"key": "a", "value": "b"}])
    world.ecs.create_cluster(clusterName="green")
    with refused("InvalidParameterException", "inconsistent with arguments used in previous"):
        world.ecs.create_cluster(clusterName="green", tags=[{"key": "a", "value": "c"}])


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"clusterName": "a b"}, "InvalidParameterException", "Cluster name 'a b'"),
        ({"clusterName": "x" * 256}, "InvalidParameterException", "up to 255 letters"),
        (
            {"settings": [{"name": "containerInsights", "value": "enabled"}]},
            "ClientException",
            "containerInsights",
        ),
        (
            {"settings": [{"name": "containerInsights", "value": "x"}]},
            "InvalidParameterException",
            "containerInsights",
        ),
        ({"serviceConnectDefaults": {"namespace": "x"}}, "ClientException", "'serviceConnectDefaults'"),
        ({"capacityProviders": ["x"]}, "InvalidParameterException", "capacity provider 'x' was not found"),
        ({"tags": [{"key": "aws:a", "value": "b"}]}, "InvalidParameterException", "reserved prefix"),
    ],
)
def test_create_cluster_refuses(world, members, code, message):
    with refused(code, message):
        world.ecs.create_cluster(**members)
    assert world.ecs.list_clusters()["clusterArns"] == [BLUE]


def test_list_clusters_pages(world):
    for name in "cdefg":
        world.ecs.create_cluster(clusterName=name)
    pages = list(world.ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 4}))
    assert [len(page["clusterArns"]) for page in pages] == [4, 2]


def test_delete_cluster(world):
    assert world.ecs.delete_cluster(cluster="blue")["cluster"]["status"] == "INACTIVE"
    assert world.ecs.list_clusters()["clusterArns"] == []
    assert describe(world)["status"] == "INACTIVE"
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.ecs.delete_cluster(cluster="blue")
    assert world.ecs.create_cluster(clusterName="blue")["cluster"]["status"] == "ACTIVE"


def test_a_cluster_in_use_is_not_deleted(world):
    world.ecs.create_service(cluster="blue", serviceName="s", taskDefinition="web", desiredCount=0)
    with refused("ClusterContainsServicesException", "while Services are active."):
        world.ecs.delete_cluster(cluster="blue")
    world.ecs.delete_service(cluster="blue", service="s")
    instance = world.instance()
    with refused(
        "ClusterContainsContainerInstancesException", "while Container Instances are active or draining."
    ):
        world.ecs.delete_cluster(cluster="blue")
    (task,) = world.ecs.run_task(cluster="blue", taskDefinition="web")["tasks"]
    world.ecs.deregister_container_instance(cluster="blue", containerInstance=instance, force=True)
    with refused("ClusterContainsTasksException", "while Tasks are active."):
        world.ecs.delete_cluster(cluster="blue")
    world.observe(task["taskArn"], last_status="STOPPED")
    world.ecs.delete_cluster(cluster="blue")


def test_container_instances(world):
    one, two = world.instance(1), world.instance(2, attributes={"disk": "fast"})
    assert world.ecs.list_container_instances(cluster="blue")["containerInstanceArns"] == [one, two]
    fast = world.ecs.list_container_instances(cluster="blue", filter="attribute:disk == fast")
    assert fast["containerInstanceArns"] == [two]
    with refused("InvalidParameterException", "Invalid expression"):
        world.ecs.list_container_instances(cluster="blue", filter="disk")
    for endless in ("(" * 1000, "!" * 1000, "x" * 3000):
        with refused("InvalidParameterException", "Invalid expression"):
            world.ecs.list_container_instances(cluster="blue", filter=endless)
    missing = f"{ECS}:container-instance/blue/none"
    answer = world.ecs.describe_container_instances(cluster="blue", containerInstances=[two, "none"])
    assert answer["failures"] == [{"arn": missing, "reason": "MISSING"}]
    (shown,) = answer["containerInstances"]
    assert shown["ec2InstanceId"] == "i-00000000000000002"
    assert (shown["status"], shown["agentConnected"]) == ("ACTIVE", True)
    registered = {r["name"]: r for r in shown["registeredResources"]}
    assert (registered["CPU"]["integerValue"], registered["MEMORY"]["integerValue"]) == (1024, 1000)
    reserved = ["22", "2375", "2376", "51678", "51679", "51680"]
    assert registered["PORTS"]["stringSetValue"] == reserved
    assert {"name": "disk", "value": "fast"} in shown["attributes"]
    assert {"name": "ecs.availability-zone", "value": "us-east-1a"} in shown["attributes"]


def test_a_draining_instance_takes_no_task(world):
    one, two = world.instance(1), world.instance(2)
    answer = world.ecs.update_container_instances_state(
        cluster="blue", containerInstances=[one, "none"], status="DRAINING"
    )
    assert answer["containerInstances"][0]["status"] == "DRAINING"
    assert answer["failures"][0]["reason"] == "MISSING"
    tasks = world.ecs.run_task(cluster="blue", taskDefinition="web", count=4)["tasks"]
    assert {t["containerInstanceArn"] for t in tasks} == {two}
    listed = world.ecs.list_container_instances(cluster="blue", status="DRAINING")
    assert listed["containerInstanceArns"] == [one]
    with refused("InvalidParameterException", "must be ACTIVE or DRAINING"):
        world.ecs.update_container_instances_state(
            cluster="blue", containerInstances=[one], status="REGISTERING"
        )
    with refused("InvalidParameterException", "cannot exceed 10 elements"):
        world.ecs.update_container_instances_state(
            cluster="blue", containerInstances=[one] * 11, status="ACTIVE"
        )


def test_deregister_container_instance(world):
    one = world.instance()
    (task,) = world.ecs.run_task(cluster="blue", taskDefinition="web")["tasks"]
    with refused("InvalidParameterException", "Found running tasks on the instance."):
        world.ecs.deregister_container_instance(cluster="blue", containerInstance=one)
    gone = world.ecs.deregister_container_instance(cluster="blue", containerInstance=one, force=True)
    assert gone["containerInstance"]["status"] == "INACTIVE"
    shown = world.ecs.describe_tasks(cluster="blue", tasks=[task["taskArn"]])["tasks"][0]
    assert shown["desiredStatus"] == "STOPPED"
    assert world.ecs.list_container_instances(cluster="blue")["containerInstanceArns"] == []
    with refused("InvalidParameterException", "container instance was not found"):
        world.ecs.deregister_container_instance(cluster="blue", containerInstance=one)


def test_tags(world):
    world.ecs.register_task_definition(family="tagged", containerDefinitions=[CONTAINER])
    instance = world.instance()
    (task,) = world.ecs.run_task(cluster="blue", taskDefinition="web")["tasks"]
    service = world.ecs.create_service(cluster="blue", serviceName="s", taskDefinition="web", desiredCount=0)[
        "service"
    ]
    arns = (
        BLUE,
        service["serviceArn"],
        task["taskArn"],
        instance,
        f"{ECS}:task-definition/tagged:1",
    )
    for arn in arns:
        two = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
        world.ecs.tag_resource(resourceArn=arn, tags=two)
        world.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "3"}])
        world.ecs.untag_resource(resourceArn=arn, tagKeys=["b", "none"])
        tags = world.ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        assert tags == [{"key": "a", "value": "3"}]
    shown = world.ecs.describe_services(cluster="blue", services=["s"], include=["TAGS"])["services"][0]
    assert shown["tags"] == [{"key": "a", "value": "3"}]
    definition = world.ecs.describe_task_definition(taskDefinition="tagged", include=["TAGS"])
    assert definition["tags"] == [{"key": "a", "value": "3"}]


def test_tags_refused(world):
    tags = [{"key": "a", "value": "1"}]
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.ecs.tag_resource(resourceArn=f"{ECS}:cluster/none", tags=tags)
    with refused("InvalidParameterException", "The specified service was not found"):
        world.ecs.tag_resource(resourceArn=f"{ECS}:service/blue/none", tags=tags)
    with refused("InvalidParameterException", "The specified task definition was not found"):
        world.ecs.list_tags_for_resource(resourceArn=f"{ECS}:task-definition/none:1")
    with refused("InvalidParameterException", "Invalid ARN"):
        world.ecs.list_tags_for_resource(resourceArn="blue")
    with refused("InvalidParameterException", "reserved prefix"):
        world.ecs.tag_resource(resourceArn=BLUE, tags=[{"key": "aws:a", "value": "1"}])
    many = [{"key": f"k{n}", "value": ""} for n in range(51)]
    world.ecs.tag_resource(resourceArn=BLUE, tags=many[:50])
    with refused("InvalidParameterException", "limit of 50"):
        world.ecs.tag_resource(resourceArn=BLUE, tags=many[50:])
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.stranger.list_tags_for_resource(resourceArn=BLUE)
    world.ecs.delete_cluster(cluster="blue")
    with refused("InvalidParameterException", "The specified cluster is inactive."):
        world.ecs.tag_resource(resourceArn=BLUE, tags=tags)


def test_update_cluster(world):
    logging = {"executeCommandConfiguration": {"logging": "NONE"}}
    changed = world.ecs.update_cluster(cluster="blue", configuration=logging)["cluster"]
    assert changed["configuration"] == logging
    again = world.ecs.update_cluster(
        cluster=BLUE,
        settings=[{"name": "containerInsights", "value": "disabled"}],
        serviceConnectDefaults={"namespace": ""},
    )["cluster"]
    assert again["configuration"] == logging
    assert describe(world, include=["CONFIGURATIONS"])["configuration"] == logging
    settings = [{"name": "containerInsights", "value": "disabled"}]
    assert (
        world.ecs.update_cluster_settings(cluster="blue", settings=settings)["cluster"]["settings"]
        == settings
    )


def test_update_cluster_refuses(world):
    insights = [{"name": "containerInsights", "value": "enabled"}]
    with refused("ClientException", "containerInsights"):
        world.ecs.update_cluster_settings(cluster="blue", settings=insights)
    with refused("InvalidParameterException", "Settings cannot be empty."):
        world.ecs.update_cluster_settings(cluster="blue", settings=[])
    with refused("ClientException", "'serviceConnectDefaults'"):
        world.ecs.update_cluster(cluster="blue", serviceConnectDefaults={"namespace": "x"})
    storage = {"managedStorageConfiguration": {"kmsKeyId": "x"}}
    with refused("ClientException", "'managedStorageConfiguration'"):
        world.ecs.update_cluster(cluster="blue", configuration=storage)
    for ecs, name in ((world.ecs, "none"), (world.stranger, "blue")):
        with refused("ClusterNotFoundException", "Cluster not found."):
            ecs.update_cluster(cluster=name)
