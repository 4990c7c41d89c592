from typing import Any

import pytest

from sealway.model.errors import AwsError
from sealway.services.ecs.task_definition_rules import checked_spec, compatibilities

CONTAINER: dict[str, Any] = {"name": "app", "image": "app:1", "memory": 128}
FARGATE: dict[str, Any] = {
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "requiresCompatibilities": ["FARGATE"],
}
CHECK = {"command": ["CMD", "true"]}


def container(**members: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{**CONTAINER, **members}]}


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"containerDefinitions": [{**CONTAINER, **first}, {**CONTAINER, "name": "b", **second}]}


def spec(**members: Any) -> dict[str, Any]:
    return checked_spec({"family": "web", "containerDefinitions": [CONTAINER], **members})


def needs(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


BAD_RANGES: list[tuple[list[dict[str, Any]], str]] = [
    *(
        ([{"containerPortRange": bad}], f"'{bad}' must be two ports")
        for bad in ("x", "7", "7-7", "8-7", "0-9")
    ),
    *(([{"containerPortRange": bad}], f"'{bad}' must be two ports") for bad in ("9-65536", " 1-2", "1-2\n")),
    ([{"containerPortRange": "1-2", "containerPort": 1}], "containerPort cannot be specified together"),
    ([{"containerPortRange": "1-2", "hostPort": 1}], "hostPort cannot be specified together"),
    ([{"containerPortRange": "1-9"}, {"containerPort": 9}], "port 9 is in more than one port mapping."),
    ([{"containerPortRange": "1-9"}, {"containerPort": 1}], "port 1 is in more than one port mapping."),
    (
        [{"containerPortRange": "1-9"}, {"containerPortRange": "2-3"}, {"containerPortRange": "5-6"}],
        "port 2 is in more than one port mapping.",
    ),
    (
        [{"containerPortRange": "1-9"}, {"containerPortRange": "9-10", "protocol": "udp"}],
        "port 9 is in more than one port mapping.",
    ),
    (
        [{"containerPortRange": f"{first}-{first + 1}"} for first in range(1, 203, 2)],
        "a container has at most 100 port ranges.",
    ),
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"family": ""}, "Family should not be null or empty."),
    ({"family": "a b"}, "Family contains invalid characters."),
    ({"networkMode": "host"}, "networkMode 'host'"),
    ({"networkMode": "none"}, "networkMode 'none'"),
    ({"pidMode": "host"}, "'pidMode' of RegisterTaskDefinition"),
    ({"ipcMode": "host"}, "'ipcMode' of RegisterTaskDefinition"),
    ({"proxyConfiguration": {"containerName": "x"}}, "'proxyConfiguration'"),
    ({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}, "WINDOWS_SERVER_2022_CORE"),
    ({"requiresCompatibilities": ["EXTERNAL"]}, "The launch type EXTERNAL"),
    ({"ephemeralStorage": {"sizeInGiB": 20}}, "between 21 and 200"),
    ({"cpu": "many"}, "Invalid 'cpu' setting for task."),
    ({"cpu": "9" * 5000}, "Invalid 'cpu' setting for task."),
    ({"memory": "9" * 5000 + " GB"}, "Invalid 'memory' setting for task."),
    ({"memory": "much"}, "Invalid 'memory' setting for task."),
    ({"placementConstraints": [{"type": "memberOf", "expression": "x"}]}, "Invalid expression"),
    ({"containerDefinitions": []}, "Container list cannot be empty."),
    ({"containerDefinitions": [CONTAINER] * 11}, "Too many containers."),
    ({"containerDefinitions": [CONTAINER] * 2}, "Container names must be unique within a Task Definition."),
    (container(name=""), "Container.name should not be null or empty."),
    (container(name="a b"), "Container.name contains invalid characters."),
    (container(image=""), "Container.image should not be null or empty."),
    (container(image="a" * 256), "Container.image should be 255 characters or less."),
    (container(image="a b"), "Container.image contains invalid characters."),
    (container(essential=False), "Task definition doesn't have any essential container."),
    (
        container(memory=None),
        "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be",
    ),
    (container(memory=4), "'memory' must be at least 6 MiB"),
    (container(memory=64, memoryReservation=128), "'memory' must be greater than or equal to"),
    (container(cpu=-1), "Invalid 'cpu' setting for container 'app'."),
    (container(portMappings=[{}]), "Invalid 'containerPort' setting for container 'app'."),
    (container(portMappings=[{"containerPort": 70000}]), "Invalid 'containerPort' setting"),
    (container(portMappings=[{"containerPort": 1, "hostPort": 65536}]), "Invalid 'hostPort' setting"),
    *(
        (
            container(portMappings=mappings),
            f"Invalid 'containerPortRange' setting for container 'app': {what}",
        )
        for mappings, what in BAD_RANGES
    ),
    (
        container(portMappings=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]),
        "TCP host port '9' is mapped multiple times in task.",
    ),
    (
        {**container(portMappings=[{"containerPort": 1, "hostPort": 2}]), "networkMode": "awsvpc"},
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
    ),
    (
        {
            **two(
                {"portMappings": [{"containerPortRange": "8000-8009"}]},
                {"portMappings": [{"containerPort": 8009}]},
            ),
            "networkMode": "awsvpc",
        },
        "TCP host port '8009' is mapped multiple times in task.",
    ),
    (container(environment=[{"value": "x"}]), "a name is missing"),
    (container(stopTimeout=-1), "Invalid 'stopTimeout' setting"),
    (container(ulimits=[{"name": "nofile", "softLimit": 2, "hardLimit": 1}]), "soft limit of nofile"),
    (container(healthCheck={"command": ["true"]}), "must begin with CMD or CMD-SHELL"),
    (container(healthCheck={**CHECK, "interval": 1}), "interval must be between 5 and 300"),
    (container(healthCheck={**CHECK, "retries": 11}), "retries must be between 1 and 10"),
    (container(healthCheck={**CHECK, "startPeriod": 301}), "startPeriod must be between 0 and 300"),
    (container(mountPoints=[{"sourceVolume": "x", "containerPath": "/x"}]), "Unknown volume 'x'."),
    (
        {
            **container(mountPoints=[{"sourceVolume": "x", "containerPath": "/x:ro"}]),
            "volumes": [{"name": "x"}],
        },
        "containerPath holds ':'",
    ),
    (
        {**container(mountPoints=[{"sourceVolume": "x", "containerPath": "x"}]), "volumes": [{"name": "x"}]},
        "containerPath must be an absolute path",
    ),
    ({"volumes": [{"name": "x"}, {"name": "x"}]}, "Volume names must be unique"),
    ({"volumes": [{"name": "x", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}, "'efsVolumeConf"),
    (
        {"volumes": [{"name": "x", "efsVolumeConfiguration": {"fileSystemId": "f"}}]},
        "'efsVolumeConfiguration'",
    ),
    ({"volumes": [{"name": "x", "host": {"sourcePath": "data"}}]}, "not an absolute path"),
    ({"volumes": [{"name": "x", "host": {"sourcePath": "/data:/etc"}}]}, "it holds ':'"),
    ({"volumes": [{"name": "x", "host": {"sourcePath": "/data\n"}}]}, "a control character"),
    (container(privileged=True), "'privileged' of container 'app'"),
    (container(links=["x"]), "'x' because it does not exist"),
    (container(links=["x:y:z"]), "neither name nor name:alias"),
    (
        {**container(links=["app"]), "networkMode": "awsvpc"},
        "'links' of container 'app' with networkMode=awsvpc",
    ),
    (container(links=["app"]), "should not have a cycle"),
    (container(volumesFrom=[{"sourceContainer": "x"}]), "'x' because it does not exist"),
    (container(volumesFrom=[{}]), "sourceContainer is missing"),
    (container(secrets=[{"name": "A", "valueFrom": "x"}]), "'secrets' of container 'app'"),
    (container(environmentFiles=[{"value": "x", "type": "s3"}]), "'environmentFiles' of container 'app'"),
    (container(systemControls=[{"namespace": "a", "value": "b"}]), "'a' is not a namespaced"),
    (container(systemControls=[{"namespace": "net.x/../../y", "value": "b"}]), "not a namespaced"),
    (container(systemControls=[{"namespace": "kernel.sem"}]), "'kernel.sem' has no value"),
    (container(restartPolicy={"enabled": True, "restartAttemptPeriod": 59}), "between 60 and 1800"),
    (container(restartPolicy={"enabled": True, "ignoredExitCodes": [*range(51)]}), "at most 50 exit codes"),
    (container(versionConsistency="enabled"), "'versionConsistency' of container 'app'"),
    (container(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}), "capability 'NET_ADMIN'"),
    (container(linuxParameters={"capabilities": {"add": ["ALL"]}}), "capability 'ALL'"),
    (container(linuxParameters={"devices": [{"hostPath": "/dev/x"}]}), "'devices' of linuxParameters"),
    (container(linuxParameters={"tmpfs": [{"containerPath": "/x", "size": 0}]}), "must be positive"),
    (container(linuxParameters={"tmpfs": [{"containerPath": "x", "size": 1}]}), "not an absolute path"),
    (
        container(linuxParameters={"tmpfs": [{"containerPath": "/x", "size": 1, "mountOptions": ["bind"]}]}),
        "the mount option 'bind'",
    ),
    (container(linuxParameters={"sharedMemorySize": 0}), "Invalid 'sharedMemorySize'"),
    (container(logConfiguration={"logDriver": "awslogs"}), "The log driver 'awslogs'"),
    (
        container(logConfiguration={"logDriver": "json-file", "options": {"colour": "red"}}),
        "'colour' of the log options",
    ),
    ({**container(hostname="x"), "networkMode": "awsvpc"}, "'hostname' of container 'app' with networkMode"),
    (container(**needs("x", "START")), "Cannot depend on container + 'x' because it does not exist"),
    (
        two({}, needs("app", "SUCCESS")),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (two({}, needs("app", "HEALTHY")), "must have a health check: 'app'"),
    (two(needs("b", "START"), needs("app", "START")), "should not have a cycle: app, b"),
    (container(**needs("app", "START")), "should not have a cycle: app"),
    (
        {**container(cpu=512), **FARGATE},
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    ),
    ({**container(memory=1024), **FARGATE}, "cannot be greater than the task 'memory'"),
    ({**FARGATE, "networkMode": "bridge"}, "Fargate only supports network mode \u2018awsvpc\u2019."),
    ({**FARGATE, "cpu": None}, "Fargate requires that 'cpu' be defined at the task level."),
    ({**FARGATE, "memory": None}, "Fargate requires that 'memory' be defined at the task level."),
    (
        {**FARGATE, "memory": "4096"},
        "No Fargate configuration exists for given values: 256 CPU, 4096 memory."
        " See the Amazon ECS documentation for the valid values.",
    ),
    (
        {**FARGATE, "volumes": [{"name": "x", "host": {"sourcePath": "/x"}}]},
        "host.sourcePath should not be set for volumes in Fargate.",
    ),
    ({**container(stopTimeout=121), **FARGATE}, "cannot be greater than 120 on Fargate"),
    ({**container(linuxParameters={"sharedMemorySize": 8}), **FARGATE}, "'sharedMemorySize'"),
]


@pytest.mark.parametrize(("members", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError) as caught:
        spec(**members)
    assert message in caught.value.message
    assert caught.value.code in ("ClientException", "InvalidParameterException")


def test_everything_that_is_honoured_passes() -> None:
    full = container(
        command=["serve"],
        entryPoint=["/app"],
        environment=[{"name": "A"}],
        cpu=10,
        memoryReservation=64,
        portMappings=[{"containerPort": 443, "hostPort": 443, "name": "web", "appProtocol": "http2"}],
        user="1000:1000",
        workingDirectory="/srv",
        dockerLabels={"a": "b"},
        stopTimeout=5,
        startTimeout=30,
        ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": -1}],
        healthCheck=CHECK,
        mountPoints=[{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
        readonlyRootFilesystem=True,
        linuxParameters={
            "initProcessEnabled": True,
            "sharedMemorySize": 64,
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [{"containerPath": "/tmp", "size": 16, "mountOptions": ["noexec", "mode=1777"]}],
        },
        logConfiguration={"logDriver": "json-file", "options": {"max-size": "10m"}},
        hostname="web",
        extraHosts=[{"hostname": "db", "ipAddress": "10.0.0.1"}],
    )
    (checked,) = spec(**full, volumes=[{"name": "data", "host": {"sourcePath": "/srv/data"}}])[
        "containerDefinitions"
    ]
    assert checked["environment"] == [{"name": "A", "value": ""}]
    assert checked["healthCheck"] == {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
    assert checked["portMappings"][0]["appProtocol"] == "http2"


def test_what_asks_for_nothing_passes() -> None:
    empty = container(
        links=[],
        privileged=False,
        secrets=None,
        systemControls=[],
        volumesFrom=[],
        resourceRequirements=[],
        restartPolicy={"enabled": False},
        versionConsistency="disabled",
        linuxParameters={"capabilities": {"add": []}, "devices": []},
    )
    spec(**empty, pidMode=None, inferenceAccelerators=[], enableFaultInjection=False)


def test_a_task_with_memory_of_its_own_needs_none_on_its_containers() -> None:
    assert spec(**container(memory=None), memory="1 GB")["memory"] == "1024"


def test_compatibilities() -> None:
    assert compatibilities(spec()) == ("EC2",)
    assert compatibilities(spec(networkMode="awsvpc")) == ("EC2",)
    assert compatibilities(spec(**{**FARGATE, "requiresCompatibilities": []})) == ("EC2", "FARGATE")


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        ("256", "2048"),
        ("512", "4096"),
        ("1 vCPU", "8GB"),
        ("4096", "30720"),
        ("8192", "61440"),
        ("16384", "122880"),
    ],
)
def test_fargate_sizes(cpu: str, memory: str) -> None:
    assert "FARGATE" in compatibilities(spec(**{**FARGATE, "cpu": cpu, "memory": memory}))


def test_a_chain_of_dependencies_passes() -> None:
    checked = two({**needs("b", "HEALTHY")}, {"healthCheck": CHECK, "essential": False})
    assert len(spec(**checked)["containerDefinitions"]) == 2


def test_fargate_adds_no_capabilities() -> None:
    given = container(linuxParameters={"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}})
    assert compatibilities(spec(**{**FARGATE, "requiresCompatibilities": []}, **given)) == ("EC2",)


def test_what_containers_share_is_kept() -> None:
    given = container(
        interactive=True,
        pseudoTerminal=True,
        systemControls=[{"namespace": "net.core.somaxconn", "value": "9"}],
        restartPolicy={"enabled": True, "ignoredExitCodes": [0], "restartAttemptPeriod": 60},
        linuxParameters={"capabilities": {"add": ["CHOWN", "CAP_KILL"], "drop": ["ALL"]}},
    )["containerDefinitions"][0]
    other = {**given, "name": "other", "links": ["app:a"], "volumesFrom": [{"sourceContainer": "app"}]}
    kept = spec(containerDefinitions=[given, other])["containerDefinitions"]
    assert {k: kept[1][k] for k in other} == other


def test_one_network_has_one_value() -> None:
    def with_control(name: str, value: str) -> dict[str, Any]:
        one = container(systemControls=[{"namespace": "net.core.somaxconn", "value": value}])
        return {**one["containerDefinitions"][0], "name": name}

    two = [with_control("a", "1"), with_control("b", "2")]
    spec(containerDefinitions=two)
    with pytest.raises(AwsError, match="another container of the task"):
        spec(containerDefinitions=two, networkMode="awsvpc")


def docker_volume(**configuration: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "data", "dockerVolumeConfiguration": configuration}]}


def test_docker_volumes() -> None:
    for configuration in ({}, {"scope": "task", "driver": "local", "labels": {"a": "b"}}):
        assert spec(**docker_volume(**configuration))["volumes"] == docker_volume(**configuration)["volumes"]
    shared = docker_volume(scope="shared", autoprovision=True)
    assert compatibilities(spec(**{**FARGATE, "requiresCompatibilities": []}, **shared)) == ("EC2",)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"driver": "rexray"}, "The driver 'rexray'"),
        ({"driverOpts": {"o": "bind"}}, "'driverOpts' of dockerVolumeConfiguration"),
        ({"scope": "shared"}, "without autoprovision"),
        ({"autoprovision": True}, "for the scope 'shared' only"),
    ],
)
def test_docker_volumes_refused(configuration: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError, match=message):
        spec(**docker_volume(**configuration))
