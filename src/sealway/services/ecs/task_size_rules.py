"""The task's own CPU and memory, and what Fargate offers.

Source: ECS API Reference, RegisterTaskDefinition ``cpu`` and ``memory``; ECS Developer Guide, "Task size".
"""

from ...model.request import Params
from ...model.task_size import parse_cpu, parse_memory
from .errors import client

_GIB = 1024
FARGATE_MEMORY: dict[int, tuple[int, ...]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""CPU units -> MiB of memory that go with them."""
_LEAST_CPU, _MOST_CPU = 128, 196608
_LONGEST = 20
"""Characters of a size: no longer text names one."""


def normal_cpu(text: str | None) -> str | None:
    """CPU units as AWS shows them, of ``256`` or ``.25 vCPU``. Raises ClientException."""
    if not text:
        return None
    units = parse_cpu(text) if len(text) <= _LONGEST else None
    if units is None or not _LEAST_CPU <= units <= _MOST_CPU:
        raise client("Invalid 'cpu' setting for task.")
    return str(units)


def normal_memory(text: str | None) -> str | None:
    """MiB as AWS shows them, of ``512`` or ``0.5 GB``. Raises ClientException."""
    if not text:
        return None
    mebibytes = parse_memory(text) if len(text) <= _LONGEST else None
    if mebibytes is None or mebibytes < 1:
        raise client("Invalid 'memory' setting for task.")
    return str(mebibytes)


def fargate_size_problem(spec: Params) -> str | None:
    """Why Fargate has no such size, in AWS's words; None when it has."""
    for member in ("cpu", "memory"):
        if not spec.get(member):
            return f"Fargate requires that '{member}' be defined at the task level."
    cpu, memory = int(spec["cpu"]), int(spec["memory"])
    if memory in FARGATE_MEMORY.get(cpu, ()):
        return None
    return (
        f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
        " See the Amazon ECS documentation for the valid values."
    )


def check_container_sizes(spec: Params) -> None:
    """The containers within the task: CPU and memory. Raises ClientException."""
    containers = spec["containerDefinitions"]
    for container in containers:
        _check_container_memory(container, spec.get("memory"))
        if (container.get("cpu") or 0) < 0:
            raise client(f"Invalid 'cpu' setting for container '{container['name']}'.")
    if spec.get("cpu") and sum(c.get("cpu") or 0 for c in containers) > int(spec["cpu"]):
        raise client(
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."
        )
    reserved = sum(c.get("memoryReservation") or c.get("memory") or 0 for c in containers)
    if spec.get("memory") and reserved > int(spec["memory"]):
        raise client(
            "The sum of all container 'memory' values cannot be greater than the value of the task 'memory'."
        )


_LEAST_MEMORY = 6
"""MiB: what Docker Engine 20.10 asks for a container at least."""


def _check_container_memory(container: Params, task_memory: str | None) -> None:
    setting = f"Invalid setting for container '{container['name']}'."
    hard, soft = container.get("memory"), container.get("memoryReservation")
    if not hard and not soft and not task_memory:
        raise client(f"{setting} At least one of 'memory' or 'memoryReservation' must be specified.")
    for member, value in (("memory", hard), ("memoryReservation", soft)):
        if value is not None and value < _LEAST_MEMORY:
            raise client(f"{setting} '{member}' must be at least {_LEAST_MEMORY} MiB.")
    if hard and soft and hard < soft:
        raise client(f"{setting} 'memory' must be greater than or equal to 'memoryReservation'.")
    if hard and task_memory and hard > int(task_memory):
        raise client(f"{setting} The container 'memory' cannot be greater than the task 'memory'.")
