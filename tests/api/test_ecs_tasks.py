import msgspec
import pytest

from sealway.model.task import PortBinding, Task
from tests.support.ecs_world import CONTAINER, ECS, FARGATE, SUBNETS, VPC, World, ecs_world, refused

GPU = {"type": "GPU", "value": "1"}


@pytest.fixture
def world(tmp_path):
    with ecs_world(tmp_path) as world:
        yield world


def fargate(world: World) -> None:
    world.ecs.register_task_definition(
        family="ledger", requiresCompatibilities=["FARGATE"], containerDefinitions=[CONTAINER], **FARGATE
    )


def run(world: World, definition: str = "web", **members):
    return world.ecs.run_task(cluster="blue", taskDefinition=definition, **members)


def test_run_task_places_on_ec2_until_there_is_no_room(world):
    instance = world.instance()
    answer = run(world, count=9, startedBy="ECS Deploy", group="batch")
    assert len(answer["tasks"]) == 7
    assert answer["failures"] == [{"arn": instance, "reason": "RESOURCE:MEMORY"}]
    task = answer["tasks"][0]
    assert task["taskArn"].startswith(f"{ECS}:task/blue/")
    assert task["lastStatus"] == "PROVISIONING"
    assert task["desiredStatus"] == "RUNNING"
    assert task["containerInstanceArn"] == instance
    assert (task["group"], task["startedBy"], task["launchType"]) == ("batch", "ECS Deploy", "EC2")
    assert (task["cpu"], task["memory"]) == ("128", "128")
    assert task["overrides"] == {
        "containerOverrides": [{"name": "app"}],
        "inferenceAcceleratorOverrides": [],
    }
    assert task["containers"][0]["lastStatus"] == "PENDING"
    shown = world.ecs.describe_container_instances(cluster="blue", containerInstances=[instance])
    remaining = {r["name"]: r for r in shown["containerInstances"][0]["remainingResources"]}
    assert remaining["CPU"]["integerValue"] == 1024 - 7 * 128
    assert remaining["MEMORY"]["integerValue"] == 1000 - 7 * 128
    assert shown["containerInstances"][0]["pendingTasksCount"] == 7


def test_run_task_on_fargate_gives_each_its_own_interface(world):
    fargate(world)
    tasks = run(world, "ledger", count=2, launchType="FARGATE", networkConfiguration=VPC)["tasks"]
    seen = set()
    for task in tasks:
        (attachment,) = task["attachments"]
        details = {d["name"]: d["value"] for d in attachment["details"]}
        assert attachment["type"] == "ElasticNetworkInterface"
        assert attachment["status"] == "PRECREATED"
        assert details["subnetId"] in SUBNETS
        assert details["networkInterfaceId"].startswith("eni-")
        assert details["macAddress"].startswith("0a:58:")
        seen.add(details["privateIPv4Address"])
        assert task["containers"][0]["networkInterfaces"][0]["attachmentId"] == attachment["id"]
        assert (task["platformVersion"], task["platformFamily"]) == ("1.4.0", "Linux")
        assert task["ephemeralStorage"] == {"sizeInGiB": 20}
    assert len(seen) == 2


def test_run_task_overrides_reach_the_task(world):
    world.instance()
    overrides = {
        "containerOverrides": [
            {"name": "app", "command": ["true"], "environment": [{"name": "A", "value": "b"}], "memory": 256}
        ]
    }
    (task,) = run(world, overrides=overrides)["tasks"]
    assert task["overrides"]["containerOverrides"] == overrides["containerOverrides"]
    assert task["memory"] == "256"
    assert task["containers"][0]["memory"] == "256"


def test_run_task_with_a_client_token_answers_the_same_tasks(world):
    world.instance()
    first = run(world, count=2, clientToken="t1")["tasks"]
    again = run(world, count=2, clientToken="t1")["tasks"]
    assert {t["taskArn"] for t in first} == {t["taskArn"] for t in again}
    with refused("ConflictException", "clientToken"):
        run(world, count=2, clientToken="t1", startedBy="other")
    with refused("ConflictException", "clientToken"):
        run(world, count=3, clientToken="t1")
    assert len(world.ecs.list_tasks(cluster="blue")["taskArns"]) == 2


