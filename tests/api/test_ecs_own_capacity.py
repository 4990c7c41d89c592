"""Capacity providers of one's own: their groups grow with what tasks need, and shrink when they need less."""

from collections import Counter

import pytest

from sealway.model.cluster import ContainerInstance
from tests.support.ecs_world import refused
from tests.support.fleet_world import IMAGE, fleet_world

ONE = [{"capacityProvider": "own", "weight": 1}]


@pytest.fixture
def world(tmp_path):
    with fleet_world(tmp_path) as world:
        world.ecs.create_cluster(clusterName="blue")
        define(world)
        yield world


def define(world, family="web", cpu=512, **members):
    container = {"name": "app", "image": "app:1", "cpu": cpu, "memory": 64}
    world.ecs.register_task_definition(family=family, containerDefinitions=[container], **members)


def provide(world, name="own", *, scaling=None, associate=True, **members):
    """A capacity provider on the group *nodes*, the only one of the cluster *blue*."""
    managed = {"status": "ENABLED", **(scaling or {})}
    group = {
        "autoScalingGroupArn": world.shown()["AutoScalingGroupARN"],
        "managedScaling": managed,
        **members,
    }
    made = world.ecs.create_capacity_provider(name=name, autoScalingGroupProvider=group)
    if associate:
        world.ecs.put_cluster_capacity_providers(
            cluster="blue", capacityProviders=[name], defaultCapacityProviderStrategy=[]
        )
    return made["capacityProvider"]


def create(world, count=1, name="orders", **members):
    given = {"taskDefinition": "web", "capacityProviderStrategy": ONE, **members}
    return world.ecs.create_service(cluster="blue", serviceName=name, desiredCount=count, **given)["service"]


def tasks(world):
    arns = world.ecs.list_tasks(cluster="blue")["taskArns"]
    return world.ecs.describe_tasks(cluster="blue", tasks=arns)["tasks"] if arns else []


def statuses(world):
    return Counter(task["lastStatus"] for task in tasks(world))


def test_a_service_waits_for_the_instances_that_it_makes_grow(world):
    world.group()
    provide(world)
    create(world, count=6)
    world.run(world.control.step)
    waiting = tasks(world)
    assert {(t["lastStatus"], t["launchType"], t["capacityProviderName"]) for t in waiting} == {
        ("PROVISIONING", "EC2", "own")
    }
    assert all("containerInstanceArn" not in task for task in waiting)
    assert world.shown()["DesiredCapacity"] == 2  # four tasks of 512 units fit on 2,048
    world.settle()
    assert statuses(world) == {"RUNNING": 6}
    assert world.shown()["DesiredCapacity"] == 2
    assert {task["taskArn"] for task in tasks(world)} == {task["taskArn"] for task in waiting}
    arns = world.ecs.list_container_instances(cluster="blue")["containerInstanceArns"]
    shown = world.ecs.describe_container_instances(cluster="blue", containerInstances=arns)
    assert {one["capacityProviderName"] for one in shown["containerInstances"]} == {"own"}
    (service,) = world.ecs.describe_services(cluster="blue", services=["orders"])["services"]
    assert "launchType" not in service
    assert (
        service["capacityProviderStrategy"] == [{**ONE[0], "base": 0}]
        or service["capacityProviderStrategy"] == ONE
    )


def test_a_group_shrinks_after_a_quarter_of_an_hour(world):
    world.group()
    provide(world)
    create(world, count=8)
    world.settle()
    assert len(world.members()) == 2
    world.ecs.update_service(cluster="blue", service="orders", desiredCount=1)
    world.settle()
    (kept,) = {task["containerInstanceArn"] for task in tasks(world)}
    world.later(minutes=14)
    assert world.shown()["DesiredCapacity"] == 2
    world.later(minutes=2)
    assert world.shown()["DesiredCapacity"] == 1
    assert statuses(world) == {"RUNNING": 1}
    assert tasks(world)[0]["containerInstanceArn"] == kept
    world.ecs.update_service(cluster="blue", service="orders", desiredCount=0)
    world.settle()
    world.later(minutes=16)
    assert world.members() == []


def test_calm_that_ends_early_counts_for_nothing(world):
    world.group()
    provide(world)
    create(world, count=8)
    world.settle()
    for count in (1, 8, 1):
        world.ecs.update_service(cluster="blue", service="orders", desiredCount=count)
        world.settle()
        world.later(minutes=10)
    assert world.shown()["DesiredCapacity"] == 2
    world.later(minutes=6)
    assert world.shown()["DesiredCapacity"] == 1


