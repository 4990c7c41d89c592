"""A task as DescribeTasks shows it: what was wanted, and what the node has seen of it."""

from typing import Any

from ...model.capacity import NAME
from ...model.cluster import ContainerInstance
from ...model.port_range import write_range
from ...model.request import Params
from ...model.task import ContainerStatus, Task
from ...model.task_definition import TaskDefinition
from ...store import Reader
from . import tag_list
from .lookup import definition_of

_ATTACHMENT = "ElasticNetworkInterface"
_FARGATE_STORAGE = {"sizeInGiB": 20}
"""What Fargate gives where the definition asks for nothing. ECS Developer Guide, "Fargate task storage"."""
_ARCHITECTURE = "ecs.cpu-architecture"
_TIMES = {
    "pullStartedAt": "pull_started_at",
    "pullStoppedAt": "pull_stopped_at",
    "startedAt": "started_at",
    "stoppingAt": "stopping_at",
    "executionStoppedAt": "execution_stopped_at",
    "stoppedAt": "stopped_at",
    "connectivityAt": "pull_started_at",
}
_WHEN_SET = {
    **_TIMES,
    "startedBy": "started_by",
    "stopCode": "stop_code",
    "stoppedReason": "stopped_reason",
    "containerInstanceArn": "container_instance_arn",
    "availabilityZone": "availability_zone",
}


def show(reader: Reader, task: Task, *, tags: bool = False) -> Params:
    """The ``Task`` shape."""
    definition = definition_of(reader, task.task_definition_arn)
    answer: Params = {
        "taskArn": task.arn,
        "clusterArn": task.cluster_arn,
        "taskDefinitionArn": task.task_definition_arn,
        "group": task.group,
        "launchType": task.launch_type,
        "cpu": task.cpu,
        "memory": task.memory,
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "healthStatus": task.health_status,
        "createdAt": task.created_at,
        "version": task.version,
        "enableExecuteCommand": bool(task.extra.get("enableExecuteCommand")),
        "attachments": _attachments(task),
        "attributes": _attributes(reader, task, definition),
        "containers": [_container(task, definition, container) for container in task.containers],
        "overrides": _overrides(task, definition),
        "inferenceAccelerators": [],
        "tags": tag_list.to_list(task.tags) if tags else [],
    }
    for member, field in _WHEN_SET.items():
        if getattr(task, field):
            answer[member] = getattr(task, field)
    if task.pull_started_at:
        answer["connectivity"] = "CONNECTED" if _agent_connected(reader, task) else "DISCONNECTED"
    if provider := task.extra.get(NAME):
        answer["capacityProviderName"] = provider
    return answer | _fargate(task, definition)


def _agent_connected(reader: Reader, task: Task) -> bool:
    instance = reader.get(ContainerInstance, task.container_instance_arn or "")
    return instance is None or instance.agent_connected


def _fargate(task: Task, definition: TaskDefinition) -> Params:
    if task.launch_type != "FARGATE":
        return {}
    storage = (
        task.overrides.get("ephemeralStorage") or definition.spec.get("ephemeralStorage") or _FARGATE_STORAGE
    )
    return {
        "platformVersion": task.platform_version,
        "platformFamily": "Linux",
        "ephemeralStorage": storage,
        "fargateEphemeralStorage": storage,
    }


def _attachments(task: Task) -> list[Params]:
    if task.interface is None:
        return []
    status = {"PROVISIONING": "PRECREATED", "STOPPED": "DELETED"}.get(task.last_status, "ATTACHED")
    address = task.interface.private_ip
    details = {
        "subnetId": task.interface.subnet_id,
        "networkInterfaceId": task.interface.network_interface_id,
        "macAddress": task.interface.mac,
        "privateDnsName": f"ip-{address.replace('.', '-')}.ec2.internal",
        "privateIPv4Address": address,
    }
    if task.interface.ipv6_address:
        details["ipv6Address"] = task.interface.ipv6_address
    return [
        {
            "id": task.interface.attachment_id,
            "type": _ATTACHMENT,
            "status": status,
            "details": [{"name": name, "value": value} for name, value in details.items()],
        }
    ]