def test_a_client_token_outlives_its_definition(world):
    world.instance()
    (first,) = run(world, clientToken="t1")["tasks"]
    world.ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
    world.ecs.deregister_task_definition(taskDefinition="web:1")
    (again,) = world.ecs.run_task(cluster=first["clusterArn"], taskDefinition="web", clientToken="t1")[
        "tasks"
    ]
    assert again["taskArn"] == first["taskArn"], "the same request, the cluster by another of its names"


def test_run_task_tags(world):
    world.instance()
    world.ecs.register_task_definition(
        family="tagged", containerDefinitions=[CONTAINER], tags=[{"key": "team", "value": "a"}]
    )
    (task,) = run(
        world,
        "tagged",
        propagateTags="TASK_DEFINITION",
        enableECSManagedTags=True,
        tags=[{"key": "run", "value": "1"}],
    )["tasks"]
    tags = {tag["key"]: tag["value"] for tag in task["tags"]}
    assert tags == {"team": "a", "run": "1", "aws:ecs:clusterName": "blue"}
    shown = world.ecs.describe_tasks(cluster="blue", tasks=[task["taskArn"]])["tasks"][0]
    assert shown["tags"] == []


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"count": 11}, "InvalidParameterException", "Count must be between 1 and 10."),
        ({"count": 0}, "InvalidParameterException", "Count must be between 1 and 10."),
        ({"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
        ({"taskDefinition": "web:x"}, "InvalidParameterException", "Invalid revision number. Number: x"),
        ({"cluster": "none"}, "ClusterNotFoundException", "Cluster not found."),
        ({"launchType": "FARGATE"}, "InvalidParameterException", "does not support launch_type FARGATE."),
        ({"launchType": "EXTERNAL"}, "ClientException", "EXTERNAL"),
        ({"networkConfiguration": VPC}, "InvalidParameterException", "not valid for the given networkMode"),
        ({"platformVersion": "1.4.0"}, "InvalidParameterException", "platform version must be null"),
        ({"propagateTags": "SERVICE"}, "InvalidParameterException", "propagateTags SERVICE"),
        ({"startedBy": "a;b"}, "InvalidParameterException", "Invalid startedBy"),
        ({"group": "service:web"}, "InvalidParameterException", "Invalid namespace for group"),
        ({"clientToken": "x" * 65}, "InvalidParameterException", "Invalid client token"),
        (
            {"overrides": {"containerOverrides": [{"name": "other"}]}},
            "InvalidParameterException",
            "Override for container named other is not a container in the TaskDefinition.",
        ),
        (
            {"overrides": {"containerOverrides": [{"name": "app", "resourceRequirements": [GPU]}]}},
            "ClientException",
            "'resourceRequirements'",
        ),
        (
            {"placementConstraints": [{"type": "memberOf", "expression": "what =="}]},
            "InvalidParameterException",
            "Invalid expression",
        ),
        ({"placementStrategy": [{"type": "spread", "field": "x"}]}, "InvalidParameterException", "spread"),
    ],
)
def test_run_task_refuses(world, members, code, message):
    world.instance()
    with refused(code, message):
        world.ecs.run_task(**{"cluster": "blue", "taskDefinition": "web", **members})
    assert world.ecs.list_tasks(cluster="blue")["taskArns"] == []


def test_run_task_without_instances(world):
    with refused("InvalidParameterException", "No Container Instances were found in your cluster."):
        run(world)


def test_run_task_of_a_deregistered_definition(world):
    world.instance()
    world.ecs.deregister_task_definition(taskDefinition="web:1")
    with refused("ClientException", "TaskDefinition is inactive"):
        run(world, "web:1")
    with refused("ClientException", "TaskDefinition not found."):
        run(world, "web")


