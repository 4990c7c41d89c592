"""Every member of a container definition is honoured, and it is said by what; or it is refused by its name.

The tables together are botocore's model: a member that AWS adds is met here first. Where Docker honours one,
the request that creates the container must differ by it.
"""

from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

import sealway
from sealway.drivers.docker.create_body import create_body
from sealway.drivers.docker.scope import Scope
from sealway.model.errors import AwsError
from sealway.model.task_definition import TaskDefinition
from sealway.node.container_spec import Place, container_spec
from sealway.services.ecs.task_definition_rules import checked_spec
from tests.support.node_world import definition, ec2_task, instance, registered
from tests.support.wire_shapes import operation

Members = dict[str, Any]
CHECK = {"command": ["CMD", "true"]}
TMPFS = {"containerPath": "/t", "size": 1}
MOUNT = {"sourceVolume": "v", "containerPath": "/v"}
PORT = {"containerPort": 80}
ULIMIT = {"name": "nofile", "softLimit": 10, "hardLimit": 20}

BY_DOCKER: dict[str, tuple[Members, Members]] = {
    "image": ({}, {"image": "app:2"}),
    "name": ({}, {"name": "other"}),
    "cpu": ({}, {"cpu": 512}),
    "memory": ({}, {"memory": 256}),
    "memoryReservation": ({}, {"memoryReservation": 16}),
    "links[]": ({}, {"links": ["aide"]}),
    "portMappings[].containerPort": ({"portMappings": [PORT]}, {"portMappings": [{"containerPort": 81}]}),
    "portMappings[].hostPort": ({"portMappings": [PORT]}, {"portMappings": [{**PORT, "hostPort": 81}]}),
    "portMappings[].protocol": ({"portMappings": [PORT]}, {"portMappings": [{**PORT, "protocol": "udp"}]}),
    "entryPoint[]": ({}, {"entryPoint": ["/x"]}),
    "command[]": ({}, {"command": ["x"]}),
    "environment[].name": (
        {"environment": [{"name": "A", "value": "1"}]},
        {"environment": [{"name": "B", "value": "1"}]},
    ),
    "environment[].value": (
        {"environment": [{"name": "A", "value": "1"}]},
        {"environment": [{"name": "A", "value": "2"}]},
    ),
    "mountPoints[].sourceVolume": (
        {"mountPoints": [MOUNT]},
        {"mountPoints": [{**MOUNT, "sourceVolume": "w"}]},
    ),
    "mountPoints[].containerPath": (
        {"mountPoints": [MOUNT]},
        {"mountPoints": [{**MOUNT, "containerPath": "/w"}]},
    ),
    "mountPoints[].readOnly": ({"mountPoints": [MOUNT]}, {"mountPoints": [{**MOUNT, "readOnly": True}]}),
    "volumesFrom[].sourceContainer": ({}, {"volumesFrom": [{"sourceContainer": "aide"}]}),
    "volumesFrom[].readOnly": (
        {"volumesFrom": [{"sourceContainer": "aide"}]},
        {"volumesFrom": [{"sourceContainer": "aide", "readOnly": True}]},
    ),
    "linuxParameters.capabilities.add[]": (
        {},
        {"linuxParameters": {"capabilities": {"add": ["CHOWN"]}}},
    ),
    "linuxParameters.capabilities.drop[]": (
        {},
        {"linuxParameters": {"capabilities": {"drop": ["CHOWN"]}}},
    ),
    "linuxParameters.initProcessEnabled": ({}, {"linuxParameters": {"initProcessEnabled": True}}),
    "linuxParameters.sharedMemorySize": ({}, {"linuxParameters": {"sharedMemorySize": 8}}),
    "linuxParameters.tmpfs[].containerPath": ({}, {"linuxParameters": {"tmpfs": [TMPFS]}}),
    "linuxParameters.tmpfs[].size": (
        {"linuxParameters": {"tmpfs": [TMPFS]}},
        {"linuxParameters": {"tmpfs": [{**TMPFS, "size": 2}]}},
    ),
    "linuxParameters.tmpfs[].mountOptions[]": (
        {"linuxParameters": {"tmpfs": [TMPFS]}},
        {"linuxParameters": {"tmpfs": [{**TMPFS, "mountOptions": ["noexec"]}]}},
    ),
    "stopTimeout": ({}, {"stopTimeout": 7}),
    "hostname": ({}, {"hostname": "h"}),
    "user": ({}, {"user": "1000"}),
    "workingDirectory": ({}, {"workingDirectory": "/w"}),
    "readonlyRootFilesystem": ({}, {"readonlyRootFilesystem": True}),
    "dnsServers[]": ({}, {"dnsServers": ["192.0.2.1"]}),
    "dnsSearchDomains[]": ({}, {"dnsSearchDomains": ["example.com"]}),
    "extraHosts[].hostname": ({}, {"extraHosts": [{"hostname": "h", "ipAddress": "192.0.2.1"}]}),
    "extraHosts[].ipAddress": (
        {"extraHosts": [{"hostname": "h", "ipAddress": "192.0.2.1"}]},
        {"extraHosts": [{"hostname": "h", "ipAddress": "192.0.2.2"}]},
    ),
    "interactive": ({}, {"interactive": True}),
    "pseudoTerminal": ({}, {"pseudoTerminal": True}),
    "dockerLabels{}": ({}, {"dockerLabels": {"a": "b"}}),
    "ulimits[].name": ({}, {"ulimits": [ULIMIT]}),
    "ulimits[].softLimit": ({"ulimits": [ULIMIT]}, {"ulimits": [{**ULIMIT, "softLimit": 11}]}),
    "ulimits[].hardLimit": ({"ulimits": [ULIMIT]}, {"ulimits": [{**ULIMIT, "hardLimit": 21}]}),
    "logConfiguration.logDriver": ({}, {"logConfiguration": {"logDriver": "none"}}),
    "logConfiguration.options{}": (
        {},
        {"logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m"}}},
    ),
    "healthCheck.command[]": ({}, {"healthCheck": CHECK}),
    "healthCheck.interval": ({"healthCheck": CHECK}, {"healthCheck": {**CHECK, "interval": 7}}),
    "healthCheck.timeout": ({"healthCheck": CHECK}, {"healthCheck": {**CHECK, "timeout": 7}}),
    "healthCheck.retries": ({"healthCheck": CHECK}, {"healthCheck": {**CHECK, "retries": 7}}),
    "healthCheck.startPeriod": ({"healthCheck": CHECK}, {"healthCheck": {**CHECK, "startPeriod": 7}}),
    "systemControls[].namespace": (
        {},
        {"systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}]},
    ),
    "systemControls[].value": (
        {"systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}]},
        {"systemControls": [{"namespace": "net.core.somaxconn", "value": "2"}]},
    ),
}
"""Member -> a container without it, and one with it."""
BY_SEALWAY = {
    "essential": "node/task_status.py",
    "portMappings[].containerPortRange": "model/port_range.py",
    "restartPolicy.enabled": "node/container_restart.py",
    "restartPolicy.ignoredExitCodes[]": "node/container_restart.py",
    "restartPolicy.restartAttemptPeriod": "node/container_restart.py",
    "dependsOn[].containerName": "node/container_order.py",
    "dependsOn[].condition": "node/container_order.py",
    "startTimeout": "node/container_order.py",
}
"""Member -> the file that acts on it while the task runs or is placed; each has its own tests."""
KEPT = {
    "portMappings[].name": "name",
    "portMappings[].appProtocol": "http",
    "versionConsistency": "disabled",
}
"""What nobody but Service Connect reads (docs/limits.md), and the one value that says what is so anyway."""
REFUSED = {
    "repositoryCredentials",
    "environmentFiles",
    "linuxParameters.devices",
    "linuxParameters.maxSwap",
    "linuxParameters.swappiness",
    "secrets",
    "disableNetworking",
    "privileged",
    "dockerSecurityOptions",
    "logConfiguration.secretOptions",
    "resourceRequirements",
    "firelensConfiguration",
    "credentialSpecs",
}
"""By its name, with all that is in it."""

_OPERATION = operation("ecs", "RegisterTaskDefinition")
CONTAINER: StructureShape = _OPERATION.input_shape.members["containerDefinitions"].member


def leaves(shape: Shape, path: str) -> set[str]:
    """The members below, down to plain values: ``a.b``, ``a[].b``, ``a[]``, ``a{}``."""
    if isinstance(shape, StructureShape):
        prefix = f"{path}." if path else ""
        return {leaf for name, member in shape.members.items() for leaf in leaves(member, prefix + name)}
    if isinstance(shape, ListShape):
        return leaves(shape.member, f"{path}[]")
    return {f"{path}{{}}"} if isinstance(shape, MapShape) else {path}


def sample(shape: Shape) -> Any:
    """A value that asks for something."""
    if isinstance(shape, StructureShape):
        return {name: sample(member) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [sample(shape.member)]
    if isinstance(shape, MapShape):
        return {"a": sample(shape.value)}
    if isinstance(shape, StringShape):
        return shape.enum[0] if shape.enum else "x"
    return shape.type_name == "boolean" or 1


def registered_definition(members: Members) -> TaskDefinition:
    containers = [
        {"name": "app", "image": "app:1", "memory": 128, **members},
        {"name": "aide", "image": "aide:1", "memory": 64, "essential": False},
    ]
    volumes = [{"name": name, "host": {"sourcePath": f"/srv/{name}"}} for name in "vw"]
    spec = checked_spec({"family": "web", "containerDefinitions": containers, "volumes": volumes})
    return definition(*spec.pop("containerDefinitions"), **spec)


def created(members: Members) -> Any:
    """What Docker is asked to create, and under what name."""
    made, on = registered_definition(members), registered(instance())
    spec = container_spec(
        ec2_task(1, made, on), made, made.containers[0], Place(resolver="192.0.2.53", instance_ip="192.0.2.9")
    )
    return spec.name, create_body(spec, Scope())


def within(path: str) -> bool:
    return any(path == name or path.startswith((f"{name}.", f"{name}[", f"{name}{{")) for name in REFUSED)


def test_the_tables_are_the_model() -> None:
    known = leaves(CONTAINER, "")
    honoured = [*BY_DOCKER, *BY_SEALWAY, *KEPT]
    assert len(honoured) == len(set(honoured))
    assert {path for path in known if not within(path)} == set(honoured)
    assert not any(within(path) for path in honoured)
    assert all(any(path.startswith(name) for path in known) for name in REFUSED)


@pytest.mark.parametrize("path", sorted(BY_DOCKER))
def test_docker_is_told(path: str) -> None:
    without, with_it = BY_DOCKER[path]
    assert created(without) != created(with_it)


@pytest.mark.parametrize("path", sorted(BY_SEALWAY))
def test_somebody_reads_it(path: str) -> None:
    name = path.removesuffix("[]").rpartition(".")[2]
    assert f'"{name}"' in (Path(sealway.__file__).parent / BY_SEALWAY[path]).read_text()


@pytest.mark.parametrize("path", sorted(KEPT))
def test_what_means_nothing_changes_nothing(path: str) -> None:
    name = path.rpartition(".")[2]
    mapped = path.startswith("portMappings")
    given = {"portMappings": [{**PORT, name: KEPT[path]}]} if mapped else {name: KEPT[path]}
    assert created(given) == created({"portMappings": [PORT]} if mapped else {})


@pytest.mark.parametrize("path", sorted(REFUSED))
def test_the_rest_is_refused_by_name(path: str) -> None:
    owner, _, name = path.rpartition(".")
    shape = CONTAINER.members[owner].members[name] if owner else CONTAINER.members[name]
    value = {name: sample(shape)}
    if owner == "logConfiguration":
        value["logDriver"] = "json-file"
    with pytest.raises(AwsError) as caught:
        registered_definition({owner: value} if owner else value)
    assert caught.value.code == "ClientException"
    assert caught.value.message.startswith(f"The parameter '{name}' of ")
    assert caught.value.message.endswith("container 'app' is not supported by Sealway.")
