"""From a task and its definition to the container that the engine is asked for. Pure.

Everything here is a translation; what the definition may hold was decided when it was registered.
Sources: ECS API Reference, ContainerDefinition; ECS Developer Guide, "Task definition parameters".
"""

from typing import Any

import msgspec

from ..drivers.contracts.container_runtime import (
    PAUSE_IMAGE,
    ContainerHealthCheck,
    ContainerSpec,
    PublishedPort,
    Ulimit,
)
from ..model.container_dependency import link_of
from ..model.task import Task
from ..model.task_definition import TaskDefinition
from .container_mounts import MIB, mounts
from .container_names import PAUSE_LABEL_NAME, container_name, labels, pause_name

DEFAULT_STOP_TIMEOUT = 30
MINIMUM_CPU_SHARES = 2
"""What the ECS agent passes for a container without CPU units of its own."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task runs: the VPC's resolver, and on EC2 the container instance's address."""

    resolver: str
    instance_ip: str | None = None


def container_spec(
    task: Task, definition: TaskDefinition, container: dict[str, Any], place: Place
) -> ContainerSpec:
    """The engine's container for one container definition of the task, overrides applied."""
    override = container_override(task, container["name"])
    linux = container.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    logging = container.get("logConfiguration") or {}
    return ContainerSpec(
        name=container_name(task, container["name"]),
        image=container["image"],
        labels={
            **(container.get("dockerLabels") or {}),
            **labels(task, definition, container["name"]),
        },
        command=_words(override.get("command")) or _words(container.get("command")),
        entrypoint=_words(container.get("entryPoint")),
        environment=_environment(task, container, override),
        user=container.get("user"),
        working_directory=container.get("workingDirectory"),
        mounts=mounts(task, definition, container),
        ulimits=tuple(
            Ulimit(name=u["name"], soft=u["softLimit"], hard=u["hardLimit"])
            for u in container.get("ulimits") or ()
        ),
        read_only_root=bool(container.get("readonlyRootFilesystem")),
        init=bool(linux.get("initProcessEnabled")),
        shm_size=_bytes(linux.get("sharedMemorySize")),
        cap_add=tuple(capabilities.get("add") or ()),
        cap_drop=tuple(capabilities.get("drop") or ()),
        privileged=bool(container.get("privileged")),
        tty=bool(container.get("pseudoTerminal")),
        open_stdin=bool(container.get("interactive")),
        sysctls=_sysctls([container], of_network=None if definition.network_mode != "awsvpc" else False),
        volumes_from=tuple(
            f"{container_name(task, v['sourceContainer'])}:{'ro' if v.get('readOnly') else 'rw'}"
            for v in container.get("volumesFrom") or ()
        ),
        health_check=_health_check(container.get("healthCheck")),
        log_driver=logging.get("logDriver") or "json-file",
        log_options=logging.get("options") or {},
        stop_timeout=stop_timeout(container),
        **_resources(task, definition, container, override),
        **_network(task, definition, container, place),
    )


def pause_spec(task: Task, definition: TaskDefinition, place: Place) -> ContainerSpec:
    """The container that owns an awsvpc task's network namespace.

    Docker refuses ``dns`` and ``hostname`` for a container that joins another's network; joined
    containers share the resolv.conf, hostname and hosts file of this one.
    """
    if task.interface is None:
        raise ValueError(f"{task.arn} has no network interface")
    address = task.interface.private_ip
    zone = "ec2" if task.region == "us-east-1" else f"{task.region}.compute"
    hostname = f"ip-{address.replace('.', '-')}.{zone}.internal"
    return ContainerSpec(
        name=pause_name(task),
        image=PAUSE_IMAGE,
        labels=labels(task, definition, PAUSE_LABEL_NAME),
        hostname=hostname,
        network="none",
        dns_servers=(place.resolver,),
        sysctls=_sysctls(definition.containers, of_network=True),
        extra_hosts=(f"{hostname}:{address}",),
        cpu_shares=MINIMUM_CPU_SHARES,
        log_driver="none",
        stop_timeout=1,
    )


def stop_timeout(container: dict[str, Any]) -> int:
    """Seconds between the stop signal and SIGKILL."""
    wanted = container.get("stopTimeout")
    return DEFAULT_STOP_TIMEOUT if wanted is None else int(wanted)