def test_run_task_says_agent_when_it_is_away(world):
    instance = world.instance(agent_connected=False)
    assert run(world)["failures"] == [{"arn": instance, "reason": "AGENT"}]


def test_static_ports_run_out(world):
    world.instance()
    mapping = {"containerPort": 443, "hostPort": 443}
    world.ecs.register_task_definition(
        family="static", containerDefinitions=[{**CONTAINER, "portMappings": [mapping]}]
    )
    answer = run(world, "static", count=2)
    assert len(answer["tasks"]) == 1
    assert answer["failures"][0]["reason"] == "RESOURCE:PORTS"


def test_an_instance_reserves_a_hundred_ports(world):
    world.instance(cpu_units=10**6, memory_mib=10**6)
    ports = [{"containerPort": port, "hostPort": port} for port in range(1000, 1094)]
    for family, mapped in (("most", ports), ("one", [{"containerPort": 443, "hostPort": 443}])):
        container = {**CONTAINER, "portMappings": mapped}
        world.ecs.register_task_definition(family=family, containerDefinitions=[container])
    assert len(run(world, "most")["tasks"]) == 1  # 94 beside 22, Docker's and the agent's
    assert run(world, "one")["failures"][0]["reason"] == "RESOURCE:PORTS"


def test_a_port_range_takes_host_ports_in_a_row(world):
    arn = world.instance()
    mappings = [{"containerPort": 443}, {"containerPortRange": "8000-8999"}]
    answer = world.ecs.register_task_definition(
        family="ranged", containerDefinitions=[{**CONTAINER, "portMappings": mappings}]
    )
    (shown,) = answer["taskDefinition"]["containerDefinitions"]
    assert shown["portMappings"][1] == {"containerPortRange": "8000-8999", "protocol": "tcp"}
    tasks = run(world, "ranged", count=2)["tasks"]
    hosts = [_started(world, task["taskArn"]) for task in tasks]
    assert not set(hosts[0]) & set(hosts[1])
    (instance,) = world.ecs.describe_container_instances(cluster="blue", containerInstances=[arn])[
        "containerInstances"
    ]
    left = {r["name"]: r for r in instance["remainingResources"]}["PORTS"]["stringSetValue"]
    assert {str(port) for ports in hosts for port in ports} < set(left)
    taken = {"containerPort": 1, "hostPort": hosts[1][500]}
    world.ecs.register_task_definition(
        family="static", containerDefinitions=[{**CONTAINER, "portMappings": [taken]}]
    )
    assert run(world, "static")["failures"] == [{"arn": arn, "reason": "RESOURCE:PORTS"}]
    world.observe(tasks[1]["taskArn"], last_status="STOPPED", desired_status="STOPPED")
    assert run(world, "static")["failures"] == []


def _started(world, task_arn: str) -> range:
    """Lets the task run as a node would; its host ports as DescribeTasks shows them."""
    stored = world.run(lambda: world.store.get(Task, task_arn))
    (given,) = stored.port_ranges
    pairs = [(443, 32768), *zip(given.container_ports, given.host_ports, strict=True)]
    bound = [PortBinding(container_port=inner, host_port=outer, host_ip="10.0.0.4") for inner, outer in pairs]
    containers = [msgspec.structs.replace(c, bindings=tuple(bound)) for c in stored.containers]
    world.observe(task_arn, last_status="RUNNING", containers=tuple(containers))
    (task,) = world.ecs.describe_tasks(cluster="blue", tasks=[task_arn])["tasks"]
    single, ranged = task["containers"][0]["networkBindings"]
    assert single == {"bindIP": "10.0.0.4", "containerPort": 443, "hostPort": 32768, "protocol": "tcp"}
    first, last = map(int, ranged.pop("hostPortRange").split("-"))
    assert ranged == {"bindIP": "10.0.0.4", "containerPortRange": "8000-8999", "protocol": "tcp"}
    assert range(first, last + 1) == given.host_ports
    return given.host_ports