def test_a_task_of_ones_own_waits_too(world):
    world.group()
    provide(world)
    told = world.ecs.run_task(cluster="blue", taskDefinition="web", count=5, capacityProviderStrategy=ONE)
    assert told["failures"] == []
    assert {task["lastStatus"] for task in told["tasks"]} == {"PROVISIONING"}
    world.settle()
    assert statuses(world) == {"RUNNING": 5}
    assert len(world.members()) == 2


def test_a_task_that_waits_can_be_stopped(world):
    world.group(MaxSize=0)
    provide(world)
    (task,) = world.ecs.run_task(cluster="blue", taskDefinition="web", capacityProviderStrategy=ONE)["tasks"]
    world.settle()
    assert statuses(world) == {"PROVISIONING": 1}
    world.ecs.stop_task(cluster="blue", task=task["taskArn"])
    world.settle()
    (stopped,) = world.ecs.describe_tasks(cluster="blue", tasks=[task["taskArn"]])["tasks"]
    assert (stopped["lastStatus"], stopped["stopCode"]) == ("STOPPED", "UserInitiated")


def test_a_deleted_service_takes_its_waiting_tasks_with_it(world):
    world.group(MaxSize=0)
    provide(world)
    create(world, count=2)
    world.settle()
    world.ecs.delete_service(cluster="blue", service="orders", force=True)
    world.settle()
    (service,) = world.ecs.describe_services(cluster="blue", services=["orders"])["services"]
    assert service["status"] == "INACTIVE"


def test_without_managed_scaling_nothing_waits(world):
    world.group(DesiredCapacity=1)
    provide(world, scaling={"status": "DISABLED"})
    with refused("InvalidParameterException", "No Container Instances were found in your capacity provider"):
        world.ecs.run_task(cluster="blue", taskDefinition="web", capacityProviderStrategy=ONE)
    world.settle()
    told = world.ecs.run_task(cluster="blue", taskDefinition="web", count=6, capacityProviderStrategy=ONE)
    assert len(told["tasks"]) == 4
    assert {failure["reason"] for failure in told["failures"]} == {"RESOURCE:CPU"}
    create(world)
    world.settle()
    (service,) = world.ecs.describe_services(cluster="blue", services=["orders"])["services"]
    assert "insufficient CPU units" in service["events"][0]["message"]
    assert world.shown()["DesiredCapacity"] == 1


def test_tasks_go_to_instances_of_their_provider_alone(world):
    world.group("plain", DesiredCapacity=3)
    world.group()
    provide(world)
    world.settle()
    create(world, count=4)
    world.settle()
    (at,) = {task["containerInstanceArn"] for task in tasks(world)}
    (instance,) = world.ecs.describe_container_instances(cluster="blue", containerInstances=[at])[
        "containerInstances"
    ]
    assert instance["ec2InstanceId"] in world.members()
    create(world, count=9, name="anywhere", capacityProviderStrategy=[], launchType="EC2")
    world.settle()
    assert statuses(world) == {"RUNNING": 13}


def test_base_and_weight_divide_tasks_between_providers(world):
    world.group()
    provide(world)
    world.group("spare")
    group = {
        "autoScalingGroupArn": "spare",
        "managedScaling": {"status": "ENABLED"},
    }
    world.ecs.create_capacity_provider(name="spare", autoScalingGroupProvider=group)
    mix = [
        {"capacityProvider": "own", "base": 2, "weight": 1},
        {"capacityProvider": "spare", "weight": 3},
    ]
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["own", "spare"], defaultCapacityProviderStrategy=mix
    )
    world.ecs.create_service(cluster="blue", serviceName="orders", desiredCount=10, taskDefinition="web")
    world.settle()
    assert Counter(task["capacityProviderName"] for task in tasks(world)) == {"own": 4, "spare": 6}
    assert statuses(world) == {"RUNNING": 10}
    told = world.ecs.run_task(cluster="blue", taskDefinition="web", count=6)["tasks"]
    assert Counter(task["capacityProviderName"] for task in told) == {"own": 3, "spare": 3}


def test_the_target_leaves_spare_instances_and_steps_are_kept(world):
    world.group(MaxSize=20)
    provide(world, scaling={"targetCapacity": 50, "maximumScalingStepSize": 3})
    packed = [{"type": "binpack", "field": "cpu"}]
    create(world, count=16, placementStrategy=packed)
    world.run(world.control.step)
    assert world.shown()["DesiredCapacity"] == 3
    world.settle()
    assert world.shown()["DesiredCapacity"] == 3
    world.later(seconds=61)
    assert world.shown()["DesiredCapacity"] == 6
    world.later(seconds=61)
    assert world.shown()["DesiredCapacity"] == 8
    world.later(minutes=30)
    assert world.shown()["DesiredCapacity"] == 8
    assert statuses(world) == {"RUNNING": 16}


