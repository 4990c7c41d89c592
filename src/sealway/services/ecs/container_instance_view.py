"""A container instance as DescribeContainerInstances shows it. What remains is what its tasks leave."""

from collections.abc import Iterable
from typing import Any

from ... import __version__
from ...model.cluster import ContainerInstance
from ...model.placement import Room, rooms
from ...model.request import Params
from ...model.task import Task
from ...store import Reader
from . import counts, tag_list
from .lookup import definition_of

_ZONE = "ecs.availability-zone"


def show(reader: Reader, instance: ContainerInstance, *, tags: bool = False) -> Params:
    """The ``ContainerInstance`` shape."""
    tasks = reader.list(Task, container_instance_arn=instance.arn)
    provider = instance.capacity_provider
    return {
        **({"capacityProviderName": provider} if provider else {}),
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.ec2_instance_id,
        "version": instance.version,
        "versionInfo": {"agentVersion": __version__},
        "status": instance.status,
        "agentConnected": instance.agent_connected and instance.status != "INACTIVE",
        "registeredResources": _resources(
            instance.cpu_units, instance.memory_mib, instance.reserved_tcp_ports, instance.reserved_udp_ports
        ),
        "remainingResources": _remaining(room_of(reader, instance, tasks)),
        "runningTasksCount": counts.running(tasks),
        "pendingTasksCount": counts.pending(tasks),
        "attributes": [
            {"name": name, "value": value} if value else {"name": name}
            for name, value in sorted({_ZONE: instance.availability_zone, **instance.attributes}.items())
        ],
        "registeredAt": instance.registered_at,
        "attachments": [],
        "tags": tag_list.to_list(instance.tags) if tags else [],
    }


def room_of(reader: Reader, instance: ContainerInstance, tasks: Iterable[Task]) -> Room:
    """What placement sees of the instance, whatever its status."""
    here = list(tasks)
    definitions = {key: definition_of(reader, key) for key in {t.task_definition_arn for t in here}}
    return rooms([instance.replace(status="ACTIVE")], here, definitions)[0]


def _remaining(room: Room) -> list[Params]:
    return _resources(room.cpu, room.memory, room.tcp_ports, room.udp_ports)


def _resources(cpu: int, memory: int, tcp: Iterable[int], udp: Iterable[int]) -> list[Params]:
    return [
        _number("CPU", cpu),
        _number("MEMORY", memory),
        _ports("PORTS", tcp),
        _ports("PORTS_UDP", udp),
    ]


def _number(name: str, value: int) -> dict[str, Any]:
    return {"name": name, "type": "INTEGER", "integerValue": value, "longValue": 0, "doubleValue": 0.0}


def _ports(name: str, ports: Iterable[int]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STRINGSET",
        "stringSetValue": [str(port) for port in sorted(ports)],
        "integerValue": 0,
        "longValue": 0,
        "doubleValue": 0.0,
    }