def _attributes(reader: Reader, task: Task, definition: TaskDefinition) -> list[Params]:
    """The architecture where it is known: the definition names it, or the container instance has it."""
    named = (definition.spec.get("runtimePlatform") or {}).get("cpuArchitecture")
    instance = reader.get(ContainerInstance, task.container_instance_arn or "")
    value = named.lower() if named else instance.attributes.get(_ARCHITECTURE) if instance else None
    return [{"name": _ARCHITECTURE, "value": value}] if value else []


def _container(task: Task, definition: TaskDefinition, container: ContainerStatus) -> Params:
    wanted = next((c for c in definition.containers if c["name"] == container.name), {})
    override: Params = next(
        (o for o in task.overrides.get("containerOverrides") or () if o.get("name") == container.name), {}
    )
    found: dict[str, Any] = {
        "containerArn": container.arn,
        "taskArn": task.arn,
        "name": container.name,
        "image": container.image,
        "imageDigest": container.image_digest,
        "runtimeId": container.runtime_id,
        "lastStatus": container.last_status,
        "exitCode": container.exit_code,
        "reason": container.reason,
        "healthStatus": container.health_status,
        "networkBindings": _bindings(task, container),
        "networkInterfaces": _container_interfaces(task),
        "managedAgents": _managed_agents(task, container),
        **_sizes({**wanted, **override}),
    }
    return {member: value for member, value in found.items() if value is not None}


def _bindings(task: Task, container: ContainerStatus) -> list[dict[str, Any]]:
    """The ports of a range are one binding, as on AWS."""
    ranges = [given for given in task.port_ranges if given.container == container.name]
    ranged = {(given.protocol, port) for given in ranges for port in given.host_ports}
    addresses = {(b.protocol, b.host_port): b.host_ip for b in container.bindings}
    shown: list[dict[str, Any]] = [
        {
            "bindIP": binding.host_ip,
            "containerPort": binding.container_port,
            "hostPort": binding.host_port,
            "protocol": binding.protocol,
        }
        for binding in container.bindings
        if (binding.protocol, binding.host_port) not in ranged
    ]
    return shown + [
        {
            "bindIP": addresses[given.protocol, given.host_port],
            "containerPortRange": write_range(given.container_ports),
            "hostPortRange": write_range(given.host_ports),
            "protocol": given.protocol,
        }
        for given in ranges
        if (given.protocol, given.host_port) in addresses
    ]


def _managed_agents(task: Task, container: ContainerStatus) -> list[Params] | None:
    """Who takes ExecuteCommand's commands: on Sealway the host's agent, as soon as the container runs."""
    if not task.extra.get("enableExecuteCommand"):
        return None
    shown: Params = {"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}
    if container.last_status == "RUNNING":
        shown = {**shown, "lastStatus": "RUNNING", "lastStartedAt": task.started_at or task.created_at}
    elif container.last_status == "STOPPED":
        shown = {**shown, "lastStatus": "STOPPED"}
    return [shown]


def _sizes(wanted: Params) -> dict[str, str]:
    sizes = {member: wanted.get(member) for member in ("memory", "memoryReservation")}
    return {"cpu": str(wanted.get("cpu") or 0)} | {m: str(size) for m, size in sizes.items() if size}


def _container_interfaces(task: Task) -> list[dict[str, str]]:
    if task.interface is None:
        return []
    shown = {
        "attachmentId": task.interface.attachment_id,
        "privateIpv4Address": task.interface.private_ip,
    }
    if task.interface.ipv6_address:
        shown["ipv6Address"] = task.interface.ipv6_address
    return [shown]


def _overrides(task: Task, definition: TaskDefinition) -> Params:
    """As AWS answers them: every container has an entry."""
    given = {override["name"]: override for override in task.overrides.get("containerOverrides") or ()}
    containers = [given.get(c["name"], {"name": c["name"]}) for c in definition.containers]
    return {**task.overrides, "containerOverrides": containers, "inferenceAcceleratorOverrides": []}