def test_a_constraint_that_no_instance_meets_makes_no_group_grow_for_ever(world):
    world.group()
    provide(world)
    constraint = {"type": "memberOf", "expression": "attribute:rack == 7"}
    create(world, count=2, placementConstraints=[constraint])
    world.settle()
    assert world.shown()["DesiredCapacity"] == 1
    assert statuses(world) == {"PROVISIONING": 2}


def test_a_task_larger_than_an_instance_makes_no_group_grow(world):
    world.group()
    provide(world)
    define(world, "huge", cpu=4096)
    create(world, taskDefinition="huge")
    world.settle()
    assert world.shown()["DesiredCapacity"] == 0


def test_instances_with_tasks_are_protected(world):
    world.group(NewInstancesProtectedFromScaleIn=True, DesiredCapacity=2)
    provide(world, managedTerminationProtection="ENABLED")
    create(world, count=1)
    world.settle()
    protected = {m["InstanceId"]: m["ProtectedFromScaleIn"] for m in world.shown()["Instances"]}
    assert sorted(protected.values()) == [False, True]
    world.scaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=0)
    world.settle()
    assert world.members() == [key for key, value in protected.items() if value]
    assert statuses(world) == {"RUNNING": 1}


def test_tasks_move_away_before_their_instance_is_terminated(world):
    world.group(DesiredCapacity=2, MinSize=2)
    provide(world)
    create(world, count=2, availabilityZoneRebalancing="DISABLED")
    world.settle()
    (loose,) = world.ecs.run_task(cluster="blue", taskDefinition="web", capacityProviderStrategy=ONE)["tasks"]
    world.settle()
    (at,) = (t["containerInstanceArn"] for t in tasks(world) if t["taskArn"] == loose["taskArn"])
    (busy,) = (c.ec2_instance_id for c in world.kinds(ContainerInstance) if c.arn == at)
    world.scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=busy, ShouldDecrementDesiredCapacity=False
    )
    world.settle()
    assert world.states() == ["InService", "InService", "Terminating:Wait"]
    (drained,) = world.ecs.describe_container_instances(cluster="blue", containerInstances=[at])[
        "containerInstances"
    ]
    assert drained["status"] == "DRAINING"
    world.later(seconds=10)  # the replacements have served long enough to be trusted
    assert [t["taskArn"] for t in tasks(world) if t["containerInstanceArn"] == at] == [loose["taskArn"]]
    world.ecs.stop_task(cluster="blue", task=loose["taskArn"])
    world.settle()
    assert world.states() == ["InService", "InService"]
    assert busy not in world.members()
    assert statuses(world) == {"RUNNING": 2}


def test_without_managed_draining_tasks_end_with_their_instance(world):
    world.group()
    provide(world, managedDraining="DISABLED")
    create(world, count=1)
    world.settle()
    (first,) = world.members()
    world.scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=first, ShouldDecrementDesiredCapacity=False
    )
    world.settle()
    assert statuses(world)["RUNNING"] == 1
    assert world.states() == ["InService"]
    assert first not in world.members()


def test_a_service_moves_from_its_launch_type_to_a_strategy(world):
    world.group("plain", DesiredCapacity=1)
    world.group()
    provide(world)
    world.settle()
    create(world, count=2, capacityProviderStrategy=[], launchType="EC2")
    world.settle()
    changed = world.ecs.update_service(
        cluster="blue", service="orders", capacityProviderStrategy=ONE, forceNewDeployment=True
    )["service"]
    assert changed["capacityProviderStrategy"] == ONE
    for _ in range(4):
        world.later(seconds=10)
    assert statuses(world) == {"RUNNING": 2}
    assert {task["capacityProviderName"] for task in tasks(world)} == {"own"}


def shown(world):
    return world.ecs.describe_services(cluster="blue", services=["orders"])["services"][0]