def test_stop_task(world):
    world.instance()
    (task,) = run(world)["tasks"]
    stopped = world.ecs.stop_task(cluster="blue", task=task["taskArn"], reason="enough")["task"]
    assert stopped["desiredStatus"] == "STOPPED"
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    again = world.ecs.stop_task(cluster="blue", task=task["taskArn"].rsplit("/")[-1], reason="again")["task"]
    assert again["stoppedReason"] == "enough"
    with refused("InvalidParameterException", "The referenced task was not found."):
        world.ecs.stop_task(cluster="blue", task="0" * 32)


def test_waiters(world):
    world.instance()
    (task,) = run(world)["tasks"]
    world.observe(task["taskArn"], last_status="RUNNING")
    quick = {"Delay": 0, "MaxAttempts": 1}
    world.ecs.get_waiter("tasks_running").wait(cluster="blue", tasks=[task["taskArn"]], WaiterConfig=quick)
    world.observe(task["taskArn"], last_status="STOPPED", desired_status="STOPPED")
    world.ecs.get_waiter("tasks_stopped").wait(cluster="blue", tasks=[task["taskArn"]], WaiterConfig=quick)


def test_describe_tasks_names_what_is_missing(world):
    missing = f"{ECS}:task/blue/{'0' * 32}"
    stranger = "arn:aws:ecs:us-east-1:111111111111:task/blue/x"
    answer = world.ecs.describe_tasks(cluster="blue", tasks=["0" * 32, stranger])
    assert answer["tasks"] == []
    assert answer["failures"] == [
        {"arn": missing, "reason": "MISSING"},
        {"arn": stranger, "reason": "MISSING"},
    ]
    with refused("InvalidParameterException", "Tasks cannot be empty."):
        world.ecs.describe_tasks(cluster="blue", tasks=[])
    with refused("ClusterNotFoundException", "Cluster not found."):
        world.ecs.describe_tasks(tasks=["0" * 32])


def test_list_tasks_filters(world):
    first, second = world.instance(1), world.instance(2)
    world.ecs.register_task_definition(family="batch", containerDefinitions=[CONTAINER])
    (a,) = run(world, startedBy="a", placementConstraints=_on("i-00000000000000001"))["tasks"]
    (b,) = run(world, "batch", placementConstraints=_on("i-00000000000000002"))["tasks"]
    (c,) = run(world, "batch", placementConstraints=_on("i-00000000000000002"))["tasks"]
    world.ecs.stop_task(cluster="blue", task=c["taskArn"])

    def listed(**members):
        return set(world.ecs.list_tasks(cluster="blue", **members)["taskArns"])

    one, two, three = a["taskArn"], b["taskArn"], c["taskArn"]
    assert listed() == {one, two}
    assert listed(desiredStatus="STOPPED") == {three}
    assert listed(desiredStatus="PENDING") == set()
    assert listed(family="batch") == {two}
    assert listed(startedBy="a") == {one}
    assert listed(containerInstance=first) == {one}
    assert listed(containerInstance=second.rsplit("/", 1)[-1]) == {two}
    assert listed(launchType="FARGATE") == set()
    with refused("ServiceNotFoundException", "Service not found."):
        listed(serviceName="none")
    with refused("InvalidParameterException", "container instance was not found"):
        listed(containerInstance="none")
    with refused("InvalidParameterException", "maxResults"):
        listed(maxResults=101)
    with refused("InvalidParameterException", "cannot specify startedBy with other arguments"):
        listed(startedBy="a", family="web")
    with refused("InvalidParameterException", "cannot specify serviceName with other arguments"):
        listed(serviceName="none", family="web")
    assert listed(startedBy="a", desiredStatus="STOPPED") == set()
    pages = world.ecs.get_paginator("list_tasks").paginate(cluster="blue", PaginationConfig={"PageSize": 1})
    assert {arn for page in pages for arn in page["taskArns"]} == {one, two}


def _on(instance_id: str):
    return [{"type": "memberOf", "expression": f"ec2InstanceId == {instance_id}"}]
