"""One container definition, field by field, as the engine is asked for it."""

from typing import Any

import pytest

from sealway.drivers.contracts.container_runtime import (
    ContainerHealthCheck,
    ContainerSpec,
    Mount,
    PublishedPort,
    Ulimit,
)
from sealway.model.port_range import PublishedRange
from sealway.node.container_spec import Place, container_spec, pause_spec
from tests.support.node_world import container, definition, ec2_task, fargate_task, instance, registered

PLACE = Place(resolver="10.0.0.2", instance_ip="10.0.0.101")
MIB = 1024 * 1024


def bridge(spec: dict[str, Any] | None = None, **fields: Any) -> ContainerSpec:
    made = definition(container(**fields), **(spec or {}))
    return container_spec(ec2_task(1, made, registered(instance())), made, made.containers[0], PLACE)


def test_the_bare_minimum() -> None:
    seen = bridge()
    assert seen == ContainerSpec(
        name=f"sealway-{1:032x}-app",
        image="app:1",
        labels={
            "com.amazonaws.ecs.cluster": "blue",
            "com.amazonaws.ecs.container-name": "app",
            "com.amazonaws.ecs.task-arn": f"arn:aws:ecs:us-east-1:000000000000:task/blue/{1:032x}",
            "com.amazonaws.ecs.task-definition-family": "ledger",
            "com.amazonaws.ecs.task-definition-version": "3",
            "sealway.managed": "true",
        },
        environment={"AWS_EXECUTION_ENV": "AWS_ECS_EC2"},
        network="bridge",
        dns_servers=("10.0.0.2",),
        cpu_shares=2,
        stop_timeout=30,
    )


TMPFS = {"containerPath": "/run/x", "size": 2, "mountOptions": ["noexec"]}
MAPPINGS = [
    {"containerPort": 8443, "hostPort": 0, "protocol": "tcp"},
    {"containerPort": 53, "hostPort": 5300},
]
CONTROLS = [
    {"namespace": "net.core.somaxconn", "value": "9"},
    {"namespace": "kernel.shmmax", "value": "8192"},
]
CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 4, "startPeriod": 7}