def test_a_service_moves_to_fargate_and_back(world):
    world.group("plain", DesiredCapacity=1)
    world.group()
    provide(world)
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["own", "FARGATE"], defaultCapacityProviderStrategy=[]
    )
    container = {"name": "app", "image": "app:1", "essential": True}
    world.ecs.register_task_definition(
        family="both", containerDefinitions=[container], networkMode="awsvpc", cpu="256", memory="512"
    )
    network = {"awsvpcConfiguration": {"subnets": world.subnets}}
    create(
        world,
        2,
        taskDefinition="both",
        capacityProviderStrategy=[],
        launchType="EC2",
        networkConfiguration=network,
    )
    world.settle()
    world.later(seconds=10)

    def update(strategy):
        world.ecs.update_service(cluster="blue", service="orders", capacityProviderStrategy=strategy)
        world.settle()
        for _ in range(4):
            world.later(seconds=10)
        assert [d["rolloutState"] for d in shown(world)["deployments"]] == ["COMPLETED"]
        return Counter((t["launchType"], t.get("capacityProviderName")) for t in tasks(world))

    assert update([{"capacityProvider": "FARGATE", "weight": 1}]) == {("FARGATE", "FARGATE"): 2}
    assert shown(world)["platformVersion"] == "LATEST"
    assert update(ONE) == {("EC2", "own"): 2}
    assert "platformVersion" not in shown(world)
    assert all("privateIPv4Address" in str(t["attachments"]) for t in tasks(world))
    world.ecs.update_service(cluster="blue", service="orders", capacityProviderStrategy=[])
    assert shown(world)["launchType"] == "EC2"


def test_a_rollback_brings_the_strategy_back(world):
    world.group("plain", DesiredCapacity=1)
    world.group(MaxSize=0)
    provide(world)
    create(world, 1, capacityProviderStrategy=[], launchType="EC2")
    world.settle()
    world.later(seconds=10)
    world.ecs.update_service(
        cluster="blue", service="orders", capacityProviderStrategy=ONE, forceNewDeployment=True
    )
    world.settle()
    first, second = shown(world)["deployments"]
    assert first["capacityProviderStrategy"] == ONE
    assert second["launchType"] == "EC2"
    (running,) = world.ecs.list_service_deployments(service="orders", cluster="blue", status=["IN_PROGRESS"])[
        "serviceDeployments"
    ]
    world.ecs.stop_service_deployment(serviceDeploymentArn=running["serviceDeploymentArn"])
    world.settle()
    assert shown(world)["launchType"] == "EC2"
    assert statuses(world) == {"RUNNING": 1}


def test_an_instance_that_leaves_the_group_is_the_providers_no_longer(world):
    world.group(DesiredCapacity=1)
    provide(world)
    world.settle()
    world.scaling.detach_instances(
        InstanceIds=world.members(), AutoScalingGroupName="nodes", ShouldDecrementDesiredCapacity=True
    )
    world.settle()
    assert {container.capacity_provider for container in world.kinds(ContainerInstance)} == {None}


@pytest.mark.parametrize("how", ["drained", "deregistered"])
def test_an_instance_that_takes_no_tasks_is_no_room(world, how):
    world.group(DesiredCapacity=1)
    provide(world)
    world.settle()
    (at,) = world.ecs.list_container_instances(cluster="blue")["containerInstanceArns"]
    if how == "drained":
        world.ecs.update_container_instances_state(cluster="blue", containerInstances=[at], status="DRAINING")
    else:
        world.ecs.deregister_container_instance(cluster="blue", containerInstance=at)
    world.settle()
    create(world)
    world.settle()
    assert statuses(world) == {"RUNNING": 1}
    assert tasks(world)[0]["containerInstanceArn"] != at


def test_an_instance_that_never_registers_is_no_room_for_ever(world):
    world.group()
    provide(world, scaling={"instanceWarmupPeriod": 120})
    lost = world.ec2.run_instances(
        ImageId=IMAGE, InstanceType="t3.micro", SubnetId=world.subnets[0], MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]  # of the cluster "default", which there is not
    world.settle()
    world.scaling.attach_instances(AutoScalingGroupName="nodes", InstanceIds=[lost])
    create(world)
    world.settle()
    assert statuses(world) == {"PROVISIONING": 1}
    world.later(minutes=2)
    assert statuses(world) == {"RUNNING": 1}
    assert world.shown()["DesiredCapacity"] == 2