def container_override(task: Task, name: str) -> dict[str, Any]:
    """RunTask's override for that container, or an empty one."""
    for override in task.overrides.get("containerOverrides") or ():
        if override.get("name") == name:
            return dict(override)
    return {}


def _environment(task: Task, container: dict[str, Any], override: dict[str, Any]) -> dict[str, str]:
    fargate = task.launch_type == "FARGATE"
    environment = {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if fargate else "AWS_ECS_EC2"}
    if fargate:
        environment |= {"AWS_REGION": task.region, "AWS_DEFAULT_REGION": task.region}
    for source in (container, override):
        environment |= {pair["name"]: pair["value"] for pair in source.get("environment") or ()}
    return environment


def _resources(
    task: Task, definition: TaskDefinition, container: dict[str, Any], override: dict[str, Any]
) -> dict[str, Any]:
    cpu = override.get("cpu") or container.get("cpu") or 0
    reservation = override.get("memoryReservation") or container.get("memoryReservation")
    memory = override.get("memory") or container.get("memory")
    limited = task.launch_type == "FARGATE"
    # A size on the task binds all its containers together; the engine knows containers only, so each
    # of them gets the task's size as its own ceiling.
    if memory is None and (limited or definition.spec.get("memory")):
        memory = int(task.memory)
    return {
        "cpu_shares": max(MINIMUM_CPU_SHARES, int(cpu)),
        "cpu_quota_units": int(task.cpu) if limited or definition.spec.get("cpu") else None,
        "memory": _bytes(memory),
        "memory_reservation": _bytes(reservation),
    }


def _network(
    task: Task, definition: TaskDefinition, container: dict[str, Any], place: Place
) -> dict[str, Any]:
    if definition.network_mode == "awsvpc":
        return {"network": f"container:{pause_name(task)}"}
    if definition.network_mode == "none":
        return {"network": "none", "hostname": container.get("hostname")}
    return {
        "network": "bridge",
        "links": tuple(
            f"{container_name(task, name)}:{alias}"
            for name, alias in map(link_of, container.get("links") or ())
        ),
        "hostname": container.get("hostname"),
        "published_ports": _published(task, container, place),
        "dns_servers": _words(container.get("dnsServers")) or (place.resolver,),
        "dns_search": _words(container.get("dnsSearchDomains")) or (),
        "extra_hosts": tuple(
            f"{entry['hostname']}:{entry['ipAddress']}" for entry in container.get("extraHosts") or ()
        ),
    }


def _sysctls(containers: list[dict[str, Any]], *, of_network: bool | None) -> dict[str, str]:
    """The system controls; of the network namespace only, or all but those, where that is another's."""
    controls = {
        control["namespace"]: control["value"]
        for container in containers
        for control in container.get("systemControls") or ()
    }
    return {
        name: value
        for name, value in controls.items()
        if of_network is None or name.startswith("net.") == of_network
    }


def _published(task: Task, container: dict[str, Any], place: Place) -> tuple[PublishedPort, ...]:
    if place.instance_ip is None:
        return ()
    single = tuple(
        PublishedPort(
            container_port=mapping["containerPort"],
            host_ip=place.instance_ip,
            host_port=mapping.get("hostPort") or 0,
            protocol=mapping.get("protocol") or "tcp",
        )
        for mapping in container.get("portMappings") or ()
        if mapping.get("containerPort")
    )
    ranged = tuple(
        PublishedPort(
            container_port=given.container_port + nth,
            host_ip=place.instance_ip,
            host_port=given.host_port + nth,
            protocol=given.protocol,
        )
        for given in task.port_ranges
        if given.container == container["name"]
        for nth in range(given.ports)
    )
    return single + ranged


def _health_check(check: dict[str, Any] | None) -> ContainerHealthCheck | None:
    if not check:
        return None
    given = {
        name: check[member]
        for name, member in (
            ("interval", "interval"),
            ("timeout", "timeout"),
            ("retries", "retries"),
            ("start_period", "startPeriod"),
        )
        if check.get(member) is not None
    }
    return ContainerHealthCheck(command=tuple(check["command"]), **given)


def _words(value: list[str] | None) -> tuple[str, ...] | None:
    return tuple(value) if value else None


def _bytes(mebibytes: int | None) -> int | None:
    return int(mebibytes) * MIB if mebibytes else None