@pytest.mark.parametrize(
    ("given", "field", "wanted"),
    [
        ({"command": ["a", "b"]}, "command", ("a", "b")),
        ({"entryPoint": ["/x"]}, "entrypoint", ("/x",)),
        ({"command": []}, "command", None),
        ({"cpu": 256}, "cpu_shares", 256),
        ({"memory": 128}, "memory", 128 * MIB),
        ({"memoryReservation": 64}, "memory_reservation", 64 * MIB),
        ({"user": "1000:1000"}, "user", "1000:1000"),
        ({"workingDirectory": "/srv"}, "working_directory", "/srv"),
        ({"stopTimeout": 5}, "stop_timeout", 5),
        ({"stopTimeout": 0}, "stop_timeout", 0),
        ({"readonlyRootFilesystem": True}, "read_only_root", True),
        ({"hostname": "db"}, "hostname", "db"),
        ({"dnsServers": ["9.9.9.9"]}, "dns_servers", ("9.9.9.9",)),
        ({"dnsSearchDomains": ["a.b"]}, "dns_search", ("a.b",)),
        ({"extraHosts": [{"hostname": "h", "ipAddress": "1.2.3.4"}]}, "extra_hosts", ("h:1.2.3.4",)),
        ({"linuxParameters": {"initProcessEnabled": True}}, "init", True),
        ({"linuxParameters": {"sharedMemorySize": 8}}, "shm_size", 8 * MIB),
        ({"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}}, "cap_add", ("SYS_PTRACE",)),
        ({"linuxParameters": {"capabilities": {"drop": ["ALL"]}}}, "cap_drop", ("ALL",)),
        (
            {"linuxParameters": {"tmpfs": [TMPFS]}},
            "mounts",
            (Mount(target="/run/x", type="tmpfs", tmpfs_size=2 * MIB, tmpfs_options=("noexec",)),),
        ),
        ({"pseudoTerminal": True}, "tty", True),
        ({"interactive": True}, "open_stdin", True),
        ({"systemControls": CONTROLS}, "sysctls", {"net.core.somaxconn": "9", "kernel.shmmax": "8192"}),
        ({"links": ["db:store", "db"]}, "links", (f"sealway-{1:032x}-db:store", f"sealway-{1:032x}-db:db")),
        ({"volumesFrom": [{"sourceContainer": "db"}]}, "volumes_from", (f"sealway-{1:032x}-db:rw",)),
        (
            {"volumesFrom": [{"sourceContainer": "db", "readOnly": True}]},
            "volumes_from",
            (f"sealway-{1:032x}-db:ro",),
        ),
        ({"logConfiguration": {"logDriver": "none"}}, "log_driver", "none"),
        (
            {"logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m"}}},
            "log_options",
            {"max-size": "1m"},
        ),
        (
            {"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]},
            "ulimits",
            (Ulimit(name="nofile", soft=1, hard=2),),
        ),
        (
            {"healthCheck": CHECK},
            "health_check",
            ContainerHealthCheck(
                command=("CMD-SHELL", "true"), interval=5, timeout=2, retries=4, start_period=7
            ),
        ),
        (
            {"healthCheck": {"command": ["CMD", "x"]}},
            "health_check",
            ContainerHealthCheck(command=("CMD", "x")),
        ),
        (
            {"portMappings": MAPPINGS},
            "published_ports",
            (
                PublishedPort(container_port=8443, host_ip="10.0.0.101", host_port=0, protocol="tcp"),
                PublishedPort(container_port=53, host_ip="10.0.0.101", host_port=5300, protocol="tcp"),
            ),
        ),
    ],
)
def test_a_field(given: dict[str, Any], field: str, wanted: Any) -> None:
    assert getattr(bridge(**given), field) == wanted


def test_a_range_is_published_where_its_task_was_given_room() -> None:
    given = PublishedRange(container="app", protocol="udp", container_port=9000, host_port=61000, ports=2)
    other = PublishedRange(container="db", protocol="tcp", container_port=1, host_port=62000, ports=2)
    single = {"containerPort": 53, "hostPort": 5300}
    mappings = [{"containerPortRange": "9000-9001", "protocol": "udp"}, single]
    made = definition(container(portMappings=mappings))
    task = ec2_task(1, made, registered(instance())).replace(port_ranges=(given, other))
    spec = container_spec(task, made, made.containers[0], PLACE)
    assert [(p.container_port, p.host_port, p.protocol) for p in spec.published_ports] == [
        (53, 5300, "tcp"),
        (9000, 61000, "udp"),
        (9001, 61001, "udp"),
    ]


def test_the_users_labels_never_hide_ours() -> None:
    seen = bridge(dockerLabels={"team": "blue", "com.amazonaws.ecs.task-arn": "no"})
    assert seen.labels["team"] == "blue"
    assert seen.labels["com.amazonaws.ecs.task-arn"].endswith(f"task/blue/{1:032x}")


def test_volumes() -> None:
    volumes = [{"name": "own"}, {"name": "etc", "host": {"sourcePath": "/etc/x"}}]
    points = [
        {"sourceVolume": "own", "containerPath": "/a"},
        {"sourceVolume": "etc", "containerPath": "/b", "readOnly": True},
    ]
    assert bridge({"volumes": volumes}, mountPoints=points).mounts == (
        Mount(target="/a", type="volume", source=f"sealway-{1:032x}-own"),
        Mount(target="/b", type="bind", source="/etc/x", read_only=True),
    )


def test_overrides_win() -> None:
    own = container(
        command=["old"],
        cpu=1,
        memory=10,
        environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    )
    made = definition(own)
    override = {
        "name": "app",
        "command": ["new"],
        "cpu": 128,
        "memory": 20,
        "memoryReservation": 15,
        "environment": [{"name": "B", "value": "3"}],
    }
    task = ec2_task(1, made, registered(instance()), overrides={"containerOverrides": [override]})
    seen = container_spec(task, made, made.containers[0], PLACE)
    assert (seen.command, seen.cpu_shares) == (("new",), 128)
    assert (seen.memory, seen.memory_reservation) == (20 * MIB, 15 * MIB)
    assert seen.environment == {"AWS_EXECUTION_ENV": "AWS_ECS_EC2", "A": "1", "B": "3"}


def test_an_awsvpc_task_has_its_size_as_its_limit_and_joins_the_pause_container() -> None:
    made = definition(networkMode="awsvpc", cpu="256", memory="512")
    task = fargate_task(1, made)
    seen = container_spec(task, made, made.containers[0], PLACE)
    assert seen.network == f"container:sealway-{task.id}-ecs.pause"
    assert (seen.published_ports, seen.dns_servers, seen.hostname) == ((), (), None)
    assert (seen.cpu_quota_units, seen.memory) == (256, 512 * MIB)
    assert seen.environment == {
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def test_the_pause_container_carries_what_joined_ones_share() -> None:
    made = definition(networkMode="awsvpc")
    seen = pause_spec(fargate_task(1, made), made, PLACE)
    assert (seen.image, seen.network, seen.dns_servers) == ("sealway/pause:1", "none", ("10.0.0.2",))
    assert seen.hostname == "ip-10-0-0-11.ec2.internal"
    assert seen.extra_hosts == ("ip-10-0-0-11.ec2.internal:10.0.0.11",)
    assert seen.labels["com.amazonaws.ecs.container-name"] == "~internal~ecs~pause"


def test_in_awsvpc_mode_the_network_is_the_pause_containers() -> None:
    made = definition(container(systemControls=CONTROLS), networkMode="awsvpc")
    task = fargate_task(1, made, zone=0)
    assert container_spec(task, made, made.containers[0], PLACE).sysctls == {"kernel.shmmax": "8192"}
    assert pause_spec(task, made, PLACE).sysctls == {"net.core.somaxconn": "9"}


def test_docker_volumes_of_a_task_and_shared_ones() -> None:
    shared = {"scope": "shared", "autoprovision": True, "labels": {"a": "b"}}
    volumes = [
        {"name": "own", "dockerVolumeConfiguration": {"scope": "task"}},
        {"name": "all", "dockerVolumeConfiguration": shared},
    ]
    points = [{"sourceVolume": name, "containerPath": f"/{name}"} for name in ("own", "all")]
    on = registered(instance()).arn.rsplit("/")[-1]
    assert bridge({"volumes": volumes}, mountPoints=points).mounts == (
        Mount(target="/own", type="volume", source=f"sealway-{1:032x}-own"),
        Mount(target="/all", type="volume", source=f"sealway-shared-{on}-all", volume_labels={"a": "b"}),
    )