def test_create_describe_update_delete(world):
    world.group()
    made = provide(world, scaling={"targetCapacity": 80}, associate=False)
    assert made["status"] == "ACTIVE"
    assert made["updateStatus"] == "CREATE_COMPLETE"
    assert made["autoScalingGroupProvider"] == {
        "autoScalingGroupArn": world.shown()["AutoScalingGroupARN"],
        "managedScaling": {
            "status": "ENABLED",
            "targetCapacity": 80,
            "minimumScalingStepSize": 1,
            "maximumScalingStepSize": 10000,
            "instanceWarmupPeriod": 300,
        },
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "ENABLED",
    }
    with refused("InvalidParameterException", "already being used by another capacity provider"):
        provide(world, "other")
    with refused("InvalidParameterException", "was not found"):
        world.ecs.create_capacity_provider(
            name="other", autoScalingGroupProvider={"autoScalingGroupArn": "none"}
        )
    with refused("InvalidParameterException", "managed termination protection"):
        world.ecs.update_capacity_provider(
            name="own", autoScalingGroupProvider={"managedTerminationProtection": "ENABLED"}
        )
    changed = world.ecs.update_capacity_provider(
        name="own", autoScalingGroupProvider={"managedScaling": {"targetCapacity": 90}}
    )["capacityProvider"]
    assert changed["updateStatus"] == "UPDATE_COMPLETE"
    scaling = changed["autoScalingGroupProvider"]["managedScaling"]
    assert (scaling["status"], scaling["targetCapacity"]) == ("ENABLED", 90)
    world.ecs.tag_resource(resourceArn=made["capacityProviderArn"], tags=[{"key": "a", "value": "b"}])
    described = world.ecs.describe_capacity_providers(
        capacityProviders=[made["capacityProviderArn"]], include=["TAGS"]
    )["capacityProviders"]
    assert [(one["name"], one["tags"]) for one in described] == [("own", [{"key": "a", "value": "b"}])]
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["own"], defaultCapacityProviderStrategy=ONE
    )
    create(world)
    with refused("ResourceInUseException", "is in use"):
        world.ecs.put_cluster_capacity_providers(
            cluster="blue", capacityProviders=[], defaultCapacityProviderStrategy=[]
        )
    with refused("ClientException", "associated with cluster: blue"):
        world.ecs.delete_capacity_provider(capacityProvider="own")
    world.ecs.delete_service(cluster="blue", service="orders", force=True)
    world.settle()
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=[], defaultCapacityProviderStrategy=[]
    )
    gone = world.ecs.delete_capacity_provider(capacityProvider="own")["capacityProvider"]
    assert (gone["status"], gone["updateStatus"]) == ("INACTIVE", "DELETE_COMPLETE")
    left = world.ecs.describe_capacity_providers(capacityProviders=["own"])
    assert left["failures"] == [{"arn": "own", "reason": "MISSING"}]


def test_what_providers_do_for_a_cluster_is_attached_to_it(world):
    def attached():
        (cluster,) = world.ecs.describe_clusters(clusters=["blue"], include=["ATTACHMENTS"])["clusters"]
        return cluster.get("attachmentsStatus"), cluster["attachments"]

    assert attached() == (None, [])
    world.group()
    provide(world, managedDraining="DISABLED")
    status, (policy,) = attached()
    assert (status, policy["type"], policy["status"]) == ("UPDATE_COMPLETE", "as_policy", "CREATED")
    assert policy["details"] == [{"name": "capacityProviderName", "value": "own"}]
    world.ecs.update_capacity_provider(
        name="own",
        autoScalingGroupProvider={"managedDraining": "ENABLED", "managedScaling": {"status": "DISABLED"}},
    )
    assert [one["type"] for one in attached()[1]] == ["managed_draining"]
    assert "attachments" not in world.ecs.describe_clusters(clusters=["blue"])["clusters"][0]


def test_a_provider_stays_while_tasks_are_on_it(world):
    world.group(MaxSize=0)
    provide(world)
    (task,) = world.ecs.run_task(cluster="blue", taskDefinition="web", capacityProviderStrategy=ONE)["tasks"]
    nothing = {"cluster": "blue", "capacityProviders": [], "defaultCapacityProviderStrategy": []}
    with refused("ResourceInUseException", f"used by the task {task['taskArn']}"):
        world.ecs.put_cluster_capacity_providers(**nothing)
    world.ecs.stop_task(cluster="blue", task=task["taskArn"])
    world.settle()
    world.ecs.put_cluster_capacity_providers(**nothing)


def test_a_strategy_has_providers_of_one_sort(world):
    world.group()
    provide(world)
    world.ecs.put_cluster_capacity_providers(
        cluster="blue", capacityProviders=["own", "FARGATE"], defaultCapacityProviderStrategy=[]
    )
    mix = [*ONE, {"capacityProvider": "FARGATE", "weight": 1}]
    with refused("InvalidParameterException", "mix of capacity providers"):
        create(world, capacityProviderStrategy=mix)
